//! Streams, terminals, sockets that take descriptors, signals and exit codes. Root, in a private mount namespace.
#![allow(clippy::unwrap_used, reason = "a test ends where its preparation fails")]

#[path = "../common/mod.rs"]
mod common;

mod last_words;

use std::{
    fs,
    io::{Read as _, Write as _},
    os::{fd::OwnedFd, unix::net::UnixListener},
    path::Path,
    process::{Command, Stdio},
};

use common::{
    Brig, Bundle, Ended, eventually,
    terminal::{HostTerminal, take_descriptor},
    unique,
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

/// Whose process has a terminal.
fn on_a_terminal(script: &str) -> Bundle {
    Bundle::script(script).edit(|config| config["process"]["terminal"] = json!(true))
}

/// `brig run`, not started yet.
fn run(brig: &Brig, bundle: &Bundle) -> Command {
    brig.command(&["run", "--bundle", bundle.path().to_str().unwrap(), &unique("c")])
}

/// Creates a container with an option that takes a path.
fn create_with(brig: &Brig, option: &str, path: &Path, bundle: &Bundle) -> (String, Ended) {
    let id = unique("c");
    let (path, bundle) = (path.to_str().unwrap(), bundle.path().to_str().unwrap());
    let ended = brig.run(&["create", option, path, "--bundle", bundle, &id]);
    (id, ended)
}

/// What is sent to the socket that `option` names, by the container whose id comes with it.
fn create_with_socket(brig: &Brig, option: &str, bundle: &Bundle) -> (String, (String, OwnedFd)) {
    let socket = brig.scratch("socket");
    let listener = UnixListener::bind(&socket).unwrap();
    let (id, ended) = create_with(brig, option, &socket, bundle);
    ended.ok();
    (id, take_descriptor(&listener))
}

/// The command, executed by a shell whose script prepares what it inherits and ends with `exec "$@"`.
fn behind(shell: &str, script: &str, command: &Command) -> Command {
    let mut behind = Command::new(shell);
    behind.args(["-c", script, shell]).arg(command.get_program()).args(command.get_args());
    behind
}

#[test]
fn a_terminal_in_the_foreground_is_the_callers() {
    if common::cannot_run() {
        return;
    }
    let script = "tty; stty size; test -c /dev/console && grep -c ' /dev/console ' /proc/self/mountinfo; \
                  sh -c 'echo to the terminal >/dev/tty'; read line; echo got $line; exit 7";
    let (bundle, brig, terminal) = (on_a_terminal(script), Brig::new(), HostTerminal::new(31, 97));
    let before = terminal.settings();
    let mut child = terminal.spawn(&run(&brig, &bundle));
    terminal.shows("/dev/pts/0\r\n31 97\r\n1\r\nto the terminal\r\n");
    assert_ne!(terminal.settings(), before, "it is raw");
    terminal.types("hello\r");
    terminal.shows("got hello\r\n");
    assert_eq!(child.wait().unwrap().code(), Some(7));
    assert_eq!(terminal.settings(), before);
}

#[test]
fn a_terminal_is_resized_with_the_callers() {
    if common::cannot_run() {
        return;
    }
    // Without a trap the first process of a container is interrupted by what becomes of its children alone.
    let script = "trap 'stty size' WINCH; trap 'exit 0' INT; echo ready; while :; do sleep 0.01; done";
    let (bundle, brig, terminal) = (on_a_terminal(script), Brig::new(), HostTerminal::new(10, 20));
    let mut child = terminal.spawn(&run(&brig, &bundle));
    terminal.shows("ready");
    terminal.resize(50, 60);
    terminal.shows("50 60\r\n");
    terminal.types("\u{3}");
    child.wait().unwrap();
}

#[test]
fn what_is_typed_goes_to_the_containers_terminal_as_it_is() {
    if common::cannot_run() {
        return;
    }
    let script = "trap 'echo interrupted; exit 9' INT; echo ready; while :; do sleep 0.01; done";
    let (bundle, brig, terminal) = (on_a_terminal(script), Brig::new(), HostTerminal::new(10, 20));
    let mut child = terminal.spawn(&run(&brig, &bundle));
    terminal.shows("ready");
    terminal.types("\u{3}");
    terminal.shows("interrupted\r\n");
    assert_eq!(child.wait().unwrap().code(), Some(9));
}

#[test]
fn all_that_was_written_to_a_terminal_is_shown() {
    if common::cannot_run() {
        return;
    }
    let script = "busybox seq 1 20000; echo the end";
    let (bundle, brig, terminal) = (on_a_terminal(script), Brig::new(), HostTerminal::new(10, 20));
    let mut child = terminal.spawn(&run(&brig, &bundle));
    assert_eq!(child.wait().unwrap().code(), Some(0));
    terminal.shows("the end\r\n");
    let expected: String = (1..=20_000).map(|number| format!("{number}\r\n")).collect();
    assert_eq!(terminal.shown(), expected + "the end\r\n");
}

#[test]
fn a_console_has_the_size_of_the_configuration() {
    if common::cannot_run() {
        return;
    }
    let bundle = on_a_terminal("stty size; stat -c %u /dev/pts/0; tty").edit(|config| {
        config["process"]["consoleSize"] = json!({ "height": 11, "width": 22 });
        config["process"]["user"] = json!({ "uid": 1000, "gid": 1000 });
    });
    let brig = Brig::new();
    let (id, (name, master)) = create_with_socket(&brig, "--console-socket", &bundle);
    assert_eq!(name, "/dev/pts/ptmx");
    brig.run(&["start", &id]).ok();
    let (mut master, mut text) = (fs::File::from(master), String::new());
    // The kernel tells the end of all writers as an error.
    let _end = master.read_to_string(&mut text);
    assert_eq!(text, "11 22\r\n1000\r\n/dev/pts/0\r\n");
    brig.await_status(&id, "stopped");
}

#[test]
fn a_terminal_and_a_console_socket_belong_together() {
    if common::cannot_run() {
        return;
    }
    let brig = Brig::new();
    let create = |bundle: &Bundle, more: &[&str]| {
        let id = unique("c");
        brig.run(&[&["create", "--bundle", bundle.path().to_str().unwrap()], more, &[&*id]].concat())
    };
    let ended = create(&on_a_terminal("true"), &[]);
    assert!(
        ended.error().contains("cannot allocate tty if runc will detach without setting console socket"),
        "{ended:?}"
    );
    let ended = create(&Bundle::script("true"), &["--console-socket", "/nowhere"]);
    assert!(
        ended.error().contains("cannot use console socket if runc will not detach or allocate tty"),
        "{ended:?}"
    );
    let ended = create(&on_a_terminal("true"), &["--console-socket", "/nowhere"]);
    assert!(ended.code == 1 && ended.error().contains("/nowhere"), "{ended:?}");
    assert_eq!(fs::read_dir(brig.root()).unwrap().count(), 0);
}

#[test]
fn a_pidfd_socket_takes_the_first_process() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::with_args(&["sleep", "1000"]), Brig::new());
    let (id, (name, pidfd)) = create_with_socket(&brig, "--pidfd-socket", &bundle);
    assert_eq!(name, "standard");
    rustix::process::pidfd_send_signal(&pidfd, Signal::KILL).unwrap();
    brig.await_status(&id, "stopped");
}

