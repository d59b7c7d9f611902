//! `update`, as the kernel's files and the container's record show it. Root; a test skips where the machine's cgroups lack the
//! controllers.
#![allow(clippy::unwrap_used, reason = "a test ends where its preparation fails")]

mod common;

use std::{fs, path::Path};

use brig_plan::resources::{self, Resources};
use brig_runtime::{
    record::Part,
    store::{ContainerId, Store},
};
use common::{Brig, Bundle, cannot_run, cgroup};
use serde_json::{Value, json};

const CONTROLLERS: &[&str] = &["memory", "cpu", "pids", "cpuset"];

fn limited(resources: &Value) -> Bundle {
    Bundle::script("sleep 1000").edit(|config| {
        for (name, value) in resources.as_object().unwrap() {
            config["linux"]["resources"][name] = value.clone();
        }
    })
}

/// What the record says of the container's limits, in the words of config.json.
#[track_caller]
fn assert_recorded(brig: &Brig, id: &str, resources: &Value) {
    let text = resources.to_string();
    let expected = resources::settle(&brig_plan::load::resources(text.as_bytes()).unwrap());
    let store = Store::open(brig.root());
    let (_, file) = store.load(&ContainerId::new(id).unwrap(), Part::Head).unwrap();
    let recorded: Resources<'_> = file.ready().unwrap().resources;
    assert_eq!(recorded, expected);
}

#[track_caller]
fn assert_files(brig: &Brig, id: &str, files: &[(&str, &str)]) {
    for (file, holds) in files {
        assert_eq!(cgroup::file(brig, id, file), *holds, "{file}");
    }
}

/// `update` with words, what a file holds then, and the record.
type Change = (&'static [&'static str], (&'static str, &'static str), Value);

#[test]
fn each_flag_is_seen_in_the_kernel_s_file_and_in_the_record_and_changes_nothing_else() {
    if cannot_run() || cgroup::lacks(CONTROLLERS) {
        return;
    }
    let here = cgroup::here::<(&str, &str)>;
    let changes: Vec<Change> = vec![
        (
            &["--cpu-share", "256"],
            here(("cpu.shares", "256"), ("cpu.weight", "35")),
            json!({ "cpu": { "shares": 256 } }),
        ),
        (
            &["--cpu-quota", "40000"],
            here(("cpu.cfs_quota_us", "40000"), ("cpu.max", "40000 100000")),
            json!({ "cpu": { "quota": 40_000 } }),
        ),
        (
            &["--cpu-period", "50000"],
            here(("cpu.cfs_period_us", "50000"), ("cpu.max", "40000 50000")),
            json!({ "cpu": { "period": 50_000 } }),
        ),
        (
            &["--cpu-burst", "3000"],
            here(("cpu.cfs_burst_us", "3000"), ("cpu.max.burst", "3000")),
            json!({ "cpu": { "burst": 3000 } }),
        ),
        (&["--cpuset-cpus", "0"], ("cpuset.cpus", "0"), json!({ "cpu": { "cpus": "0" } })),
        (&["--cpuset-mems", "0"], ("cpuset.mems", "0"), json!({ "cpu": { "mems": "0" } })),
        (
            &["--memory", "64m"],
            here(("memory.limit_in_bytes", "67108864"), ("memory.max", "67108864")),
            json!({ "memory": { "limit": 67_108_864 } }),
        ),
        (
            &["--memory-reservation", "32m"],
            here(("memory.soft_limit_in_bytes", "33554432"), ("memory.low", "33554432")),
            json!({ "memory": { "reservation": 33_554_432 } }),
        ),
        (&["--pids-limit", "77"], ("pids.max", "77"), json!({ "pids": { "limit": 77 } })),
        (&["--pids-limit", "-1"], ("pids.max", "max"), json!({ "pids": { "limit": -1 } })),
        (
            &["--cpu-quota", "-1"],
            here(("cpu.cfs_quota_us", "-1"), ("cpu.max", "max 50000")),
            json!({ "cpu": { "quota": -1 } }),
        ),
        (&["--cpu-idle", "1"], ("cpu.idle", "1"), json!({ "cpu": { "idle": 1 } })),
        (&["--cpu-idle", "0"], ("cpu.idle", "0"), json!({ "cpu": { "idle": 0 } })),
    ];
    let mut recorded = json!({});
    let bundle = limited(&recorded);
    let brig = Brig::new();
    let id = brig.start(&bundle);
    let mut files = Vec::new();
    let weight = here(("cpu.shares", "256"), ("cpu.weight", "35"));
    for (words, file, mentioned) in changes {
        brig.run(&[&["update"], words, &[&id]].concat()).ok();
        merge(&mut recorded, mentioned);
        files.retain(|(name, _)| *name != file.0);
        files.push(file);
        if file == ("cpu.idle", "1") {
            // The kernel has a word of its own for the weight of a group that is idle.
            files.retain(|file| *file != weight);
        }
        assert_files(&brig, &id, &files);
        assert_recorded(&brig, &id, &recorded);
    }
    // It was forgotten by the kernel while the group was idle.
    assert_files(&brig, &id, &[weight]);
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            from.into_iter().for_each(|(key, value)| merge(into.entry(key).or_insert(Value::Null), value));
        }
        (into, from) => *into = from,
    }
}

