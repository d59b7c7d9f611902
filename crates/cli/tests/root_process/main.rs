//! The process: who it is, what it may, how it is limited and scheduled, what surrounds it, and how it is found.
//! Root, in a private mount namespace.
#![allow(clippy::unwrap_used, reason = "a test ends where its preparation fails")]

#[path = "../common/mod.rs"]
mod common;

mod limits;
mod surroundings;

use std::fs;

use common::{Brig, Bundle, Ended, unique};
use serde_json::{Value, json};

/// Changes `process`.
fn process(change: impl FnOnce(&mut Value)) -> impl FnOnce(&mut Value) {
    |config| change(&mut config["process"])
}

/// What a script prints in a container with this change.
#[track_caller]
fn says(script: &str, change: impl FnOnce(&mut Value)) -> String {
    Brig::new().says(&Bundle::script(script).edit(change))
}

/// How a container fails with this change.
fn fails(args: &[&str], change: impl FnOnce(&mut Value)) -> Ended {
    let (bundle, brig) = (Bundle::with_args(args).edit(change), Brig::new());
    let ended = brig.run_bundle(&bundle);
    assert_ne!(ended.code, 0, "{ended:?}");
    assert_eq!(fs::read_dir(brig.root()).map_or(0, Iterator::count), 0);
    ended
}

/// A line of `/proc/PID/status`.
fn status(text: &str, name: &str) -> String {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("{name} in {text}")).trim().to_owned()
}

const STATUS: &str = "cat /proc/self/status";

#[test]
fn user_group_and_groups_are_what_was_asked_for_and_no_others() {
    if common::cannot_run() {
        return;
    }
    let wanted = json!({ "uid": 1000, "gid": 2000, "additionalGids": [30, 2000, 7] });
    let text = says(STATUS, process(|process| process["user"] = wanted));
    assert_eq!(status(&text, "Uid"), "1000\t1000\t1000\t1000");
    assert_eq!(status(&text, "Gid"), "2000\t2000\t2000\t2000");
    assert_eq!(status(&text, "Groups"), "7 30 2000");
    let text = says(STATUS, |_| {});
    assert_eq!((&*status(&text, "Uid"), &*status(&text, "Groups")), ("0\t0\t0\t0", ""));
}

#[test]
fn a_stream_that_is_the_hosts_null_device_is_the_containers() {
    if common::cannot_run() {
        return;
    }
    // Of one file system, which is the container's /dev.
    let script = "stat -L -c %d:%i /proc/self/fd/0; stat -c %d:%i /dev/null; stat -c %d /dev";
    let said = says(script, |_| {});
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[0], lines[1]);
    assert_eq!(lines[1].split(':').next(), Some(lines[2]));
}

#[test]
fn the_umask_is_022_or_what_was_asked_for_whatever_the_callers_is() {
    if common::cannot_run() {
        return;
    }
    let brig = Brig::new();
    for (wanted, umask) in
        [(json!({}), "0022\n"), (json!({ "umask": 0 }), "0000\n"), (json!({ "umask": 0o137 }), "0137\n")]
    {
        let bundle = Bundle::script("umask").edit(process(|process| process["user"] = wanted));
        let run = brig.command(&["run", "--bundle", bundle.path().to_str().unwrap(), &unique("c")]);
        let mut command = std::process::Command::new("sh");
        command.args(["-c", "umask 077; exec \"$@\"", "sh"]).arg(run.get_program()).args(run.get_args());
        assert_eq!(brig.finish(command).text(), umask);
    }
}

#[test]
fn without_one_of_the_container_an_exec_has_its_callers_umask() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::with_args(&["sleep", "1000"]), Brig::new());
    let id = brig.start(&bundle);
    for umask in ["0022\n", "0077\n"] {
        let exec = brig.command(&["exec", &id, "sh", "-c", "umask"]);
        let mut command = std::process::Command::new("sh");
        let script = format!("umask {}; exec \"$@\"", umask.trim());
        command.args(["-c", &script, "sh"]).arg(exec.get_program()).args(exec.get_args());
        assert_eq!(brig.finish(command).text(), umask);
    }
}

