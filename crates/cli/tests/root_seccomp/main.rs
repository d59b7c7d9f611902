//! Filters in whole containers: what they refuse, when they are loaded, what is not loaded at all.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test ends where its preparation fails"
)]

#[path = "../common/mod.rs"]
mod common;

mod calls;

use std::{fs, path::Path, process::Command};

use common::{Brig, Bundle, set_namespace, unique};
use serde_json::{Value, json};

/// The filter that dockerd sends for a container without privileges.
fn dockers() -> Value {
    let config: Value = serde_json::from_str(include_str!("../data/docker-config.json")).unwrap();
    config["linux"]["seccomp"].clone()
}

/// Everything but these is allowed.
fn without(names: &[&str]) -> Value {
    json!({
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{ "names": names, "action": "SCMP_ACT_ERRNO", "errnoRet": 28 }],
    })
}

fn filtered(bundle: Bundle, profile: &Value) -> Bundle {
    bundle.edit(|config| config["linux"]["seccomp"] = profile.clone())
}

/// Where in `trace` the filter is loaded, and where these calls are, by the line.
fn places(trace: &str, calls: &[&str]) -> Vec<usize> {
    let place = |call: &&str| {
        trace.lines().position(|line| line.contains(call)).unwrap_or_else(|| panic!("no {call}:\n{trace}"))
    };
    calls.iter().map(place).collect()
}

fn traced(brig: &Brig, words: &[&str]) -> String {
    let trace = brig.scratch(&unique("trace"));
    let command = brig.command(words);
    let mut strace = Command::new("strace");
    strace.args(["-f", "-s", "64", "-o"]).arg(&trace).arg(command.get_program()).args(command.get_args());
    brig.finish(strace).ok();
    fs::read_to_string(trace).unwrap()
}

#[test]
fn the_filter_is_loaded_while_that_is_permitted_and_otherwise_as_late_as_can_be() {
    if common::cannot_run() {
        return;
    }
    if Command::new("strace").arg("-V").output().is_err() {
        println!("SKIPPED: needs strace");
        return;
    }
    // With a program: brig asks which flags there are without one.
    let load = "{len=";
    let execve = r#"execve("/bin/true""#;
    let of_run = [load, "PR_CAPBSET_DROP", "setresuid(", "capset(", execve];
    // An exec gives up first what nobody in the container is to see it with, and loads a filter before if that lets it go on.
    let orders = [
        (false, "mkdir", of_run, ["PR_CAPBSET_DROP", load, "capset(", "setresuid(", execve]),
        (false, "setsid", of_run, ["PR_CAPBSET_DROP", "capset(", load, "setresuid(", execve]),
        (
            true,
            "mkdir",
            ["PR_CAPBSET_DROP", "setresuid(", "capset(", load, execve],
            ["PR_CAPBSET_DROP", "capset(", "setresuid(", load, execve],
        ),
    ];
    for (no_new_privileges, denied, of_run, of_exec) in orders {
        let bundle = filtered(Bundle::with_args(&["/bin/true"]), &without(&[denied]));
        bundle.change(|config| config["process"]["noNewPrivileges"] = json!(no_new_privileges));
        let (brig, path) = (Brig::new(), bundle.path().to_str().unwrap().to_owned());
        let trace = traced(&brig, &["run", "--bundle", &path, &unique("c")]);
        let found = places(&trace, &of_run);
        assert!(found.is_sorted(), "run, no_new_privs {no_new_privileges}: {found:?}\n{trace}");
        bundle.change(|config| config["process"]["args"] = json!(["sleep", "1000"]));
        let id = brig.start(&bundle);
        let trace = traced(&brig, &["exec", &id, "/bin/true"]);
        let found = places(&trace, &of_exec);
        assert!(found.is_sorted(), "exec, no_new_privs {no_new_privileges}: {found:?}\n{trace}");
    }
}

