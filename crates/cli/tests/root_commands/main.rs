//! The commands on real containers, in every status, the wrong ones too. Root, in a private mount namespace.
#![allow(clippy::unwrap_used, reason = "a test ends where its preparation fails")]

#[path = "../common/mod.rs"]
mod common;

mod exec;
mod status;

use std::fs;

use common::{Brig, Bundle, HostMounts, cgroups_named, eventually, unique};
use serde_json::{Value, json};

#[test]
fn a_container_goes_from_created_over_running_and_stopped_to_nothing() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::sleeper(), Brig::new());
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
    let bundle = Bundle::sleeper().edit(|config| config["annotations"] = json!({ "b": "2", "a": "\"1\"" }));
    let brig = Brig::new();
    let id = brig.create(&bundle);
    assert_eq!(brig.state(&id)["annotations"], json!({ "a": "\"1\"", "b": "2" }));
}

#[test]
fn start_is_for_created_containers() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::sleeper(), Brig::new());
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
fn list_shows_all_containers_and_reports_what_is_none() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::sleeper(), Brig::new());
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
    let (bundle, brig) = (Bundle::sleeper(), Brig::new());
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
fn only_a_container_that_runs_is_dumped() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::sleeper(), Brig::new());
    brig.run(&["checkpoint", "a"]).failed(1, "container does not exist");
    let id = brig.create(&bundle);
    brig.run(&["checkpoint", &id]).failed(1, "Container cannot be checkpointed in created state");
}

#[test]
fn a_shared_id_is_taken_once() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::sleeper(), Brig::new());
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
