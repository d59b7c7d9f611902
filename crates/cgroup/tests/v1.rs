//! Cgroup v1 and hybrid, as root, in the hierarchies of this machine: only in children of our own cgroups, with names of our
//! own, which are removed again.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::fs;
use std::os::unix::fs::chown;
use std::time::{Duration, Instant};

use brig_cgroup::{Cgroup, Denied, DeviceDefault, DeviceRules, Error, Layout, Paths, Place, Scope, SubPaths};
use common::{Process, Scratch, skipped, soon};

fn can_run(test: &str) -> bool {
    if !common::is_root() {
        skipped(test, "needs root");
        return false;
    }
    match Layout::probe().unwrap() {
        Layout::V1 { .. } => true,
        Layout::V2 { .. } | Layout::None => {
            skipped(test, "needs cgroup v1");
            false
        }
    }
}

fn all_gone(paths: &Paths) -> bool {
    paths.places.iter().all(|place| !fs::exists(place.absolute()).unwrap())
}

/// The same cgroup without its v2 part, as a v1 layout that is not hybrid has it.
fn without_unified(paths: &Paths) -> Paths {
    Paths { places: paths.places.iter().filter(|place| !place.is_v2()).cloned().collect() }
}

fn dir_of(paths: &Paths, controller: &str) -> Option<String> {
    let has = |place: &&Place| place.controllers.iter().any(|name| name == controller);
    paths.places.iter().find(has).map(Place::absolute)
}

#[test]
fn a_cgroup_is_made_joined_killed_and_removed_in_every_hierarchy() {
    if !can_run("a_cgroup_is_made_joined_killed_and_removed_in_every_hierarchy") {
        return;
    }
    let mut scratch = Scratch::new();
    assert!(scratch.cgroup.dir().unwrap().is_none());
    let process = Process::sleeping();
    scratch.cgroup.join(process.pid()).unwrap();
    assert_eq!(Paths::of(&Layout::probe().unwrap(), &process.membership()).unwrap(), scratch.paths);
    assert_eq!(scratch.cgroup.pids(Scope::Tree).unwrap(), [process.pid()]);
    let busy = scratch.cgroup.remove(Instant::now() + Duration::from_millis(5)).unwrap_err();
    assert!(matches!(&busy, Error::Left { causes } if causes.len() == scratch.paths.places.len()), "{busy}");

    let later = Cgroup::open(&scratch.paths);
    later.kill(soon()).unwrap();
    assert_eq!(process.signal(), Some(9));
    later.wait_empty(soon()).unwrap();
    later.remove(soon()).unwrap();
    assert!(all_gone(&scratch.paths));
}

#[test]
fn without_a_cgroup2_beside_them_processes_are_frozen_killed_and_thawed() {
    if !can_run("without_a_cgroup2_beside_them_processes_are_frozen_killed_and_thawed") {
        return;
    }
    let scratch = Scratch::new();
    let mut v1 = Cgroup::open(&without_unified(&scratch.paths));
    let mut process = Process::start("read go; while :; do (sleep 0.01 &); done");
    v1.join(process.pid()).unwrap();
    process.go();
    v1.kill(soon()).unwrap();
    assert!(!v1.is_frozen().unwrap());
    v1.wait_empty(soon()).unwrap();
    assert_eq!(process.signal(), Some(9));
    v1.remove(soon()).unwrap();
}

#[test]
fn a_frozen_container_says_so_and_can_be_killed() {
    if !can_run("a_frozen_container_says_so_and_can_be_killed") {
        return;
    }
    let scratch = Scratch::new();
    if dir_of(&scratch.paths, "freezer").is_none() {
        return skipped("a_frozen_container_says_so_and_can_be_killed", "needs the freezer");
    }
    for paths in [scratch.paths.clone(), without_unified(&scratch.paths)] {
        let mut cgroup = Cgroup::open(&paths);
        let process = Process::sleeping();
        cgroup.join(process.pid()).unwrap();
        cgroup.freeze(soon()).unwrap();
        assert!(Cgroup::open(&paths).is_frozen().unwrap());
        cgroup.thaw().unwrap();
        assert!(!cgroup.is_frozen().unwrap());
        cgroup.freeze(soon()).unwrap();
        cgroup.kill(soon()).unwrap();
        assert_eq!(process.signal(), Some(9));
        assert!(!cgroup.is_frozen().unwrap());
        cgroup.wait_empty(soon()).unwrap();
    }
}

#[test]
fn waiting_on_v1_ends_with_the_last_process() {
    if !can_run("waiting_on_v1_ends_with_the_last_process") {
        return;
    }
    let scratch = Scratch::new();
    let mut v1 = Cgroup::open(&without_unified(&scratch.paths));
    let process = Process::start("exec sleep 0.2");
    v1.join(process.pid()).unwrap();
    v1.wait_empty(soon()).unwrap();
    assert_eq!(v1.pids(Scope::Tree).unwrap(), []);
    v1.remove(soon()).unwrap();
}

#[test]
fn one_that_is_there_is_refused_with_processes_and_when_frozen() {
    if !can_run("one_that_is_there_is_refused_with_processes_and_when_frozen") {
        return;
    }
    Scratch::new().is_refused_when_frozen_and_with_processes();
}