#[test]
fn a_filter_that_is_older_than_a_call_of_brig_init_keeps_no_program_from_being_found_and_started() {
    if common::cannot_run() {
        return;
    }
    // As CRI-O's for the first container of a privileged pod.
    let profile = json!({
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{ "names": ["close_range", "faccessat2"], "action": "SCMP_ACT_ERRNO" }],
    });
    let brig = Brig::new();
    for (args, expected) in [(&["/bin/echo", "a path"], "a path\n"), (&["echo", "a name"], "a name\n")] {
        let bundle = filtered(Bundle::with_args(args), &profile);
        bundle.change(|config| config["process"]["noNewPrivileges"] = json!(false));
        assert_eq!(brig.run_bundle(&bundle).text(), expected);
        bundle.change(|config| config["process"]["args"] = json!(["sleep", "1000"]));
        let id = brig.start(&bundle);
        assert_eq!(brig.run(&[&["exec", &id], &args[..]].concat()).text(), expected, "exec");
    }
    let bundle = filtered(Bundle::with_args(&["/etc/passwd"]), &profile);
    bundle.change(|config| config["process"]["noNewPrivileges"] = json!(false));
    let ended = brig.run_bundle(&bundle);
    assert!(ended.stderr.contains("permission denied"), "{ended:?}");
}

#[test]
fn the_program_comes_before_every_answer() {
    if common::cannot_run() {
        return;
    }
    // Ids and a second clone, hooks, limits that the parent sets: each is asked for and answered.
    let bundle = filtered(Bundle::script("mkdir /tmp/x; echo done"), &without(&["mkdir", "mkdirat"]));
    let bundle = bundle.in_user_namespace().edit(|config| {
        set_namespace(config, "time", None);
        config["linux"]["timeOffsets"] = json!({ "monotonic": { "secs": 7 } });
        config["process"]["rlimits"] = json!([{ "type": "RLIMIT_NOFILE", "soft": 64, "hard": 64 }]);
        config["hooks"] = json!({ "createRuntime": [{ "path": "/bin/true" }] });
    });
    let brig = Brig::new();
    let ended = brig.run_bundle(&bundle);
    assert!(ended.stderr.contains("No space left on device"), "{ended:?}");
    assert_eq!(ended.stdout, "done\n");
}

#[test]
fn a_program_that_cannot_be_made_is_refused_by_name_and_nothing_is_left() {
    if common::cannot_run() {
        return;
    }
    let arg = |value: u64| json!([{ "index": 0, "value": value, "op": "SCMP_CMP_EQ" }]);
    let twice = json!({ "defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        { "names": ["mkdir"], "action": "SCMP_ACT_ERRNO", "args": arg(1) },
        { "names": ["mkdir"], "action": "SCMP_ACT_TRAP", "args": arg(1) },
    ]});
    // Masks that have nothing in common cannot be searched for.
    let many = |count: u64| {
        let rule = |n: u64| {
            let masked = |index: u64, value: u64| json!({ "index": index, "value": value, "valueTwo": value & n, "op": "SCMP_CMP_MASKED_EQ" });
            let args: Vec<Value> = (0..6).map(|index| masked(index, (n * 6 + index) | 1 << 40)).collect();
            json!({ "names": ["ioctl"], "action": "SCMP_ACT_ERRNO", "args": args })
        };
        json!({ "defaultAction": "SCMP_ACT_ALLOW", "syscalls": (0..count).map(rule).collect::<Vec<_>>() })
    };
    let contradiction =
        "seccomp rules for syscall mkdir: same conditions, different actions (EEXIST) (linux.seccomp)";
    for (profile, words) in [(twice, contradiction), (many(2000), "(EINVAL) (linux.seccomp)")] {
        let bundle = filtered(Bundle::with_args(&["true"]), &profile);
        let (brig, id) = (Brig::new(), unique("refused"));
        for command in ["create", "run"] {
            let ended = brig.run(&[command, "--bundle", bundle.path().to_str().unwrap(), &id]);
            assert_eq!(ended.code, 1, "{ended:?}");
            assert!(ended.error().ends_with(words), "{ended:?}");
            brig.assert_nothing_of(&id);
        }
    }
}