#[test]
fn descriptors_are_preserved_as_many_as_were_named() {
    if common::cannot_run() {
        return;
    }
    let bundle = Bundle::script("ls /proc/self/fd | tr '\\n' ' '; cat <&3; cat <&4");
    let brig = Brig::new();
    fs::write(brig.scratch("three"), "three\n").unwrap();
    fs::write(brig.scratch("four"), "four\n").unwrap();
    let mut command = run(&brig, &bundle);
    command.args(["--preserve-fds", "2"]);
    let script = format!(
        "exec 3<{} 4<{} 5</; exec \"$@\"",
        brig.scratch("three").display(),
        brig.scratch("four").display()
    );
    assert_eq!(brig.finish(behind("sh", &script, &command)).text(), "0 1 2 3 4 5 three\nfour\n");
}

#[test]
fn a_descriptor_that_is_to_be_preserved_must_be_there() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::script("true"), Brig::new());
    let mut command = run(&brig, &bundle);
    command.args(["--preserve-fds", "2"]);
    // Nothing that the tests' own caller left open shall stand in for the second.
    let script = "for fd in /proc/self/fd/*; do n=${fd##*/}; [ $n -gt 2 ] && eval \"exec $n<&-\"; done; exec 3</; exec \"$@\"";
    let ended = brig.finish(behind("bash", script, &command));
    let words = "unable to stat preserved-fd 1 (of 2): stat /proc/self/fd/4: no such file or directory";
    assert!(ended.code == 1 && ended.error().ends_with(words), "{ended:?}");
    assert_eq!(fs::read_dir(brig.root()).unwrap().count(), 0);
}

