//! `events`, statistics, and what the OOM killer did. Root, in a private mount namespace; on the machine's own control groups and
//! on version 2 alone, where what needs the memory controller says that it has none.
#![allow(clippy::unwrap_used, reason = "a test ends where its preparation fails")]
#![allow(clippy::print_stdout, reason = "a test that cannot run says so")]

#[path = "../common/mod.rs"]
mod common;

mod memory;

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Stdio},
    thread,
    time::{Duration, Instant},
};

use brig_runtime::{
    create::Request,
    events::{Event, Events, Next},
    stats,
    store::{ContainerId, Store},
};
use common::{Brig, Bundle, eventually, unique};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::{Value, json};

/// A cgroup that was there before its container, with a limit. It goes with the container, or with this.
struct Limited {
    name: String,
    directory: PathBuf,
}

impl Limited {
    /// With `value` in `file` of the controller, which versions call differently. None, having said why, where it is not there.
    fn new(controller: &str, v1: (&str, &str), v2: (&str, &str)) -> Option<Self> {
        let name = unique("limited");
        let root = Path::new("/sys/fs/cgroup");
        let (directory, (file, value)) = match root.join("cgroup.controllers").exists() {
            false => (root.join(controller).join(&name), v1),
            true => (root.join(&name), v2),
        };
        if root.join("cgroup.controllers").exists() {
            // Where it is not there, or not ours to give, the file is missing below.
            fs::write(root.join("cgroup.subtree_control"), format!("+{controller}")).unwrap_or(());
        }
        fs::create_dir(&directory).unwrap();
        let limited = Self { name, directory };
        if fs::write(limited.directory.join(file), value).is_err() {
            println!("SKIPPED: needs the {controller} controller");
            return None;
        }
        Some(limited)
    }

    /// Of the memory controller, with this many bytes.
    fn memory(bytes: &str) -> Option<Self> {
        Self::new("memory", ("memory.limit_in_bytes", bytes), ("memory.max", bytes))
    }

    /// A container in it that runs `script`.
    fn bundle(&self, script: &str) -> Bundle {
        let path = format!("/{}", self.name);
        Bundle::script(script).edit(|config| {
            config["linux"]["cgroupsPath"] = json!(path);
            config["process"]["capabilities"]["ambient"] = json!([]);
        })
    }
}

impl Drop for Limited {
    fn drop(&mut self) {
        if self.directory.exists() {
            fs::remove_dir(&self.directory).unwrap_or_else(|error| println!("{}: {error}", self.name));
        }
    }
}

/// `brig events`, running, and its lines as they come.
struct Following {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Following {
    /// Starts it, and waits until it watches.
    fn start(brig: &Brig, words: &[&str]) -> Self {
        let mut command = brig.command(&[&["events"], words].concat());
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        let following = Self { child, lines };
        eventually("events waits", || {
            let path = format!("/proc/{}/wchan", following.child.id());
            fs::read_to_string(path).unwrap().contains("poll")
        });
        following
    }

    /// The next line; `None` at its end.
    fn line(&mut self) -> Option<Value> {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        (!line.is_empty()).then(|| serde_json::from_str(&line).unwrap())
    }

    /// Its exit code.
    fn code(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        // An error means that it has been waited for.
        self.child.kill().unwrap_or(());
        self.child.wait().map(drop).unwrap_or(());
    }
}

fn open(brig: &Brig, id: &str) -> (Store, ContainerId) {
    (Store::open(brig.root()), ContainerId::new(id).unwrap())
}

fn soon() -> Option<Instant> {
    Some(Instant::now() + Duration::from_secs(30))
}

/// Starts a container that goes on when the file `/go` is there.
fn start_waiting(brig: &Brig, bundle: &Bundle) -> (String, PathBuf) {
    (brig.start(bundle), bundle.rootfs().join("go"))
}

const WAIT: &str = "until [ -e /go ]; do sleep 0.02; done;";

#[test]
fn stats_tell_what_a_container_has_used() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig) = (
        Bundle::script("i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; touch /done; sleep 1000"),
        Brig::new(),
    );
    let id = brig.start(&bundle);
    eventually("it has worked", || bundle.rootfs().join("done").exists());
    let line = brig.run(&["events", "--stats", &id]).text();
    assert_eq!(line.lines().count(), 1);
    let event: Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&event["type"], &event["id"]), (&json!("stats"), &json!(id)));
    let data = &event["data"];
    assert!(data["cpu"]["usage"]["total"].as_u64().unwrap() > 1_000_000, "{data}");
    assert!(data["network_interfaces"].is_null(), "{data}");
    let (store, id) = open(&brig, &id);
    let typed = stats::stats(&store, &id).unwrap();
    assert_eq!(typed.interfaces.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["lo"]);
    if typed.cgroup.pids.current == 0 {
        println!("SKIPPED: needs the pids controller");
        return;
    }
    assert_eq!(data["pids"]["limit"], Value::Null);
    assert!(typed.cgroup.memory.usage.current > 0, "{typed:?}");
    assert_eq!(typed.cgroup.memory.usage.limit.bytes(), None);
    assert!(data["memory"]["raw"].as_object().unwrap().len() > 10, "{data}");
}

