//! Containers as values of the library, made by root: what an agent does with them. In a private mount namespace.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test ends where its preparation fails")]

#[path = "../common/mod.rs"]
mod common;

mod hooks;
mod resources;
mod streams;

use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::net::UnixListener;
use std::os::unix::process::ExitStatusExt;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use brig_plan::load;
use brig_runtime::listener::{Answer, Listener};
use brig_runtime::status::Status;
use brig_runtime::{Canceller, Container, Kind, Launch, Patience, Stdio};
use common::{KILL, Ours, TERM, USR1, as_root, cgroups_named, lacks, patience, text, unique};
use rustix::io::Errno;
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

#[test]
fn a_container_of_words_goes_through_the_whole_life() {
    let Some(rootfs) = as_root() else { return };
    if lacks(&["memory", "pids"]) {
        return;
    }
    let (store, id) = (rootfs.store(), unique("life"));
    let container = Ours(rootfs.script("sleep 1000").memory(64 << 20).pids(32).create(&store, &id).unwrap());
    assert_eq!(container.status().unwrap(), Status::Created);
    container.start().unwrap();
    assert_eq!(container.status().unwrap(), Status::Running);
    let said =
        container.exec(["sh", "-c", "echo $A; pwd; id -u"]).env("A", "b").current_dir("/tmp").user(7, 8);
    assert_eq!(text(said.output().unwrap()), "b\n/tmp\n7\n");
    assert_eq!(container.stats().unwrap().cgroup.pids.current, 1);
    assert_eq!(container.pids().unwrap(), [container.init().unwrap().pid()]);
    container.pause().unwrap();
    assert_eq!(container.status().unwrap(), Status::Paused);
    container.resume().unwrap();
    container.signal(TERM).unwrap_or(());
    container.signal(KILL).unwrap();
    assert_eq!(container.wait_for(&patience()).unwrap().signal(), Some(KILL));
    assert_eq!(container.status().unwrap(), Status::Stopped);
    container.delete().unwrap();
    assert_eq!(container.state().unwrap_err().kind(), &Kind::NotFound);
    assert_eq!(cgroups_named(&id), Vec::<std::path::PathBuf>::new());
}

#[test]
fn a_bundle_a_spec_and_words_make_the_same_container() {
    let Some(rootfs) = as_root() else { return };
    let words = rootfs.script("exit 3").annotation("a", "b");
    let json = words.spec().to_json();
    let read = load::config(json.as_bytes()).unwrap();
    assert_eq!(&read, words.spec(), "{json}");
    std::fs::write(rootfs.path().parent().unwrap().join("config.json"), &json).unwrap();
    let bundle = Launch::bundle(rootfs.path().parent().unwrap());
    let spec = Launch::spec(rootfs.path(), read.clone());
    for launch in [bundle, spec, words.launch()] {
        assert_eq!(launch.status(&rootfs.store(), &unique("same")).unwrap().code(), Some(3));
    }
}

#[test]
fn an_error_says_kind_step_errno_and_json_path() {
    let Some(rootfs) = as_root() else { return };
    let store = rootfs.store();
    let missing = rootfs.script("").command(["/no/such"]).run(&store, &unique("c")).unwrap_err();
    assert!(
        matches!(missing.kind(), Kind::Step { .. }) && missing.errno() == Some(Errno::NOENT),
        "{missing:?}"
    );
    let wrong = rootfs.script("").edit(|spec| {
        spec.linux.as_mut().unwrap().namespaces[2].kind = "tiem".into();
    });
    let wrong = wrong.create(&store, &unique("c")).unwrap_err();
    let Kind::Refused(refusal) = wrong.kind() else { panic!("{wrong:?}") };
    assert_eq!(refusal.path(), "linux.namespaces[2].type");
    let container = rootfs.sleeper();
    let failed = container.exec(["/no/such"]).spawn().unwrap_err();
    assert!(failed.to_string().contains("no such file or directory"), "{failed}");
    assert_eq!(failed.errno(), Some(Errno::NOENT));
    let again = rootfs.script("").create(&container.store().clone(), container.id().as_str()).unwrap_err();
    assert_eq!(again.kind(), &Kind::AlreadyExists);
    assert_eq!(Container::open(&store, "../x").unwrap_err().kind(), &Kind::InvalidId);
}

#[test]
fn who_waits_for_a_container_waits_for_processes_that_nobody_holds_any_more() {
    let Some(rootfs) = as_root() else { return };
    let container = rootfs.sleeper();
    for _ in 0..3 {
        drop(container.exec(["true"]).spawn().unwrap());
        drop(container.exec(["sleep", "1000"]).spawn().unwrap());
    }
    let held = container.exec(["sleep", "1000"]).spawn().unwrap();
    container.signal(KILL).unwrap();
    assert_eq!(container.wait_for(&patience()).unwrap().signal(), Some(KILL));
    assert_eq!(held.wait_for(&patience()).unwrap().signal(), Some(KILL), "and he who holds one is told");
    container.destroy().unwrap();
}

