//! `update`.

use super::*;

#[test]
fn update_reads_limits_with_units() {
    let line = "update --blkio-weight 500 --cpu-period 1000 --cpu-quota -1 --cpu-burst 5 --cpu-share 256 \
                --cpu-rt-period 7 --cpu-rt-runtime 8 --cpuset-cpus 0-1 --cpuset-mems 0 --cpu-idle 1 --memory 64m \
                --memory-reservation 512k --memory-swap -1 --pids-limit -1 c1";
    assert_eq!(
        limits(line),
        LimitWords {
            blkio_weight: Some(500),
            cpu_period: Some(1000),
            cpu_quota: Some(-1),
            cpu_burst: Some(5),
            cpu_shares: Some(256),
            cpu_rt_period: Some(7),
            cpu_rt_runtime: Some(8),
            cpuset_cpus: Some("0-1".to_owned()),
            cpuset_mems: Some("0".to_owned()),
            cpu_idle: Some(1),
            memory: Some(64 << 20),
            memory_reservation: Some(512 << 10),
            memory_swap: Some(-1),
            pids_limit: Some(-1),
            kernel_memory: false,
        }
    );
    assert_eq!(limits("update c1"), LimitWords::default());
    assert!(limits("update --kernel-memory 1g c1").kernel_memory);
    assert!(limits("update --kernel-memory-tcp 1g c1").kernel_memory);
}

#[test]
fn update_refuses_values_in_runcs_words() {
    for (line, message) in [
        ("update --memory bad c1", "invalid value for memory: invalid size: 'bad'"),
        ("update --memory-swap 1x c1", "invalid value for memory-swap: invalid suffix: 'x'"),
        ("update --kernel-memory bad c1", "invalid value for kernel-memory: invalid size: 'bad'"),
        (
            "update --cpu-idle x c1",
            "invalid value for cpu-idle: strconv.ParseInt: parsing \"x\": invalid syntax",
        ),
        (
            "update --cpu-share -1 c1",
            "invalid value for cpu-share: strconv.ParseUint: parsing \"-1\": invalid syntax",
        ),
    ] {
        let refused = refusal(line);
        assert_eq!(refused.message, message, "{line}");
        assert!(refused.usage.is_none(), "{line}");
    }
}

#[test]
fn a_resources_file_replaces_the_limits_but_not_the_rdt_schemas() {
    let args = command!(Update, "update -r /r.json --memory bad --l3-cache-schema L3:0=f c1");
    assert_eq!(args.limits, UpdateLimits::File(PathBuf::from("/r.json")));
    assert_eq!(args.l3_cache_schema.as_deref(), Some("L3:0=f"));
}