#[test]
fn interfaces_of_the_container_s_own_network_namespace_are_counted() {
    if common::cannot_run() {
        return;
    }
    let script = "ip() { busybox ip \"$@\"; }; ip link add v0 type veth || touch /none; ip addr add 10.9.8.1/24 dev v0; \
                  ip link set v0 up; ip link set veth0 up; busybox ping -c 2 -W 1 10.9.8.2; touch /done; sleep 1000";
    let (bundle, brig) = (Bundle::script(script).privileged(), Brig::new());
    let id = brig.start(&bundle);
    eventually("it has sent something", || bundle.rootfs().join("done").exists());
    if bundle.rootfs().join("none").exists() {
        println!("SKIPPED: needs veth devices");
        return;
    }
    let data = brig.run(&["events", "--stats", &id]).json();
    let interfaces = data["data"]["network_interfaces"].as_array().unwrap().clone();
    let one = interfaces.iter().find(|interface| interface["Name"] == "v0").unwrap();
    assert!(one["TxPackets"].as_u64().unwrap() >= 1 && one["TxBytes"].as_u64().unwrap() >= 42, "{one}");
    let other = interfaces.iter().find(|interface| interface["Name"] == "veth0").unwrap();
    assert!(other["RxPackets"].as_u64().unwrap() >= 1, "{other}");
    assert!(interfaces.iter().all(|interface| interface["Name"] != "lo"));
    let shared =
        Bundle::with_args(&["sleep", "1000"]).edit(|config| common::drop_namespace(config, "network"));
    let (store, id) = open(&brig, &brig.start(&shared));
    assert_eq!(stats::stats(&store, &id).unwrap().interfaces, [], "those are the host's");
}

#[test]
fn statistics_come_after_every_interval() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::with_args(&["sleep", "1000"]), Brig::new());
    let id = brig.start(&bundle);
    let mut events = Following::start(&brig, &["--interval", "10ms", &id]);
    for _ in 0..3 {
        let line = events.line().unwrap();
        assert_eq!((&line["type"], &line["id"]), (&json!("stats"), &json!(id)));
    }
    brig.run(&["kill", &id, "KILL"]).ok();
    while events.line().is_some() {}
    assert_eq!(events.code(), Some(0));
}

#[test]
fn events_of_a_quiet_container_never_wake_up() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::with_args(&["sleep", "1000"]), Brig::new());
    let id = brig.start(&bundle);
    let events = Following::start(&brig, &["--interval", "1h", &id]);
    let wakes = || {
        let status = fs::read_to_string(format!("/proc/{}/status", events.child.id())).unwrap();
        status.lines().filter(|line| line.contains("ctxt_switches")).map(str::to_owned).collect::<Vec<_>>()
    };
    let before = wakes();
    assert_eq!(before.len(), 2);
    thread::sleep(Duration::from_millis(500));
    assert_eq!(wakes(), before);
}

#[test]
fn events_end_when_the_container_is_deleted_beneath_them() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::with_args(&["sleep", "1000"]), Brig::new());
    for words in [&["delete", "--force"][..], &["kill"]] {
        let id = brig.start(&bundle);
        let mut events = Following::start(&brig, &["--interval", "1h", &id]);
        let last = if words[0] == "kill" { &["KILL"][..] } else { &[] };
        brig.run(&[words, &[&id], last].concat()).ok();
        assert_eq!(events.line(), None, "no oom when a cgroup of version 1 goes");
        assert_eq!(events.code(), Some(0));
    }
}