#[test]
fn a_container_is_destroyed_whatever_nobody_has_waited_for() {
    let Some(rootfs) = as_root() else { return };
    let container = rootfs.sleeper();
    let process = container.exec(["sleep", "1000"]).spawn().unwrap();
    let begun = Instant::now();
    container.destroy().unwrap();
    assert!(begun.elapsed() < common::patiently(8), "the grace of ten seconds was not needed");
    assert_eq!(process.try_wait().unwrap().unwrap().signal(), Some(KILL));
    container.destroy().unwrap();
    let gone =
        |pid| waitid(WaitId::Pid(Pid::from_raw(pid).unwrap()), WaitIdOptions::EXITED | WaitIdOptions::NOHANG);
    for pid in [process.pid(), container.init().unwrap().pid()] {
        assert_eq!(gone(pid.cast_signed()).unwrap_err(), Errno::CHILD, "no zombie is left");
    }
}

#[test]
fn waits_have_deadlines_and_are_cancelled_from_other_threads() {
    let Some(rootfs) = as_root() else { return };
    let container = rootfs.sleeper();
    let short = Patience::of(Duration::from_millis(10));
    assert_eq!(container.wait_for(&short).unwrap_err().kind(), &Kind::Deadline);
    let canceller = Canceller::new().unwrap();
    let cancelled = Patience::ENDLESS.or_until(&canceller);
    let process = container.exec(["sleep", "1000"]).spawn().unwrap();
    thread::scope(|scope| {
        let waits = [
            scope.spawn(|| container.wait_for(&cancelled).unwrap_err()),
            scope.spawn(|| process.wait_for(&cancelled).unwrap_err()),
            scope.spawn(|| container.await_end(&cancelled).unwrap_err()),
        ];
        canceller.cancel().unwrap();
        for wait in waits {
            assert_eq!(wait.join().unwrap().kind(), &Kind::Cancelled);
        }
    });
    assert_eq!(container.status().unwrap(), Status::Running, "who waits is done, and not the container");
}

#[test]
fn starting_a_container_whose_process_has_died_is_an_error_and_does_not_wait() {
    let Some(rootfs) = as_root() else { return };
    let container = Ours(rootfs.script("true").create(&rootfs.store(), &unique("dead")).unwrap());
    container.init().unwrap().signal(KILL).unwrap();
    container.wait_for(&patience()).unwrap();
    assert_eq!(container.start().unwrap_err().kind(), &Kind::WrongStatus);
}

#[test]
fn a_signal_for_all_reaches_each_process_once() {
    let Some(rootfs) = as_root() else { return };
    let script = "say() { echo told; }; trap say USR1; \
                  for i in 1 2 3; do (trap say USR1; echo ready; while :; do sleep 0.05; done) & done; echo ready; \
                  while :; do sleep 0.05; done";
    let container = rootfs.script(script).stdout(Stdio::Piped).run(&rootfs.store(), &unique("all")).unwrap();
    let container = Ours(container);
    let mut stdout = container.init().unwrap().take_stdout().unwrap();
    let mut read = |word: &str, count: usize| {
        let mut said = String::new();
        while said.matches(word).count() < count {
            let mut bytes = [0; 256];
            let length = stdout.read(&mut bytes).unwrap();
            said.push_str(&String::from_utf8_lossy(&bytes[..length]));
        }
        said
    };
    read("ready", 4);
    container.signal_all(USR1).unwrap();
    // sleep(1) has no handler, and ends.
    assert_eq!(read("told", 4).matches("told").count(), 4);
    container.signal_all(KILL).unwrap();
    assert_eq!(container.wait_for(&patience()).unwrap().signal(), Some(KILL));
    assert_eq!(container.signal_all(USR1).unwrap_err().kind(), &Kind::WrongStatus);
}

#[test]
fn an_exit_status_is_not_lost_where_the_program_reaps_all_its_children() {
    let Some(rootfs) = as_root() else { return };
    let container = rootfs.sleeper();
    let process = container.exec(["sh", "-c", "exit 42"]).spawn().unwrap();
    let pid = Pid::from_raw(process.pid().cast_signed()).unwrap();
    // What a handler of SIGCHLD would do.
    waitid(WaitId::Pid(pid), WaitIdOptions::EXITED).unwrap();
    match process.wait_for(&patience()) {
        Ok(status) => assert_eq!(status.code(), Some(42)),
        Err(error) => {
            assert_eq!(error.errno(), Some(Errno::CHILD), "{error}");
            println!("SKIPPED: needs Linux 6.15");
        }
    }
    container.destroy().unwrap();
}

