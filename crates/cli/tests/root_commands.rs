//! The commands on real containers, in every status, the wrong ones too. Root, in a private mount namespace.
#![allow(clippy::unwrap_used, reason = "a test ends where its preparation fails")]

mod common;

use std::{
    fs,
    io::{IoSliceMut, Read as _, Write as _},
    mem::MaybeUninit,
    os::{fd::OwnedFd, unix::net::UnixListener},
    process::Stdio,
};

use common::cgroup::{directory, here, is_v2};
use common::{Brig, Bundle, HostMounts, cgroups_named, eventually, unique};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use serde_json::{Value, json};

fn sleeper() -> Bundle {
    Bundle::with_args(&["sleep", "1000"])
}

#[test]
fn a_container_goes_from_created_over_running_and_stopped_to_nothing() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig) = (sleeper(), Brig::new());
    let mounts = HostMounts::now();
    let id = brig.create(&bundle);
    let state = brig.state(&id);
    assert_eq!(
        (&state["status"], &state["id"], &state["owner"]),
        (&json!("created"), &json!(id), &json!(""))
    );
    assert_eq!(state["bundle"], bundle.path().to_str().unwrap());
    assert_eq!(state["rootfs"], bundle.rootfs().to_str().unwrap());
    assert!(state.get("annotations").is_none());
    assert!(fs::exists(format!("/proc/{}", state["pid"])).unwrap());

    brig.run(&["start", &id]).ok();
    assert_eq!((brig.status(&id), &brig.state(&id)["pid"]), ("running".to_owned(), &state["pid"]));
    brig.run(&["kill", &id, "KILL"]).ok();
    brig.await_status(&id, "stopped");
    assert_eq!(brig.state(&id)["pid"], 0);

    brig.run(&["delete", &id]).ok();
    brig.run(&["state", &id]).failed(1, "container does not exist");
    assert_eq!(cgroups_named(&id), Vec::<std::path::PathBuf>::new());
    assert_eq!(fs::read_dir(brig.root()).unwrap().count(), 0);
    mounts.assert_unchanged();
}

#[test]
fn state_tells_the_annotations() {
    if common::cannot_run() {
        return;
    }
    let bundle = sleeper().edit(|config| config["annotations"] = json!({ "b": "2", "a": "\"1\"" }));
    let brig = Brig::new();
    let id = brig.create(&bundle);
    assert_eq!(brig.state(&id)["annotations"], json!({ "a": "\"1\"", "b": "2" }));
}

#[test]
fn start_is_for_created_containers() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig) = (sleeper(), Brig::new());
    brig.run(&["start", "nobody"]).failed(1, "container does not exist");
    let id = brig.start(&bundle);
    brig.run(&["start", &id]).failed(1, "cannot start an already running container");
    brig.run(&["pause", &id]).ok();
    brig.run(&["start", &id]).failed(1, "cannot start a container in the paused state");
    brig.run(&["resume", &id]).ok();
    brig.run(&["kill", &id, "9"]).ok();
    brig.await_status(&id, "stopped");
    brig.run(&["start", &id]).failed(1, "cannot start a container that has stopped");
}

#[test]
fn ids_that_are_none_are_refused_by_every_command() {
    if common::cannot_run() {
        return;
    }
    let brig = Brig::new();
    for words in [
        &["state"][..],
        &["start"],
        &["kill"],
        &["delete"],
        &["delete", "-f"],
        &["ps"],
        &["pause"],
        &["resume"],
    ] {
        for id in ["a/b", "..", "a b"] {
            brig.run(&[words, &[id]].concat()).failed(1, "invalid container ID format");
        }
        brig.run(&[words, &[""]].concat()).failed(1, "container id cannot be empty");
    }
    brig.run(&["exec", "a/b", "true"]).failed(255, "exec failed: invalid container ID format");
}

#[test]
fn delete_wants_a_stopped_container_or_force() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig) = (sleeper(), Brig::new());
    let id = brig.start(&bundle);
    let refused = format!("cannot delete container {id} that is not stopped: ");
    brig.run(&["delete", &id]).failed(1, &(refused.clone() + "running"));
    brig.run(&["pause", &id]).ok();
    brig.run(&["delete", &id]).failed(1, &(refused + "paused"));
    brig.run(&["delete", "--force", &id]).ok();
    brig.run(&["delete", &id]).failed(1, "container does not exist");
    brig.run(&["delete", &id, "--force"]).ok();
    assert_eq!(cgroups_named(&id), Vec::<std::path::PathBuf>::new());
}

