//! How the process is limited and scheduled.

use std::{fs, process::Command};

use super::{fails, process, says, status};
use crate::common::cgroup::lacks;
use crate::common::{self, Brig, Bundle, unique};
use serde_json::{Value, json};

#[test]
fn resource_limits_are_set() {
    if common::cannot_run() {
        return;
    }
    let text = says(
        "cat /proc/self/limits",
        process(|process| {
            process["rlimits"] = json!([
                { "type": "RLIMIT_NOFILE", "soft": 33, "hard": 44 },
                { "type": "RLIMIT_CORE", "soft": 0, "hard": 0 },
                { "type": "RLIMIT_CPU", "soft": 100, "hard": 200 },
                { "type": "RLIMIT_STACK", "soft": 1_048_576, "hard": 1_048_576 },
                { "type": "RLIMIT_NPROC", "soft": 50, "hard": 60 },
                { "type": "RLIMIT_AS", "soft": 100_000_000, "hard": 100_000_001 },
            ]);
        }),
    );
    let limit = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(limit("Max open files"), "33 44");
    assert_eq!(limit("Max core file size"), "0 0");
    assert_eq!(limit("Max cpu time"), "100 200");
    assert_eq!(limit("Max stack size"), "1048576 1048576");
    assert_eq!(limit("Max processes"), "50 60");
    assert_eq!(limit("Max address space"), "100000000 100000001");
}

#[test]
fn limits_that_brig_itself_could_not_live_with_are_set_too() {
    if common::cannot_run() {
        return;
    }
    let limits = json!([
        { "type": "RLIMIT_NOFILE", "soft": 3, "hard": 3 },
        { "type": "RLIMIT_FSIZE", "soft": 0, "hard": 0 },
        { "type": "RLIMIT_MEMLOCK", "soft": 0, "hard": 0 },
    ]);
    let bundle = Bundle::with_args(&["true"]).edit(process(|process| process["rlimits"] = limits));
    let brig = Brig::new();
    brig.run_bundle(&bundle).ok();
    brig.run_bundle(&bundle.in_user_namespace()).ok();
}

#[test]
fn a_soft_limit_above_the_hard_one_is_named() {
    if common::cannot_run() {
        return;
    }
    let ended = fails(
        &["true"],
        process(|process| process["rlimits"] = json!([{ "type": "RLIMIT_NOFILE", "soft": 5, "hard": 4 }])),
    );
    assert!(ended.error().contains("rlimits[0]"), "{ended:?}");
}

#[test]
fn the_oom_score_is_set_or_inherited() {
    if common::cannot_run() {
        return;
    }
    let own = fs::read_to_string("/proc/self/oom_score_adj").unwrap();
    assert_eq!(says("cat /proc/self/oom_score_adj", |_| {}), own);
    assert_eq!(
        says("cat /proc/self/oom_score_adj", process(|process| process["oomScoreAdj"] = json!(777))),
        "777\n"
    );
}

/// Scheduling policy and nice value: fields 41 and 19 of `/proc/self/stat`.
const SCHEDULED: &str = "set -- $(cat /proc/self/stat | cut -d')' -f2); shift 16; echo nice $1; shift 21; echo priority $1; shift; echo policy $1";

#[test]
fn the_scheduler_is_set() {
    if common::cannot_run() {
        return;
    }
    for (scheduler, printed) in [
        (json!({ "policy": "SCHED_BATCH", "nice": 5 }), "nice 5\npriority 0\npolicy 3\n"),
        (json!({ "policy": "SCHED_IDLE" }), "nice 0\npriority 0\npolicy 5\n"),
        (json!({ "policy": "SCHED_OTHER", "nice": 19 }), "nice 19\npriority 0\npolicy 0\n"),
    ] {
        assert_eq!(says(SCHEDULED, process(|process| process["scheduler"] = scheduler)), printed);
    }
    let bundle = Bundle::script(SCHEDULED)
        .edit(process(|process| process["scheduler"] = json!({ "policy": "SCHED_FIFO", "priority": 4 })));
    let ended = Brig::new().run_bundle(&bundle);
    // A cgroup without real-time share has none to give.
    match ended.code {
        0 => assert_eq!(ended.stdout, "nice 0\npriority 4\npolicy 1\n"),
        _ => assert!(ended.error().contains("error setting scheduler: operation not permitted"), "{ended:?}"),
    }
}

