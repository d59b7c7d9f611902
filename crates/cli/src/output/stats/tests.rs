//! Lines compared with runc's, key by key.

use brig_runtime::stats::{Pressure, Stall, Traffic};

use super::*;

#[test]
fn an_oom_is_a_type_and_an_id() {
    assert_eq!(oom_line("c1").unwrap(), "{\"type\":\"oom\",\"id\":\"c1\"}\n");
}

#[test]
fn a_container_that_has_used_nothing_has_the_keys_that_runc_never_leaves_out() {
    let expected = concat!(
        r#"{"type":"stats","id":"c1","data":{"cpu":{"usage":{"kernel":0,"user":0},"throttling":{}},"#,
        r#""cpuset":{"cpu_exclusive":0,"mem_hardwall":0,"mem_exclusive":0,"memory_migrate":0,"#,
        r#""memory_spread_page":0,"memory_spread_slab":0,"memory_pressure":0,"sched_load_balance":0,"#,
        r#""sched_relax_domain_level":0},"memory":{"usage":{"limit":0,"failcnt":0},"swap":{"limit":0,"failcnt":0},"#,
        r#""kernel":{"limit":0,"failcnt":0},"kernelTCP":{"limit":0,"failcnt":0}},"pids":{},"blkio":{},"#,
        r#""hugetlb":{},"intel_rdt":{},"network_interfaces":null}}"#,
        "\n"
    );
    assert_eq!(stats_line("c1", &Statistics::default()).unwrap(), expected);
}

fn value(statistics: &Statistics) -> serde_json::Value {
    let line = stats_line("c1", statistics).unwrap();
    let value: serde_json::Value = serde_json::from_str(&line).unwrap();
    value["data"].clone()
}

#[test]
fn interfaces_are_named_as_in_runc_and_the_loopback_is_not_one() {
    let lo = Interface { name: "lo".into(), ..Interface::default() };
    let sent = Traffic { bytes: 5, packets: 6, errors: 7, dropped: 8 };
    let received = Traffic { bytes: 1, packets: 2, errors: 3, dropped: 4 };
    let eth0 = Interface { name: "eth0".into(), received, sent };
    let line = stats_line("c1", &Statistics { interfaces: vec![lo.clone(), eth0], ..Statistics::default() });
    let expected = concat!(
        r#""network_interfaces":[{"Name":"eth0","RxBytes":1,"RxPackets":2,"RxErrors":3,"RxDropped":4,"#,
        r#""TxBytes":5,"TxPackets":6,"TxErrors":7,"TxDropped":8}]}}"#,
        "\n"
    );
    assert!(line.unwrap().ends_with(expected));
    let alone = Statistics { interfaces: vec![lo], ..Statistics::default() };
    assert!(value(&alone)["network_interfaces"].is_null());
}

#[test]
fn pressure_is_told_with_go_s_numbers() {
    let some = Stall { avg10: 6.15, avg60: 100.0, avg300: 0.0, total: 7 };
    let mut statistics = Statistics::default();
    statistics.cgroup.cpu.pressure = Some(Pressure { some, full: Stall::default() });
    let line = stats_line("c1", &statistics).unwrap();
    let expected = r#""throttling":{},"psi":{"some":{"avg10":6.15,"avg60":100,"avg300":0,"total":7},"full":{"avg10":0,"avg60":0,"avg300":0,"total":0}}}"#;
    assert!(line.contains(expected), "{line}");
}

#[test]
fn tables_of_devices_have_runc_s_names_and_leave_zeros_out() {
    let count =
        |operation: &str, value| DeviceCount { major: 8, minor: 0, operation: operation.into(), value };
    let mut statistics = Statistics::default();
    let io = &mut statistics.cgroup.block_io;
    io.bytes = vec![count("Read", 4096)];
    io.queued = vec![count("", 0)];
    io.time = vec![count("", 3)];
    let blkio = value(&statistics)["blkio"].to_string();
    let expected = concat!(
        r#"{"ioQueueRecursive":[{"major":8}],"ioServiceBytesRecursive":[{"major":8,"op":"Read","value":4096}],"#,
        r#""ioTimeRecursive":[{"major":8,"value":3}]}"#
    );
    assert_eq!(blkio, expected);
}

#[test]
fn reserved_huge_pages_count_before_those_in_use() {
    let mut statistics = Statistics::default();
    let used = stats::HugetlbUsage { current: 1, peak: 0, failures: 9 };
    let reserved = Some(stats::HugetlbUsage { current: 2, peak: 3, failures: 0 });
    statistics.cgroup.hugetlb.insert("2MB".into(), Hugetlb { used, reserved });
    assert_eq!(value(&statistics)["hugetlb"].to_string(), r#"{"2MB":{"failcnt":9,"max":3,"usage":2}}"#);
}
