//! Limits of `linux.resources`, as something notices that runs into them. Root; a test skips where the machine's cgroups lack the
//! controller: everywhere but on v1 with all of them, or on v2 with all of them, as in the machine of `cargo xtask vm`.
#![allow(clippy::unwrap_used, reason = "a test ends where its preparation fails")]
#![allow(clippy::print_stdout, reason = "a test says what it skips")]

mod common;

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use common::{Brig, Bundle, cannot_run, cgroup, cgroups_named, unique};
use serde_json::{Value, json};

fn limited(script: &str, resources: &Value) -> Bundle {
    Bundle::script(script).edit(|config| {
        for (name, value) in resources.as_object().unwrap() {
            config["linux"]["resources"][name] = value.clone();
        }
    })
}

#[test]
fn an_allocation_beyond_the_memory_limit_is_killed() {
    if cannot_run() || cgroup::lacks(&["memory"]) {
        return;
    }
    let limit = 16 << 20;
    let memory = json!({ "memory": { "limit": limit, "swap": limit } });
    let script = "dd if=/dev/zero of=/dev/null bs=8M count=1 2>/dev/null; echo $?
                  dd if=/dev/zero of=/dev/null bs=64M count=1 2>/dev/null; echo $?";
    let says = Brig::new().says(&limited(script, &memory));
    assert_eq!(says, "0\n137\n");
}

#[test]
fn a_container_of_512_kib_starts() {
    if cannot_run() || cgroup::lacks(&["memory"]) {
        return;
    }
    let memory = json!({ "memory": { "limit": 512 << 10 } });
    assert_eq!(Brig::new().says(&limited("echo here", &memory)), "here\n");
}

#[test]
fn a_fork_beyond_the_limit_of_tasks_is_refused() {
    if cannot_run() || cgroup::lacks(&["pids"]) {
        return;
    }
    let pids = json!({ "pids": { "limit": 3 } });
    let script = "sleep 1000 & sleep 1000 & echo two; sleep 1000 & echo three";
    let ended = Brig::new().run_bundle(&limited(script, &pids));
    assert_eq!((ended.code, &*ended.stdout), (2, "two\n"), "{ended:?}");
    assert!(ended.stderr.contains("can't fork: Resource temporarily unavailable"), "{ended:?}");
}

#[test]
fn a_limit_of_one_task_is_enough_for_one_whatever_its_namespaces_take() {
    if cannot_run() || cgroup::lacks(&["pids"]) {
        return;
    }
    for limit in [0, 1] {
        let bundle = limited("echo alone", &json!({ "pids": { "limit": limit } }));
        assert_eq!(Brig::new().says(&bundle), "alone\n");
        // A time namespace takes in children only, so there are two clones.
        let joined = bundle.edit(|config| common::set_namespace(config, "time", None));
        assert_eq!(Brig::new().says(&joined), "alone\n");
    }
}

#[test]
fn processor_time_is_throttled_to_the_quota() {
    if cannot_run() || cgroup::lacks(&["cpu"]) {
        return;
    }
    let cpu = json!({ "cpu": { "quota": 20_000, "period": 100_000 } });
    let bundle = limited("while :; do :; done", &cpu);
    let brig = Brig::new();
    let id = brig.start(&bundle);
    let used = || -> Duration {
        let field = |text: String, name: &str| -> u64 {
            let of = |line: &str| line.strip_prefix(name)?.trim().parse().ok();
            text.split("; ").find_map(of).unwrap()
        };
        match cgroup::is_v2() {
            true => Duration::from_micros(field(cgroup::file(&brig, &id, "cpu.stat"), "usage_usec ")),
            false => Duration::from_nanos(field(cgroup::file(&brig, &id, "cpuacct.usage"), "")),
        }
    };
    let throttled = || {
        let text = cgroup::file(&brig, &id, "cpu.stat");
        text.split("; ").find_map(|line| line.strip_prefix("nr_throttled ")?.parse().ok()).unwrap_or(0_u64)
    };
    common::eventually("it begins", || throttled() > 0);
    let (since, before, periods) = (Instant::now(), used(), throttled());
    common::eventually("it is throttled in ten periods", || throttled() >= periods + 10);
    // A fifth of the time, and a little for slices that were handed out before.
    let (used, passed) = (used() - before, since.elapsed());
    assert!(used < passed / 3, "{used:?} of {passed:?}");
}

