//! `exec`: its process, its streams, terminal and sockets, its cgroup.

use std::{
    fs,
    io::{IoSliceMut, Read as _, Write as _},
    mem::MaybeUninit,
    os::{fd::OwnedFd, unix::net::UnixListener},
    process::Stdio,
};

use super::is_gone;
use crate::common::cgroup::{directory, here, is_v2};
use crate::common::{self, Brig, Bundle, cgroups_named, eventually};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use serde_json::json;

#[test]
fn exec_runs_in_the_container_and_ends_as_its_process_does() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::sleeper(), Brig::new());
    let id = brig.start(&bundle);
    assert_eq!(brig.run(&["exec", &id, "hostname"]).text(), "brig\n");
    assert_eq!(brig.run(&["exec", &id, "sh", "-c", "echo err >&2; exit 7"]).code, 7);
    assert_eq!(brig.run(&["exec", &id, "sh", "-c", "kill -9 $$"]).code, 137);
    let words = [
        "exec",
        "--cwd",
        "/tmp",
        "-e",
        "A=1",
        "--env",
        "B=2",
        "-u",
        "7:8",
        "-g",
        "9",
        &id,
        "sh",
        "-c",
        "echo $(pwd) $A$B $(id -u) $(id -g) $(id -G)",
    ];
    assert_eq!(brig.run(&words).text(), "/tmp 12 7 8 8 9\n");
    let pids = brig.run(&["exec", &id, "sh", "-c", "echo $$; readlink /proc/1/exe"]).text();
    assert!(pids.ends_with("\n/bin/busybox\n"), "{pids}");
}

#[test]
fn exec_reads_a_process_from_a_file() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::sleeper(), Brig::new());
    let id = brig.start(&bundle);
    let file = brig.scratch("process.json");
    let process = json!({ "args": ["/bin/sh", "-c", "echo $X; pwd"], "cwd": "/proc", "env": ["X=y", "PATH=/bin"], "user": { "uid": 0, "gid": 0 } });
    fs::write(&file, process.to_string()).unwrap();
    assert_eq!(brig.run(&["exec", "--process", file.to_str().unwrap(), &id]).text(), "y\n/proc\n");
    fs::write(&file, "null").unwrap();
    let refused = brig.run(&["exec", "-p", file.to_str().unwrap(), &id]);
    refused.failed(255, "exec failed: process property must not be empty");
    let missing = brig.run(&["exec", "-p", "/nonexistent", &id]);
    missing.failed(255, "exec failed: open /nonexistent: no such file or directory");
}

#[test]
fn exec_works_in_a_created_container_and_in_no_stopped_or_paused_one() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::sleeper(), Brig::new());
    let id = brig.create(&bundle);
    assert_eq!(brig.run(&["exec", &id, "echo", "early"]).text(), "early\n");
    brig.run(&["start", &id]).ok();
    brig.run(&["pause", &id]).ok();
    let paused = "exec failed: cannot exec in a paused container (use --ignore-paused to override)";
    brig.run(&["exec", &id, "true"]).failed(255, paused);
    brig.run(&["resume", &id]).ok();
    brig.run(&["kill", &id, "KILL"]).ok();
    brig.await_status(&id, "stopped");
    brig.run(&["exec", &id, "true"]).failed(255, "exec failed: cannot exec in a stopped container");
    brig.run(&["exec", "nobody", "true"]).failed(255, "exec failed: container does not exist");
}

#[test]
fn exec_into_a_paused_container_waits_until_it_is_resumed() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::sleeper(), Brig::new());
    let id = brig.start(&bundle);
    brig.run(&["pause", &id]).ok();
    let mut command = brig.command(&["exec", "--ignore-paused", &id, "echo", "late"]);
    let mut exec = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let processes = || brig.run(&["ps", "--format", "json", &id]).json().as_array().unwrap().len();
    eventually("the process is in the cgroup", || processes() == 2);
    assert_eq!(brig.status(&id), "paused");
    assert!(exec.try_wait().unwrap().is_none());
    brig.run(&["resume", &id]).ok();
    let ended = exec.wait_with_output().unwrap();
    assert!(ended.status.success());
    assert_eq!(ended.stdout, b"late\n");
}

