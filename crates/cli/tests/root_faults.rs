//! System calls that fail where they hardly ever do (strace(1) lets them). `cargo xtask faults` tries them all; what it found
//! is kept here. Root, in a private mount namespace.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test ends where its preparation fails")]

mod common;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};

use common::{Brig, Bundle, Ended, cannot_run, eventually, unique};
use rustix::process::{Pid, Signal, kill_process};

fn cannot_inject() -> bool {
    let missing = Command::new("strace").arg("-V").output().is_err();
    if missing {
        println!("SKIPPED: needs strace");
    }
    missing || cannot_run()
}

/// Runs `bundle` with a call that fails, as in `keyctl:error=ENOSYS`; nothing is left.
fn run_with(fault: &str, bundle: &Bundle) -> Ended {
    let (brig, id) = (Brig::new(), unique("fault"));
    let run = brig.command(&["run", "--bundle", bundle.path().to_str().unwrap(), &id]);
    let (call, _) = fault.split_once(':').unwrap();
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}")]);
    command.args(["-e", &format!("inject={fault}")]).arg(run.get_program()).args(run.get_args());
    let ended = brig.finish(command);
    brig.assert_nothing_of(&id);
    ended
}

#[test]
fn a_bounding_set_that_cannot_be_narrowed_ends_the_start() {
    if cannot_inject() {
        return;
    }
    // Of some forty capabilities, in brig-init; the parent makes one or two such calls.
    for drop in [8, 20, 30] {
        let ended = run_with(&format!("prctl:error=EPERM:when={drop}"), &Bundle::with_args(&["true"]));
        assert_eq!(ended.code, 1, "{ended:?}");
        assert!(ended.error().contains("bounding set: operation not permitted"), "{ended:?}");
    }
}

#[test]
fn without_session_keyrings_a_container_has_its_network_all_the_same() {
    if cannot_inject() {
        return;
    }
    let bundle = Bundle::script("cut -d: -f1 /proc/net/dev").edit(|config| {
        config["annotations"] = serde_json::json!({ "brig.network.eth0": r#"{"type": "veth"}"# });
    });
    let ended = run_with("keyctl:error=ENOSYS", &bundle).ok();
    assert!(ended.stdout.contains("eth0"), "{ended:?}");
}

#[test]
fn a_hook_that_cannot_be_started_is_named_with_its_error() {
    if cannot_inject() {
        return;
    }
    let bundle = Bundle::with_args(&["true"]).edit(|config| {
        config["hooks"] = serde_json::json!({ "createContainer": [{ "path": "/bin/true" }] });
    });
    let ended = run_with("pipe2:error=EMFILE:when=1+", &bundle);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.error().ends_with("createContainer hook #0: too many open files"), "{ended:?}");
}

#[test]
fn a_cgroup_that_could_not_be_made_and_is_busy_at_first_is_removed_all_the_same() {
    if cannot_inject() {
        return;
    }
    let bundle = Bundle::with_args(&["true"]);
    // Some of them make the cgroup, in one hierarchy or another; who removes what was made is told once that it is busy.
    for mkdir in 2..=9 {
        let (brig, id) = (Brig::new(), unique("busy"));
        let run = brig.command(&["create", "--bundle", bundle.path().to_str().unwrap(), &id]);
        let mut command = Command::new("strace");
        command.args(["-qq", "-o", "/dev/null", "-e", "trace=mkdirat,unlinkat"]);
        command.args(["-e", &format!("inject=mkdirat:error=EIO:when={mkdir}")]);
        command.args(["-e", "inject=unlinkat:error=EBUSY:when=1"]);
        command.arg(run.get_program()).args(run.get_args());
        let ended = brig.finish(command);
        if ended.code == 0 {
            break;
        }
        brig.run(&["delete", "--force", &id]).ok();
        brig.assert_nothing_of(&id);
    }
}

/// A command that is killed before it puts the record in place, when `brig-init` waits for nothing more of it.
fn kill_before_the_record(brig: &Brig, words: &[&str]) {
    let run = brig.command(words);
    let mut command = Command::new("strace");
    // The first puts the intent in place.
    command.args([
        "-qq",
        "-o",
        "/dev/null",
        "-e",
        "trace=renameat",
        "-e",
        "inject=renameat:signal=KILL:when=2",
    ]);
    command.arg(run.get_program()).args(run.get_args());
    let ended = brig.finish(command);
    // Who is refused says why.
    assert!(ended.code != 0 && ended.stderr.is_empty(), "{ended:?}");
}

#[test]
fn who_runs_though_his_creator_was_killed_at_the_last_moment_is_running() {
    if cannot_inject() {
        return;
    }
    let (brig, id, bundle) = (Brig::new(), unique("orphan"), Bundle::with_args(&["sleep", "100"]));
    kill_before_the_record(&brig, &["run", "--detach", "--bundle", bundle.path().to_str().unwrap(), &id]);
    brig.await_status(&id, "running");
    assert_eq!(brig.run(&["exec", &id, "echo", "here"]).text(), "here\n");
    let refused = format!("cannot delete container {id} that is not stopped: running");
    brig.run(&["delete", &id]).failed(1, &refused);
    brig.run(&["kill", &id, "KILL"]).ok();
    brig.await_status(&id, "stopped");
    brig.run(&["delete", &id]).ok();
    brig.assert_nothing_of(&id);
}

#[test]
fn who_waits_at_the_gate_though_his_creator_was_killed_at_the_last_moment_can_be_started() {
    if cannot_inject() {
        return;
    }
    let (brig, id, bundle) = (Brig::new(), unique("orphan"), Bundle::with_args(&["sleep", "100"]));
    kill_before_the_record(&brig, &["create", "--bundle", bundle.path().to_str().unwrap(), &id]);
    brig.await_status(&id, "created");
    brig.run(&["start", &id]).ok();
    brig.await_status(&id, "running");
    brig.run(&["delete", "--force", &id]).ok();
    brig.assert_nothing_of(&id);
}

/// State and parent of a process that has not ended (proc_pid_stat(5)).
fn state_and_parent(pid: u32) -> Option<(String, u32)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(") ")?;
    let (state, rest) = fields.split_once(' ')?;
    let parent = rest.split(' ').next()?.parse().ok()?;
    (state != "Z").then(|| (state.to_owned(), parent))
}