#[test]
fn a_created_container_can_be_deleted_and_its_process_ends() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig) = (sleeper(), Brig::new());
    let id = brig.create(&bundle);
    let pid = brig.state(&id)["pid"].to_string();
    brig.run(&["delete", &id]).ok();
    eventually("init is gone", || is_gone(&pid));
}

#[test]
fn a_directory_without_a_record_is_removed_and_was_no_container() {
    if common::cannot_run() {
        return;
    }
    let brig = Brig::new();
    for (words, code) in [(&["delete", "a"][..], 1), (&["delete", "-f", "a"], 0)] {
        fs::create_dir_all(brig.root().join("a")).unwrap();
        assert_eq!(brig.run(words).code, code);
        assert!(!brig.root().join("a").exists());
    }
}

#[test]
fn kill_sends_any_signal_by_name_or_number() {
    if common::cannot_run() {
        return;
    }
    let trap = "trap 'echo term >/tmp/got' TERM; trap 'echo rt >/tmp/got' 40; trap 'echo usr >/tmp/got' USR1; \
                echo ready >/tmp/got; while :; do sleep 0.01; done";
    let (bundle, brig) = (Bundle::with_args(&["sh", "-c", trap]), Brig::new());
    let id = brig.start(&bundle);
    let got = bundle.rootfs().join("tmp/got");
    let told = |word: &str| fs::read_to_string(&got).is_ok_and(|text| text.trim() == word);
    eventually("traps are set", || told("ready"));
    for (words, word) in
        [(&[][..], "term"), (&["40"], "rt"), (&["SIGUSR1"], "usr"), (&["15"], "term"), (&["usr1"], "usr")]
    {
        brig.run(&[&["kill", id.as_str()], words].concat()).ok();
        eventually(word, || told(word));
    }
    brig.run(&["kill", &id, "0"]).ok();
    for number in ["-9", "65", "1000"] {
        brig.run(&["kill", &id, number]).failed(1, "unable to signal init: invalid argument");
    }
    brig.run(&["kill", &id, "FOO"]).failed(1, "unknown signal \"FOO\"");
    brig.run(&["kill", "--all", &id, "KILL"]).ok();
    brig.await_status(&id, "stopped");
}

#[test]
fn a_container_that_waits_for_start_can_be_terminated() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::with_args(&["true"]), Brig::new());
    for signal in ["HUP", "INT", "QUIT", "TERM"] {
        let id = brig.create(&bundle);
        brig.run(&["kill", &id, signal]).ok();
        brig.await_status(&id, "stopped");
    }
}

#[test]
fn kill_of_a_stopped_container_fails_unless_all_were_meant() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::with_args(&["true"]), Brig::new());
    let id = brig.start(&bundle);
    brig.await_status(&id, "stopped");
    brig.run(&["kill", &id]).failed(1, "container not running");
    brig.run(&["kill", &id, "0"]).failed(1, "container not running");
    brig.run(&["kill", "-a", &id]).ok();
    brig.run(&["kill", "-a", "nobody"]).failed(1, "container does not exist");
}

#[test]
fn kill_reaches_a_created_and_a_paused_container() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig) = (sleeper(), Brig::new());
    let id = brig.create(&bundle);
    brig.run(&["kill", &id, "KILL"]).ok();
    brig.await_status(&id, "stopped");
    let id = brig.start(&bundle);
    brig.run(&["pause", &id]).ok();
    brig.run(&["kill", &id, "KILL"]).ok();
    brig.await_status(&id, "stopped");
}

#[test]
fn kill_of_all_ends_what_outlived_init_in_a_shared_pid_namespace() {
    if common::cannot_run() {
        return;
    }
    let bundle = Bundle::with_args(&["sh", "-c", "sleep 1000 & sleep 1000 & exit 0"]).edit(share_pids);
    let brig = Brig::new();
    let id = brig.start(&bundle);
    brig.await_status(&id, "stopped");
    let pids = brig.run(&["ps", "-f", "json", &id]).json();
    assert_eq!(pids.as_array().unwrap().len(), 2, "{pids}");
    brig.run(&["kill", &id, "KILL"]).ok();
    eventually("nobody is left", || brig.run(&["ps", "-f", "json", &id]).json() == Value::Null);
    brig.run(&["kill", &id, "KILL"]).failed(1, "container not running");
}