#[test]
fn exec_of_what_is_no_program_fails_in_words() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::sleeper(), Brig::new());
    let id = brig.start(&bundle);
    let prefix = "exec failed: unable to start container process: exec:";
    for (program, why) in [
        ("nope", "executable file not found in $PATH"),
        ("/nope", "stat /nope: no such file or directory"),
        ("/bin", "is a directory"),
        ("/etc/passwd", "permission denied"),
    ] {
        brig.run(&["exec", &id, program]).failed(255, &format!("{prefix} \"{program}\": {why}"));
    }
}

#[test]
fn exec_detached_leaves_a_process_behind_and_writes_its_pid() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::sleeper(), Brig::new());
    let id = brig.start(&bundle);
    let file = brig.scratch("pid");
    brig.run(&["exec", "-d", "--pid-file", file.to_str().unwrap(), &id, "sleep", "999"]).ok();
    let pid = fs::read_to_string(&file).unwrap();
    let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap();
    assert_eq!(command, b"sleep\x00999\x00");
    let pids = brig.run(&["ps", "-f", "json", &id]).json();
    assert!(pids.as_array().unwrap().contains(&json!(pid.parse::<i32>().unwrap())));
    brig.run(&["delete", "-f", &id]).ok();
    eventually("it ended with the container", || is_gone(&pid));
}

#[test]
fn exec_without_its_pid_file_leaves_no_process_behind() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::sleeper(), Brig::new());
    let id = brig.start(&bundle);
    let refused = brig.run(&["exec", "-d", "--pid-file", "/nonexistent/pid", &id, "sleep", "999"]);
    refused.failed(255, "exec failed: open /nonexistent/.pid: no such file or directory");
    eventually("init is alone", || {
        brig.run(&["ps", "-f", "json", &id]).json().as_array().unwrap().len() == 1
    });
}

#[test]
fn exec_sends_the_terminal_to_the_console_socket() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::sleeper(), Brig::new());
    let id = brig.start(&bundle);
    let socket = brig.scratch("console");
    let listener = UnixListener::bind(&socket).unwrap();
    let words = ["exec", "-d", "-t", "--console-socket", socket.to_str().unwrap(), &id, "tty"];
    brig.run(&words).ok();
    let (name, master) = take_descriptor(&listener);
    assert_eq!(name, "/dev/pts/ptmx");
    assert_eq!(read_to_end(master), "/dev/pts/0\r\n");
}

#[test]
fn exec_sends_a_pidfd_to_the_pidfd_socket() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::sleeper(), Brig::new());
    let id = brig.start(&bundle);
    let (socket, file) = (brig.scratch("pidfd"), brig.scratch("pid"));
    let listener = UnixListener::bind(&socket).unwrap();
    let (socket, path) = (socket.to_str().unwrap(), file.to_str().unwrap());
    let words = ["exec", "-d", "--pidfd-socket", socket, "--pid-file", path, &id, "sleep", "999"];
    brig.run(&words).ok();
    let (name, pidfd) = take_descriptor(&listener);
    assert_eq!(name, "setns");
    let info = format!("/proc/self/fdinfo/{}", std::os::fd::AsRawFd::as_raw_fd(&pidfd));
    let line = format!("Pid:\t{}\n", fs::read_to_string(&file).unwrap());
    assert!(fs::read_to_string(info).unwrap().contains(&line), "{line}");
}