/// The child of `parent`, once it is in one of these states.
fn child_in(states: &[&str], parent: u32) -> u32 {
    let mut found = None;
    eventually("a child is where it goes no further", || {
        let pids = fs::read_dir("/proc").unwrap().flatten();
        let mut pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let is_wanted = |(state, whose): (String, u32)| whose == parent && states.contains(&state.as_str());
        found = pids.find(|pid| state_and_parent(*pid).is_some_and(is_wanted));
        found.is_some()
    });
    found.unwrap()
}

/// A file by its numbers, where it is there.
fn file(path: impl AsRef<Path>) -> Option<(u64, u64)> {
    fs::metadata(path).ok().map(|file| (file.dev(), file.ino()))
}

#[test]
fn who_is_not_written_down_comes_neither_to_his_program_nor_to_the_gate_and_ends_with_his_creator() {
    if cannot_inject() {
        return;
    }
    // Who is refused says why.
    Brig::new().run_bundle(&Bundle::with_args(&["true"])).ok();
    for command in [&["run", "--detach"][..], &["create"]] {
        let (brig, id, bundle) = (Brig::new(), unique("early"), Bundle::with_args(&["sleep", "100"]));
        let run = brig.command(&[command, &["--bundle", bundle.path().to_str().unwrap(), &id]].concat());
        let mut strace = Command::new("strace");
        // The first message is the task: who has sent it goes no further.
        strace.args(["-qq", "-o", "/dev/null", "-e", "trace=sendmsg"]);
        strace.args(["-e", "inject=sendmsg:signal=STOP:when=1"]).arg(run.get_program()).args(run.get_args());
        let mut strace = strace.stdin(Stdio::null()).spawn().unwrap();
        let creator = child_in(&["T", "t"], strace.id());
        let rootfs = file(bundle.rootfs());
        eventually("brig-init has changed its root, and waits", || {
            let init = child_in(&["S", "R", "D"], creator);
            file(format!("/proc/{init}/root")) == rootfs && child_in(&["S"], creator) == init
        });
        let init = child_in(&["S"], creator);
        kill_process(Pid::from_raw(creator.cast_signed()).unwrap(), Signal::KILL).unwrap();
        strace.wait().unwrap();
        eventually("nobody runs of whom there is no record", || state_and_parent(init).is_none());
        brig.await_status(&id, "stopped");
        brig.run(&["delete", &id]).ok();
        brig.assert_nothing_of(&id);
    }
}