/// The five sets of a process, as hexadecimal numbers.
fn sets(text: &str) -> [String; 5] {
    ["CapBnd", "CapEff", "CapPrm", "CapInh", "CapAmb"].map(|name| {
        let set = status(text, name);
        format!("{:x}", u64::from_str_radix(&set, 16).unwrap())
    })
}

#[test]
fn each_capability_set_is_what_was_asked_for() {
    if common::cannot_run() {
        return;
    }
    let all = |words: &[&str]| json!({ "bounding": words, "effective": words, "permitted": words, "inheritable": words, "ambient": words });
    let with = |capabilities: Value, uid: u32| {
        sets(&says(
            STATUS,
            process(|process| {
                process["capabilities"] = capabilities;
                // Otherwise execve(2) gives root no more than it has.
                process["noNewPrivileges"] = json!(false);
                process["user"]["uid"] = json!(uid);
            }),
        ))
    };
    assert_eq!(with(json!({}), 0), ["0"; 5]);
    assert_eq!(with(json!({}), 5), ["0"; 5]);
    // CAP_CHOWN is 0, CAP_KILL 5, CAP_SETPCAP 8.
    assert_eq!(with(all(&["CAP_CHOWN", "CAP_KILL", "CAP_SETPCAP"]), 1000), ["121"; 5]);
    assert_eq!(with(all(&["CAP_CHOWN", "CAP_KILL", "CAP_SETPCAP"]), 0), ["121"; 5]);
    let mixed = json!({ "bounding": ["CAP_CHOWN", "CAP_KILL"], "permitted": ["CAP_KILL"], "effective": ["CAP_KILL"] });
    // root gets the bounding set at execve(2); another user what is ambient: nothing.
    assert_eq!(with(mixed.clone(), 0), ["21", "21", "21", "0", "0"]);
    assert_eq!(with(mixed, 1000), ["21", "0", "0", "0", "0"]);
}

#[test]
fn without_capabilities_in_the_configuration_all_are_kept() {
    if common::cannot_run() {
        return;
    }
    let own = fs::read_to_string("/proc/self/status").unwrap();
    let text = says(STATUS, process(|process| drop(process.as_object_mut().unwrap().remove("capabilities"))));
    assert_eq!(status(&text, "CapBnd"), status(&own, "CapBnd"));
    assert_eq!(status(&text, "CapEff"), status(&own, "CapBnd"));
}

#[test]
fn unknown_capabilities_are_left_out_with_a_warning() {
    if common::cannot_run() {
        return;
    }
    let bundle = Bundle::script(STATUS).edit(process(|process| {
        process["capabilities"] =
            json!({ "bounding": ["CAP_KILL", "CAP_OF_WOOL"], "effective": ["CAP_OF_WOOL"] });
    }));
    let ended = Brig::new().run_bundle(&bundle).ok();
    assert!(
        ended.stderr.contains("ignoring unknown or unavailable capabilities: [CAP_OF_WOOL]"),
        "{ended:?}"
    );
    assert_eq!(sets(&ended.stdout)[0], "20");
}

#[test]
fn ambient_capabilities_that_are_not_inheritable_are_left_out_with_a_warning() {
    if common::cannot_run() {
        return;
    }
    let bundle = Bundle::script(STATUS).edit(process(|process| {
        process["user"]["uid"] = json!(1000);
        process["capabilities"] = json!({
            "bounding": ["CAP_KILL", "CAP_CHOWN"], "effective": ["CAP_KILL"], "permitted": ["CAP_KILL", "CAP_CHOWN"],
            "inheritable": ["CAP_KILL"], "ambient": ["CAP_CHOWN", "CAP_KILL"],
        });
    }));
    let ended = Brig::new().run_bundle(&bundle).ok();
    assert!(ended.stderr.contains("CAP_CHOWN"), "{ended:?}");
    assert_eq!(sets(&ended.stdout), ["21", "20", "20", "20", "20"]);
}

