//! `doctor`, as root: what it finds is so, it leaves nothing behind, and scripts can use it.
#![allow(clippy::unwrap_used, reason = "a test ends where its preparation fails")]
#![allow(clippy::print_stdout, reason = "what is skipped is said")]

mod common;

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, sync::Mutex};

use common::{Brig, HostMounts, cgroup, cgroups_named};
use serde_json::Value;

/// Each looks for what any doctor leaves.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

#[test]
fn what_works_is_told_from_what_is_missing_and_nothing_is_left() {
    if common::cannot_run() {
        return;
    }
    let _alone = ONE_AT_A_TIME.lock();
    let (brig, mounts) = (Brig::new(), HostMounts::now());
    let place = brig.scratch("place");
    fs::create_dir(&place).unwrap();
    let mut command = brig.command(&["doctor", "--format", "json"]);
    let document = brig.finish_alone({
        command.env("TMPDIR", &place).env_remove("XDG_RUNTIME_DIR");
        command
    });
    let document: Value = document.json();
    assert_eq!(document["ordinary"], true);
    assert_eq!(document["user"], 0);
    let works = |name: &str| {
        let features = document["features"].as_array().unwrap();
        features.iter().find(|feature| feature["name"] == name).unwrap()["works"].as_bool().unwrap()
    };
    for name in ["container", "terminal", "pid", "user", "overlay", "filter", "notify", "memfd-exec", "pidfd"]
    {
        assert!(works(name), "{name}: {document:#}");
    }
    let has = if cgroup::is_v2() {
        cgroup::controllers().contains("pids")
    } else {
        Path::new("/sys/fs/cgroup/pids").exists()
    };
    assert_eq!(works("pids"), has, "{document:#}");
    assert_eq!(
        works("systemd"),
        Path::new("/run/systemd/private").exists() && cgroup::is_v2(),
        "{document:#}"
    );
    assert_eq!(fs::read_dir(&place).unwrap().count(), 0);
    mounts.assert_unchanged();
    assert_eq!(cgroups_named("brig-doctor-").len(), 0);
}

#[test]
fn a_script_asks_for_what_it_needs() {
    if common::cannot_run() {
        return;
    }
    let _alone = ONE_AT_A_TIME.lock();
    let brig = Brig::new();
    let text = brig.run(&["doctor", "pidfd", "pid"]).text();
    assert!(text.contains("  works    pid    processes of its own\n"), "{text}");
    assert!(text.ends_with("\n2 of 2 features work\n") && !text.contains('\x1b'), "{text}");
    // Nobody has this.
    let mut command = brig.command(&["doctor", "pidfd", "criu"]);
    let missing = brig.finish({
        command.env("PATH", "/nosuch");
        command
    });
    assert_eq!(missing.code, 1, "{missing:?}");
    assert!(missing.stdout.contains("  missing  criu "), "{missing:?}");
    let unknown = brig.run(&["doctor", "nosuch"]);
    assert_eq!(unknown.code, 2, "{unknown:?}");
    assert!(
        unknown.error().starts_with("no feature is called \"nosuch\"; there are container "),
        "{unknown:?}"
    );
}

#[test]
fn what_is_there_and_cannot_be_used_is_missing() {
    if common::cannot_run() {
        return;
    }
    let _alone = ONE_AT_A_TIME.lock();
    let brig = Brig::new();
    let place = brig.scratch("programs");
    fs::create_dir(&place).unwrap();
    let program = place.join("newuidmap");
    fs::write(&program, "no program").unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let names = ["newuidmap", "runtime-dir", "selinux", "intel-rdt", "keyring", "subuid"];
    let mut command = brig.command(&[&["doctor", "--format", "json"], &names[..]].concat());
    let document = brig.finish({
        command.env("PATH", &place).env("XDG_RUNTIME_DIR", &program).env("TMPDIR", &place);
        command
    });
    let document: Value = serde_json::from_str(&document.stdout).unwrap();
    let found = |name: &str| {
        let features = document["features"].as_array().unwrap();
        let feature = features.iter().find(|feature| feature["name"] == name).unwrap();
        (feature["works"].as_bool().unwrap(), feature["detail"].as_str().unwrap().to_owned())
    };
    let (works, why) = found("newuidmap");
    assert!(!works && why.ends_with("/newuidmap: exec format error"), "{why}");
    let (works, why) = found("runtime-dir");
    assert!(!works && why.ends_with("/newuidmap: not a directory"), "{why}");
    assert_eq!(found("selinux").0, Path::new("/sys/fs/selinux/enforce").exists(), "{document:#}");
    assert_eq!(found("intel-rdt").0, Path::new("/sys/fs/resctrl/info").exists(), "{document:#}");
    assert_eq!(found("keyring").0, Path::new("/proc/keys").exists(), "{document:#}");
    assert_eq!(found("subuid"), (true, "root may give all".to_owned()));
    assert_eq!(fs::read_dir(&place).unwrap().count(), 1);
}