#[test]
fn flags_go_to_the_kernel_as_the_profile_says() {
    if common::cannot_run() {
        return;
    }
    let (spec_allow, log) = ("SECCOMP_FILTER_FLAG_SPEC_ALLOW", "SECCOMP_FILTER_FLAG_LOG");
    for (flags, number) in [
        (json!(null), 4),
        (json!([]), 0),
        (json!([spec_allow]), 4),
        (json!([log]), 2),
        (json!([log, spec_allow, "SECCOMP_FILTER_FLAG_TSYNC"]), 6),
        (json!(["SECCOMP_FILTER_FLAG_TSYNC"]), 0),
        // The kernel takes this one together with a listener only.
        (json!(["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"]), 0),
    ] {
        let mut profile = without(&["mkdir"]);
        profile["flags"] = flags.clone();
        let bundle = filtered(Bundle::script("grep Seccomp: /proc/self/status | cut -f2"), &profile);
        let ended = Brig::new().with(&["--debug"]).run_bundle(&bundle).ok();
        assert_eq!(ended.stdout, "2\n", "{flags}: {ended:?}");
        assert!(ended.stderr.contains(&format!("seccomp filter flags: {number}\"")), "{flags}: {ended:?}");
    }
}

#[test]
fn words_that_are_not_known_are_refused_and_calls_that_are_not_known_are_skipped() {
    if common::cannot_run() {
        return;
    }
    let brig = Brig::new();
    for (place, word, message) in [
        (
            "/flags",
            json!(["SECCOMP_FILTER_FLAG_FOO"]),
            "seccomp flag SECCOMP_FILTER_FLAG_FOO is not known to runc (linux.seccomp.flags[0])",
        ),
        (
            "/architectures",
            json!(["SCMP_ARCH_X86", "SCMP_ARCH_VAX"]),
            "string SCMP_ARCH_VAX is not a valid arch for seccomp (linux.seccomp.architectures[1])",
        ),
        (
            "/defaultAction",
            json!("SCMP_ACT_FOO"),
            "string SCMP_ACT_FOO is not a valid action for seccomp (linux.seccomp.defaultAction)",
        ),
        (
            "/syscalls/0/action",
            json!("SCMP_ACT_FOO"),
            "string SCMP_ACT_FOO is not a valid action for seccomp (linux.seccomp.syscalls[0].action)",
        ),
        (
            "/syscalls/0/args",
            json!([{ "index": 0, "value": 0, "op": "SCMP_CMP_FOO" }]),
            "string SCMP_CMP_FOO is not a valid operator for seccomp (linux.seccomp.syscalls[0].args[0].op)",
        ),
    ] {
        let mut profile = without(&["mkdir"]);
        for (name, empty) in [("flags", json!([])), ("architectures", json!([]))] {
            profile[name] = empty;
        }
        profile["syscalls"][0]["args"] = json!([]);
        *profile.pointer_mut(place).unwrap() = word;
        let id = unique("words");
        let bundle = filtered(Bundle::with_args(&["true"]), &profile);
        let ended = brig.run(&["run", "--bundle", bundle.path().to_str().unwrap(), &id]);
        ended.failed(1, &format!("brig run failed: {message}"));
        brig.assert_nothing_of(&id);
    }
    let bundle =
        filtered(Bundle::script("mkdir /tmp/x || echo refused"), &without(&["no_such_call", "mkdir"]));
    let brig = Brig::new().with(&["--debug"]);
    // The second time it may be the program that was kept.
    for _ in 0..2 {
        let ended = brig.run_bundle(&bundle).ok();
        assert_eq!(ended.stdout, "refused\n");
        let debug = ended.stderr.lines().find(|line| line.contains("no_such_call"));
        assert!(debug.is_some_and(|line| line.contains("level=debug")), "{ended:?}");
    }
}

#[test]
fn the_record_of_a_filtered_container_is_still_read_at_once() {
    if common::cannot_run() || !Path::new("/usr/bin/strace").exists() {
        println!("SKIPPED: needs root, busybox-static and strace");
        return;
    }
    let bundle = filtered(Bundle::with_args(&["sleep", "1000"]), &dockers());
    let brig = Brig::new();
    let id = brig.start(&bundle);
    let trace = traced(&brig, &["state", &id]);
    let opened = trace.lines().skip_while(|line| !line.contains("\"record\"")).skip(1);
    let reads = opened.take_while(|line| line.contains("read(") || line.contains("fstat")).count();
    assert_eq!(reads, 1, "{trace}");
}