#[test]
fn another_handle_finds_the_container_and_its_end() {
    let Some(rootfs) = as_root() else { return };
    let container = rootfs.sleeper();
    let other = Container::open(container.store(), container.id().as_str()).unwrap();
    assert_eq!(other.init().unwrap().pid(), container.init().unwrap().pid());
    assert!(other.exec(["true"]).status().unwrap().success());
    thread::scope(|scope| {
        let waits = scope.spawn(|| other.await_end(&patience()));
        container.signal(KILL).unwrap();
        waits.join().unwrap().unwrap();
    });
    assert_eq!(container.wait_for(&patience()).unwrap().signal(), Some(KILL));
    other.destroy().unwrap();
}

#[test]
fn a_container_whose_root_file_system_is_gone_is_destroyed() {
    let Some(rootfs) = as_root() else { return };
    let store = rootfs.store();
    let container = rootfs.sleeper();
    let elsewhere = rootfs.path().with_extension("gone");
    std::fs::rename(rootfs.path(), &elsewhere).unwrap();
    container.destroy().unwrap();
    assert_eq!(Container::open(&store, container.id().as_str()).unwrap_err().kind(), &Kind::NotFound);
    std::fs::rename(elsewhere, rootfs.path()).unwrap();
}

#[test]
fn sixteen_threads_do_everything_with_one_container_at_once() {
    let Some(rootfs) = as_root() else { return };
    let container = rootfs.sleeper();
    let barrier = Barrier::new(16);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..16)
            .map(|number| {
                let (container, barrier) = (&container, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    match number % 4 {
                        0 => container.stats().map(drop).unwrap(),
                        1 => container.status().map(drop).unwrap(),
                        2 => container.pids().map(drop).unwrap(),
                        _ => {}
                    }
                    let script = format!("exit {number}");
                    let status = container.exec(["sh".to_owned(), "-c".to_owned(), script]).status().unwrap();
                    assert_eq!(status.code(), Some(number));
                })
            })
            .collect();
        workers.into_iter().for_each(|worker| worker.join().unwrap());
    });
    thread::scope(|scope| {
        let destroyers: Vec<_> = (0..8).map(|_| scope.spawn(|| container.destroy())).collect();
        destroyers.into_iter().for_each(|destroyer| destroyer.join().unwrap().unwrap());
    });
}

#[test]
fn calls_are_answered_through_a_listener_of_the_library() {
    let Some(rootfs) = as_root() else { return };
    let path = rootfs.path().parent().unwrap().join("agent.sock");
    let socket = UnixListener::bind(&path).unwrap();
    let profile = r#"{ "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{ "names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_NOTIFY" }] }"#;
    let mut profile = load::seccomp(profile.as_bytes()).unwrap();
    profile.listener_path = path.to_str().unwrap().to_owned().into();
    let agent = thread::spawn(move || {
        let (listener, state) = Listener::accept(&socket, &patience()).unwrap();
        let answers = [Answer::Return(0), Answer::Fail(Errno::NOTUNIQ), Answer::Continue];
        for answer in answers {
            let call = listener.next(&patience()).unwrap().unwrap();
            assert!(listener.is_waiting(&call));
            assert!(listener.answer(&call, answer).unwrap());
            assert!(!listener.is_waiting(&call));
        }
        assert!(listener.next(&patience()).unwrap().is_none(), "nobody is left under the filter");
        state
    });
    let script = "mkdir /tmp/a && ! [ -e /tmp/a ] && ! mkdir /tmp/b && mkdir /tmp/c && [ -d /tmp/c ]";
    let jail = rootfs.script(script).seccomp(profile);
    assert_eq!(jail.status(&rootfs.store(), &unique("notify")).unwrap().code(), Some(0));
    assert!(agent.join().unwrap().contains("\"seccompFd\""));
}

#[test]
fn a_thread_that_made_a_container_may_end_before_it() {
    let Some(rootfs) = as_root() else { return };
    let store = rootfs.store();
    let made = thread::scope(|scope| {
        scope.spawn(|| rootfs.script("sleep 1000").create(&store, &unique("thread"))).join()
    });
    let container = Ours(made.unwrap().unwrap());
    assert_eq!(container.status().unwrap(), Status::Created, "the signal of a parent's death is a thread's");
    container.start().unwrap();
    assert!(container.exec(["true"]).status().unwrap().success());
    assert!(container.as_fd().try_clone_to_owned().is_ok());
}
