//! Cgroup v2 by itself, as root: each test runs again inside a private mount namespace where cgroup2 is mounted on
//! `/sys/fs/cgroup`. The cgroups are children of the hierarchy's root, with names of our own.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::fs;
use std::os::unix::fs::chown;
use std::process::Command;
use std::time::{Duration, Instant};

use brig_cgroup::{
    Cgroup, Denied, DeviceDefault, DeviceRules, Error, Layout, Membership, Paths, Scope, SubPaths,
};
use common::{Process, Scratch, name, paths, skipped, soon};
use rustix::io::Errno;

/// Where cgroup2 alone is mounted.
fn inside(test: &str) -> bool {
    common::inside(test, "umount -R /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup &&")
}

#[test]
fn cgroup2_on_its_usual_place_is_recognised() {
    if inside("cgroup2_on_its_usual_place_is_recognised") {
        assert_eq!(Layout::probe().unwrap(), Layout::V2 { root: "/sys/fs/cgroup".into() });
    }
}

#[test]
fn a_cgroup_is_made_joined_killed_and_removed() {
    if !inside("a_cgroup_is_made_joined_killed_and_removed") {
        return;
    }
    let mut scratch = Scratch::new();
    assert_eq!(scratch.cgroup.made(), [scratch.dir()]);
    assert!(scratch.cgroup.dir().unwrap().is_some());
    let process = Process::sleeping();
    scratch.cgroup.join(process.pid()).unwrap();
    assert_eq!(scratch.cgroup.pids(Scope::Own).unwrap(), [process.pid()]);
    assert_eq!(Paths::of(&Layout::probe().unwrap(), &process.membership()).unwrap(), scratch.paths);

    let busy = scratch.cgroup.remove(Instant::now() + Duration::from_millis(5)).unwrap_err();
    assert!(matches!(&busy, Error::TimedOut { pids, .. } if *pids == [process.pid().as_raw_pid()]), "{busy}");
    let later = Cgroup::open(&scratch.paths);
    later.kill(soon()).unwrap();
    later.wait_empty(soon()).unwrap();
    assert_eq!(process.signal(), Some(9));
    later.remove(soon()).unwrap();
    assert!(!fs::exists(scratch.dir()).unwrap());
    later.remove(soon()).unwrap();
    later.kill(soon()).unwrap();
    later.wait_empty(soon()).unwrap();
}

#[test]
fn every_missing_level_is_made_and_undo_removes_just_those() {
    if !inside("every_missing_level_is_made_and_undo_removes_just_those") {
        return;
    }
    let parent = Scratch::new();
    let below = format!("/{}/a/b/c", parent.paths.places[0].below);
    let paths = Paths::resolve(&Layout::probe().unwrap(), Some(&below), "id", Membership::of_self).unwrap();
    let cgroup = Cgroup::create(&paths, &[], Denied::Refuse).unwrap();
    let dir = parent.dir();
    assert_eq!(cgroup.made(), [format!("{dir}/a"), format!("{dir}/a/b"), format!("{dir}/a/b/c")]);
    cgroup.undo();
    assert!(!fs::exists(format!("{dir}/a")).unwrap());
    assert!(fs::exists(&dir).unwrap());
}

#[test]
fn an_empty_cgroup_that_is_there_is_taken_and_others_are_refused() {
    if !inside("an_empty_cgroup_that_is_there_is_taken_and_others_are_refused") {
        return;
    }
    let mut scratch = Scratch::new();
    let again = Cgroup::create(&scratch.paths, &[], Denied::Refuse).unwrap();
    assert!(again.made().is_empty());
    again.undo();
    assert!(fs::exists(scratch.dir()).unwrap());

    scratch.is_refused_when_frozen_and_with_processes();
}