#[test]
fn no_new_privileges_is_set_when_asked_for() {
    if common::cannot_run() {
        return;
    }
    for (wanted, number) in [(true, "1"), (false, "0")] {
        let text = says(STATUS, process(|process| process["noNewPrivileges"] = json!(wanted)));
        assert_eq!(status(&text, "NoNewPrivs"), number);
    }
}

#[test]
fn a_container_has_a_session_keyring_of_its_own_unless_told_otherwise() {
    if common::cannot_run() {
        return;
    }
    const LOOK: &str = "cat /proc/keys";
    let bundle = Bundle::script(LOOK).edit(|config| config["linux"]["maskedPaths"] = json!([]));
    let brig = Brig::new();
    let id = unique("c");
    let keys = brig.run(&["run", "--bundle", bundle.path().to_str().unwrap(), &id]).text();
    assert!(keys.contains(&format!("_ses.{id}")), "{keys}");
    let id = unique("c");
    let keys =
        brig.run(&["run", "--no-new-keyring", "--bundle", bundle.path().to_str().unwrap(), &id]).text();
    assert!(!keys.contains(&format!("_ses.{id}")), "{keys}");
}

#[test]
fn a_seccomp_profile_is_in_force_for_run_and_exec() {
    if common::cannot_run() {
        return;
    }
    let profile = json!({
        "defaultAction": "SCMP_ACT_ALLOW",
        "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_AARCH64"],
        "syscalls": [
            { "names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28 },
            { "names": ["chmod", "fchmodat"], "action": "SCMP_ACT_KILL_PROCESS" },
        ],
    });
    const SCRIPT: &str =
        "mkdir /tmp/x; grep Seccomp: /proc/self/status | cut -f2; sh -c 'chmod 700 /tmp'; echo $?";
    for no_new_privileges in [true, false] {
        let bundle = Bundle::script(SCRIPT).edit(|config| {
            config["process"]["noNewPrivileges"] = json!(no_new_privileges);
            config["linux"]["seccomp"] = profile.clone();
        });
        let brig = Brig::new();
        let ended = brig.run_bundle(&bundle).ok();
        assert!(ended.stderr.contains("No space left on device"), "{ended:?}");
        assert_eq!(ended.stdout, "2\n159\n", "{ended:?}");
        let bundle = bundle.args(&["sleep", "1000"]);
        let id = brig.start(&bundle);
        let ended = brig.run(&["exec", &id, "sh", "-c", SCRIPT]).ok();
        assert_eq!(ended.stdout, "2\n159\n", "{ended:?}");
    }
}

#[test]
fn exec_gives_its_process_the_same_walls() {
    if common::cannot_run() {
        return;
    }
    let bundle = Bundle::with_args(&["sleep", "1000"]).edit(process(|process| {
        process["capabilities"] =
            json!({ "bounding": ["CAP_KILL"], "effective": ["CAP_KILL"], "permitted": ["CAP_KILL"] });
        process["user"] = json!({ "uid": 1000, "gid": 1001, "additionalGids": [5], "umask": 0o077 });
        process["noNewPrivileges"] = json!(true);
        process["oomScoreAdj"] = json!(500);
    }));
    let brig = Brig::new();
    let id = brig.start(&bundle);
    let text = brig.run(&["exec", &id, "cat", "/proc/self/status"]).text();
    assert_eq!(sets(&text), ["20", "0", "0", "0", "0"]);
    assert_eq!(status(&text, "Uid"), "1000\t1000\t1000\t1000");
    assert_eq!(status(&text, "Gid"), "1001\t1001\t1001\t1001");
    assert_eq!((status(&text, "Groups"), status(&text, "Umask")), ("5".to_owned(), "0077".to_owned()));
    assert_eq!(brig.run(&["exec", &id, "cat", "/proc/self/oom_score_adj"]).text(), "500\n");
}