#[test]
fn a_cpuset_is_all_that_a_process_has() {
    if cannot_run() || cgroup::lacks(&["cpuset"]) {
        return;
    }
    let cpu = json!({ "cpu": { "cpus": "0", "mems": "0" } });
    let bundle = limited("nproc; grep Mems_allowed_list /proc/self/status", &cpu);
    assert_eq!(Brig::new().says(&bundle), "1\nMems_allowed_list:\t0\n");
}

#[test]
fn a_disk_is_read_no_faster_than_its_throttle() {
    if cannot_run() || cgroup::lacks(&[cgroup::here("blkio", "io")]) {
        return;
    }
    let Some((directory, (major, minor))) = on_a_disk() else {
        println!("SKIPPED: needs a folder on a disk");
        return;
    };
    let path = directory.join(unique("disk"));
    fs::write(&path, vec![b'x'; 1 << 20]).unwrap();
    let rate = 1 << 20;
    let throttle = json!({ "blockIO": {
        "throttleReadBpsDevice": [{ "major": major, "minor": minor, "rate": rate }] } });
    // 4 MiB at 1 MiB/s, read past the page cache.
    let script =
        "for i in 1 2 3 4; do dd if=/mnt of=/dev/null bs=64k iflag=direct 2>/dev/null || echo no; done";
    let bundle = limited(script, &throttle).mount(json!({
        "destination": "/mnt", "type": "bind", "source": path, "options": ["bind"] }));
    let began = Instant::now();
    let ended = Brig::new().run_bundle(&bundle);
    let passed = began.elapsed();
    fs::remove_file(path).unwrap();
    assert_eq!(ended.text(), "");
    assert!(passed > Duration::from_secs(2), "{passed:?}");
}

fn on_a_disk() -> Option<(PathBuf, (u32, u32))> {
    [std::env::temp_dir(), PathBuf::from("/var/tmp")].into_iter().find_map(|path| {
        let device = fs::metadata(&path).ok()?.dev();
        let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
        // A partition is throttled with its disk.
        let whole = PathBuf::from(format!("/sys/dev/block/{major}:{minor}"));
        let disk = match whole.join("partition").exists() {
            true => whole.join("../dev"),
            false => whole.join("dev"),
        };
        let text = fs::read_to_string(disk).ok()?;
        let (major, minor) = text.trim().split_once(':')?;
        Some((path, (major.parse().ok()?, minor.parse().ok()?)))
    })
}

#[test]
fn every_limit_stands_in_its_file_before_the_program_runs() {
    if cannot_run() || cgroup::lacks(&["memory", "cpu", "pids", "cpuset"]) {
        return;
    }
    let resources = json!({
        "memory": { "limit": 64 << 20, "reservation": 32 << 20, "swap": 96 << 20 },
        "cpu": { "shares": 256, "quota": 30_000, "period": 60_000, "burst": 1000, "cpus": "0" },
        "pids": { "limit": 99 },
    });
    let bundle = limited("sleep 1000", &resources);
    let brig = Brig::new();
    let id = brig.create(&bundle);
    let mut files = cgroup::here(
        vec![
            ("memory.limit_in_bytes", "67108864"),
            ("memory.soft_limit_in_bytes", "33554432"),
            ("cpu.shares", "256"),
            ("cpu.cfs_quota_us", "30000"),
            ("cpu.cfs_period_us", "60000"),
            ("cpu.cfs_burst_us", "1000"),
        ],
        vec![
            ("memory.max", "67108864"),
            ("memory.low", "33554432"),
            ("memory.swap.max", "33554432"),
            ("cpu.weight", "35"),
            ("cpu.max", "30000 60000"),
            ("cpu.max.burst", "1000"),
        ],
    );
    files.extend([("cpuset.cpus", "0"), ("pids.max", "99")]);
    for (file, holds) in files {
        assert_eq!(cgroup::file(&brig, &id, file), holds, "{file}");
    }
}

