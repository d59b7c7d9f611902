//! What a caller reads beside the output: debug records, names by which brig is called, and errors where runc crashes.
#![allow(clippy::unwrap_used, reason = "a test ends where its preparation fails")]

mod common;

use std::{fs, os::unix::fs::symlink};

use common::{Brig, Bundle};
use serde_json::{Value, json};

/// Secrets that must not come into a log.
fn secretive(bundle: Bundle) -> Bundle {
    bundle.edit(|config| {
        config["process"]["env"].as_array_mut().unwrap().push(json!("TOKEN=geheim"));
        config["process"]["args"].as_array_mut().unwrap().push(json!("geheim"));
    })
}

#[test]
fn debug_records_tell_of_the_plan_and_of_every_process_but_no_secrets() {
    if common::cannot_run() {
        return;
    }
    let bundle = secretive(Bundle::with_args(&["echo"]));
    let ended = Brig::new().with(&["--debug"]).run_bundle(&bundle).ok();
    assert_eq!(ended.stdout, "geheim\n");
    assert!(ended.stderr.lines().all(|line| line.contains(" level=debug msg=")), "{}", ended.stderr);
    for said in [
        "msg=\"plan:   mount: /proc: proc ",
        "msg=\"write the intent record: ",
        "msg=\"clone brig-init: pid ",
        "]: switch the root\" func=\"brig_runtime::parent\" file=\"crates/runtime/src/parent.rs:",
        "]: nothing is left but the gate and execve\"",
        "] has become the program\"",
        "msg=\"remove the cgroup\"",
    ] {
        assert!(ended.stderr.contains(said), "{said} in {}", ended.stderr);
    }
    assert!(!ended.stderr.contains("geheim"), "{}", ended.stderr);
}

#[test]
fn debug_records_go_to_the_log_file_in_its_format() {
    if common::cannot_run() {
        return;
    }
    let bundle = Bundle::with_args(&["sleep", "100"]);
    let brig = Brig::new();
    let id = brig.start(&bundle);
    let log = brig.scratch("log");
    let ended = brig.with(&["--debug", "--log-format", "json", "--log", log.to_str().unwrap()]);
    let ended = ended.run(&["exec", "-e", "TOKEN=geheim", &id, "echo", "hi"]).ok();
    assert_eq!((ended.stdout.as_str(), ended.stderr.as_str()), ("hi\n", ""));
    let text = fs::read_to_string(log).unwrap();
    let records: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(records.iter().all(|record| record["level"] == "debug" && record["file"].is_string()), "{text}");
    let said = |part: &str| records.iter().any(|record| record["msg"].as_str().unwrap().contains(part));
    assert!(said("exec into the namespaces of pid ") && said("]: join namespaces"), "{text}");
    assert!(!text.contains("geheim"), "{text}");
}

#[test]
fn brig_works_by_whatever_name_it_is_called() {
    if common::cannot_run() {
        return;
    }
    let bundle = Bundle::with_args(&["echo", "up"]);
    let brig = Brig::new();
    for name in ["runc", "docker-runc", "crun", "init", "brig-init"] {
        let link = brig.scratch(name);
        symlink(common::brig_program(), &link).unwrap();
        let called = |words: &[&str]| {
            let mut command = std::process::Command::new(&link);
            command.args(brig.command(words).get_args());
            brig.finish(command)
        };
        let id = common::unique("name");
        let path = bundle.path().to_str().unwrap();
        assert_eq!(called(&["run", "--bundle", path, &id]).text(), "up\n", "{name}");
        let absent = brig.scratch("absent").display().to_string();
        called(&["run", "--bundle", &absent, &id])
            .failed(1, &format!("{name} run failed: chdir {absent}: no such file or directory"));
    }
}

#[test]
fn nothing_can_be_added_to_a_process_that_keeps_all_capabilities() {
    if common::cannot_run() {
        return;
    }
    let bundle = Bundle::with_args(&["sleep", "100"]).edit(|config| {
        config["process"]["capabilities"] = Value::Null;
    });
    let brig = Brig::new();
    let id = brig.start(&bundle);
    // A nil dereference in runc 1.4.2.
    let words = "nothing can be added: the container's process keeps all capabilities";
    let ended = brig.run(&["exec", "--cap", "CAP_KILL", &id, "true"]);
    ended.failed(255, &format!("exec failed: process.capabilities: {words}"));
}
