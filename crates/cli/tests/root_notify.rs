//! sd_notify(3) across the container's wall: `NOTIFY_SOCKET`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test ends where its preparation fails"
)]

mod common;

use std::os::unix::net::UnixDatagram;
use std::path::Path;

use common::{Brig, Bundle};
use serde_json::{Value, json};

/// Says that it is ready, and stays for a moment.
const SAY: &str = r#"
use Socket;
socket(my $s, AF_UNIX, SOCK_DGRAM, 0) or die "socket: $!";
send($s, "STATUS=up\nREADY=1", 0, pack_sockaddr_un($ENV{NOTIFY_SOCKET})) or die "send: $!";
sleep 1;
"#;

fn cannot_run() -> bool {
    if common::cannot_run() {
        return true;
    }
    if !Path::new("/usr/bin/perl").exists() {
        println!("SKIPPED: needs perl");
        return true;
    }
    false
}

/// Perl is the machine's own.
fn speaker() -> Bundle {
    Bundle::with_args(&["/usr/bin/perl", "-e", SAY]).edit(|config| {
        let mounts = config["mounts"].as_array_mut().unwrap();
        for path in ["/usr", "/lib", "/lib64"].into_iter().filter(|path| Path::new(path).is_dir()) {
            mounts.push(
                json!({ "destination": path, "type": "bind", "source": path, "options": ["rbind", "ro"] }),
            );
        }
    })
}

/// A service manager that listens to what brig says.
struct Manager(UnixDatagram);

impl Manager {
    fn of(brig: &Brig) -> Self {
        let socket = UnixDatagram::bind(brig.scratch("manager")).unwrap();
        socket.set_read_timeout(Some(common::patiently(20))).unwrap();
        Self(socket)
    }

    /// Runs a command that is told of the manager, which hears three messages. The barrier's pipe is closed when the socket
    /// is: nobody reads it here.
    fn hears(self, brig: &Brig, words: &[&str]) -> [String; 3] {
        let listening = std::thread::spawn(move || [self.next(), self.next(), self.next()]);
        let mut command = brig.command(words);
        command.env("NOTIFY_SOCKET", brig.scratch("manager"));
        brig.finish(command).ok();
        listening.join().unwrap()
    }

    fn next(&self) -> String {
        let mut message = [0; 256];
        let count = self.0.recv(&mut message).expect("the service manager hears of it");
        String::from_utf8_lossy(&message[..count]).into_owned()
    }
}

#[test]
fn a_service_manager_hears_that_a_detached_container_is_ready_and_what_its_pid_is() {
    if cannot_run() {
        return;
    }
    let (bundle, brig, id) = (speaker(), Brig::new(), common::unique("told"));
    let manager = Manager::of(&brig);
    let heard = manager.hears(&brig, &["run", "-d", "--bundle", &bundle.path().to_string_lossy(), &id]);
    let state: Value = brig.state(&id);
    assert_eq!(
        heard,
        ["READY=1\n".to_owned(), format!("MAINPID={}\n", state["pid"]), "BARRIER=1".to_owned()]
    );
}

#[test]
fn start_tells_for_a_container_that_was_created_before() {
    if cannot_run() {
        return;
    }
    let (bundle, brig, id) = (speaker(), Brig::new(), common::unique("told"));
    let manager = Manager::of(&brig);
    let mut create = brig.command(&["create", "--bundle", &bundle.path().to_string_lossy(), &id]);
    create.env("NOTIFY_SOCKET", brig.scratch("manager"));
    brig.finish(create).ok();
    assert_eq!(manager.hears(&brig, &["start", &id])[0], "READY=1\n");
}
