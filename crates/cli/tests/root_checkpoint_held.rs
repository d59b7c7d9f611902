//! `checkpoint` and `restore` of what processes hold: connections, sockets, locks, terminals, files without a name.
//! Root, in a private mount namespace; needs CRIU, and ip(8) for connections.
#![allow(clippy::unwrap_used, reason = "a test ends where its preparation fails")]
#![allow(clippy::print_stdout, reason = "a test says why it is skipped")]

mod common;

use std::{
    fs::{self, File, OpenOptions},
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    os::unix::fs::MetadataExt as _,
    os::unix::net::{UnixDatagram, UnixListener, UnixStream},
    process::{Child, Command, Stdio},
};

use common::checkpoint::{PART, cannot_run, count, counts_on, repeat};
use common::network::{self, Host};
use common::terminal::{HostTerminal, take_descriptor};
use common::{Brig, Bundle, drop_namespace, eventually, set_namespace, unique};
use rustix::fs::{FlockOperation, fcntl_lock, flock};
use serde_json::json;

/// What the programs of the containers do.
#[test]
fn payload() {
    match std::env::var(PART).as_deref() {
        Ok("serve") => serve(),
        Ok("connect") => connect(),
        Ok("listen") => listen(),
        Ok("lock") => lock(),
        Ok("send") => send(),
        Ok("hold") => hold(),
        Ok("remain") => remain(),
        _ => {}
    }
}

fn serve() {
    let (mut client, _) = TcpListener::bind("10.9.8.1:5000").unwrap().accept().unwrap();
    let mut word = [0; 8];
    repeat(|_| {
        client.read_exact(&mut word).unwrap();
        client.write_all(&word).unwrap();
    });
}

fn connect() {
    let mut server = TcpStream::connect("10.9.8.1:5000").unwrap();
    let mut answer = [0; 8];
    repeat(|count| {
        server.write_all(&count.to_le_bytes()).unwrap();
        server.read_exact(&mut answer).unwrap();
        assert_eq!(u64::from_le_bytes(answer), count);
    });
}

/// A container in the network namespace of `host`.
fn inside(host: &Host, part: &str) -> Bundle {
    let path = host.namespace.path("net");
    Bundle::playing(part).edit(|config| set_namespace(config, "network", Some(&path)))
}

#[test]
fn an_established_connection_between_two_containers_survives_on_either_side() {
    if cannot_run() || network::cannot_run() {
        return;
    }
    let (server, client) = (Host::new(), Host::new());
    server.does(&format!("ip link add eth0 type veth peer name eth0 netns {}", client.namespace.pid()));
    server.does("ip address add 10.9.8.1/24 dev eth0; ip link set eth0 up");
    client.does("ip address add 10.9.8.2/24 dev eth0; ip link set eth0 up");
    let (serving, connecting, brig) = (inside(&server, "serve"), inside(&client, "connect"), Brig::new());
    let one = brig.start_apart(&serving);
    eventually("it listens", || server.does("ss --listening --tcp --numeric").contains(":5000"));
    let two = brig.start_apart(&connecting);
    for (turn, (id, bundle)) in
        [(&two, &connecting), (&one, &serving), (&two, &connecting)].iter().enumerate()
    {
        counts_on(bundle, count(bundle));
        let images = format!("images{turn}");
        let refused = brig.checkpoint(id, &images, &[]);
        assert_ne!(refused.code, 0);
        assert_eq!(brig.status(id), "running");
        counts_on(bundle, count(bundle));
        brig.checkpoint(id, &images, &["--tcp-established"]).ok();
        let before = count(bundle);
        brig.restore(id, bundle, &images, &["--tcp-established"]).ok();
        counts_on(bundle, before);
    }
    counts_on(&serving, count(&connecting));
}

fn listen() {
    let _listener = TcpListener::bind("127.0.0.1:5000").unwrap();
    repeat(|_| {});
}

#[test]
fn connections_that_nobody_accepted_are_left_out_if_that_is_asked_for() {
    if cannot_run() || network::cannot_run() {
        return;
    }
    let (host, brig) = (Host::new(), Brig::new());
    let bundle = inside(&host, "listen");
    let id = brig.start_apart(&bundle);
    let listening = || host.does("ss --listening --tcp --numeric").contains(":5000");
    eventually("it listens", listening);
    let mut client = Command::new("busybox");
    client.args(["nc", "127.0.0.1", "5000"]);
    let mut client = host.command(&client).stdin(Stdio::piped()).spawn().unwrap();
    eventually("it is connected", || host.does("ss --tcp --numeric").contains("ESTAB"));
    assert_ne!(brig.checkpoint(&id, "images", &["--tcp-established"]).code, 0);
    counts_on(&bundle, count(&bundle));
    let options = ["--tcp-established", "--tcp-skip-in-flight"];
    brig.checkpoint(&id, "images", &options).ok();
    let before = count(&bundle);
    assert!(!listening());
    brig.restore(&id, &bundle, "images", &options[..1]).ok();
    counts_on(&bundle, before);
    assert!(listening());
    end(&mut client);
}

