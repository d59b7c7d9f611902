//! `--trace` and `--timing`: where the time of a command goes.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test ends where its preparation fails")]

mod common;

use std::{fs, path::Path, process::Command};

use common::trace::{Event, Trace};
use common::{Brig, Bundle, unique};
use serde_json::json;

/// `brig` that adds to this file.
fn traced(path: &Path) -> Brig {
    Brig::new().with(&["--trace", path.to_str().unwrap()])
}

/// A place for a trace.
fn place(brig: &Brig) -> std::path::PathBuf {
    brig.scratch("trace.json")
}

fn names<'e>(phases: &[&'e Event]) -> Vec<&'e str> {
    phases.iter().map(|phase| phase.name.as_str()).collect()
}

/// Asserts that all of these are there, in this order.
#[track_caller]
fn assert_in_order(phases: &[&Event], expected: &[&str]) {
    let all = names(phases);
    let mut rest = all.iter();
    for name in expected {
        assert!(rest.any(|other| other == name), "{name} does not come when it should: {all:?}");
    }
    assert!(phases.is_sorted_by_key(|phase| phase.began), "{all:?}");
}

/// Asserts that what is known of each phase adds up to it.
#[track_caller]
fn assert_adds_up(phases: &[&Event]) {
    for phase in phases.iter().filter(|phase| phase.args.get("cpu_us").is_some()) {
        let part = |key: &str| phase.args[key].as_f64().unwrap_or(0.0);
        let sum = part("cpu_us") + part("queued_us") + part("blocked_us");
        // The clocks are read one after the other: what lies between is counted by one of them only.
        let (took, slack) = (phase.micros(), 200.0);
        assert!((sum - took).abs() <= slack + took / 10.0, "{sum} of {took}: {phase:?}");
    }
}

#[test]
fn a_run_is_told_phase_by_phase_without_a_gap() {
    if common::cannot_run() {
        return;
    }
    let bundle = Bundle::with_args(&["sleep", "0.1"]);
    let outer = Brig::new();
    let path = place(&outer);
    let brig = traced(&path);
    let id = unique("c");
    brig.run(&["run", "--bundle", bundle.path().to_str().unwrap(), &id]).ok();
    let trace = Trace::read(&path);
    let (brig, init) = (format!("brig run {id}"), format!("brig-init of brig run {id}"));
    let phases = trace.phases(&brig);
    assert_in_order(
        &phases,
        &[
            "read the configuration",
            "look at the machine",
            "plan",
            "write the intent record",
            "make the cgroup",
            "clone brig-init",
            "send the task",
            "prepare the record",
            "wait for brig-init",
            "write the record",
            "wait for brig-init",
            "the program runs",
            "delete the container",
        ],
    );
    assert_adds_up(&phases);
    let sum: u64 = phases.iter().map(|phase| phase.took()).sum();
    let gaps = trace.whole(&brig).took() - sum;
    assert!(gaps * 20 < trace.whole(&brig).took(), "{gaps} ns are nobody's: {phases:?}");
    let ran = phases.iter().find(|phase| phase.name == "the program runs").unwrap();
    // How long is not told: who comes late begins to wait late.
    assert_eq!(ran.category, "wait", "{ran:?}");

    let inside = trace.phases(&init);
    assert_in_order(
        &inside,
        &[
            "receive the task",
            "join namespaces",
            "make the rootfs a mount",
            "mount /proc",
            "mount /dev",
            "make a device node",
            "switch the root",
            "mask a path",
            "drop capabilities from the bounding set",
            "find the executable",
            "execute the user's program",
        ],
    );
    assert_adds_up(&inside);
    assert_eq!(inside.iter().find(|phase| phase.name == "mount /proc").unwrap().args["config"], "mounts[0]");
    let (first, last) = (inside.first().unwrap(), inside.last().unwrap());
    let cloned = phases.iter().find(|phase| phase.name == "clone brig-init").unwrap();
    assert!(cloned.began < first.began && last.ended <= ran.began, "the program runs when it was executed");
    let waited = phases.iter().filter(|phase| phase.name == "wait for brig-init");
    assert!(
        waited
            .clone()
            .any(|wait| inside.iter().any(|work| work.began < wait.ended && wait.began < work.ended))
    );
    let task = trace.events.iter().find(|event| event.name == "wait for brig: send the task").unwrap();
    assert!(first.began <= task.began && task.ended <= first.ended, "{task:?}");
}

