//! `--systemd-cgroup` with the real one: where systemd is the first process of the machine, on cgroup v2. Root.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test ends where its preparation fails, or says why it cannot run"
)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::RwLock;
use std::thread;
use std::time::Duration;

use common::{Brig, Bundle, eventually, unique};
use serde_json::json;

fn cannot_run() -> bool {
    common::cannot_run() || common::cgroup::lacks_systemd()
}

fn brig() -> Brig {
    Brig::new().with(&["--systemd-cgroup"])
}

/// One property of a unit, as systemd sees it.
fn property(unit: &str, name: &str) -> String {
    let show = ask(&["show", "--value", "-p", name, unit]);
    String::from_utf8(show.stdout).unwrap().trim().to_owned()
}

/// systemctl(1), unlike brig, does not wait for a systemd that re-executes itself.
static AWAY: RwLock<()> = RwLock::new(());

fn ask(words: &[&str]) -> Output {
    let _here = AWAY.read().unwrap();
    Command::new("systemctl").args(words).output().unwrap()
}

fn systemctl(words: &[&str]) {
    let ended = ask(words);
    assert!(ended.status.success(), "{words:?}: {ended:?}");
}

/// Other tests start and stop containers meanwhile.
fn reexecute() {
    let _away = AWAY.write().unwrap();
    let run = |words: &[&str]| Command::new("systemctl").args(words).output().unwrap().status.success();
    assert!(run(&["daemon-reexec"]));
    eventually("systemd is back", || run(&["show", "-p", "Version"]));
}

fn unit(id: &str) -> String {
    format!("brig-{id}.scope")
}

fn cgroup(id: &str) -> PathBuf {
    Path::new("/sys/fs/cgroup/system.slice").join(unit(id))
}

fn file(id: &str, name: &str) -> String {
    fs::read_to_string(cgroup(id).join(name)).unwrap().trim().to_owned()
}

/// No unit and no cgroup has this in its name.
#[track_caller]
fn assert_nothing_of(brig: &Brig, name: &str) {
    brig.assert_nothing_of(name);
    let list = ["list-units", "--all", "--no-legend", "--plain", &format!("*{name}*")];
    let units = ask(&list);
    assert_eq!(String::from_utf8(units.stdout).unwrap(), "");
}

#[test]
fn a_unit_has_every_limit_and_so_do_its_files() {
    if cannot_run() {
        return;
    }
    let brig = brig();
    let bundle = Bundle::sleeper().edit(|config| {
        config["linux"]["resources"] = json!({
            "pids": { "limit": 33 },
            "memory": { "limit": 67_108_864, "reservation": 33_554_432, "swap": 67_108_864 },
            "cpu": { "shares": 512, "quota": 12_345, "period": 100_000, "cpus": "0" },
            "unified": { "memory.high": "60002304" },
        });
        config["annotations"] = json!({ "org.systemd.property.TimeoutStopSec": "uint64 7" });
    });
    let id = brig.start(&bundle);
    let shown = [
        ("ActiveState", "active"),
        ("Slice", "system.slice"),
        ("Delegate", "yes"),
        ("TasksMax", "33"),
        ("MemoryMax", "67108864"),
        ("MemoryLow", "33554432"),
        ("MemorySwapMax", "0"),
        ("MemoryHigh", "60002304"),
        ("CPUWeight", "59"),
        ("CPUQuotaPerSecUSec", "130ms"),
        ("AllowedCPUs", "0"),
        ("TimeoutStopUSec", "7s"),
    ];
    assert_eq!(
        shown.map(|(name, _)| (name, property(&unit(&id), name))),
        shown.map(|(n, v)| (n, v.to_owned()))
    );
    let written = [
        ("pids.max", "33"),
        ("memory.max", "67108864"),
        ("memory.low", "33554432"),
        ("memory.swap.max", "0"),
        ("memory.high", "60002304"),
        ("cpu.weight", "59"),
        ("cpu.max", "13000 100000"),
        ("cpuset.cpus", "0"),
    ];
    assert_eq!(written.map(|(name, _)| (name, file(&id, name))), written.map(|(n, v)| (n, v.to_owned())));
    brig.run(&["delete", "--force", &id]).ok();
    assert_nothing_of(&brig, &id);
}