#[test]
fn sockets_that_were_activated_are_passed_on() {
    if common::cannot_run() {
        return;
    }
    let bundle = Bundle::script("echo $LISTEN_FDS $LISTEN_PID $$; cat <&3");
    let brig = Brig::new();
    fs::write(brig.scratch("three"), "three\n").unwrap();
    for (pid, expected) in [("$$", "1 1 1\nthree\n"), ("1", "1\n")] {
        let command = run(&brig, &bundle);
        let script = format!(
            "exec 3<{}; export LISTEN_FDS=1 LISTEN_PID={pid}; exec \"$@\"",
            brig.scratch("three").display()
        );
        let ended = brig.finish(behind("bash", &script, &command));
        assert_eq!(ended.stdout, expected, "{ended:?}");
    }
}

#[test]
fn the_pid_file_names_the_first_process() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::with_args(&["sleep", "1000"]), Brig::new());
    let file = brig.scratch("pid");
    let (id, ended) = create_with(&brig, "--pid-file", &file, &bundle);
    ended.ok();
    assert_eq!(fs::read_to_string(&file).unwrap(), brig.state(&id)["pid"].to_string());
    let (_, refused) = create_with(&brig, "--pid-file", Path::new("/nowhere/pid"), &bundle);
    assert!(refused.code == 1 && refused.error().contains("/nowhere"), "{refused:?}");
    assert_eq!(fs::read_dir(brig.root()).unwrap().count(), 1);
}

#[test]
fn exit_codes_are_the_processes_own() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::busybox(), Brig::new());
    let end = |script: &str| {
        bundle.change(|config| config["process"]["args"] = json!(["sh", "-c", script]));
        brig.run_bundle(&bundle).code
    };
    for code in [0, 1, 2, 42, 126, 127, 128, 200, 254, 255] {
        assert_eq!(end(&format!("exit {code}")), code);
    }
    // The first process of a PID namespace does not kill itself: its parent does.
    bundle.change(|config| common::drop_namespace(config, "pid"));
    for (signal, number) in [("KILL", 9), ("TERM", 15), ("SEGV", 11), ("HUP", 1)] {
        assert_eq!(end(&format!("kill -{signal} $$; sleep 1000")), 128 + number);
    }
}

#[test]
fn signals_go_to_the_container() {
    if common::cannot_run() {
        return;
    }
    for (name, signal, code) in [
        ("TERM", Signal::TERM, 30),
        ("INT", Signal::INT, 31),
        ("USR1", Signal::USR1, 32),
        ("HUP", Signal::HUP, 33),
    ] {
        let bundle =
            Bundle::script(&format!("trap 'exit {code}' {name}; echo ready; while :; do sleep 0.01; done"));
        let brig = Brig::new();
        let mut child = run(&brig, &bundle).stdout(Stdio::piped()).spawn().unwrap();
        let mut ready = [0; 6];
        child.stdout.take().unwrap().read_exact(&mut ready).unwrap();
        kill_process(Pid::from_child(&child), signal).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(code), "{name}");
    }
}

