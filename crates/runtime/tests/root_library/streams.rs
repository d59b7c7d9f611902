//! Streams, terminals, namespaces: what is given by descriptor.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;

use crate::common::{Ours, as_root, patience, unique};
use brig_runtime::Stdio;
use brig_runtime::container::{Namespace, Namespaces, Size};
use brig_runtime::status::Status;
use rustix::io::Errno;

#[test]
fn streams_are_pipes_sockets_or_any_descriptor() {
    let Some(rootfs) = as_root() else { return };
    let container = rootfs.sleeper();
    let cat = container.exec(["cat"]).stdin(Stdio::Piped).stdout(Stdio::Piped).spawn().unwrap();
    let (mut stdin, mut stdout) = (cat.take_stdin().unwrap(), cat.take_stdout().unwrap());
    assert!(cat.take_stdin().is_none() && cat.take_stderr().is_none());
    stdin.write_all(b"through a pipe").unwrap();
    drop(stdin);
    let mut said = String::new();
    stdout.read_to_string(&mut said).unwrap();
    assert_eq!(said, "through a pipe");
    assert!(cat.wait_for(&patience()).unwrap().success());
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    let both = theirs.try_clone().unwrap();
    let cat = container.exec(["cat"]).stdin(theirs).stdout(both).spawn().unwrap();
    ours.write_all(b"through a socket").unwrap();
    ours.shutdown(std::net::Shutdown::Write).unwrap();
    said.clear();
    ours.read_to_string(&mut said).unwrap();
    assert_eq!(said, "through a socket");
    assert!(cat.wait_for(&patience()).unwrap().success());
    let large = container.exec([
        "sh",
        "-c",
        "i=0; while [ $i -lt 20000 ]; do echo $i; echo $i >&2; i=$((i+1)); done",
    ]);
    let output = large.output().unwrap();
    assert_eq!(
        (output.stdout.len(), output.stderr.len()),
        (108_890, 108_890),
        "neither pipe blocks the other"
    );
}

#[test]
fn a_terminal_is_resized_and_hangs_up_when_it_is_dropped() {
    let Some(rootfs) = as_root() else { return };
    let container = rootfs.sleeper();
    let script = "trap 'stty size; echo resized' WINCH; stty size; echo ready; while :; do sleep 0.05; done";
    let shell =
        container.exec(["sh", "-c", script]).terminal(Size { rows: 10, columns: 20 }).spawn().unwrap();
    let terminal = shell.take_terminal().unwrap();
    let until = |word: &str| {
        let mut said = String::new();
        while !said.contains(word) {
            let mut bytes = [0; 256];
            let count = (&terminal).read(&mut bytes).unwrap();
            assert_ne!(count, 0, "{said}");
            said.push_str(&String::from_utf8_lossy(&bytes[..count]));
        }
        said
    };
    assert!(until("ready").contains("10 20"));
    terminal.resize(Size { rows: 33, columns: 44 }).unwrap();
    assert_eq!(terminal.size().unwrap(), Size { rows: 33, columns: 44 });
    assert!(until("resized").contains("33 44"));
    drop(terminal);
    assert_eq!(shell.wait_for(&patience()).unwrap().signal(), Some(1), "SIGHUP");
}

#[test]
fn the_container_s_own_process_can_have_a_terminal() {
    let Some(rootfs) = as_root() else { return };
    let container = rootfs.script("stty size").terminal(Size { rows: 5, columns: 7 });
    let container = Ours(container.run(&rootfs.store(), &unique("tty")).unwrap());
    let mut said = String::new();
    (&container.init().unwrap().take_terminal().unwrap()).read_to_string(&mut said).unwrap();
    assert_eq!(said, "5 7\r\n");
}

#[test]
fn namespaces_are_kept_by_descriptor_and_joined_by_several_containers() {
    let Some(rootfs) = as_root() else { return };
    let kept = Namespaces::new(&[Namespace::Network, Namespace::Ipc, Namespace::Uts]).unwrap();
    let number = |path: String| {
        std::fs::metadata(path).map(|found| std::os::unix::fs::MetadataExt::ino(&found)).unwrap()
    };
    let of = |kind| {
        let fd = kept.get(kind).unwrap();
        rustix::fs::fstat(fd).unwrap().st_ino
    };
    assert_ne!(of(Namespace::Network), number("/proc/thread-self/ns/net".into()), "this thread has stayed");
    let first = rootfs.script("sleep 1000").launch().join(&kept);
    let first = Ours(first.run(&rootfs.store(), &unique("first")).unwrap());
    let pid = Namespaces::of(&first, &[Namespace::Pid]).unwrap();
    let second = rootfs.script("sleep 1000").launch().join(&kept).join(&pid);
    let second = Ours(second.run(&rootfs.store(), &unique("second")).unwrap());
    for container in [&first, &second] {
        let pid = container.init().unwrap().pid();
        for (kind, file) in [(Namespace::Network, "net"), (Namespace::Ipc, "ipc"), (Namespace::Uts, "uts")] {
            assert_eq!(number(format!("/proc/{pid}/ns/{file}")), of(kind));
        }
    }
    let inside = number(format!("/proc/{}/ns/pid", second.init().unwrap().pid()));
    assert_eq!(inside, rustix::fs::fstat(pid.get(Namespace::Pid).unwrap()).unwrap().st_ino);
    assert_eq!(Namespaces::new(&[Namespace::Pid]).unwrap_err().errno(), Some(Errno::INVAL));
    // Its processes are not ended by the kernel with the first: they are found by cgroup.
    second.destroy().unwrap();
    assert_eq!(first.status().unwrap(), Status::Running);
}