#[test]
fn pause_stops_and_resume_goes_on() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig) = (sleeper(), Brig::new());
    let id = brig.start(&bundle);
    brig.run(&["resume", &id]).failed(1, "container not paused");
    brig.run(&["pause", &id]).ok();
    assert_eq!(brig.status(&id), "paused");
    brig.run(&["pause", &id]).failed(1, "container not running");
    brig.run(&["resume", &id]).ok();
    assert_eq!(brig.status(&id), "running");
    brig.run(&["kill", &id, "KILL"]).ok();
    brig.await_status(&id, "stopped");
    brig.run(&["pause", &id]).failed(1, "container not running");
    brig.run(&["resume", &id]).failed(1, "container not paused");
}

#[test]
fn a_created_container_that_was_paused_is_created_again() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig) = (sleeper(), Brig::new());
    let id = brig.create(&bundle);
    brig.run(&["pause", &id]).ok();
    assert_eq!(brig.status(&id), "paused");
    brig.run(&["resume", &id]).ok();
    assert_eq!(brig.status(&id), "created");
    brig.run(&["start", &id]).ok();
    assert_eq!(brig.status(&id), "running");
}

#[test]
fn list_shows_all_containers_and_reports_what_is_none() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig) = (sleeper(), Brig::new());
    let missing = brig.run(&["list"]);
    let root = brig.root();
    missing.failed(1, &format!("open {}: no such file or directory", root.display()));
    let (one, two) = (brig.start(&bundle), brig.create(&bundle));
    fs::create_dir(root.join("bad")).unwrap();
    fs::create_dir(root.join("not an id")).unwrap();

    let table = brig.run(&["list"]).ok();
    let lines: Vec<Vec<&str>> = table.stdout.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"]);
    let (pid, path) = (brig.state(&one)["pid"].to_string(), bundle.path().to_str().unwrap());
    assert_eq!((&lines[1][..4], lines[1][5]), (&[one.as_str(), &pid, "running", path][..], "root"));
    assert_eq!((lines[2][0], lines[2][2], lines.len()), (two.as_str(), "created", 3));
    let problems = "load container bad: container does not exist\n\
                    load container not an id: invalid container ID format\n";
    assert_eq!(table.stderr, problems);

    let listed = brig.run(&["list", "--format", "json"]).json();
    assert_eq!((&listed[0]["id"], &listed[0]["owner"]), (&json!(one), &json!("root")));
    assert_eq!(brig.run(&["list", "-q"]).text(), format!("{one}\n{two}\n"));
    brig.run(&["list", "-f", "xml"]).failed(1, "invalid format option");
    fs::remove_dir(root.join("not an id")).unwrap();
}

#[test]
fn list_of_an_empty_store_is_null() {
    if common::cannot_run() {
        return;
    }
    let brig = Brig::new();
    fs::create_dir(brig.root()).unwrap();
    assert_eq!(brig.run(&["list", "-f", "json"]).text(), "null\n");
    assert_eq!(brig.run(&["list", "-q"]).text(), "");
}

#[test]
fn ps_shows_the_processes_of_the_container_alone() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::with_args(&["sh", "-c", "sleep 1000 & wait"]), Brig::new());
    let id = brig.start(&bundle);
    eventually("the shell has a child", || {
        brig.run(&["ps", "-f", "json", &id]).json().as_array().is_some_and(|pids| pids.len() == 2)
    });
    let pids = brig.run(&["ps", "--format", "json", &id]).json();
    assert!(pids.as_array().unwrap().contains(&brig.state(&id)["pid"]));
    if !fs::exists("/bin/ps").unwrap() {
        return;
    }
    let table = brig.run(&["ps", &id]).text();
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines[0].contains("PID") && lines.len() == 3, "{table}");
    assert!(table.contains("sleep 1000"), "{table}");
    let chosen = brig.run(&["ps", &id, "-eo", "pid,comm"]).text();
    assert_eq!(chosen.lines().count(), 3, "{chosen}");
    brig.run(&["ps", &id, "-eo", "comm"]).failed(1, "couldn't find PID field in ps output");
    let refused = brig.run(&["ps", &id, "--no-such-option"]);
    assert!(refused.code == 1 && refused.error().starts_with("exit status "), "{refused:?}");
}