#[test]
fn a_frozen_container_says_so_and_can_be_killed() {
    if !inside("a_frozen_container_says_so_and_can_be_killed") {
        return;
    }
    let mut scratch = Scratch::new();
    let process = Process::sleeping();
    scratch.cgroup.join(process.pid()).unwrap();
    assert!(!scratch.cgroup.is_frozen().unwrap());
    scratch.cgroup.freeze(soon()).unwrap();
    assert!(Cgroup::open(&scratch.paths).is_frozen().unwrap());
    scratch.cgroup.kill(soon()).unwrap();
    scratch.cgroup.wait_empty(soon()).unwrap();
    assert_eq!(process.signal(), Some(9));
}

#[test]
fn a_signal_that_nobody_got_for_want_of_pidfd_open_is_an_error() {
    if !inside("a_signal_that_nobody_got_for_want_of_pidfd_open_is_an_error") {
        return;
    }
    let mut scratch = Scratch::new();
    let process = Process::sleeping();
    scratch.cgroup.join(process.pid()).unwrap();
    assert_eq!(scratch.cgroup.signal(0).unwrap(), 1);
    lose_pidfd_open();
    let error = scratch.cgroup.signal(15).unwrap_err();
    assert_eq!(error.errno(), Some(Errno::NOSYS), "{error}");
    scratch.cgroup.kill(soon()).unwrap();
    assert_eq!(process.signal(), Some(9));
}

/// A filter of this thread answers ENOSYS to pidfd_open(2), whose number is the same everywhere.
fn lose_pidfd_open() {
    const LOAD_NUMBER: (u16, u8, u8, u32) = (0x20, 0, 0, 0);
    const UNLESS_IT_SKIP_ONE: (u16, u8, u8, u32) = (0x15, 0, 1, 434);
    const REFUSE: (u16, u8, u8, u32) = (0x06, 0, 0, 0x0005_0000 | 38);
    const ALLOW: (u16, u8, u8, u32) = (0x06, 0, 0, 0x7fff_0000);
    let mut program = Vec::new();
    for (code, yes, no, operand) in [LOAD_NUMBER, UNLESS_IT_SKIP_ONE, REFUSE, ALLOW] {
        program.extend(code.to_ne_bytes());
        program.extend([yes, no]);
        program.extend(operand.to_ne_bytes());
    }
    brig_sys::seccomp::set_mode_filter(0, &program).unwrap();
}

#[test]
fn sub_cgroups_of_the_container_are_listed_killed_and_removed() {
    if !inside("sub_cgroups_of_the_container_are_listed_killed_and_removed") {
        return;
    }
    let scratch = Scratch::new();
    for i in 0..200 {
        fs::create_dir_all(format!("{}/flat{i}", scratch.dir())).unwrap();
    }
    fs::create_dir_all(format!("{}/a/b/c/d", scratch.dir())).unwrap();
    let sub = SubPaths::parse(&["/a/b"]).unwrap();
    let process = Process::sleeping();
    Cgroup::open(&scratch.paths.with_sub(&sub).unwrap()).join(process.pid()).unwrap();
    assert_eq!(scratch.cgroup.pids(Scope::Own).unwrap(), []);
    assert_eq!(scratch.cgroup.pids(Scope::Tree).unwrap(), [process.pid()]);
    let absent = SubPaths::parse(&["absent"]).unwrap();
    let error = Cgroup::open(&scratch.paths.with_sub(&absent).unwrap()).join(process.pid()).unwrap_err();
    assert!(error.is_missing(), "{error}");

    scratch.cgroup.kill(soon()).unwrap();
    scratch.cgroup.remove(soon()).unwrap();
    assert!(!fs::exists(scratch.dir()).unwrap());
}

#[test]
fn a_sub_cgroup_that_cannot_be_removed_is_named() {
    if !inside("a_sub_cgroup_that_cannot_be_removed_is_named") {
        return;
    }
    let scratch = Scratch::new();
    let dir = scratch.dir();
    fs::create_dir_all(format!("{dir}/x/a/b")).unwrap();
    for theirs in [&dir, &format!("{dir}/x")] {
        chown(theirs, Some(common::NOBODY), None).unwrap();
    }
    let paths = scratch.paths.with_sub(&SubPaths::parse(&["x"]).unwrap()).unwrap();
    let error = common::as_nobody(|| Cgroup::open(&paths).remove(soon()).unwrap_err());
    assert_eq!(error.to_string(), format!("remove cgroup: {dir}/x/a/b: permission denied (EACCES)"));
    assert!(fs::exists(format!("{dir}/x/a/b")).unwrap());
}