#[test]
fn every_command_finds_the_container_in_its_unit() {
    if cannot_run() {
        return;
    }
    let brig = brig();
    let bundle = Bundle::sleeper();
    let id = brig.start(&bundle);
    let pid = brig.state(&id)["pid"].to_string();
    assert_eq!(file(&id, "cgroup.procs"), pid, "and nobody else");
    let exec = brig.run(&["exec", &id, "sh", "-c", "echo $$ > /dev/shm/pid; cat /proc/self/cgroup"]).text();
    assert_eq!(exec, "0::/\n", "in the root of the container's cgroup namespace");
    assert!(brig.run(&["ps", &id]).text().contains(&pid));
    brig.run(&["pause", &id]).ok();
    assert_eq!(brig.status(&id), "paused");
    assert_eq!(file(&id, "cgroup.freeze"), "1");
    brig.run(&["resume", &id]).ok();
    brig.run(&["kill", &id, "KILL"]).ok();
    brig.await_status(&id, "stopped");
    brig.run(&["delete", &id]).ok();
    assert_nothing_of(&brig, &id);
}

#[test]
fn the_first_process_is_born_in_the_unit_after_one_round_trip() {
    if cannot_run() {
        return;
    }
    let brig = brig();
    let (bundle, id, trace) = (Bundle::with_args(&["true"]), unique("c"), brig.scratch("trace"));
    let run = brig.command(&["run", "--bundle", bundle.path().to_str().unwrap(), &id]);
    let mut strace = Command::new("strace");
    strace.args(["-f", "-s", "64", "-o", trace.to_str().unwrap()]);
    strace.args(["-e", "trace=clone3,sendto,connect,openat,openat2,execveat"]);
    strace.arg(run.get_program()).args(run.get_args());
    brig.finish(strace).ok();
    let trace = fs::read_to_string(trace).unwrap();
    let bus: Vec<&str> = trace.lines().take_while(|line| !line.contains("CLONE_INTO_CGROUP")).collect();
    assert!(trace.contains("CLONE_INTO_CGROUP"), "{trace}");
    assert_eq!(bus.iter().filter(|line| line.contains("sendto(")).count(), 1, "{trace}");
    assert_eq!(bus.iter().filter(|line| line.contains("connect(")).count(), 1, "{trace}");
    assert!(!trace.contains("cgroup.procs\", {flags=O_WRONLY"), "nobody is moved by brig: {trace}");
    assert_nothing_of(&brig, &id);
}

/// A device of the host, refused, and one that is allowed.
const DEVICES: &str = "cat /dev/disk > /dev/null 2> /dev/shm/said; grep -o 'not permitted' /dev/shm/said; echo x > /dev/null && echo null";

#[test]
fn limits_and_device_rules_outlive_a_reload_of_systemd() {
    if cannot_run() {
        return;
    }
    let brig = brig();
    let bundle = Bundle::sleeper().privileged().edit(|config| {
        config["linux"]["resources"] =
            json!({ "pids": { "limit": 21 }, "cpu": { "quota": 12_345, "period": 100_000 } });
        config["process"]["noNewPrivileges"] = json!(false);
    });
    std::os::unix::fs::symlink("busybox", bundle.rootfs().join("bin/mknod")).unwrap();
    let id = brig.start(&bundle);
    brig.run(&["exec", &id, "mknod", "/dev/disk", "b", "3", "250"]).ok();
    for words in ["", "daemon-reload", "daemon-reexec", "daemon-reload"] {
        match words {
            "" => {}
            "daemon-reexec" => reexecute(),
            words => systemctl(&[words]),
        }
        let said = brig.run(&["exec", &id, "sh", "-c", DEVICES]).text();
        assert_eq!(said, "not permitted\nnull\n", "after {words}");
        assert_eq!(
            (file(&id, "pids.max"), file(&id, "cpu.max")),
            ("21".into(), "13000 100000".into()),
            "{words}"
        );
    }
}