fn lock() {
    let [whole, record] = ["/whole", "/record"].map(|path| File::create(path).unwrap());
    flock(&whole, FlockOperation::LockExclusive).unwrap();
    fcntl_lock(&record, FlockOperation::LockExclusive).unwrap();
    repeat(|_| {});
}

#[test]
fn file_locks_are_held_again_if_that_is_asked_for() {
    if cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::playing("lock"), Brig::new());
    let id = brig.start_apart(&bundle);
    count(&bundle);
    let open = |name: &str| OpenOptions::new().write(true).open(bundle.rootfs().join(name)).unwrap();
    let is_locked = || {
        let whole = flock(open("whole"), FlockOperation::NonBlockingLockExclusive).is_err();
        (whole, fcntl_lock(open("record"), FlockOperation::NonBlockingLockExclusive).is_err())
    };
    assert_eq!(is_locked(), (true, true));
    assert_ne!(brig.checkpoint(&id, "images", &[]).code, 0);
    counts_on(&bundle, count(&bundle));
    brig.checkpoint(&id, "images", &["--file-locks"]).ok();
    assert_eq!(is_locked(), (false, false));
    let before = count(&bundle);
    brig.restore(&id, &bundle, "images", &["--file-locks"]).ok();
    assert_eq!(is_locked(), (true, true));
    counts_on(&bundle, before);
}

fn send() {
    let socket = UnixDatagram::unbound().unwrap();
    socket.connect(format!("{}/socket", std::env::var("PLACE").unwrap())).unwrap();
    repeat(|count| assert_eq!(socket.send(&count.to_le_bytes()).unwrap(), 8));
}

#[test]
fn a_socket_of_the_host_is_connected_again_if_that_is_asked_for() {
    if cannot_run() {
        return;
    }
    let brig = Brig::new();
    let place = brig.scratch("sockets");
    fs::create_dir(&place).unwrap();
    let socket = UnixDatagram::bind(place.join("socket")).unwrap();
    socket.set_read_timeout(Some(*common::DEADLINE)).unwrap();
    // CRIU looks for the other end in the container's network namespace, and where the host has it.
    let bundle = Bundle::playing("send").edit(|config| {
        let mount = json!({ "destination": place, "type": "bind", "source": place, "options": ["bind"] });
        config["mounts"].as_array_mut().unwrap().push(mount);
        config["process"]["env"].as_array_mut().unwrap().push(json!(format!("PLACE={}", place.display())));
        drop_namespace(config, "network");
    });
    let id = brig.start_apart(&bundle);
    let hear = || {
        let mut word = [0; 8];
        assert_eq!(socket.recv(&mut word).unwrap(), 8);
        u64::from_le_bytes(word)
    };
    assert_eq!((hear(), hear()), (1, 2));
    assert_ne!(brig.checkpoint(&id, "images", &[]).code, 0);
    assert_eq!((hear(), hear()), (3, 4));
    brig.checkpoint(&id, "images", &["--ext-unix-sk"]).ok();
    brig.restore(&id, &bundle, "images", &["--ext-unix-sk"]).ok();
    let restored = count(&bundle);
    (5..restored + 5).for_each(|count| assert_eq!(hear(), count));
}

fn hold() {
    let held = UnixStream::connect("/host/socket").unwrap();
    repeat(|_| assert!(held.take_error().unwrap().is_none()));
}

