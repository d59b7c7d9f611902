//! The conversions, as tables.

use super::*;
use crate::load;
use crate::resources::settle;

fn settled(json: &str) -> Resources<'static> {
    settle(&load::resources(json.as_bytes()).unwrap())
}

fn lines(json: &str, version: Version) -> Vec<String> {
    writes(&settled(json), version)
        .into_iter()
        .map(|write| format!("{} = {}", write.file, write.value))
        .collect()
}

#[test]
fn shares_become_weights_along_the_parabola() {
    for (shares, weight) in [
        (0, 1),
        (1, 1),
        (2, 1),
        (3, 2),
        (256, 35),
        (1024, 100),
        (2048, 174),
        (262_143, 10_000),
        (262_144, 10_000),
        (u64::MAX, 10_000),
    ] {
        assert_eq!(super::weight(shares), weight, "{shares}");
    }
}

/// config.json, the lines on v1, the lines on v2.
type Row = (&'static str, &'static [&'static str], &'static [&'static str]);

#[test]
fn memory_is_written_in_an_order_and_in_units_that_the_kernel_takes() {
    let table: &[Row] = &[
        (r#"{"memory":{}}"#, &[], &[]),
        (r#"{"memory":{"limit":0,"swap":0,"reservation":0}}"#, &[], &[]),
        (r#"{"memory":{"limit":4096}}"#, &["memory.limit_in_bytes = 4096"], &["memory.max = 4096"]),
        (
            r#"{"memory":{"limit":4096,"swap":8192}}"#,
            &["memory.limit_in_bytes = 4096", "memory.memsw.limit_in_bytes = 8192"],
            &["memory.swap.max = 4096", "memory.max = 4096"],
        ),
        (
            r#"{"memory":{"limit":4096,"swap":4096}}"#,
            &["memory.limit_in_bytes = 4096", "memory.memsw.limit_in_bytes = 4096"],
            &["memory.swap.max = 0", "memory.max = 4096"],
        ),
        (
            r#"{"memory":{"limit":4096,"swap":-1}}"#,
            &["memory.limit_in_bytes = 4096", "memory.memsw.limit_in_bytes = -1"],
            &["memory.swap.max = max", "memory.max = 4096"],
        ),
        (
            r#"{"memory":{"limit":-1}}"#,
            &["memory.limit_in_bytes = -1", "memory.memsw.limit_in_bytes = -1"],
            &["memory.swap.max = max", "memory.max = max"],
        ),
        (r#"{"memory":{"reservation":-1}}"#, &["memory.soft_limit_in_bytes = -1"], &["memory.low = max"]),
        (
            r#"{"memory":{"reservation":4096,"swappiness":0,"disableOOMKiller":true}}"#,
            &["memory.soft_limit_in_bytes = 4096", "memory.oom_control = 1", "memory.swappiness = 0"],
            &["memory.low = 4096"],
        ),
        (r#"{"memory":{"swappiness":18446744073709551615,"kernel":5,"kernelTCP":5}}"#, &[], &[]),
    ];
    each(table);
}

#[test]
fn processor_time_is_written_as_shares_or_weight_and_quota_or_max() {
    let table: &[Row] = &[
        (r#"{"cpu":{"shares":0,"quota":0,"period":0,"cpus":"","mems":""}}"#, &[], &[]),
        (r#"{"cpu":{"shares":1024}}"#, &["cpu.shares = 1024"], &["cpu.weight = 100"]),
        (r#"{"cpu":{"quota":5000}}"#, &["cpu.cfs_quota_us = 5000"], &["cpu.max = 5000 100000"]),
        (r#"{"cpu":{"period":5000}}"#, &["cpu.cfs_period_us = 5000"], &["cpu.max = max 5000"]),
        (
            r#"{"cpu":{"quota":-1,"period":5000,"burst":0}}"#,
            &["cpu.cfs_period_us = 5000", "cpu.cfs_burst_us = 0", "cpu.cfs_quota_us = -1"],
            &["cpu.max.burst = 0", "cpu.max = max 5000"],
        ),
        (
            r#"{"cpu":{"cpus":"0-1,3","mems":"0"}}"#,
            &["cpuset.cpus = 0-1,3", "cpuset.mems = 0"],
            &["cpuset.cpus = 0-1,3", "cpuset.mems = 0"],
        ),
        (r#"{"cpu":{"idle":1,"shares":1024}}"#, &["cpu.idle = 1"], &["cpu.idle = 1"]),
        (
            r#"{"cpu":{"idle":0,"shares":1024}}"#,
            &["cpu.idle = 0", "cpu.shares = 1024"],
            &["cpu.idle = 0", "cpu.weight = 100"],
        ),
        (
            r#"{"cpu":{"realtimeRuntime":10,"realtimePeriod":20}}"#,
            &["cpu.rt_period_us = 20", "cpu.rt_runtime_us = 10"],
            &[],
        ),
    ];
    each(table);
}

#[test]
fn tasks_are_limited_to_at_least_one() {
    let table: &[Row] = &[
        (r#"{"pids":{}}"#, &[], &[]),
        (r#"{"pids":{"limit":0}}"#, &["pids.max = 1"], &["pids.max = 1"]),
        (r#"{"pids":{"limit":7}}"#, &["pids.max = 7"], &["pids.max = 7"]),
        (r#"{"pids":{"limit":-1}}"#, &["pids.max = max"], &["pids.max = max"]),
    ];
    each(table);
}

#[test]
fn block_devices_are_weighed_and_throttled_one_by_one() {
    let table: &[Row] = &[
        (r#"{"blockIO":{"weight":0,"leafWeight":0}}"#, &[], &[]),
        (r#"{"blockIO":{"weight":500}}"#, &["blkio.bfq.weight = 500"], &["io.bfq.weight = default 500"]),
        (
            r#"{"blockIO":{"leafWeight":20,"weightDevice":[{"major":8,"minor":0,"weight":30,"leafWeight":40}]}}"#,
            &[
                "blkio.leaf_weight = 20",
                "blkio.bfq.weight_device = 8:0 30",
                "blkio.leaf_weight_device = 8:0 40",
            ],
            &["io.bfq.weight = 8:0 30"],
        ),
        (
            r#"{"blockIO":{
                "throttleReadBpsDevice":[{"major":8,"minor":0,"rate":1},{"major":8,"minor":0,"rate":2}],
                "throttleWriteBpsDevice":[{"major":8,"minor":0,"rate":0}],
                "throttleReadIOPSDevice":[{"major":8,"minor":16,"rate":3}],
                "throttleWriteIOPSDevice":[{"major":8,"minor":0,"rate":4}]}}"#,
            &[
                "blkio.throttle.read_bps_device = 8:0 2",
                "blkio.throttle.write_bps_device = 8:0 0",
                "blkio.throttle.read_iops_device = 8:16 3",
                "blkio.throttle.write_iops_device = 8:0 4",
            ],
            &[
                "io.max = 8:0 rbps=2",
                "io.max = 8:0 wbps=max",
                "io.max = 8:16 riops=3",
                "io.max = 8:0 wiops=4",
            ],
        ),
    ];
    each(table);
}

#[test]
fn without_bfq_weights_go_to_the_other_scheduler_in_its_own_unit() {
    let of = |weight: u32, version| {
        let json = format!(r#"{{"blockIO":{{"weight":{weight}}}}}"#);
        writes(&settled(&json), version).remove(0).refused
    };
    for (weight, converted) in [(10, 1), (500, 4950), (1000, 10_000), (5, 1)] {
        let value = format!("default {converted}");
        assert_eq!(of(weight, Version::V2), Refused::Instead { file: "io.weight".into(), value });
    }
    let same = Refused::Instead { file: "blkio.weight".into(), value: "500".to_owned() };
    assert_eq!(of(500, Version::V1), same);
}

#[test]
fn the_rest_goes_into_files_of_its_own() {
    let table: &[Row] = &[
        (
            r#"{"hugepageLimits":[{"pageSize":"2MB","limit":0}]}"#,
            &["hugetlb.2MB.limit_in_bytes = 0", "hugetlb.2MB.rsvd.limit_in_bytes = 0"],
            &["hugetlb.2MB.max = 0", "hugetlb.2MB.rsvd.max = 0"],
        ),
        (
            r#"{"network":{"classID":7,"priorities":[{"name":"lo","priority":3}]}}"#,
            &["net_cls.classid = 7", "net_prio.ifpriomap = lo 3"],
            &[],
        ),
        (
            r#"{"rdma":{"mlx":{"hcaHandles":1},"mly":{"hcaHandles":1,"hcaObjects":2},"none":{}}}"#,
            &["rdma.max = mlx hca_handle=1", "rdma.max = mly hca_handle=1 hca_object=2"],
            &["rdma.max = mlx hca_handle=1", "rdma.max = mly hca_handle=1 hca_object=2"],
        ),
    ];
    each(table);
}

#[test]
fn unified_has_the_last_word_line_by_line() {
    let json =
        r#"{"memory":{"limit":4096},"unified":{"memory.max":"max","io.max":"8:0 rbps=1\n8:16 rbps=2\n"}}"#;
    assert_eq!(
        lines(json, Version::V2),
        ["memory.max = 4096", "memory.max = max", "io.max = 8:0 rbps=1", "io.max = 8:16 rbps=2"]
    );
}

#[test]
fn what_cannot_be_is_refused_in_runc_s_words_with_its_place() {
    let check = |json, version| check(&settled(json), version, "linux.resources").unwrap_err().to_string();
    let both = [
        (
            r#"{"memory":{"limit":5,"swap":4}}"#,
            "memory+swap limit should be >= memory limit (linux.resources.memory.swap)",
        ),
        (
            r#"{"memory":{"swap":4}}"#,
            "unable to set swap limit without memory limit (linux.resources.memory.swap)",
        ),
        (
            r#"{"memory":{"limit":-1,"swap":4}}"#,
            "unable to set swap limit without memory limit (linux.resources.memory.swap)",
        ),
        (r#"{"cpu":{"idle":2}}"#, "invalid cpu.idle value: 2 (0 or 1) (linux.resources.cpu.idle)"),
    ];
    for (json, words) in both {
        assert_eq!(check(json, Version::V1), words);
        assert_eq!(check(json, Version::V2), words);
    }
    for (json, words) in [
        (r#"{"cpu":{"shares":1}}"#, "the minimum allowed cpu-shares is 2 (linux.resources.cpu.shares)"),
        (
            r#"{"cpu":{"shares":262145}}"#,
            "the maximum allowed cpu-shares is 262144 (linux.resources.cpu.shares)",
        ),
        (
            r#"{"memory":{"swappiness":101}}"#,
            "invalid memory swappiness value: 101 (valid range is 0-100) (linux.resources.memory.swappiness)",
        ),
        (
            r#"{"unified":{"memory.max":"1"}}"#,
            "invalid configuration: cannot use unified on cgroup v1 (linux.resources.unified)",
        ),
    ] {
        assert_eq!(check(json, Version::V1), words);
        assert_eq!(super::check(&settled(json), Version::V2, ""), Ok(()));
    }
}

#[test]
fn what_v2_has_no_file_for_is_told() {
    let json = r#"{"memory":{"swappiness":1,"disableOOMKiller":true},"network":{"classID":1},
        "cpu":{"realtimeRuntime":1},"blockIO":{"leafWeight":10}}"#;
    assert_eq!(
        without_effect(&settled(json), Version::V2),
        [
            "memory.swappiness",
            "memory.disableOOMKiller",
            "cpu.realtimeRuntime",
            "blockIO.leafWeight",
            "network.classID"
        ]
    );
    assert!(without_effect(&settled(json), Version::V1).is_empty());
    let nothing = r#"{"memory":{"disableOOMKiller":false},"network":{"classID":0}}"#;
    assert!(without_effect(&settled(nothing), Version::V2).is_empty());
}

fn each(table: &[Row]) {
    for (json, v1, v2) in table {
        assert_eq!(lines(json, Version::V1), *v1, "{json}");
        assert_eq!(lines(json, Version::V2), *v2, "{json}");
    }
}
