//! `--systemd-cgroup` against a systemd of our own making, which keeps to what the real one does with cgroups: where there is
//! no systemd, and for what the real one never does. Root, on cgroup v2 alone, in a private mount namespace.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test ends where its preparation fails, or says why it cannot run"
)]

mod common;
#[path = "../../cgroup/tests/common/fake_systemd.rs"]
mod fake_systemd;
mod systemd_bench;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use brig_dbus::Value;
use common::{Brig, Bundle, eventually, unique};
use fake_systemd::Said;
use serde_json::json;
use systemd_bench::{Bench, as_systemd_does, pids, property};

const ROOT: &str = "/sys/fs/cgroup";

fn cannot_run() -> bool {
    if common::cannot_run() {
        return true;
    }
    let v2 = Path::new(ROOT).join("cgroup.procs").exists();
    if !v2 {
        println!("SKIPPED: needs cgroup v2 alone");
    }
    !v2
}

#[test]
fn a_container_runs_in_its_unit_and_leaves_none_behind() {
    if cannot_run() {
        return;
    }
    let bench = Bench::new(|_| None);
    let id = unique("c");
    let bundle = bench.bundle(&id, "cat /proc/self/cgroup");
    bundle.change(|config| {
        common::drop_namespace(config, "cgroup");
    });
    let said = bench.run(&["run", "--bundle", bundle.path().to_str().unwrap(), &id]).text();
    assert!(said.ends_with(&format!("0::/{}/p-{id}.scope\n", bench.slice)), "{said}");
    assert!(!bench.scope(&id).exists());
    assert_eq!(
        bench.systemd.members(),
        [
            "Hello",
            "AddMatch",
            "AddMatch",
            "StartTransientUnit",
            "Hello",
            "AddMatch",
            "AddMatch",
            "StopUnit",
            "ResetFailedUnit"
        ]
    );
    let start = &bench.heard("StartTransientUnit")[0];
    assert_eq!(property(start, "Slice"), Some(Value::text(bench.slice.clone())));
    assert_eq!(property(start, "Delegate"), Some(Value::Bool(true)));
}