#[test]
fn who_may_not_run_on_every_processor_gets_no_deadline() {
    if common::cannot_run() || lacks(&["cpuset"]) {
        return;
    }
    if std::thread::available_parallelism().unwrap().get() == 1 {
        return println!("SKIPPED: needs two processors");
    }
    let deadline =
        json!({ "policy": "SCHED_DEADLINE", "runtime": 42000, "deadline": 1_000_000, "period": 1_000_000 });
    let bundle = Bundle::script("true").edit(|config| {
        config["process"]["scheduler"] = deadline;
        config["linux"]["resources"] = json!({ "cpu": { "cpus": "0" } });
    });
    let ended = Brig::new().run_bundle(&bundle);
    let words = "error setting scheduler: process scheduler can't be used together with AllowedCPUs";
    assert!(ended.code == 1 && ended.error().contains(words), "{ended:?}");
}

#[test]
fn the_io_priority_is_set() {
    if common::cannot_run() {
        return;
    }
    let wanted = json!({ "class": "IOPRIO_CLASS_BE", "priority": 6 });
    assert_eq!(
        says("busybox ionice -p $$", process(|process| process["ioPriority"] = wanted)),
        "best-effort: prio 6\n"
    );
    let wanted = json!({ "class": "IOPRIO_CLASS_IDLE", "priority": 0 });
    assert_eq!(says("busybox ionice -p $$", process(|process| process["ioPriority"] = wanted)), "idle\n");
}

#[test]
fn the_io_priority_of_an_exec_is_its_own_and_not_its_callers() {
    if common::cannot_run() {
        return;
    }
    let wanted = json!({ "class": "IOPRIO_CLASS_BE", "priority": 6 });
    let bundle = || Bundle::sleeper().edit(process(|process| process["ioPriority"] = wanted.clone()));
    for bundle in [bundle(), bundle().in_user_namespace()] {
        let brig = Brig::new();
        let id = brig.start(&bundle);
        let exec = brig.command(&["exec", &id, "busybox", "ionice"]);
        // Both are in one process group, as in a shell without job control.
        let mut caller = Command::new("sh");
        caller.args([
            "-c",
            "before=$(busybox ionice -p $$); \"$@\"; [ \"$(busybox ionice -p $$)\" = \"$before\" ]",
            "sh",
        ]);
        caller.arg(exec.get_program()).args(exec.get_args());
        let ended = brig.finish(caller);
        assert_eq!((ended.code, ended.stdout.as_str()), (0, "best-effort: prio 6\n"), "{ended:?}");
    }
}

#[test]
fn the_personality_is_set() {
    if common::cannot_run() || !cfg!(target_arch = "x86_64") {
        return;
    }
    let personality = |domain: &str| {
        let domain = json!(domain);
        move |config: &mut Value| config["linux"]["personality"] = json!({ "domain": domain })
    };
    assert_eq!(says("uname -m", personality("LINUX32")), "i686\n");
    assert_eq!(says("uname -m", personality("LINUX")), "x86_64\n");
    let bundle = Bundle::with_args(&["sleep", "1000"]).edit(personality("LINUX32"));
    let brig = Brig::new();
    let id = brig.start(&bundle);
    assert_eq!(brig.run(&["exec", &id, "uname", "-m"]).text(), "i686\n");
}

#[test]
fn the_memory_policy_is_set() {
    if common::cannot_run() {
        return;
    }
    let policy = json!({ "mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_STATIC_NODES"] });
    let maps = says("busybox head -n 1 /proc/self/numa_maps | cut -d' ' -f2", |config| {
        config["linux"]["memoryPolicy"] = policy
    });
    assert_eq!(maps, "bind=static:0\n");
}

#[test]
fn cpu_affinity_is_for_exec_and_never_the_callers() {
    if common::cannot_run() {
        return;
    }
    const LOOK: &str = "grep Cpus_allowed_list /proc/self/status | cut -f2";
    let all = fs::read_to_string("/proc/self/status").unwrap();
    let all = status(&all, "Cpus_allowed_list");
    let bundle = Bundle::with_args(&["sleep", "1000"]).edit(process(|process| {
        process["execCPUAffinity"] = json!({ "initial": "0", "final": "0" });
    }));
    let brig = Brig::new();
    let id = brig.start(&bundle);
    assert_eq!(brig.run(&["exec", &id, "sh", "-c", LOOK]).text(), "0\n");
    let pid = brig.state(&id)["pid"].to_string();
    let first = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    assert_eq!(status(&first, "Cpus_allowed_list"), all);

    let bundle = Bundle::script(LOOK);
    let run = brig.command(&["run", "--bundle", bundle.path().to_str().unwrap(), &unique("c")]);
    let mut command = std::process::Command::new("taskset");
    command.arg("1").arg(run.get_program()).args(run.get_args());
    assert_eq!(brig.finish(command).text(), format!("{all}\n"));
}