#[test]
fn memory_and_swap_are_raised_lowered_and_lifted_together() {
    if cannot_run() || cgroup::lacks(CONTROLLERS) || !Path::new("/proc/swaps").exists() {
        return;
    }
    let bundle = limited(&json!({}));
    let brig = Brig::new();
    let id = brig.start(&bundle);
    for (memory, swap, files) in [
        ("64m", "96m", [("67108864", "100663296"), ("67108864", "33554432")]),
        ("256m", "512m", [("268435456", "536870912"), ("268435456", "268435456")]),
        ("32m", "32m", [("33554432", "33554432"), ("33554432", "0")]),
        ("48m", "-1", [("50331648", "9223372036854771712"), ("50331648", "max")]),
    ] {
        brig.run(&["update", "--memory", memory, "--memory-swap", swap, &id]).ok();
        let [v1, v2] = files;
        assert_files(&brig, &id, &named(cgroup::here(v1, v2)));
    }
    brig.run(&["update", "--memory", "-1", &id]).ok();
    let none = "9223372036854771712";
    assert_files(&brig, &id, &named(cgroup::here((none, none), ("max", "max"))));
}

fn named((memory, swap): (&'static str, &'static str)) -> [(&'static str, &'static str); 2] {
    let (limit, both) = cgroup::here(
        ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes"),
        ("memory.max", "memory.swap.max"),
    );
    [(limit, memory), (both, swap)]
}

#[test]
fn a_value_that_is_refused_changes_nothing() {
    if cannot_run() || cgroup::lacks(CONTROLLERS) {
        return;
    }
    let resources =
        json!({ "memory": { "limit": 67_108_864 }, "cpu": { "quota": 40_000 }, "pids": { "limit": 50 } });
    let bundle = limited(&resources);
    let brig = Brig::new();
    let id = brig.start(&bundle);
    let limit = cgroup::here("memory.limit_in_bytes", "memory.max");
    let quota = cgroup::here(("cpu.cfs_quota_us", "40000"), ("cpu.max", "40000 100000"));
    let cpus = cgroup::file(&brig, &id, "cpuset.cpus");
    for (words, complaint) in [
        // In runc's order of the controllers, some values come before the bad one and some behind it.
        (
            &["--pids-limit", "9", "--memory", "32m", "--cpu-quota", "30000", "--cpuset-cpus", "4000"][..],
            "/cpuset.cpus: ",
        ),
        (&["--pids-limit", "9", "--memory", "32m", "--cpu-quota", "1"], "(cpu.quota)"),
        (
            &["--pids-limit", "9", "--memory-swap", "1m"],
            "memory+swap limit should be >= memory limit (memory.swap)",
        ),
    ] {
        let ended = brig.run(&[&["update"], words, &[&id]].concat());
        assert_eq!(ended.code, 1);
        assert!(ended.error().contains(complaint), "{ended:?}");
        assert_files(&brig, &id, &[(limit, "67108864"), quota, ("pids.max", "50"), ("cpuset.cpus", &cpus)]);
        assert_recorded(&brig, &id, &resources);
    }
}

