//! Classes of service and monitoring groups, in a resctrl of our own (`resctrl_fs`): each test runs again in a private mount
//! namespace, where that can be mounted. As root.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;
mod resctrl_fs;

use std::time::{Duration, Instant};

use brig_cgroup::Resctrl;
use brig_cgroup::resctrl::{CacheInfo, Domain, Made, MemoryBandwidthInfo};
use common::{Process, name, skipped, soon};
use resctrl_fs::ResctrlFs;

/// In a namespace of the test's own, a resctrl.
fn inside(test: &str) -> Option<(ResctrlFs, Resctrl)> {
    if !std::fs::exists("/dev/fuse").unwrap() {
        skipped(test, "needs /dev/fuse");
        return None;
    }
    common::inside(test, "").then(|| {
        let fs = ResctrlFs::mount(&name()).unwrap();
        let resctrl = Resctrl::open(fs.path()).unwrap();
        (fs, resctrl)
    })
}

#[test]
fn it_is_found_nowhere_where_it_is_not_mounted() {
    assert_eq!(Resctrl::find_at("/nonexistent", "/proc").unwrap(), None);
    let error = Resctrl::find_at("/nonexistent", "/nonexistent").unwrap_err();
    assert_eq!(
        error.to_string(),
        "find resctrl: /nonexistent/self/mountinfo: no such file or directory (ENOENT)"
    );
    assert!(Resctrl::open("/nonexistent").unwrap_err().is_missing());
}

#[test]
fn features_are_what_info_says() {
    let Some((fs, resctrl)) = inside("features_are_what_info_says") else { return };
    let features = resctrl.features();
    assert!(features.cache && features.bandwidth && features.monitoring);
    fs.tree(|tree| tree.lacks = vec!["L3", "MB", "L3_MON"]);
    let features = resctrl.features();
    assert!(!features.cache && !features.bandwidth && !features.monitoring);
}

#[test]
fn a_class_is_made_once_written_joined_and_removed_with_everything_in_it() {
    let Some((fs, resctrl)) = inside("a_class_is_made_once_written_joined_and_removed_with_everything_in_it")
    else {
        return;
    };
    assert_eq!(resctrl.make("a").unwrap(), Made::Now);
    assert_eq!(resctrl.make("a").unwrap(), Made::Before);
    assert!(resctrl.has("a") && !resctrl.has("b"));
    resctrl.write_schemata("a", "L3:0=f;1=ff0\nMB:0=15\n").unwrap();
    assert_eq!(fs.read("a/schemata"), "    L3:0=00f;1=ff0\n    MB:0=  20;1= 100\n");

    assert_eq!(resctrl.make("a/mon_groups/m").unwrap(), Made::Now);
    let process = Process::sleeping();
    resctrl.add_task("a", process.pid()).unwrap();
    resctrl.add_task("a/mon_groups/m", process.pid()).unwrap();
    let pid = process.0.id();
    assert_eq!(resctrl.tasks("a").unwrap(), [pid]);
    assert_eq!(resctrl.tasks("a/mon_groups/m").unwrap(), [pid]);
    assert_eq!(resctrl.tasks("gone").unwrap(), [0_u32; 0]);

    resctrl.remove("a").unwrap();
    assert!(!resctrl.has("a"));
    resctrl.remove("a").unwrap();
    fs.tree(|tree| {
        assert!(tree.tasks.is_empty());
        let writes = tree.commands.iter().filter(|command| command.contains("schemata"));
        assert_eq!(writes.count(), 1, "all lines in one write: {:?}", tree.commands);
    });
}

#[test]
fn what_the_kernel_refuses_is_told_in_its_own_words() {
    let Some((fs, resctrl)) = inside("what_the_kernel_refuses_is_told_in_its_own_words") else { return };
    resctrl.make("a").unwrap();
    let at = fs.path().to_owned();
    let table = [
        ("L3:0=5\n", "The mask 5 has non-consecutive 1-bits"),
        ("L3:0=ffff\n", "Mask out of range"),
        ("L3:0=f\nL3:0=f\n", "Duplicate domain 0"),
        ("MB:0=5\n", "MB value 5 out of range [10,100]"),
        ("L2:0=f\n", "Unknown or unsupported resource name 'L2'"),
        ("L3:0=3\nnonsense\n", "Missing ':'"),
    ];
    for (lines, words) in table {
        let error = resctrl.write_schemata("a", lines).unwrap_err().to_string();
        let told = format!("intelrdt: unable to write {lines:?}: {at}/a/schemata: invalid argument (EINVAL)");
        assert_eq!(error, format!("{told}, last_cmd_status: {words}"));
        assert_eq!(fs.read("a/schemata"), "    L3:0=fff;1=fff\n    MB:0= 100;1= 100\n", "all or nothing");
    }

    resctrl.make("b").unwrap();
    resctrl.make("c").unwrap();
    let full = resctrl.make("d").unwrap_err().to_string();
    let told = format!("mkdir {at}/d: no space left on device (ENOSPC)");
    assert_eq!(full, format!("{told}, last_cmd_status: Out of CLOSIDs"));
    fs.tree(|tree| tree.rmids = 4);
    let full = resctrl.make("a/mon_groups/m").unwrap_err().to_string();
    assert!(
        full.ends_with("a/mon_groups/m: no space left on device (ENOSPC), last_cmd_status: Out of RMIDs")
    );

    let nobody = rustix::process::Pid::from_raw(i32::MAX).unwrap();
    let error = resctrl.add_task("a", nobody).unwrap_err().to_string();
    let told = format!("intelrdt: unable to add pid {nobody}: {at}/a/tasks: no such process (ESRCH)");
    assert_eq!(error, format!("{told}, last_cmd_status: No task {nobody}"));
    assert!(resctrl.add_task("gone", nobody).unwrap_err().is_missing());

    let error = resctrl.must_have("gone").unwrap_err().to_string();
    assert!(
        error.starts_with("clos dir not accessible (must be pre-created when schemata, l3CacheSchema and ")
    );
}