#[test]
fn commands_of_one_container_make_one_picture() {
    if common::cannot_run() {
        return;
    }
    let bundle = Bundle::with_args(&["sleep", "1000"]);
    let outer = Brig::new();
    let path = place(&outer);
    let brig = traced(&path);
    let id = brig.create(&bundle);
    let pid = brig.state(&id)["pid"].as_u64().unwrap();
    brig.run(&["start", &id]).ok();
    brig.run(&["exec", &id, "true"]).ok();
    brig.run(&["delete", "--force", &id]).ok();
    let trace = Trace::read(&path);
    let commands = ["create", "state", "start", "exec", "delete"].map(|name| format!("brig {name} {id}"));
    let wholes: Vec<&Event> = commands.iter().map(|name| trace.whole(name)).collect();
    assert!(wholes.windows(2).all(|pair| pair[0].ended <= pair[1].began), "{wholes:?}");
    assert_eq!(trace.process(&format!("brig-init of brig create {id}")), (pid, pid));
    assert_in_order(
        &trace.phases(&format!("brig start {id}")),
        &["start", "read the record", "open the gate"],
    );
    let first = trace.phases(&format!("intermediate of brig exec {id}"));
    let second = trace.phases(&format!("brig-init of brig exec {id}"));
    assert_in_order(&first, &["receive the task", "join namespaces", "clone the container's process"]);
    assert_in_order(
        &second,
        &["clone the container's process", "find the executable", "execute the user's program"],
    );
    assert_adds_up(&second);
    assert_ne!(first[0].process, second[0].process);
    assert!(trace.failures.is_empty(), "{:?}", trace.failures);
}

#[test]
fn the_trace_of_a_start_that_fails_ends_with_the_step_that_failed() {
    if common::cannot_run() {
        return;
    }
    let bundle = Bundle::with_args(&["true"])
        .mount(json!({ "destination": "/data", "type": "nonsense", "source": "none" }));
    let outer = Brig::new();
    let path = place(&outer);
    let id = unique("c");
    let ended = traced(&path).run(&["create", "--bundle", bundle.path().to_str().unwrap(), &id]);
    assert_eq!(ended.code, 1, "{ended:?}");
    let trace = Trace::read(&path);
    let inside = trace.phases(&format!("brig-init of brig create {id}"));
    assert_eq!(inside.last().unwrap().name, "mount /data", "{:?}", names(&inside));
    let phases = trace.phases(&format!("brig create {id}"));
    assert_eq!(phases.last().unwrap().name, "take back what was made", "{:?}", names(&phases));
    let [failure] = trace.failures.as_slice() else { panic!("{:?}", trace.failures) };
    assert!(failure.contains("error mounting \"none\" to rootfs at \"/data\""), "{failure}");
    outer.assert_nothing_of(&id);
}

#[test]
fn timing_is_a_table_on_standard_error_when_the_program_has_ended() {
    if common::cannot_run() {
        return;
    }
    let bundle = Bundle::with_args(&["sh", "-c", "echo out; exit 3"]);
    let brig = Brig::new();
    let id = unique("c");
    let ended = brig.run(&["run", "--timing", "--bundle", bundle.path().to_str().unwrap(), &id]);
    assert_eq!((ended.code, ended.stdout.as_str()), (3, "out\n"));
    let lines: Vec<&str> = ended.stderr.lines().collect();
    assert!(lines[0].starts_with(&format!("brig run {id}: ")), "{}", ended.stderr);
    assert!(lines[0].ends_with(" ms in which the program ran"), "{}", ended.stderr);
    let columns: Vec<&str> = lines[1].split_whitespace().collect();
    assert_eq!(columns, ["ms", "on", "a", "CPU", "queued", "blocked"]);
    for row in ["brig ", "  wait for brig-init", "brig-init ", "  of this, waiting for brig"] {
        assert!(lines.iter().any(|line| line.starts_with(row)), "{row}: {}", ended.stderr);
    }
    let id = unique("c");
    let create = ["create", "--timing", "--bundle", bundle.path().to_str().unwrap(), &id];
    assert!(brig.run(&create).ok().stderr.starts_with(&format!("brig create {id}: ")));
    assert!(brig.run(&["start", "--timing", &id]).ok().stderr.starts_with(&format!("brig start {id}: ")));
}