#[test]
fn a_unit_that_was_asked_for_is_stopped_if_what_is_done_meanwhile_fails() {
    if cannot_run() {
        return;
    }
    let bench = Bench::new(|_| None);
    let id = unique("c");
    let bundle = bench.bundle(&id, "true");
    // The program of its device rules, which is loaded while systemd works.
    let run = bench.command(&["run", "--bundle", bundle.path().to_str().unwrap(), &id]);
    let mut strace = Command::new("strace");
    strace.args(["-qq", "-o", "/dev/null", "-e", "trace=bpf", "-e", "inject=bpf:error=ENOMEM:when=1"]);
    strace.arg(run.get_program()).args(run.get_args());
    strace.envs(run.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let ended = bench.brig.finish(strace);
    assert!(ended.code == 1 && ended.stderr.contains("linux.resources.devices"), "{ended:?}");
    assert_eq!((bench.count("StartTransientUnit"), bench.count("StopUnit")), (1, 1));
    assert!(!bench.scope(&id).exists());
}

/// strace(1) says which calls were made.
#[test]
fn the_first_process_is_born_in_the_unit_and_nobody_is_moved_there_by_brig() {
    if cannot_run() {
        return;
    }
    let bench = Bench::new(|_| None);
    let id = unique("c");
    let bundle = bench.bundle(&id, "true");
    let trace = bench.brig.scratch("trace");
    let run = bench.command(&["run", "--bundle", bundle.path().to_str().unwrap(), &id]);
    let mut strace = Command::new("strace");
    strace.args(["-f", "-s", "64", "-o", trace.to_str().unwrap()]);
    strace.args(["-e", "trace=clone3,sendto,sendmsg,openat,openat2,execve,execveat"]);
    strace.arg(run.get_program()).args(run.get_args());
    strace.env("DBUS_SYSTEM_BUS_ADDRESS", format!("unix:path={}", bench.systemd.socket().display()));
    if Command::new("strace").arg("-V").output().is_err() {
        println!("SKIPPED: needs strace");
        return;
    }
    bench.brig.finish(strace).ok();
    let trace = fs::read_to_string(trace).unwrap();
    let line = |what: &str| {
        trace.lines().position(|line| line.contains(what)).unwrap_or_else(|| panic!("no {what} in {trace}"))
    };
    if trace.contains("E2BIG") {
        println!("SKIPPED: needs CLONE_INTO_CGROUP (Linux 5.7)");
        return;
    }
    // The parked process, the call, the process of the container: in this order, and nothing is asked twice.
    assert!(
        line("clone3(") < line("AUTH EXTERNAL") && line("AUTH EXTERNAL") < line("CLONE_INTO_CGROUP"),
        "{trace}"
    );
    assert_eq!(trace.matches("AUTH EXTERNAL").count(), 2, "one call for the start, one for the end: {trace}");
    assert_eq!(
        trace.matches("cgroup.procs").count(),
        trace.matches("cgroup.procs\", {flags=O_RDONLY").count(),
        "{trace}"
    );
}

#[test]
fn limits_are_properties_and_files_before_there_is_a_process() {
    if cannot_run() {
        return;
    }
    let bench = Bench::new(|_| None);
    let id = unique("c");
    let bundle = bench.bundle(&id, "sleep 1000");
    bundle.change(|config| {
        config["annotations"] = json!({ "org.systemd.property.TimeoutStopSec": "uint64 7" })
    });
    bench.run(&["create", "--bundle", bundle.path().to_str().unwrap(), &id]).ok();
    let start = &bench.heard("StartTransientUnit")[0];
    assert_eq!(property(start, "TimeoutStopUSec"), Some(Value::U64(7_000_000)));
    let procs = fs::read_to_string(bench.scope(&id).join("cgroup.procs")).unwrap();
    let pid = bench.brig.state(&id)["pid"].to_string();
    assert_eq!(procs, format!("{pid}\n"), "what was parked is gone");
    assert_ne!(pids(start)[0].to_string(), pid);
    bench.run(&["delete", "--force", &id]).ok();
    assert!(!bench.scope(&id).exists());
}

#[test]
fn a_systemd_that_says_no_leaves_nothing_behind() {
    if cannot_run() {
        return;
    }
    let bench = Bench::new(|heard| {
        let no = Said::Error("org.freedesktop.DBus.Error.InvalidArgs", "Cannot do that.");
        (heard.member == "StartTransientUnit").then(|| vec![no])
    });
    let id = unique("c");
    let bundle = bench.bundle(&id, "true");
    let ended = bench.run(&["create", "--bundle", bundle.path().to_str().unwrap(), &id]);
    let words = format!(
        "unable to apply cgroup configuration: unable to start unit \"p-{id}.scope\": Cannot do that. (org.freedesktop.DBus.Error.InvalidArgs)"
    );
    assert!(ended.error().ends_with(&words), "{ended:?}");
    bench.brig.assert_nothing_of(&id);
    assert_eq!(bench.count("StopUnit"), 0, "what is not ours is not stopped");
}

#[test]
fn a_job_that_fails_is_told_and_its_unit_forgotten() {
    if cannot_run() {
        return;
    }
    let bench = Bench::new(|heard| {
        let job = "/org/freedesktop/systemd1/job/1";
        let said =
            vec![Said::Return(vec![Value::Path(job.into())]), Said::JobRemoved(job.into(), "failed".into())];
        (heard.member == "StartTransientUnit").then_some(said)
    });
    let id = unique("c");
    let bundle = bench.bundle(&id, "true");
    let ended = bench.run(&["create", "--bundle", bundle.path().to_str().unwrap(), &id]);
    let words = format!("error creating systemd unit `p-{id}.scope`: got `failed`");
    assert!(ended.error().ends_with(&words), "{ended:?}");
    assert_eq!(bench.count("StopUnit"), 1);
    bench.brig.assert_nothing_of(&id);
}

#[test]
fn where_there_is_no_systemd_that_is_said() {
    if cannot_run() || Path::new("/run/systemd/private").exists() {
        return;
    }
    let brig = Brig::new().with(&["--systemd-cgroup"]);
    let id = unique("c");
    let bundle = Bundle::script("true");
    let ended = brig.run(&["run", "--bundle", bundle.path().to_str().unwrap(), &id]);
    let words = "systemd not running on this host, cannot use systemd cgroups manager: ";
    assert!(ended.error().contains(words), "{ended:?}");
    brig.assert_nothing_of(&id);
}

#[test]
fn a_path_that_is_no_unit_is_refused_before_anything_is_made() {
    if cannot_run() {
        return;
    }
    let bench = Bench::new(|_| None);
    let id = unique("c");
    let bundle = Bundle::script("true").edit(|config| config["linux"]["cgroupsPath"] = json!("/a/b"));
    let ended = bench.run(&["run", "--bundle", bundle.path().to_str().unwrap(), &id]);
    let words = "expected cgroupsPath to be of format \"slice:prefix:name\" for systemd cgroups, got \"/a/b\" instead";
    assert!(ended.error().contains(words), "{ended:?}");
    bench.brig.assert_nothing_of(&id);
    assert_eq!(bench.systemd.members(), [""; 0]);
}

#[test]
fn a_creator_killed_while_systemd_works_leaves_a_unit_that_a_forced_delete_stops() {
    if cannot_run() {
        return;
    }
    // The job never ends.
    let bench = Bench::new(|heard| {
        if heard.member != "StartTransientUnit" {
            return None;
        }
        let slice = property(heard, "Slice").unwrap();
        as_systemd_does(heard, &Path::new(ROOT).join(slice.as_text().unwrap()));
        Some(vec![Said::Return(vec![Value::Path("/org/freedesktop/systemd1/job/1".into())])])
    });
    let id = unique("c");
    let bundle = bench.bundle(&id, "true");
    let mut creator =
        bench.command(&["create", "--bundle", bundle.path().to_str().unwrap(), &id]).spawn().unwrap();
    eventually("systemd was asked", || bench.count("StartTransientUnit") == 1);
    eventually("the unit is there", || bench.scope(&id).exists());
    creator.kill().unwrap();
    creator.wait().unwrap();
    bench.run(&["delete", "--force", &id]).ok();
    assert!(!bench.scope(&id).exists());
    assert_eq!(bench.count("StopUnit"), 1);
    bench.brig.assert_nothing_of(&id);
}

/// A systemd that starts the unit and then goes away, so that nobody tells of its job. What it is asked again it answers as the
/// real one does.
#[test]
fn a_unit_that_was_started_before_systemd_went_away_is_found_to_be_ours() {
    if cannot_run() {
        return;
    }
    let no_reply = Said::Error("org.freedesktop.DBus.Error.NoReply", "Message recipient disconnected");
    for gone in [Said::Close, no_reply] {
        let (slice_of, mut asked) = (PathBuf::from(ROOT), 0);
        let bench = Bench::new(move |heard| {
            match heard.member.as_str() {
                "StartTransientUnit" => asked += 1,
                "Get" => {
                    let state = Value::Variant(Box::new(Value::text("active")));
                    return Some(vec![Said::Return(vec![state])]);
                }
                _ => return None,
            }
            if asked > 1 {
                return Some(vec![Said::Error("org.freedesktop.systemd1.UnitExists", "there")]);
            }
            let slice = property(heard, "Slice").unwrap();
            as_systemd_does(heard, &slice_of.join(slice.as_text().unwrap()));
            Some(vec![gone.clone()])
        });
        let id = unique("c");
        let bundle = bench.bundle(&id, "echo here");
        let said = bench.run(&["run", "--bundle", bundle.path().to_str().unwrap(), &id]).text();
        assert_eq!(said, "here\n");
        assert_eq!((bench.count("StartTransientUnit"), bench.count("Get")), (2, 1));
        assert_eq!(bench.count("ResetFailedUnit"), 1, "with the stop, and not before");
        assert!(!bench.scope(&id).exists());
        bench.brig.assert_nothing_of(&id);
    }
}

/// The same, but the unit that is there afterwards is another's.
#[test]
fn a_stranger_s_unit_that_appears_while_systemd_is_away_is_left_alone() {
    if cannot_run() {
        return;
    }
    let mut asked = 0;
    let bench = Bench::new(move |heard| match heard.member.as_str() {
        "StartTransientUnit" => {
            asked += 1;
            let exists = Said::Error("org.freedesktop.systemd1.UnitExists", "already exists");
            Some(vec![if asked == 1 { Said::Close } else { exists }])
        }
        "Get" => Some(vec![Said::Return(vec![Value::Variant(Box::new(Value::text("active")))])]),
        _ => None,
    });
    let id = unique("c");
    let bundle = bench.bundle(&id, "true");
    let ended = bench.run(&["create", "--bundle", bundle.path().to_str().unwrap(), &id]);
    assert!(ended.error().contains("already exists (org.freedesktop.systemd1.UnitExists)"), "{ended:?}");
    assert_eq!(bench.count("StopUnit"), 0);
    bench.brig.assert_nothing_of(&id);
}
