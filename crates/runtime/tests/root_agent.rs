//! The example `agent` under a hundredth of its load, and the waits of feature `tokio`. Root, in a private mount namespace.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    unreachable_pub,
    dead_code,
    reason = "a test ends where its preparation fails; the example's files are those of a program"
)]

mod common;
#[path = "../examples/agent/load.rs"]
mod load;
#[path = "../examples/agent/serve.rs"]
mod serve;

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use brig_runtime::asynchronous::{TerminalStream, blocking, receiver, sender};
use brig_runtime::container::Size;
use brig_runtime::events::Next;
use brig_runtime::{Container, Stdio};
use common::{KILL, Ours, Rootfs, as_root, eventually, patiently, unique};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;

/// Descriptors are counted: one test at a time, also after one that failed.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// An agent that serves, and its socket.
fn served(rootfs: &Rootfs, runtime: &tokio::runtime::Runtime) -> (Arc<serve::Agent>, load::Runtime) {
    let socket = rootfs.path().parent().unwrap().join("socket");
    let agent = serve::Agent::new(rootfs.path(), rootfs.store());
    let listener = runtime.block_on(async { UnixListener::bind(&socket).unwrap() });
    runtime.spawn(serve::serve(Arc::clone(&agent), listener));
    (agent, load::Runtime::Agent(socket))
}

const SIZE: load::Size = load::Size { containers: 10, execs: 50, clients: 4 };

#[track_caller]
fn nothing_is_left(agent: &serve::Agent, name: &str) {
    assert_eq!(fs::read_dir(agent.store.root()).unwrap().count(), 0);
    assert_eq!(common::cgroups_named(name), Vec::<std::path::PathBuf>::new());
}

#[test]
fn a_hundredth_of_the_load_loses_nothing_and_leaves_nothing() {
    let Some(rootfs) = as_root() else { return };
    let _alone = alone();
    let runtime = runtime();
    let (agent, asked) = served(&rootfs, &runtime);
    let (name, stop) = (unique("load"), load::Stop::default());
    load::suffices(&rootfs.path()).unwrap();
    // Threads and the store are there from then on.
    load::run(&asked, &name, load::Size { execs: 4, ..SIZE }, &stop).unwrap();
    let descriptors = || fs::read_dir("/proc/self/fd").unwrap().count();
    let before = descriptors();
    let times = load::run(&asked, &name, SIZE, &stop).unwrap();
    assert_eq!(times["exec"].len(), 50, "each came to its end, with the exit code that it was told");
    assert_eq!(times["create"].len(), times["destroy"].len());
    eventually("no descriptor is left", || descriptors() <= before);
    nothing_is_left(&agent, &name);
}

#[test]
fn a_load_whose_request_fails_says_which_and_destroys_its_containers() {
    let Some(rootfs) = as_root() else { return };
    let _alone = alone();
    let runtime = runtime();
    let (agent, asked) = served(&rootfs, &runtime);
    fs::remove_file(rootfs.path().join("bin/sh")).unwrap();
    let lacking = load::suffices(&rootfs.path()).unwrap_err().to_string();
    assert!(lacking.starts_with(&format!("{} has no sh: ", rootfs.path().display())), "{lacking}");
    let name = unique("failing");
    let error = load::run(&asked, &name, SIZE, &load::Stop::default()).unwrap_err().to_string();
    assert!(error.starts_with(&format!("exec {name}-")) && error.contains(r#"exec: "sh": "#), "{error}");
    assert!(!error.contains("what is left"), "{error}");
    nothing_is_left(&agent, &name);
}

#[test]
fn a_load_that_is_stopped_in_the_middle_destroys_its_containers() {
    let Some(rootfs) = as_root() else { return };
    let _alone = alone();
    let runtime = runtime();
    let (agent, asked) = served(&rootfs, &runtime);
    let (name, stop) = (unique("stopped"), load::Stop::default());
    let there = || fs::read_dir(agent.store.root()).map_or(0, |entries| entries.count());
    let done = std::thread::scope(|scope| {
        let run = scope.spawn(|| load::run(&asked, &name, load::Size { execs: usize::MAX, ..SIZE }, &stop));
        eventually("all containers are there", || there() >= SIZE.containers || run.is_finished());
        stop.now();
        run.join().unwrap()
    });
    let error = done.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::Interrupted, "{error}");
    nothing_is_left(&agent, &name);
}

#[test]
fn tokio_waits_for_ends_events_and_streams() {
    let Some(rootfs) = as_root() else { return };
    let _alone = alone();
    runtime().block_on(async {
        let made = rootfs.script("sleep 1000").run(&rootfs.store(), &unique("tokio")).unwrap();
        let ours = Arc::new(Ours(made));
        let container: &Container = &ours;
        let late = tokio::time::timeout(Duration::from_millis(10), container.wait_async()).await;
        assert!(late.is_err(), "a future that is dropped ends its wait");
        let cat = blocking(&ours, |ours| ours.exec(["cat"]).stdin(Stdio::Piped).stdout(Stdio::Piped).spawn());
        let cat = cat.await.unwrap();
        let (mut stdin, mut stdout) =
            (sender(cat.take_stdin().unwrap()).unwrap(), receiver(cat.take_stdout().unwrap()).unwrap());
        stdin.write_all(b"there and back").await.unwrap();
        drop(stdin);
        let mut said = String::new();
        stdout.read_to_string(&mut said).await.unwrap();
        assert_eq!(said, "there and back");
        let both = (cat.wait_async(), cat.wait_async());
        assert!(both.0.await.unwrap().success() && both.1.await.unwrap().success());
        let size = Size { rows: 3, columns: 4 };
        let shell = container.exec(["sh", "-c", "stty size"]).terminal(size).spawn().unwrap();
        let mut terminal = TerminalStream::new(shell.take_terminal().unwrap()).unwrap();
        said.clear();
        terminal.read_to_string(&mut said).await.unwrap();
        assert_eq!(said, "3 4\r\n");
        // Nobody holds this one any more.
        drop(container.exec(["sleep", "1000"]).spawn().unwrap());
        let mut events = container.events().unwrap();
        let (ended, told) = {
            let told =
                tokio::spawn(async move { while events.next_async().await.unwrap() != Next::Ended {} });
            container.signal(KILL).unwrap();
            (tokio::time::timeout(patiently(30), container.wait_async()).await.unwrap().unwrap(), told)
        };
        assert_eq!(ended.signal(), Some(KILL));
        tokio::time::timeout(patiently(30), told).await.unwrap().unwrap();
    });
}