#[test]
fn exec_runs_in_the_container_and_ends_as_its_process_does() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig) = (sleeper(), Brig::new());
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
    let (bundle, brig) = (sleeper(), Brig::new());
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
    let (bundle, brig) = (sleeper(), Brig::new());
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
    let (bundle, brig) = (sleeper(), Brig::new());
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
    let (bundle, brig) = (sleeper(), Brig::new());
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
    let (bundle, brig) = (sleeper(), Brig::new());
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
    let (bundle, brig) = (sleeper(), Brig::new());
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
    let (bundle, brig) = (sleeper(), Brig::new());
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
    let (bundle, brig) = (sleeper(), Brig::new());
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
    let (bundle, brig) = (sleeper(), Brig::new());
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
    let (bundle, brig) = (sleeper(), Brig::new());
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
    let (bundle, brig) = (sleeper(), Brig::new());
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
    let (bundle, brig) = (sleeper(), Brig::new());
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
    let (bundle, brig) = (sleeper(), Brig::new());
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
fn a_store_without_a_container_is_not_made_by_looking() {
    if common::cannot_run() {
        return;
    }
    let brig = Brig::new();
    for words in [&["state", "a"][..], &["kill", "a"], &["delete", "a"], &["exec", "a", "true"]] {
        assert_ne!(brig.run(words).code, 0);
    }
    assert!(!brig.root().exists());
}

#[test]
fn explain_tells_the_plan_and_makes_nothing() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig) = (sleeper(), Brig::new());
    let path = bundle.path().to_str().unwrap();
    let text = brig.run(&["explain", path]).text();
    assert!(text.contains("sleep") && text.contains("mount: /proc"), "{text}");
    let plan = brig.run(&["explain", "--format", "json", path]).json();
    assert!(plan["sections"].as_array().is_some_and(|sections| !sections.is_empty()));
    assert!(!brig.root().exists());
    bundle.change(|config| config["root"] = Value::Null);
    brig.run(&["explain", path]).failed(1, "root must be specified (root)");
}

#[test]
fn the_default_store_of_an_ordinary_user_is_in_his_runtime_directory_and_sticky() {
    if common::cannot_run() {
        return;
    }
    use std::os::unix::fs::PermissionsExt as _;
    let brig = Brig::new();
    for (user, theirs) in [(None, true), (Some("alice"), true), (Some("root"), false)] {
        let directory = brig.scratch(user.unwrap_or("nameless"));
        fs::create_dir(&directory).unwrap();
        let mut command = std::process::Command::new("unshare");
        command.args(["--user", "--map-root-user", common::brig_program(), "list", "--quiet"]);
        command.env("XDG_RUNTIME_DIR", &directory).env_remove("USER").envs(user.map(|user| ("USER", user)));
        let listed = brig.finish(command);
        let store = directory.join("brig");
        assert_eq!(store.exists(), theirs, "{user:?} {listed:?}");
        if theirs {
            assert_eq!(listed.text(), "");
            assert_eq!(fs::metadata(store).unwrap().permissions().mode() & 0o7777, 0o1700);
        }
    }
}

#[test]
fn the_root_directory_is_no_store() {
    if common::cannot_run() {
        return;
    }
    let brig = Brig::new().with(&["--root", "/tmp/.."]);
    brig.run(&["list"]).failed(1, "Option --root argument should not be set to /");
}

#[test]
fn exec_in_the_foreground_brings_its_terminal() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig) = (sleeper(), Brig::new());
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
    let (bundle, brig) = (sleeper(), Brig::new());
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

#[test]
fn only_a_container_that_runs_is_dumped() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig) = (sleeper(), Brig::new());
    brig.run(&["checkpoint", "a"]).failed(1, "container does not exist");
    let id = brig.create(&bundle);
    brig.run(&["checkpoint", &id]).failed(1, "Container cannot be checkpointed in created state");
}

#[test]
fn a_shared_id_is_taken_once() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig) = (sleeper(), Brig::new());
    let id = brig.create(&bundle);
    let again = brig.run(&["create", "-b", bundle.path().to_str().unwrap(), &id]);
    again.failed(1, "brig create failed: container with given ID already exists");
    assert_eq!(brig.status(&id), "created");
    assert_eq!(brig.run(&["run", "-b", "/nonexistent", &unique("c")]).code, 1);
}

/// Whether a process is not there, or waits to be reaped by whoever started us.
fn is_gone(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_none_or(|(_, rest)| rest.trim_start().starts_with(['Z', 'X']))
}

/// No PID namespace of its own.
fn share_pids(config: &mut Value) {
    config["linux"]["namespaces"].as_array_mut().unwrap().retain(|namespace| namespace["type"] != "pid");
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