#[test]
fn exec_wants_a_console_socket_exactly_when_a_terminal_is_detached() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::sleeper(), Brig::new());
    let id = brig.start(&bundle);
    let without = "exec failed: cannot allocate tty if runc will detach without setting console socket \
                   (process.terminal)";
    brig.run(&["exec", "-d", "-t", &id, "true"]).failed(255, without);
    let with = "exec failed: cannot use console socket if runc will not detach or allocate tty";
    let detached = brig.run(&["exec", "-d", "--console-socket", "/x", &id, "true"]);
    detached.failed(255, &format!("{with} (process.terminal)"));
    brig.run(&["exec", "-t", "--console-socket", "/x", &id, "true"]).failed(255, with);
}

#[test]
fn exec_passes_descriptors_on() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::sleeper(), Brig::new());
    let id = brig.start(&bundle);
    let mut shell = std::process::Command::new("sh");
    let script = "exec 3</dev/null 4</dev/null; exec \"$@\"";
    let brig_exec =
        brig.command(&["exec", "--preserve-fds", "1", &id, "sh", "-c", "ls /proc/self/fd | tr '\\n' ' '"]);
    shell.args(["-c", script, "sh"]).arg(brig_exec.get_program()).args(brig_exec.get_args());
    // The one behind the preserved one is the directory that `ls` reads.
    assert_eq!(brig.finish(shell).text(), "0 1 2 3 4 ");
}

#[test]
fn exec_passes_signals_on() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::sleeper(), Brig::new());
    let id = brig.start(&bundle);
    let script = "trap 'exit 33' TERM; echo ready >/tmp/ready; while :; do sleep 0.01; done";
    let mut child = brig.command(&["exec", &id, "sh", "-c", script]).spawn().unwrap();
    eventually("the trap is set", || bundle.rootfs().join("tmp/ready").exists());
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(33));
}

#[test]
fn exec_joins_a_cgroup_below_the_containers() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::sleeper(), Brig::new());
    let id = brig.start(&bundle);
    let outside = brig.run(&["exec", "--cgroup", "../..", &id, "true"]);
    assert!(outside.code == 255 && outside.error().contains("bad sub cgroup path"), "{outside:?}");
    let missing = brig.run(&["exec", "--cgroup", "/missing", &id, "true"]);
    assert!(missing.code == 255 && missing.error().contains("no such file or directory"), "{missing:?}");
    assert!(missing.error().contains(here("error adding pid ", " cgroup: ")), "{missing:?}");
    for group in cgroups_named(&id) {
        fs::create_dir(group.join("sub")).unwrap();
        // A cpuset of v1 takes nobody before it has these.
        for file in
            ["cpuset.cpus", "cpuset.mems"].map(|file| (group.join(file), group.join("sub").join(file)))
        {
            if file.0.starts_with("/sys/fs/cgroup/cpuset") {
                fs::write(&file.1, fs::read(&file.0).unwrap()).unwrap();
            }
        }
    }
    let inside = brig.run(&["exec", "--cgroup", "sub", &id, "cat", "/proc/self/cgroup"]).text();
    assert!(inside.lines().any(|line| line.ends_with("/sub")), "{inside}");
}

#[test]
fn a_container_that_moved_further_down_is_followed_but_not_to_where_it_may_not_be_joined() {
    if common::cannot_run() || !is_v2() {
        return;
    }
    let (bundle, brig) = (Bundle::sleeper(), Brig::new());
    let id = brig.start(&bundle);
    let group = directory(&brig, &id, "");
    let controllers = fs::read_to_string(group.join("cgroup.controllers")).unwrap();
    let Some(controller) = controllers.split_whitespace().next() else {
        return println!("SKIPPED: needs a controller in the container's cgroup");
    };
    fs::create_dir(group.join("further")).unwrap();
    fs::write(group.join("further/cgroup.procs"), brig.state(&id)["pid"].to_string()).unwrap();
    fs::write(group.join("cgroup.subtree_control"), format!("+{controller}")).unwrap();
    let followed = brig.run(&["exec", &id, "cat", "/proc/self/cgroup"]).text();
    assert!(followed.trim().ends_with("/further"), "{followed}");
    let busy = brig.run(&["exec", "--cgroup", "/", &id, "true"]);
    let words = busy.error();
    assert!(busy.code == 255 && words.contains("error adding pid "), "{words}");
    assert!(words.contains(" to cgroups: ") && words.contains("device or resource busy"), "{words}");
}