#[test]
fn a_filter_that_kills_who_reads_a_clock_kills_nobody() {
    if common::cannot_run() {
        return;
    }
    for no_new_privileges in [true, false] {
        let calls = ["clock_gettime", "getrusage", "pread64", "openat2"];
        let bundle = Bundle::with_args(&["true"]).edit(|config| {
            config["process"]["noNewPrivileges"] = json!(no_new_privileges);
            config["linux"]["seccomp"] = json!({
                "defaultAction": "SCMP_ACT_ALLOW",
                "syscalls": [{ "names": calls, "action": "SCMP_ACT_KILL_PROCESS" }],
            });
        });
        let outer = Brig::new();
        let path = place(&outer);
        let id = unique("c");
        traced(&path).run(&["run", "--bundle", bundle.path().to_str().unwrap(), &id]).ok();
        let inside = Trace::read(&path);
        let inside = inside.phases(&format!("brig-init of brig run {id}"));
        assert_in_order(&inside, &["switch the root", "execute the user's program"]);
    }
}

#[test]
fn a_container_with_a_clock_of_its_own_is_told_on_the_clock_of_the_machine() {
    if common::cannot_run() {
        return;
    }
    let bundle = Bundle::with_args(&["sleep", "1000"]).edit(|config| {
        common::set_namespace(config, "time", None);
        config["linux"]["timeOffsets"] = json!({ "monotonic": { "secs": 1_000_000 } });
    });
    let outer = Brig::new();
    let path = place(&outer);
    let brig = traced(&path);
    let id = brig.start(&bundle);
    brig.run(&["exec", &id, "true"]).ok();
    let trace = Trace::read(&path);
    for command in ["create", "exec"] {
        let whole = trace.whole(&format!("brig {command} {id}"));
        let inside = trace.whole(&format!("brig-init of brig {command} {id}"));
        // A copy's clock is set anew, which is exact to some microseconds.
        assert!(whole.began < inside.began && inside.ended < whole.ended + 1_000_000, "{whole:?} {inside:?}");
    }
}

/// What strace(1) sees of a run.
fn calls_of(options: &[&str], bundle: &Bundle) -> Option<String> {
    let brig = Brig::new().with(options);
    let seen = brig.scratch("strace");
    let run = brig.command(&["run", "--bundle", bundle.path().to_str().unwrap(), &unique("c")]);
    let mut command = Command::new("strace");
    command.args(["-f", "-o"]).arg(&seen).arg(run.get_program()).args(run.get_args());
    if Command::new("strace").arg("-V").output().is_err() {
        println!("SKIPPED: needs strace");
        return None;
    }
    brig.finish(command).ok();
    Some(fs::read_to_string(seen).unwrap())
}

#[test]
fn where_nobody_asks_no_clock_is_read_and_nothing_told() {
    if common::cannot_run() {
        return;
    }
    let bundle = Bundle::with_args(&["true"]);
    let asked = ["CLOCK_THREAD_CPUTIME_ID", "getrusage(", "schedstat"];
    let Some(silent) = calls_of(&[], &bundle) else { return };
    let outer = Brig::new();
    let Some(traced) = calls_of(&["--trace", place(&outer).to_str().unwrap()], &bundle) else { return };
    for call in asked {
        assert!(!silent.contains(call), "{call}");
        assert!(traced.contains(call), "{call}");
    }
    let words = |calls: &str| calls.matches("write(").count();
    assert!(words(&silent) < words(&traced), "what is told is a message more");
}

#[test]
fn a_trace_that_cannot_be_written_fails_before_anything_is_made() {
    if common::cannot_run() {
        return;
    }
    let bundle = Bundle::with_args(&["true"]);
    let outer = Brig::new();
    let path = place(&outer);
    fs::write(&path, "precious").unwrap();
    let ended = traced(&path).run_bundle(&bundle);
    let words = format!("--trace {}: it is there already, and is not a trace of brig's", path.display());
    ended.failed(1, &words);
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    let missing = outer.scratch("missing/trace.json");
    let ended = traced(&missing).run_bundle(&bundle);
    ended.failed(1, &format!("open {}: no such file or directory", missing.display()));
}