#[test]
fn a_value_that_the_kernel_does_not_take_is_named_and_nothing_stays() {
    if cannot_run() || cgroup::lacks(&["cpuset", "pids"]) {
        return;
    }
    let brig = Brig::new();
    let bundle = limited("true", &json!({ "pids": { "limit": 9 }, "cpu": { "cpus": "4000" } }));
    let id = unique("c");
    let ended = brig.run(&["run", "--bundle", bundle.path().to_str().unwrap(), &id]);
    let error = ended.error();
    assert!(
        error.contains("error setting cgroup config for procHooks process: set limit: /sys/fs/cgroup/"),
        "{error}"
    );
    assert!(error.contains("/cpuset.cpus: ") && error.contains(" (linux.resources.cpu.cpus)"), "{error}");
    brig.assert_nothing_of(&id);
}

#[test]
fn what_cannot_be_is_refused_before_anything_is_made() {
    if cannot_run() {
        return;
    }
    let brig = Brig::new();
    for (resources, words) in [
        (
            json!({ "memory": { "limit": 4096, "swap": 1 } }),
            "memory+swap limit should be >= memory limit (linux.resources.memory.swap)",
        ),
        (
            json!({ "memory": { "swap": 4096 } }),
            "unable to set swap limit without memory limit (linux.resources.memory.swap)",
        ),
        (json!({ "cpu": { "idle": 2 } }), "invalid cpu.idle value: 2 (0 or 1) (linux.resources.cpu.idle)"),
    ] {
        let bundle = limited("true", &resources);
        brig.run_bundle(&bundle).failed(1, &format!("brig run failed: {words}"));
    }
}

#[test]
fn unified_is_written_on_v2_and_refused_on_v1() {
    if cannot_run() || cgroup::lacks(&["memory"]) {
        return;
    }
    let bundle = limited("sleep 1000", &json!({ "unified": { "memory.high": "16777216" } }));
    let brig = Brig::new();
    if cgroup::is_v2() {
        let id = brig.create(&bundle);
        assert_eq!(cgroup::file(&brig, &id, "memory.high"), "16777216");
        let other = limited("true", &json!({ "unified": { "fast.max": "1" } }));
        let error = brig.run_bundle(&other).error();
        assert!(error.contains("controller \"fast\" not available"), "{error}");
    } else {
        let words = "invalid configuration: cannot use unified on cgroup v1 (linux.resources.unified)";
        brig.run_bundle(&bundle).failed(1, &format!("brig run failed: {words}"));
    }
}

#[test]
fn controllers_are_enabled_in_all_parents_that_were_made() {
    if cannot_run() || !cgroup::is_v2() || cgroup::lacks(&["memory", "pids"]) {
        println!("SKIPPED: needs cgroup v2 with controllers");
        return;
    }
    let name = unique("parent");
    let bundle = limited("sleep 1000", &json!({ "pids": { "limit": 9 } }))
        .edit(|config| config["linux"]["cgroupsPath"] = json!(format!("/{name}/below/leaf")));
    let brig = Brig::new();
    let id = brig.create(&bundle);
    assert_eq!(cgroup::file(&brig, &id, "pids.max"), "9");
    let all = fs::read_to_string("/sys/fs/cgroup/cgroup.controllers").unwrap();
    for level in ["", "/below"] {
        let file = format!("/sys/fs/cgroup/{name}{level}/cgroup.subtree_control");
        assert_eq!(fs::read_to_string(file).unwrap(), all);
    }
    brig.run(&["delete", "--force", &id]).ok();
    for level in ["/below", ""] {
        fs::remove_dir(Path::new("/sys/fs/cgroup").join(format!("{name}{level}"))).unwrap();
    }
    assert!(cgroups_named(&name).is_empty());
}