#[test]
fn a_foreground_container_is_gone_when_its_process_ends() {
    if common::cannot_run() {
        return;
    }
    // Whoever it left behind goes with the PID namespace, or is killed with the cgroup.
    for shared in [false, true] {
        let bundle = Bundle::script("sleep 1000 & exit 3").edit(|config| {
            if shared {
                common::drop_namespace(config, "pid");
            }
        });
        let (brig, id) = (Brig::new(), unique("c"));
        let ended = brig.run(&["run", "--bundle", bundle.path().to_str().unwrap(), &id]);
        assert_eq!(ended.code, 3, "{ended:?}");
        assert_eq!(fs::read_dir(brig.root()).unwrap().count(), 0);
        assert_eq!(common::cgroups_named(&id), Vec::<std::path::PathBuf>::new());
    }
}

#[test]
fn run_keep_leaves_a_stopped_container() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig, id) = (Bundle::with_args(&["true"]), Brig::new(), unique("c"));
    brig.run(&["run", "--keep", "--bundle", bundle.path().to_str().unwrap(), &id]).ok();
    assert_eq!(brig.status(&id), "stopped");
    brig.run(&["delete", &id]).ok();
}

#[test]
fn a_detached_container_has_the_callers_streams() {
    if common::cannot_run() {
        return;
    }
    let bundle = Bundle::script("cat; echo err >&2");
    let brig = Brig::new();
    let id = unique("c");
    let mut command = brig.command(&["run", "--detach", "--bundle", bundle.path().to_str().unwrap(), &id]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    input.write_all(b"text\n").unwrap();
    drop(input);
    let (mut out, mut err) = (String::new(), String::new());
    child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert_eq!((&*out, &*err), ("text\n", "err\n"));
    brig.await_status(&id, "stopped");
}

#[test]
fn streams_can_be_opened_again_by_their_user() {
    if common::cannot_run() {
        return;
    }
    let bundle = Bundle::script("echo out >/dev/stdout; echo err >/dev/stderr; cat /dev/stdin")
        .edit(|config| config["process"]["user"] = json!({ "uid": 1000, "gid": 1000 }));
    let brig = Brig::new();
    let mut command = run(&brig, &bundle);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"in\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((&*output.stdout, &*output.stderr), (&b"out\nin\n"[..], &b"err\n"[..]));
}

#[test]
fn a_closed_stream_does_no_harm() {
    if common::cannot_run() {
        return;
    }
    let bundle = Bundle::script("exit 4");
    let brig = Brig::new();
    for closed in ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"] {
        let command = run(&brig, &bundle);
        let script = format!("exec \"$@\" {closed}");
        assert_eq!(brig.finish(behind("sh", &script, &command)).code, 4, "{closed}");
    }
}

#[test]
fn orphans_are_reaped_while_the_container_is_in_the_foreground() {
    if common::cannot_run() {
        return;
    }
    // Without a PID namespace its orphans become children of the nearest subreaper: brig.
    let bundle = Bundle::script("(sleep 0.01 & echo $!); sleep 1000")
        .edit(|config| common::drop_namespace(config, "pid"));
    let brig = Brig::new();
    let mut child = run(&brig, &bundle).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = Vec::new();
    let mut stdout = child.stdout.take().unwrap();
    while line.last() != Some(&b'\n') {
        let mut byte = [0];
        stdout.read_exact(&mut byte).unwrap();
        line.push(byte[0]);
    }
    let orphan = String::from_utf8(line).unwrap().trim().to_owned();
    eventually("the orphan is reaped", || !fs::exists(format!("/proc/{orphan}")).unwrap());
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(143));
}