#[test]
fn schemata_that_are_there_are_compared_and_not_changed() {
    let Some((fs, resctrl)) = inside("schemata_that_are_there_are_compared_and_not_changed") else { return };
    resctrl.make("a").unwrap();
    resctrl.write_schemata("a", "L3:0=f\nMB:1=20\n").unwrap();
    resctrl.has_schemata("a", "MB:1=11\nL3:0=0F\n").unwrap();
    let error = resctrl.has_schemata("a", "L3:0=f;1=f\n").unwrap_err().to_string();
    let told = "a/schemata: the class is there already, with L3:1=fff instead of L3:1=f";
    assert!(error.ends_with(told), "{error}");
    assert_eq!(fs.read("a/schemata"), "    L3:0=00f;1=fff\n    MB:0= 100;1=  20\n");
}

#[test]
fn only_one_at_a_time_holds_the_lock_and_waiting_ends_with_the_deadline() {
    let Some((_fs, resctrl)) = inside("only_one_at_a_time_holds_the_lock_and_waiting_ends_with_the_deadline")
    else {
        return;
    };
    let lock = resctrl.lock(soon()).unwrap();
    let error = resctrl.lock(Instant::now() + Duration::from_millis(1)).unwrap_err();
    assert!(error.to_string().starts_with("lock "), "{error}");
    drop(lock);
    resctrl.lock(soon()).unwrap();
}

#[test]
fn statistics_are_of_the_monitoring_group_or_else_of_the_class() {
    let Some((fs, resctrl)) = inside("statistics_are_of_the_monitoring_group_or_else_of_the_class") else {
        return;
    };
    resctrl.make("a").unwrap();
    resctrl.make("a/mon_groups/m").unwrap();
    resctrl.write_schemata("a", "L3:0=f\n").unwrap();
    let set = |path: &str, value: &str| {
        fs.tree(|tree| tree.counters.insert(path.to_owned(), value.to_owned()));
    };
    set("a/mon_data/mon_L3_00/llc_occupancy", "4096");
    set("a/mon_groups/m/mon_data/mon_L3_01/llc_occupancy", "1024");
    set("a/mon_groups/m/mon_data/mon_L3_01/mbm_total_bytes", "Unavailable");
    set("a/mon_groups/m/mon_data/mon_L3_01/mbm_local_bytes", "7");

    let found = resctrl.statistics("a", Some("a/mon_groups/m")).unwrap();
    let cache = CacheInfo { cbm_mask: "fff".to_owned(), min_cbm_bits: 1, num_closids: 4 };
    assert_eq!(found.cache, Some(cache));
    let bandwidth =
        MemoryBandwidthInfo { bandwidth_gran: 10, delay_linear: 1, min_bandwidth: 10, num_closids: 4 };
    assert_eq!(found.bandwidth, Some(bandwidth));
    assert_eq!(found.root_schemata, ["L3:0=fff;1=fff", "MB:0= 100;1= 100"]);
    assert_eq!(found.schemata, ["L3:0=00f;1=fff", "MB:0= 100;1= 100"]);
    let of = |cache, llc, total, local| Domain {
        cache,
        llc_occupancy: Some(llc),
        mbm_total_bytes: total,
        mbm_local_bytes: Some(local),
    };
    assert_eq!(found.domains, [of(0, 0, Some(0), 0), of(1, 1024, None, 7)]);
    let class = resctrl.statistics("a", None).unwrap().domains;
    assert_eq!(class, [of(0, 4096, Some(0), 0), of(1, 0, Some(0), 0)]);

    assert!(resctrl.statistics("gone", None).unwrap_err().is_missing());
    fs.tree(|tree| tree.lacks = vec!["L3_MON", "MB"]);
    let less = resctrl.statistics("a", None).unwrap();
    assert_eq!((less.bandwidth, less.domains), (None, Vec::new()));
}
