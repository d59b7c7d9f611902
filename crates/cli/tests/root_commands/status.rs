//! What a command wants of the status: `kill`, `pause`, `resume`, `delete`.

use std::fs;

use super::is_gone;
use crate::common::{self, Brig, Bundle, cgroups_named, eventually};
use serde_json::Value;

#[test]
fn delete_wants_a_stopped_container_or_force() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::sleeper(), Brig::new());
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
    let (bundle, brig) = (Bundle::sleeper(), Brig::new());
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
    let (bundle, brig) = (Bundle::sleeper(), Brig::new());
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
    let (bundle, brig) = (Bundle::sleeper(), Brig::new());
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
    let (bundle, brig) = (Bundle::sleeper(), Brig::new());
    let id = brig.create(&bundle);
    brig.run(&["pause", &id]).ok();
    assert_eq!(brig.status(&id), "paused");
    brig.run(&["resume", &id]).ok();
    assert_eq!(brig.status(&id), "created");
    brig.run(&["start", &id]).ok();
    assert_eq!(brig.status(&id), "running");
}

/// No PID namespace of its own.
fn share_pids(config: &mut Value) {
    config["linux"]["namespaces"].as_array_mut().unwrap().retain(|namespace| namespace["type"] != "pid");
}