#[test]
fn sub_cgroups_are_joined_per_controller_and_removed() {
    if !can_run("sub_cgroups_are_joined_per_controller_and_removed") {
        return;
    }
    let scratch = Scratch::new();
    let Some(pids) = dir_of(&scratch.paths, "pids") else {
        return skipped("sub_cgroups_are_joined_per_controller_and_removed", "needs the pids controller");
    };
    fs::create_dir_all(format!("{pids}/a/b")).unwrap();
    let sub = SubPaths::parse(&["pids:a/b"]).unwrap();
    let process = Process::sleeping();
    Cgroup::open(&scratch.paths.with_sub(&sub).unwrap()).join(process.pid()).unwrap();
    assert!(process.membership().path_of("pids").unwrap().ends_with("/a/b"));
    scratch.cgroup.kill(soon()).unwrap();
    scratch.cgroup.remove(soon()).unwrap();
    assert!(all_gone(&scratch.paths));
}

#[test]
fn a_new_cpuset_has_the_processors_of_its_parents() {
    if !can_run("a_new_cpuset_has_the_processors_of_its_parents") {
        return;
    }
    let scratch = Scratch::new();
    let Some(dir) = dir_of(&scratch.paths, "cpuset") else {
        return skipped("a_new_cpuset_has_the_processors_of_its_parents", "needs the cpuset controller");
    };
    let below = scratch.paths.with_sub(&SubPaths::parse(&["x/y"]).unwrap()).unwrap();
    Cgroup::create(&below, &[], Denied::Refuse).unwrap();
    for file in ["cpuset.cpus", "cpuset.mems"] {
        let value = |dir: &str| fs::read_to_string(format!("{dir}/{file}")).unwrap();
        assert!(!value(&dir).trim().is_empty());
        assert_eq!(value(&dir), value(&format!("{dir}/x/y")));
        assert_eq!(value(&dir), value(&format!("{dir}/x")));
    }
}

#[test]
fn hierarchies_that_deny_an_ordinary_user_are_done_without() {
    if !can_run("hierarchies_that_deny_an_ordinary_user_are_done_without") {
        return;
    }
    let parent = Scratch::new();
    let own = parent.paths.places[0].absolute();
    chown(&own, Some(common::NOBODY), None).unwrap();
    let paths = parent.paths.with_sub(&SubPaths::parse(&["x"]).unwrap()).unwrap();
    let process = Process::sleeping();
    common::as_nobody(|| {
        let error = Cgroup::create(&paths, &[], Denied::Refuse).unwrap_err();
        assert!(error.is_permission(), "{error}");
        assert!(all_gone(&paths), "what was made before is removed");

        let mut cgroup = Cgroup::create(&paths, &[], Denied::Skip).unwrap();
        assert_eq!(cgroup.paths().places, paths.places[..1]);
        assert_eq!(cgroup.made(), [format!("{own}/x")]);
        let error = cgroup.join(process.pid()).unwrap_err();
        assert!(error.is_permission(), "root's process is not theirs to move: {error}");
        assert!(all_gone(&paths));
    });
}

#[test]
fn on_a_hybrid_layout_the_caller_need_not_be_given_a_group_of_version_2() {
    if !can_run("on_a_hybrid_layout_the_caller_need_not_be_given_a_group_of_version_2") {
        return;
    }
    let parent = Scratch::new();
    if !parent.paths.places.iter().any(brig_cgroup::Place::is_v2) {
        return println!("SKIPPED: needs cgroup v2 beside v1");
    }
    for place in parent.paths.places.iter().filter(|place| !place.is_v2()) {
        chown(place.absolute(), Some(common::NOBODY), None).unwrap();
        // A cpuset hands on what it has.
        for file in ["cpuset.cpus", "cpuset.mems"].map(|file| format!("{}/{file}", place.absolute())) {
            if fs::exists(&file).unwrap() {
                chown(&file, Some(common::NOBODY), None).unwrap();
            }
        }
    }
    let paths = parent.paths.with_sub(&SubPaths::parse(&["x"]).unwrap()).unwrap();
    common::as_nobody(|| {
        let cgroup = Cgroup::create(&paths, &[], Denied::Refuse).unwrap();
        let made = cgroup.paths();
        assert!(!made.places.iter().any(brig_cgroup::Place::is_v2));
        assert_eq!(made.places.len() + 1, paths.places.len());
        cgroup.undo();
    });
    assert!(all_gone(&paths));
}

#[test]
fn device_rules_replace_those_that_the_cgroup_had() {
    if !can_run("device_rules_replace_those_that_the_cgroup_had") {
        return;
    }
    let scratch = Scratch::new();
    let Some(dir) = dir_of(&scratch.paths, "devices") else {
        return skipped("device_rules_replace_those_that_the_cgroup_had", "needs the devices controller");
    };
    let restrict = |default, exceptions: &[&str]| {
        let exceptions: Vec<String> = exceptions.iter().map(|&line| line.to_owned()).collect();
        let rules = DeviceRules { default, exceptions: &exceptions, program: &[] };
        scratch.cgroup.restrict_devices(&rules)?;
        Ok::<_, Error>(fs::read_to_string(format!("{dir}/devices.list")).unwrap())
    };
    assert_eq!(restrict(DeviceDefault::Deny, &["c 1:3 rwm", "b *:* m"]).unwrap(), "c 1:3 rwm\nb *:* m\n");
    assert_eq!(restrict(DeviceDefault::Deny, &["c 1:5 r"]).unwrap(), "c 1:5 r\n");
    assert_eq!(restrict(DeviceDefault::Allow, &["c 1:11 w"]).unwrap(), "a *:* rwm\n");
    assert_eq!(restrict(DeviceDefault::Deny, &[]).unwrap(), "");
    let error = restrict(DeviceDefault::Deny, &["nonsense"]).unwrap_err().to_string();
    assert!(
        error.starts_with("apply linux.resources.devices: ") && error.contains("devices.allow"),
        "{error}"
    );
}