#[test]
fn removal_waits_for_the_last_process_by_event() {
    if !inside("removal_waits_for_the_last_process_by_event") {
        return;
    }
    let mut scratch = Scratch::new();
    let process = Process::start("exec sleep 0.2");
    scratch.cgroup.join(process.pid()).unwrap();
    scratch.cgroup.remove(soon()).unwrap();
    assert!(!fs::exists(scratch.dir()).unwrap());
}

#[test]
fn what_forks_without_end_is_killed() {
    if !inside("what_forks_without_end_is_killed") {
        return;
    }
    let mut scratch = Scratch::new();
    let mut process = Process::start("read go; while :; do (sleep 0.01 &); done");
    scratch.cgroup.join(process.pid()).unwrap();
    process.go();
    scratch.cgroup.kill(soon()).unwrap();
    scratch.cgroup.wait_empty(soon()).unwrap();
}

#[test]
fn below_a_threaded_cgroup_ours_becomes_threaded_or_says_why_not() {
    if !inside("below_a_threaded_cgroup_ours_becomes_threaded_or_says_why_not") {
        return;
    }
    let parent = Scratch::new();
    let sub = |path| parent.paths.with_sub(&SubPaths::parse(&[path]).unwrap()).unwrap();
    let create = |path| Cgroup::create(&sub(path), &[], Denied::Refuse).unwrap();
    // By hand: `create` would enable controllers above it, and it could not become threaded.
    fs::create_dir(format!("{}/t", parent.dir())).unwrap();
    fs::write(format!("{}/t/cgroup.type", parent.dir()), "threaded").unwrap();
    let mut ours = create("t/ours");
    let process = Process::sleeping();
    let error = Cgroup::open(&sub("t/ours")).join(process.pid()).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "join cgroup: {}/t/ours: its type is domain invalid, for it is below a threaded cgroup",
            parent.dir()
        )
    );
    ours.join(process.pid()).unwrap();
    assert_eq!(ours.pids(Scope::Tree).unwrap(), [process.pid()]);
    assert_eq!(ours.pids(Scope::Own).unwrap(), [process.pid()]);
    ours.kill(soon()).unwrap();
    assert_eq!(process.signal(), Some(9));
    ours.remove(soon()).unwrap();
}

#[test]
fn a_controller_that_is_not_there_is_named_and_nothing_stays() {
    if !inside("a_controller_that_is_not_there_is_named_and_nothing_stays") {
        return;
    }
    let paths = paths(&name());
    let error = Cgroup::create(&paths, &["nonsense"], Denied::Refuse).unwrap_err();
    assert!(matches!(&error, Error::NoController { controller, .. } if controller == "nonsense"), "{error}");
    assert!(!fs::exists(paths.places[0].absolute()).unwrap());
}

#[test]
fn a_controller_is_enabled_in_every_parent() {
    if !inside("a_controller_is_enabled_in_every_parent") {
        return;
    }
    let there = fs::read_to_string("/sys/fs/cgroup/cgroup.subtree_control").unwrap();
    let Some(controller) = there.split_whitespace().next() else {
        return skipped("a_controller_is_enabled_in_every_parent", "no controller is enabled at the root");
    };
    let parent = Scratch::new();
    let below = format!("/{}/a/b", parent.paths.places[0].below);
    let paths = Paths::resolve(&Layout::probe().unwrap(), Some(&below), "id", Membership::of_self).unwrap();
    Cgroup::create(&paths, &[controller], Denied::Refuse).unwrap();
    for level in ["", "/a"] {
        let file = format!("{}{level}/cgroup.subtree_control", parent.dir());
        assert!(fs::read_to_string(file).unwrap().contains(controller));
    }
}

