//! The order that `docs/order.md` tells, compared with what the kernel is asked for (strace(1)).
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test ends where its preparation fails")]

mod common;

use std::{os::unix::net::UnixListener, process::Command};

use brig_handshake::Step;
use brig_plan::exec::sight;
use common::{Brig, Bundle};
use serde_json::json;

/// What strace shows of a step. Steps that are not here leave no call of their own in this bundle.
const LANDMARKS: [(Step, &str); 32] = [
    (Step::Intent, r#".record.new""#),
    (Step::MakeCgroup, "mkdirat("),
    (Step::Clone, "clone3("),
    (Step::SendTask, "sendmsg("),
    (Step::Affinity, "sched_setaffinity("),
    (Step::CgroupNamespace, "unshare(CLONE_NEWCGROUP"),
    (Step::Keyring, "keyctl(KEYCTL_JOIN_SESSION_KEYRING"),
    (Step::Loopback, "ioctl("),
    (Step::Propagation, r#"mount(NULL, "/", NULL"#),
    (Step::BindRootfs, "move_mount("),
    (Step::MountTarget, r#""/proc""#),
    (Step::Mount, r#"mount("proc", ".""#),
    (Step::DeviceNode, r#"mknodat("#),
    (Step::DeviceLink, r#"symlinkat("/proc/self/fd""#),
    (Step::PivotRoot, "pivot_root("),
    (Step::ReadonlyRoot, "mount_setattr("),
    (Step::Hostname, "sethostname("),
    (Step::Domainname, "setdomainname("),
    (Step::Sysctl, "msgmax"),
    (Step::ReadonlyPath, r#", "sys""#),
    (Step::MaskedPath, r#", "timer_list""#),
    (Step::NoNewPrivileges, "PR_SET_NO_NEW_PRIVS"),
    (Step::Scheduler, "sched_setattr("),
    (Step::Limits, "prlimit64(0, RLIMIT_NOFILE, {"),
    (Step::Bounding, "PR_CAPBSET_DROP"),
    (Step::Groups, "setgroups("),
    (Step::User, "setresuid("),
    (Step::Cwd, "getcwd("),
    (Step::Capabilities, "capset("),
    (Step::FindExecutable, "faccessat2("),
    (Step::Gate, "prctl(PR_SET_PDEATHSIG, 0"),
    (Step::Exec, r#"execve("/bin/true""#),
];

#[test]
fn steps_happen_in_the_order_that_is_documented() {
    if common::cannot_run() {
        return;
    }
    if Command::new("strace").arg("-V").output().is_err() {
        println!("SKIPPED: needs strace");
        return;
    }
    let bundle = Bundle::with_args(&["/bin/true"]).edit(|config| {
        config["domainname"] = json!("example");
        config["linux"]["sysctl"] = json!({ "kernel.msgmax": "9000" });
        config["linux"]["readonlyPaths"] = json!(["/proc/sys"]);
        config["linux"]["maskedPaths"] = json!(["/proc/timer_list"]);
        config["root"]["readonly"] = json!(true);
        config["process"]["noNewPrivileges"] = json!(true);
        config["process"]["scheduler"] = json!({ "policy": "SCHED_BATCH" });
        config["process"]["rlimits"] = json!([{ "type": "RLIMIT_NOFILE", "soft": 64, "hard": 64 }]);
        config["process"]["capabilities"] =
            json!({ "bounding": ["CAP_KILL"], "permitted": [], "effective": [] });
        let namespaces =
            ["pid", "ipc", "uts", "mount", "network", "cgroup"].map(|kind| json!({ "type": kind }));
        config["linux"]["namespaces"] = json!(namespaces);
    });
    let brig = Brig::new();
    let trace = brig.scratch("trace");
    let run =
        brig.command(&["run", "--bundle", &bundle.path().to_string_lossy(), &common::unique("ordered")]);
    let mut traced = Command::new("strace");
    traced.args(["-f", "-s", "64", "-o"]).arg(&trace).arg(run.get_program()).args(run.get_args());
    brig.finish(traced).ok();
    assert_in_order(&std::fs::read_to_string(&trace).unwrap());
}

/// What is called by an `exec` behind its filter, and before a filter that is loaded in sight would be.
fn called_behind_the_filter(trace: &str) -> Vec<String> {
    let behind = trace.lines().skip_while(|line| !line.contains("seccomp(SECCOMP_SET_MODE_FILTER")).skip(1);
    let parent = trace.split(' ').next().unwrap_or_default();
    let of_init =
        behind.take_while(|line| !line.contains(" chdir(")).filter(|line| !line.starts_with(parent));
    // Neither signals and ends, nor what goes on.
    let calls = of_init.filter_map(|line| line.split_once(' ')?.1.trim().split_once('('));
    calls.map(|(name, _)| name.to_owned()).filter(|name| !name.starts_with(['<', '+', '-'])).collect()
}

#[test]
fn nothing_is_called_behind_a_filter_out_of_sight_that_was_not_judged() {
    if common::cannot_run() {
        return;
    }
    if Command::new("strace").arg("-V").output().is_err() {
        println!("SKIPPED: needs strace");
        return;
    }
    let bundle = Bundle::with_args(&["sleep", "1000"]).edit(|config| {
        config["process"]["noNewPrivileges"] = json!(false);
        config["process"]["scheduler"] = json!({ "policy": "SCHED_BATCH" });
        config["process"]["ioPriority"] = json!({ "class": "IOPRIO_CLASS_BE", "priority": 5 });
        config["process"]["execCPUAffinity"] = json!({ "final": "0" });
        config["process"]["rlimits"] = json!([{ "type": "RLIMIT_NOFILE", "soft": 64, "hard": 64 }]);
        config["linux"]["personality"] = json!({ "domain": "LINUX" });
        config["linux"]["seccomp"] = json!({ "defaultAction": "SCMP_ACT_ALLOW",
            "syscalls": [{ "names": ["acct"], "action": "SCMP_ACT_ERRNO" }] });
    });
    let brig = Brig::new();
    let id = brig.start(&bundle);
    let (trace, socket) = (brig.scratch("trace"), brig.scratch("console"));
    let _console = UnixListener::bind(&socket).unwrap();
    let times = brig.scratch("times");
    let times = times.to_str().unwrap();
    let terminal = ["--tty", "--detach", "--console-socket", socket.to_str().unwrap()];
    for flags in [&[][..], &terminal] {
        let exec = brig.command(&[&["--trace", times, "exec"], flags, &[&id, "/bin/true"]].concat());
        let mut traced = Command::new("strace");
        traced.args(["-f", "-o"]).arg(&trace).arg(exec.get_program()).args(exec.get_args());
        brig.finish(traced).ok();
        let called = called_behind_the_filter(&std::fs::read_to_string(&trace).unwrap());
        assert!(
            ["clone", "setsid", "sched_setattr"].iter().all(|name| called.iter().any(|call| call == name)),
            "{called:?}"
        );
        let judged = sight::ALWAYS.iter().chain(&sight::TERMINAL).map(|call| call.name);
        let judged: Vec<_> = judged.chain(sight::ASKED_FOR).collect();
        let unjudged: Vec<_> = called.iter().filter(|call| !judged.contains(&call.as_str())).collect();
        assert!(unjudged.is_empty(), "{unjudged:?}");
    }
}

/// Each landmark is found behind the one before it.
fn assert_in_order(trace: &str) {
    assert!(LANDMARKS.is_sorted_by_key(|(step, _)| *step), "the list above is in the order of the steps");
    let mut rest = trace;
    for (step, call) in LANDMARKS {
        let found = rest.find(call);
        let at = found
            .unwrap_or_else(|| panic!("{call} ({}) does not come when it should:\n{trace}", step.name()));
        rest = &rest[at + call.len()..];
    }
}