#[test]
fn exec_in_the_foreground_brings_its_terminal() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::sleeper(), Brig::new());
    let id = brig.start(&bundle);
    let (master, terminal) = host_terminal();
    let mut command =
        brig.command(&["exec", "-t", &id, "sh", "-c", "tty; stty size; read line; echo got $line; exit 5"]);
    for (set, stream) in [(0, &terminal), (1, &terminal), (2, &terminal)] {
        let stream = Stdio::from(stream.try_clone().unwrap());
        match set {
            0 => command.stdin(stream),
            1 => command.stdout(stream),
            _ => command.stderr(stream),
        };
    }
    let mut child = command.spawn().unwrap();
    drop(command);
    let raw = || {
        !rustix::termios::tcgetattr(&terminal)
            .unwrap()
            .local_modes
            .contains(rustix::termios::LocalModes::ECHO)
    };
    eventually("the host's terminal is raw", raw);
    fs::File::from(master.try_clone().unwrap()).write_all(b"hello\r").unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(5));
    assert!(!raw(), "the terminal is as it was");
    drop(terminal);
    let text = read_to_end(master);
    // What is typed is echoed as soon as it arrives, between the others.
    for shown in ["/dev/pts/0\r\n", "24 80\r\n", "got hello\r\n"] {
        assert!(text.contains(shown), "{text:?}");
    }
}

#[test]
fn exec_with_a_terminal_and_without_one_to_show_it_on_fails() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::sleeper(), Brig::new());
    let id = brig.start(&bundle);
    let brig_exec = brig.command(&["exec", "-t", &id, "true"]);
    let mut command = std::process::Command::new("setsid");
    command.arg("--wait").arg(brig_exec.get_program()).args(brig_exec.get_args());
    let refused = brig.finish(command);
    assert!(
        refused.code == 255 && refused.error().ends_with("open /dev/tty: no such device or address"),
        "{refused:?}"
    );
}

/// A terminal of 24 lines and 80 columns: master and slave.
fn host_terminal() -> (OwnedFd, OwnedFd) {
    use rustix::{
        fs::{Mode, OFlags},
        pty, termios,
    };
    let master = pty::openpt(pty::OpenptFlags::RDWR | pty::OpenptFlags::NOCTTY).unwrap();
    pty::grantpt(&master).unwrap();
    pty::unlockpt(&master).unwrap();
    let name = pty::ptsname(&master, Vec::new()).unwrap();
    let size = termios::Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
    termios::tcsetwinsize(&master, size).unwrap();
    let slave =
        rustix::fs::open(&*name, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty()).unwrap();
    (master, slave)
}

/// One message with one descriptor.
fn take_descriptor(listener: &UnixListener) -> (String, OwnedFd) {
    let (connection, _) = listener.accept().unwrap();
    let mut text = [0; 64];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received =
        recvmsg(&connection, &mut [IoSliceMut::new(&mut text)], &mut control, RecvFlags::empty()).unwrap();
    let descriptor = control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        RecvAncillaryMessage::ScmCredentials(_) | _ => None,
    });
    (String::from_utf8_lossy(&text[..received.bytes]).into_owned(), descriptor.unwrap())
}

/// What a terminal shows until its last user is gone, which the kernel tells as EIO.
fn read_to_end(master: OwnedFd) -> String {
    let (mut file, mut text, mut buffer) = (fs::File::from(master), Vec::new(), [0; 256]);
    while let Ok(count @ 1..) = file.read(&mut buffer) {
        text.extend_from_slice(&buffer[..count]);
    }
    String::from_utf8_lossy(&text).into_owned()
}