#[test]
fn a_read_only_mount_is_told_from_other_failures() {
    if !inside("a_read_only_mount_is_told_from_other_failures") {
        return;
    }
    let status = Command::new("mount").args(["-o", "remount,ro,bind", "/sys/fs/cgroup"]).status().unwrap();
    assert!(status.success());
    for denied in [Denied::Refuse, Denied::Skip] {
        let error = Cgroup::create(&paths(&name()), &[], denied).unwrap_err();
        assert!(error.is_read_only() && error.is_permission(), "{error}");
    }
}

#[test]
fn without_permission_creation_fails_as_an_ordinary_user_s_case_and_makes_nothing() {
    if !inside("without_permission_creation_fails_as_an_ordinary_user_s_case_and_makes_nothing") {
        return;
    }
    let paths = paths(&name());
    for denied in [Denied::Refuse, Denied::Skip] {
        let error = common::as_nobody(|| Cgroup::create(&paths, &[], denied).unwrap_err());
        assert!(error.is_permission() && !error.is_read_only(), "{error}");
    }
    assert!(!fs::exists(paths.places[0].absolute()).unwrap());
}

#[test]
fn a_delegated_cgroup_can_be_used_by_its_owner() {
    if !inside("a_delegated_cgroup_can_be_used_by_its_owner") {
        return;
    }
    let parent = Scratch::new();
    chown(parent.dir(), Some(common::NOBODY), None).unwrap();
    let paths = parent.paths.with_sub(&SubPaths::parse(&["a/b"]).unwrap()).unwrap();
    common::as_nobody(|| {
        let cgroup = Cgroup::create(&paths, &[], Denied::Refuse).unwrap();
        assert_eq!(cgroup.made().len(), 2);
        cgroup.remove(soon()).unwrap();
    });
    assert!(fs::exists(format!("{}/a", parent.dir())).unwrap(), "parents stay");
}

#[test]
fn a_device_program_holds_for_whoever_joins_and_a_bad_one_is_refused_by_name() {
    if !inside("a_device_program_holds_for_whoever_joins_and_a_bad_one_is_refused_by_name") {
        return;
    }
    let mut scratch = Scratch::new();
    let restrict = |cgroup: &Cgroup, program: &[u8]| {
        cgroup.restrict_devices(&DeviceRules { default: DeviceDefault::Deny, exceptions: &[], program })
    };
    // r0 = 0; exit
    let nothing = [0xb4, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0];
    for bad in [&nothing[..8], &nothing[..9]] {
        let error = restrict(&scratch.cgroup, bad).unwrap_err().to_string();
        assert!(error.starts_with("apply linux.resources.devices: ") && error.contains("EINVAL"), "{error}");
    }
    restrict(&scratch.cgroup, &nothing).unwrap();
    let mut process = Process::start("read go; exec 3</dev/zero");
    scratch.cgroup.join(process.pid()).unwrap();
    process.go();
    assert!(!process.0.wait().unwrap().success(), "/dev/zero cannot be opened");
}

#[test]
fn device_rules_replace_those_that_the_cgroup_had_before() {
    if !inside("device_rules_replace_those_that_the_cgroup_had_before") {
        return;
    }
    let mut scratch = Scratch::new();
    let answer = |allowed| [0xb4, 0, 0, 0, allowed, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0];
    for allowed in [0, 0, 1] {
        let program: &[u8] = &answer(allowed);
        let rules = DeviceRules { default: DeviceDefault::Deny, exceptions: &[], program };
        scratch.cgroup.restrict_devices(&rules).unwrap();
    }
    let mut process = Process::start("read go; exec 3</dev/zero");
    scratch.cgroup.join(process.pid()).unwrap();
    process.go();
    assert!(process.0.wait().unwrap().success(), "only the last holds");
}