#[test]
fn an_update_changes_the_unit_and_the_files_or_neither() {
    if cannot_run() {
        return;
    }
    let brig = brig();
    let bundle = Bundle::sleeper().edit(|config| {
        config["linux"]["resources"] = json!({ "pids": { "limit": 21 }, "memory": { "limit": 67_108_864 } });
    });
    let id = brig.start(&bundle);
    let both = || {
        let unit = unit(&id);
        let show = |name| property(&unit, name);
        [
            show("TasksMax"),
            file(&id, "pids.max"),
            show("MemoryMax"),
            file(&id, "memory.max"),
            show("CPUWeight"),
            file(&id, "cpu.weight"),
        ]
    };
    brig.run(&["update", "--pids-limit", "42", "--cpu-share", "512", &id]).ok();
    let changed = ["42", "42", "67108864", "67108864", "59", "59"];
    assert_eq!(both(), changed);
    // systemd takes these; the kernel has no such processor.
    let failed =
        brig.run(&["update", "--pids-limit", "77", "--memory", "134217728", "--cpuset-cpus", "5000", &id]);
    assert_ne!(failed.code, 0, "{failed:?}");
    assert_eq!(both(), changed, "{failed:?}");
    systemctl(&["daemon-reload"]);
    assert_eq!(both(), changed);
}

#[test]
fn a_unit_of_somebody_else_is_left_alone() {
    if cannot_run() {
        return;
    }
    let brig = brig();
    let id = unique("c");
    let bundle = Bundle::with_args(&["true"]);
    let here = AWAY.read().unwrap();
    let stranger = Command::new("systemd-run")
        .args(["--scope", "--quiet", "--unit", &unit(&id), "sleep", "1000"])
        .stdout(Stdio::null())
        .spawn();
    let mut stranger = stranger.unwrap();
    let is_active =
        || Command::new("systemctl").args(["is-active", "--quiet", &unit(&id)]).status().unwrap().success();
    eventually("the stranger is there", is_active);
    drop(here);
    let refused = brig.run(&["run", "--bundle", bundle.path().to_str().unwrap(), &id]);
    assert!(refused.error().contains("container's cgroup is not empty: 1 process(es) found"), "{refused:?}");
    assert_eq!(property(&unit(&id), "ActiveState"), "active", "a unit of somebody else is left alone");
    stranger.kill().unwrap();
    stranger.wait().unwrap();
    eventually("the stranger's unit is gone", || property(&unit(&id), "ActiveState") == "inactive");
    assert_nothing_of(&brig, &id);
}

#[test]
fn a_frozen_cgroup_is_refused_and_stays_as_it_was() {
    if cannot_run() {
        return;
    }
    let brig = brig();
    let id = unique("c");
    let bundle = Bundle::with_args(&["true"]);
    fs::create_dir(cgroup(&id)).unwrap();
    fs::write(cgroup(&id).join("cgroup.freeze"), "1").unwrap();
    let refused = brig.run(&["run", "--bundle", bundle.path().to_str().unwrap(), &id]);
    let frozen = file(&id, "cgroup.freeze");
    fs::remove_dir(cgroup(&id)).unwrap();
    assert!(refused.error().contains("container's cgroup unexpectedly frozen"), "{refused:?}");
    assert_eq!(frozen, "1");
    assert_nothing_of(&brig, &id);
}