#[test]
fn resources_come_from_a_file_or_standard_input_and_null_is_nothing() {
    if cannot_run() || cgroup::lacks(CONTROLLERS) {
        return;
    }
    let bundle = limited(&json!({ "pids": { "limit": 50 } }));
    let brig = Brig::new();
    let id = brig.start(&bundle);
    let path = brig.scratch("resources.json");
    let path = path.to_str().unwrap();
    // Flags beside it are ignored.
    fs::write(path, r#"{"cpu":null,"memory":null,"blockIO":null,"pids":{"limit":51},"devices":null}"#)
        .unwrap();
    brig.run(&["update", "--resources", path, "--pids-limit", "9", &id]).ok();
    assert_files(&brig, &id, &[("pids.max", "51")]);
    let mut stdin = brig.command(&["update", "-r", "-", &id]);
    fs::write(path, r#"{"pids":null,"cpu":{"cpus":"0"}}"#).unwrap();
    stdin = {
        let mut shell = std::process::Command::new("sh");
        shell
            .arg("-c")
            .arg(format!("exec \"$@\" < {path}"))
            .arg("sh")
            .arg(stdin.get_program())
            .args(stdin.get_args());
        shell
    };
    brig.finish(stdin).ok();
    assert_files(&brig, &id, &[("pids.max", "51"), ("cpuset.cpus", "0")]);
    fs::write(path, "null").unwrap();
    brig.run(&["update", "--resources", path, &id]).ok();
    assert_recorded(&brig, &id, &json!({ "pids": { "limit": 51 }, "cpu": { "cpus": "0" } }));
    fs::write(path, r#"{"pids":{"limit":"x"}}"#).unwrap();
    let error = brig.run(&["update", "--resources", path, &id]).error();
    assert!(error.starts_with("pids.limit: invalid type"), "{error}");
}

#[test]
fn created_and_paused_containers_are_updated_and_stopped_ones_are_not() {
    if cannot_run() || cgroup::lacks(CONTROLLERS) {
        return;
    }
    let bundle = limited(&json!({}));
    let brig = Brig::new();
    let id = brig.create(&bundle);
    brig.run(&["update", "--pids-limit", "60", &id]).ok();
    assert_files(&brig, &id, &[("pids.max", "60")]);
    assert_eq!(brig.status(&id), "created");
    brig.run(&["start", &id]).ok();
    brig.run(&["pause", &id]).ok();
    brig.run(&["update", "--pids-limit", "61", "--memory", "64m", &id]).ok();
    assert_files(&brig, &id, &[("pids.max", "61")]);
    assert_eq!(brig.status(&id), "paused");
    brig.run(&["resume", &id]).ok();
    brig.run(&["exec", &id, "true"]).ok();
    brig.run(&["kill", &id, "KILL"]).ok();
    brig.await_status(&id, "stopped");
    brig.run(&["update", "--pids-limit", "62", &id]).failed(1, "container not running");
}

#[test]
fn a_limit_below_what_is_in_use_is_rejected_where_that_is_asked_for() {
    if cannot_run() || cgroup::lacks(CONTROLLERS) {
        return;
    }
    let bundle = limited(&json!({ "memory": { "limit": 67_108_864, "checkBeforeUpdate": true } }));
    let brig = Brig::new();
    let id = brig.start(&bundle);
    let ended = brig.run(&["update", "--memory", "4096", &id]);
    let words = cgroup::here(
        "unable to set memory limit to 4096 (current usage: ",
        "rejecting memory limit 4096 <= usage ",
    );
    assert!(ended.code == 1 && ended.error().starts_with(words), "{ended:?}");
    assert_eq!(brig.status(&id), "running");
    assert_files(&brig, &id, &[(cgroup::here("memory.limit_in_bytes", "memory.max"), "67108864")]);
}
