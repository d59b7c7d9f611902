//! `SCMP_ACT_NOTIFY`: an agent decides about calls of a container.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test ends where its preparation fails"
)]

mod common;

use std::{os::unix::net::UnixListener, path::Path};

use common::agent::{Agent, Answer};
use common::{Brig, Bundle, unique};
use serde_json::{Value, json};

const ENOMEDIUM: i32 = 123;

/// Asks the agent about mkdir.
fn notifying(bundle: Bundle, agent: &Path, no_new_privileges: bool) -> Bundle {
    bundle.edit(|config| {
        config["process"]["noNewPrivileges"] = json!(no_new_privileges);
        config["annotations"] = json!({ "org.example": "yes" });
        config["linux"]["seccomp"] = json!({
            "defaultAction": "SCMP_ACT_ALLOW",
            "listenerPath": agent,
            "listenerMetadata": "\"some\" metadata",
            "syscalls": [{ "names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_NOTIFY" }],
        });
    })
}

/// Makes three directories, and says what became of each.
const SCRIPT: &str = "for name in a b c; do mkdir /tmp/$name; echo $? $(ls -d /tmp/$name 2>/dev/null); done";
const ANSWERS: &[Answer] = &[Answer::Errno(ENOMEDIUM), Answer::Value(0), Answer::Continue];
const SAID: &str = "1\n0\n0 /tmp/c\n";

#[test]
fn an_agent_answers_for_the_kernel_or_lets_it_go_on() {
    if common::cannot_run() {
        return;
    }
    for no_new_privileges in [true, false] {
        let brig = Brig::new();
        let socket = brig.scratch("agent");
        let agent = Agent::at(&socket, 1, ANSWERS);
        let ended = brig.run_bundle(&notifying(Bundle::script(SCRIPT), &socket, no_new_privileges)).ok();
        assert_eq!(ended.stdout, SAID, "{ended:?}");
        assert!(ended.stderr.contains("No medium found"), "{ended:?}");
        assert_eq!(agent.messages().len(), 1);
    }
}

#[test]
fn the_agent_is_told_whose_filter_it_is() {
    if common::cannot_run() {
        return;
    }
    let brig = Brig::new();
    let socket = brig.scratch("agent");
    let agent = Agent::at(&socket, 1, &[]);
    let bundle = notifying(Bundle::with_args(&["sleep", "1000"]), &socket, true);
    let id = brig.start(&bundle);
    let pid = brig.state(&id)["pid"].clone();
    brig.run(&["delete", "--force", &id]).ok();
    let expected = json!([{
        "ociVersion": "1.3.0",
        "fds": ["seccompFd"],
        "pid": pid,
        "metadata": "\"some\" metadata",
        "state": {
            "ociVersion": "1.3.0",
            "id": id,
            "status": "creating",
            "pid": pid,
            "bundle": bundle.path(),
            "annotations": { "org.example": "yes" },
        },
    }]);
    assert_eq!(Value::from(agent.messages()), expected);
}

#[test]
fn the_agent_gets_the_listener_of_an_exec_process_too() {
    if common::cannot_run() {
        return;
    }
    for no_new_privileges in [true, false] {
        let brig = Brig::new();
        let (socket, second) = (brig.scratch("agent"), brig.scratch("second"));
        let agent = Agent::at(&socket, 1, &[]);
        let bundle = notifying(Bundle::with_args(&["sleep", "1000"]), &socket, no_new_privileges);
        let id = brig.start(&bundle);
        let pid = brig.state(&id)["pid"].clone();
        // The first agent waits for the end of the container.
        std::fs::rename(&socket, &second).unwrap();
        let for_exec = Agent::at(&socket, 1, ANSWERS);
        let ended = brig.run(&["exec", &id, "sh", "-c", SCRIPT]).ok();
        assert_eq!(ended.stdout, SAID, "{ended:?}");
        let told = for_exec.messages().remove(0);
        assert_eq!((&told["state"]["status"], &told["state"]["pid"]), (&json!("running"), &pid));
        assert!(told["pid"].is_u64() && told["pid"] != pid, "{told}");
        brig.run(&["delete", "--force", &id]).ok();
        agent.messages();
    }
}

#[test]
fn a_killable_wait_is_asked_of_the_kernel() {
    if common::cannot_run() {
        return;
    }
    let brig = Brig::new().with(&["--debug"]);
    let socket = brig.scratch("agent");
    let agent = Agent::at(&socket, 1, ANSWERS);
    let bundle = notifying(Bundle::script(SCRIPT), &socket, true).edit(|config| {
        config["linux"]["seccomp"]["flags"] = json!(["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"]);
    });
    let ended = brig.run_bundle(&bundle).ok();
    assert_eq!(ended.stdout, SAID, "{ended:?}");
    assert!(ended.stderr.contains("seccomp filter flags: 40\""), "{ended:?}");
    agent.messages();
}

#[test]
fn without_its_agent_a_container_does_not_start_and_leaves_nothing() {
    if common::cannot_run() {
        return;
    }
    let brig = Brig::new();
    let (missing, deaf) = (brig.scratch("missing"), brig.scratch("deaf"));
    drop(UnixListener::bind(&deaf).unwrap());
    for (socket, errno) in [(missing, "no such file or directory"), (deaf, "connection refused")] {
        for no_new_privileges in [true, false] {
            let bundle = notifying(Bundle::script(SCRIPT), &socket, no_new_privileges);
            let id = unique("c");
            let ended = brig.run(&["run", "--bundle", bundle.path().to_str().unwrap(), &id]);
            let error = ended.error();
            let words = "failed to connect with seccomp agent specified in the seccomp profile: ";
            assert!(ended.code == 1 && error.contains(words) && error.ends_with(errno), "{ended:?}");
            brig.assert_nothing_of(&id);
        }
    }
}

#[test]
fn what_cannot_be_asked_of_an_agent_is_refused_with_its_path() {
    if common::cannot_run() {
        return;
    }
    let brig = Brig::new();
    let notify = json!("SCMP_ACT_NOTIFY");
    for (place, value, message) in [
        (
            "/defaultAction",
            notify,
            "SCMP_ACT_NOTIFY cannot be used as default action (linux.seccomp.defaultAction)",
        ),
        (
            "/syscalls/0/names/0",
            json!("write"),
            "SCMP_ACT_NOTIFY cannot be used for the write syscall (linux.seccomp.syscalls[0].names)",
        ),
        ("/listenerPath", json!(""), "seccomp listenerPath is not set (linux.seccomp.listenerPath)"),
    ] {
        let bundle = notifying(Bundle::script(SCRIPT), &brig.scratch("agent"), true);
        bundle.change(|config| *config["linux"]["seccomp"].pointer_mut(place).unwrap() = value);
        let id = unique("c");
        let ended = brig.run(&["run", "--bundle", bundle.path().to_str().unwrap(), &id]);
        ended.failed(1, &format!("brig run failed: {message}"));
        brig.assert_nothing_of(&id);
    }
}