#[test]
fn half_of_a_connection_with_the_host_cannot_be_dumped_and_the_container_runs_on() {
    if cannot_run() {
        return;
    }
    let brig = Brig::new();
    let place = brig.scratch("sockets");
    fs::create_dir(&place).unwrap();
    let listener = UnixListener::bind(place.join("socket")).unwrap();
    let bundle = Bundle::playing("hold").mount(json!({
        "destination": "/host", "type": "bind", "source": place, "options": ["bind"],
    }));
    let id = brig.start_apart(&bundle);
    let _held = listener.accept().unwrap();
    count(&bundle);
    let refused = brig.checkpoint(&id, "images", &["--ext-unix-sk"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.error().starts_with("criu failed: type DUMP errno "), "{refused:?}");
    assert!(refused.stderr.contains("Error (criu/sk-unix.c"), "CRIU's own words are not told: {refused:?}");
    assert_eq!(brig.status(&id), "running");
    counts_on(&bundle, count(&bundle));
}

fn remain() {
    let mut file = File::create("/linked").unwrap();
    let mut ghost = File::create("/ghost").unwrap();
    fs::hard_link("/linked", "/remains").unwrap();
    fs::remove_file("/linked").unwrap();
    fs::remove_file("/ghost").unwrap();
    repeat(|_| {
        file.write_all(b".").unwrap();
        ghost.write_all(b".").unwrap();
        assert!(ghost.metadata().unwrap().nlink() == 0);
    });
}

#[test]
fn a_file_that_lost_its_name_but_not_its_last_is_kept_if_that_is_asked_for() {
    if cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::playing("remain"), Brig::new());
    let id = brig.start_apart(&bundle);
    count(&bundle);
    assert_ne!(brig.checkpoint(&id, "images", &[]).code, 0);
    counts_on(&bundle, count(&bundle));
    brig.checkpoint(&id, "images", &["--link-remap"]).ok();
    let (before, size) = (count(&bundle), || fs::metadata(bundle.rootfs().join("remains")).unwrap().len());
    let then = size();
    brig.restore(&id, &bundle, "images", &[]).ok();
    counts_on(&bundle, before);
    eventually("it writes to the same file", || size() > then);
}

const ECHO: &str = "stty -echo; n=0; while read line; do n=$((n+1)); echo \"$n: $line\"; done";

#[test]
fn a_terminal_from_a_console_socket_is_replaced_by_the_one_of_the_restore() {
    if cannot_run() {
        return;
    }
    let bundle = Bundle::script(ECHO).edit(|config| config["process"]["terminal"] = json!(true));
    let (brig, id) = (Brig::new(), unique("c"));
    let path = bundle.path().to_str().unwrap();
    let take = |words: &[&str]| {
        let socket = brig.scratch(&unique("socket"));
        let listener = UnixListener::bind(&socket).unwrap();
        let words =
            [&[words[0], "--detach", "--console-socket", socket.to_str().unwrap()], &words[1..]].concat();
        brig.finish_apart(&words).ok();
        File::from(take_descriptor(&listener).1)
    };
    let read = |terminal: &mut File, wanted: &str| {
        let (mut text, mut room) = (String::new(), [0; 256]);
        while !text.contains(wanted) {
            let count = terminal.read(&mut room).unwrap();
            text.push_str(&String::from_utf8_lossy(&room[..count]));
        }
    };
    let mut first = take(&["run", "--bundle", path, &id]);
    first.write_all(b"one\n").unwrap();
    read(&mut first, "1: one\r\n");
    brig.checkpoint(&id, "images", &[]).ok();
    let images = brig.scratch("images");
    let mut second = take(&["restore", "--image-path", images.to_str().unwrap(), "--bundle", path, &id]);
    second.write_all(b"two\n").unwrap();
    read(&mut second, "2: two\r\n");
}

#[test]
fn a_job_of_the_caller_s_shell_goes_on_in_another_shell_s_terminal() {
    if cannot_run() {
        return;
    }
    let (bundle, brig, id) = (Bundle::script(ECHO), Brig::new(), unique("c"));
    let path = bundle.path().to_str().unwrap();
    let first = HostTerminal::new(24, 80);
    let mut shell = first.spawn(&job(&brig.command(&["run", "--detach", "--bundle", path, &id])));
    first.types("one\n");
    first.shows("1: one\r\n");
    assert_ne!(brig.checkpoint(&id, "images", &[]).code, 0);
    first.types("two\n");
    first.shows("2: two\r\n");
    brig.checkpoint(&id, "images", &["--shell-job"]).ok();
    end(&mut shell);
    let (images, second) = (brig.scratch("images"), HostTerminal::new(24, 80));
    let images = images.to_str().unwrap();
    let words = ["restore", "--detach", "--shell-job", "--image-path", images, "--bundle", path, &id];
    let mut shell = second.spawn(&job(&brig.command(&words)));
    second.types("three\n");
    second.shows("3: three\r\n");
    end(&mut shell);
}

/// What a shell does that has a job in the background.
fn job(command: &Command) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-ec", "\"$@\"; exec sleep 1000", "sh"]).arg(command.get_program()).args(command.get_args());
    shell
}

fn end(shell: &mut Child) {
    shell.kill().unwrap();
    shell.wait().unwrap();
}