#[test]
fn what_outlives_the_first_process_is_watched_on() {
    if common::cannot_run() {
        return;
    }
    let bundle = Bundle::script(
        "(sleep 1; until [ -e /go ]; do sleep 0.02; done) & until [ -e /end ]; do sleep 0.02; done",
    )
    .edit(|config| common::drop_namespace(config, "pid"));
    let brig = Brig::new();
    let (id, go) = start_waiting(&brig, &bundle);
    let (store, name) = open(&brig, &id);
    let mut events = Events::open(&store, &name).unwrap();
    fs::write(bundle.rootfs().join("end"), "").unwrap();
    brig.await_status(&id, "stopped");
    assert_eq!(events.next(Some(Instant::now() + Duration::from_millis(50))).unwrap(), Next::DeadlinePassed);
    fs::write(go, "").unwrap();
    assert_eq!(events.next(soon()).unwrap(), Next::Ended);
    assert_eq!(events.next(None).unwrap(), Next::Ended, "again and again");
}

#[test]
fn a_wait_for_events_has_a_deadline_and_can_be_cancelled_from_another_thread() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::with_args(&["sleep", "1000"]), Brig::new());
    let (store, id) = open(&brig, &brig.start(&bundle));
    let mut events = Events::open(&store, &id).unwrap();
    let pause = Instant::now() + Duration::from_millis(5);
    assert_eq!(events.next(Some(pause)).unwrap(), Next::DeadlinePassed);
    let readable = |events: &Events| {
        let mut fds = [PollFd::new(events, PollFlags::IN)];
        poll(&mut fds, Some(&Timespec::default())).unwrap() == 1
    };
    assert!(!readable(&events));
    let canceller = events.canceller();
    let waiting = thread::spawn(move || {
        assert_eq!(events.next(None).unwrap(), Next::Cancelled);
        events
    });
    canceller.cancel().unwrap();
    let mut events = waiting.join().unwrap();
    assert!(readable(&events));
    assert_eq!(events.next(None).unwrap(), Next::Cancelled);
    brig.run(&["kill", id.as_str(), "KILL"]).ok();
    brig.await_status(id.as_str(), "stopped");
    assert_eq!(events.next(None).unwrap(), Next::Ended);
}

#[test]
fn refused_forks_are_counted_and_told_on_version_2() {
    if common::cannot_run() {
        return;
    }
    let Some(limited) = Limited::new("pids", ("pids.max", "2"), ("pids.max", "2")) else { return };
    let script = "until [ -e /go ]; do sleep 0.02; done; (sleep 1 | sleep 1) 2>/dev/null; sleep 1000";
    let (bundle, brig) = (limited.bundle(script), Brig::new());
    let (id, go) = start_waiting(&brig, &bundle);
    let (store, id) = open(&brig, &id);
    let mut events = Events::open(&store, &id).unwrap();
    fs::write(go, "").unwrap();
    eventually("a fork was refused", || stats::stats(&store, &id).unwrap().cgroup.pids.refused >= 1);
    if Path::new("/sys/fs/cgroup/cgroup.controllers").exists() {
        let told = events.next(soon()).unwrap();
        assert!(matches!(told, Next::Event(Event::ForksRefused(1..))), "{told:?}");
    }
}

#[test]
fn what_is_not_there_has_no_events() {
    if common::cannot_run() {
        return;
    }
    let brig = Brig::new();
    brig.run(&["events", "nobody"]).failed(1, "container does not exist");
    brig.run(&["events", "--stats", "nobody"]).failed(1, "container does not exist");
    let (bundle, id) = (Bundle::with_args(&["true"]), unique("created"));
    brig.run(&["create", "--bundle", bundle.path().to_str().unwrap(), &id]).ok();
    assert_eq!(brig.run(&["events", "--stats", &id]).json()["id"], json!(id), "a created one has");
}

fn request(bundle: &Path) -> Request<'_> {
    Request { gate: true, ..Request::of(bundle) }
}