#[test]
fn a_container_that_may_write_its_cgroups_owns_its_own() {
    if cannot_run() {
        return;
    }
    let brig = brig();
    let bundle = Bundle::sleeper().edit(|config| {
        for mount in config["mounts"].as_array_mut().unwrap() {
            if mount["destination"] == "/sys/fs/cgroup" {
                mount["options"] = json!(["rw", "nosuid", "noexec", "nodev"]);
            }
        }
        config["process"]["user"] = json!({ "uid": 1234, "gid": 0 });
    });
    let id = brig.start(&bundle);
    let script = "mkdir /sys/fs/cgroup/sub && stat -c %u /sys/fs/cgroup /sys/fs/cgroup/cgroup.procs /sys/fs/cgroup/pids.max";
    assert_eq!(brig.run(&["exec", &id, "sh", "-c", script]).text(), "1234\n1234\n0\n");
    brig.run(&["delete", "--force", &id]).ok();
    assert_nothing_of(&brig, &id);
}

#[test]
fn a_creator_killed_at_any_moment_leaves_nothing_after_a_forced_delete() {
    if cannot_run() {
        return;
    }
    let brig = brig();
    let bundle = Bundle::sleeper();
    let name = unique("k");
    for round in 0..24_u64 {
        let id = format!("{name}-{round}");
        let mut create = brig.command(&["create", "--bundle", bundle.path().to_str().unwrap(), &id]);
        let mut creator =
            create.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // Where that is in the creation differs from round to round, and from machine to machine.
        thread::sleep(Duration::from_millis(round * round));
        creator.kill().unwrap();
        creator.wait().unwrap();
        brig.run(&["delete", "--force", &id]).ok();
    }
    // What systemd was asked for by one who is dead by now may come after the delete, and goes by itself.
    eventually("all units are gone", || {
        let list = ["list-units", "--all", "--no-legend", "--plain", &format!("*{name}*")];
        ask(&list).stdout.is_empty()
    });
    assert_nothing_of(&brig, &name);
}

/// How many: `BRIG_TEST_MANY`, where a machine is too slow for them all.
#[test]
fn many_containers_leave_not_one_unit_and_not_one_cgroup() {
    if cannot_run() {
        return;
    }
    let many = std::env::var("BRIG_TEST_MANY").ok().and_then(|many| many.parse().ok()).unwrap_or(500);
    let brig = brig();
    let bundle = Bundle::with_args(&["true"]);
    let name = unique("m");
    thread::scope(|scope| {
        for worker in 0..4 {
            let (brig, bundle, name) = (&brig, &bundle, &name);
            scope.spawn(move || {
                for number in (worker..many).step_by(4) {
                    let id = format!("{name}-{number}");
                    brig.run(&["create", "--bundle", bundle.path().to_str().unwrap(), &id]).ok();
                    brig.run(&["start", &id]).ok();
                    brig.run(&["delete", "--force", &id]).ok();
                }
            });
        }
    });
    println!("{many} containers");
    assert_nothing_of(&brig, &name);
}

/// An upgrade of its package does that to systemd: all connections end, and calls and signals that are under way are lost.
#[test]
fn containers_come_and_go_while_systemd_re_executes_itself() {
    if cannot_run() {
        return;
    }
    let brig = brig();
    let bundle = Bundle::sleeper();
    let name = unique("x");
    let away = thread::spawn(|| (0..5).for_each(|_| reexecute()));
    thread::scope(|scope| {
        for worker in 0..2 {
            let (brig, bundle, name, away) = (&brig, &bundle, &name, &away);
            scope.spawn(move || {
                let mut number = 0;
                while !away.is_finished() {
                    let id = format!("{name}-{worker}-{number}");
                    brig.run(&["create", "--bundle", bundle.path().to_str().unwrap(), &id]).ok();
                    brig.run(&["update", "--pids-limit", "42", &id]).ok();
                    brig.run(&["delete", "--force", &id]).ok();
                    number += 1;
                }
                println!("{number} containers");
            });
        }
    });
    away.join().unwrap();
    assert_nothing_of(&brig, &name);
}
