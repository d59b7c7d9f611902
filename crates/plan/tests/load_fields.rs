//! Every field of config.json arrives where it belongs.

use brig_plan::load;
use brig_plan::spec::*;

fn list<'a, const N: usize>(words: [&'a str; N]) -> Vec<Str<'a>> {
    words.map(Str::from).to_vec()
}

fn map(container_id: u32, host_id: u32, size: u32) -> LinuxIdMapping {
    LinuxIdMapping { container_id, host_id, size }
}

/// What is written is read as the same.
fn assert_written(spec: &Spec<'_>) {
    let text = spec.to_json();
    assert_eq!(load::config(text.as_bytes()).as_ref(), Ok(spec), "{text}");
    assert!(!text.contains("null") && !text.contains("\"\""), "{text}");
}

#[test]
fn every_field_outside_linux_is_read() {
    let spec = load::config(
        br#"{
        "ociVersion": "1.3.0", "hostname": "h", "domainname": "d", "annotations": {"k1": "v1", "k2": "v2"},
        "root": {"path": "rootfs", "readonly": true},
        "mounts": [{"destination": "/m", "type": "bind", "source": "/s", "options": ["rbind", "ro"],
            "uidMappings": [{"containerID": 1, "hostID": 2, "size": 3}],
            "gidMappings": [{"containerID": 4, "hostID": 5, "size": 6}]}],
        "hooks": {
            "prestart": [{"path": "/h0", "args": ["a0"], "env": ["E=0"], "timeout": 5}],
            "createRuntime": [{"path": "/h1"}], "createContainer": [{"path": "/h2"}],
            "startContainer": [{"path": "/h3"}], "poststart": [{"path": "/h4"}], "poststop": [{"path": "/h5"}]
        }}"#,
    )
    .unwrap();
    let hook = |path: &'static str| vec![Hook { path: path.into(), ..Hook::default() }];
    let expected = Spec {
        oci_version: "1.3.0".into(),
        process: None,
        root: Some(Root { path: "rootfs".into(), readonly: true }),
        hostname: "h".into(),
        domainname: "d".into(),
        mounts: vec![Mount {
            destination: "/m".into(),
            fs_type: "bind".into(),
            source: "/s".into(),
            options: list(["rbind", "ro"]),
            uid_mappings: vec![map(1, 2, 3)],
            gid_mappings: vec![map(4, 5, 6)],
        }],
        hooks: Some(Hooks {
            prestart: vec![Hook {
                path: "/h0".into(),
                args: list(["a0"]),
                env: list(["E=0"]),
                timeout: Some(5),
            }],
            create_runtime: hook("/h1"),
            create_container: hook("/h2"),
            start_container: hook("/h3"),
            poststart: hook("/h4"),
            poststop: hook("/h5"),
        }),
        annotations: vec![("k1".into(), "v1".into()), ("k2".into(), "v2".into())],
        linux: None,
    };
    assert_eq!(spec, expected);
    assert_written(&spec);
}

#[test]
fn every_field_of_process_is_read() {
    let process = load::process(
        br#"{
        "terminal": true, "consoleSize": {"height": 25, "width": 80},
        "user": {"uid": 1, "gid": 2, "umask": 18, "additionalGids": [3, 4], "username": "u"},
        "args": ["a", "b"], "env": ["A=1", "B=2"], "cwd": "/c",
        "capabilities": {"bounding": ["CAP_A"], "effective": ["CAP_B"], "inheritable": ["CAP_C"],
            "permitted": ["CAP_D"], "ambient": ["CAP_E"]},
        "rlimits": [{"type": "RLIMIT_CPU", "hard": 7, "soft": 6}],
        "noNewPrivileges": true, "apparmorProfile": "aa", "oomScoreAdj": -5,
        "scheduler": {"policy": "SCHED_DEADLINE", "nice": -1, "priority": -2, "flags": ["F"], "runtime": 3,
            "deadline": 4, "period": 5},
        "selinuxLabel": "se", "ioPriority": {"class": "IOPRIO_CLASS_IDLE", "priority": 4},
        "execCPUAffinity": {"initial": "0-1", "final": "2"}}"#,
    )
    .unwrap();
    let expected = Process {
        terminal: true,
        console_size: Some(ConsoleSize { height: 25, width: 80 }),
        user: User { uid: 1, gid: 2, umask: Some(18), additional_gids: vec![3, 4], username: "u".into() },
        args: list(["a", "b"]),
        env: list(["A=1", "B=2"]),
        cwd: "/c".into(),
        capabilities: Some(LinuxCapabilities {
            bounding: list(["CAP_A"]),
            effective: list(["CAP_B"]),
            inheritable: list(["CAP_C"]),
            permitted: list(["CAP_D"]),
            ambient: list(["CAP_E"]),
        }),
        rlimits: vec![PosixRlimit { kind: "RLIMIT_CPU".into(), hard: 7, soft: 6 }],
        no_new_privileges: true,
        apparmor_profile: "aa".into(),
        oom_score_adj: Some(-5),
        scheduler: Some(Scheduler {
            policy: "SCHED_DEADLINE".into(),
            nice: -1,
            priority: -2,
            flags: list(["F"]),
            runtime: 3,
            deadline: 4,
            period: 5,
        }),
        selinux_label: "se".into(),
        io_priority: Some(LinuxIoPriority { class: "IOPRIO_CLASS_IDLE".into(), priority: 4 }),
        exec_cpu_affinity: Some(CpuAffinity { initial: "0-1".into(), last: "2".into() }),
    };
    assert_eq!(process, expected);
    assert_written(&Spec { process: Some(process), ..Spec::default() });
}

#[test]
fn every_field_of_linux_besides_resources_is_read() {
    let spec = load::config(
        br#"{"linux": {
        "uidMappings": [{"containerID": 0, "hostID": 1000, "size": 1}],
        "gidMappings": [{"containerID": 0, "hostID": 2000, "size": 2}],
        "sysctl": {"net.a": "1"}, "resources": {}, "cgroupsPath": "/cg",
        "namespaces": [{"type": "pid", "path": "/proc/1/ns/pid"}],
        "devices": [{"path": "/dev/d", "type": "c", "major": 1, "minor": 2, "fileMode": 432, "uid": 3, "gid": 4}],
        "netDevices": {"eth0": {"name": "net0"}, "eth1": {}},
        "seccomp": {"defaultAction": "A", "defaultErrnoRet": 1, "architectures": ["R"], "flags": ["F"],
            "listenerPath": "/l", "listenerMetadata": "m",
            "syscalls": [{"names": ["n"], "action": "B", "errnoRet": 2,
                "args": [{"index": 1, "value": 18446744073709551615, "valueTwo": 3, "op": "O"}]}]},
        "rootfsPropagation": "slave", "maskedPaths": ["/m"], "readonlyPaths": ["/r"], "mountLabel": "ml",
        "intelRdt": {"closID": "c", "schemata": ["s"], "l3CacheSchema": "L3:0=f", "memBwSchema": "MB:0=1",
            "enableMonitoring": true},
        "memoryPolicy": {"mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_STATIC_NODES"]},
        "personality": {"domain": "LINUX32", "flags": ["x"]},
        "timeOffsets": {"monotonic": {"secs": -5, "nanosecs": 6}, "boottime": {"secs": 7}}}}"#,
    )
    .unwrap();
    let expected = Linux {
        uid_mappings: vec![map(0, 1000, 1)],
        gid_mappings: vec![map(0, 2000, 2)],
        sysctl: vec![("net.a".into(), "1".into())],
        resources: Some(LinuxResources::default()),
        cgroups_path: "/cg".into(),
        namespaces: vec![LinuxNamespace { kind: "pid".into(), path: "/proc/1/ns/pid".into() }],
        devices: vec![LinuxDevice {
            path: "/dev/d".into(),
            kind: "c".into(),
            major: 1,
            minor: 2,
            file_mode: Some(432),
            uid: Some(3),
            gid: Some(4),
        }],
        net_devices: vec![
            ("eth0".into(), LinuxNetDevice { name: "net0".into() }),
            ("eth1".into(), LinuxNetDevice::default()),
        ],
        seccomp: Some(LinuxSeccomp {
            default_action: "A".into(),
            default_errno_ret: Some(1),
            architectures: list(["R"]),
            flags: Some(list(["F"])),
            listener_path: "/l".into(),
            listener_metadata: "m".into(),
            syscalls: vec![LinuxSyscall {
                names: list(["n"]),
                action: "B".into(),
                errno_ret: Some(2),
                args: vec![LinuxSeccompArg { index: 1, value: u64::MAX, value_two: 3, op: "O".into() }],
            }],
        }),
        rootfs_propagation: "slave".into(),
        masked_paths: list(["/m"]),
        readonly_paths: list(["/r"]),
        mount_label: "ml".into(),
        intel_rdt: Some(LinuxIntelRdt {
            clos_id: "c".into(),
            schemata: list(["s"]),
            l3_cache_schema: "L3:0=f".into(),
            mem_bw_schema: "MB:0=1".into(),
            enable_monitoring: true,
        }),
        memory_policy: Some(LinuxMemoryPolicy {
            mode: "MPOL_BIND".into(),
            nodes: "0".into(),
            flags: list(["MPOL_F_STATIC_NODES"]),
        }),
        personality: Some(LinuxPersonality { domain: "LINUX32".into(), flags: list(["x"]) }),
        time_offsets: vec![
            ("monotonic".into(), LinuxTimeOffset { secs: -5, nanosecs: 6 }),
            ("boottime".into(), LinuxTimeOffset { secs: 7, nanosecs: 0 }),
        ],
    };
    assert_eq!(spec.linux.as_ref(), Some(&expected));
    assert_written(&spec);
}

#[test]
fn every_field_of_resources_is_read() {
    let resources = load::resources(
        br#"{
        "devices": [{"allow": true, "type": "c", "major": 1, "minor": -1, "access": "rw"}, {}],
        "memory": {"limit": 1, "reservation": 2, "swap": -1, "kernel": 4, "kernelTCP": 5, "swappiness": 6,
            "disableOOMKiller": true, "useHierarchy": false, "checkBeforeUpdate": true},
        "cpu": {"shares": 1, "quota": -2, "burst": 3, "period": 4, "realtimeRuntime": -5, "realtimePeriod": 6,
            "cpus": "0", "mems": "1", "idle": 1},
        "pids": {"limit": 0},
        "blockIO": {"weight": 1},
        "hugepageLimits": [{"pageSize": "2MB", "limit": 9}],
        "network": {"classID": 7, "priorities": [{"name": "eth0", "priority": 8}]},
        "rdma": {"mlx5_1": {"hcaHandles": 3, "hcaObjects": 0}},
        "unified": {"memory.high": "max"}}"#,
    )
    .unwrap();
    let expected = LinuxResources {
        devices: vec![
            LinuxDeviceCgroup {
                allow: true,
                kind: "c".into(),
                major: Some(1),
                minor: Some(-1),
                access: "rw".into(),
            },
            LinuxDeviceCgroup::default(),
        ],
        memory: Some(LinuxMemory {
            limit: Some(1),
            reservation: Some(2),
            swap: Some(-1),
            kernel: Some(4),
            kernel_tcp: Some(5),
            swappiness: Some(6),
            disable_oom_killer: Some(true),
            use_hierarchy: Some(false),
            check_before_update: Some(true),
        }),
        cpu: Some(LinuxCpu {
            shares: Some(1),
            quota: Some(-2),
            burst: Some(3),
            period: Some(4),
            realtime_runtime: Some(-5),
            realtime_period: Some(6),
            cpus: "0".into(),
            mems: "1".into(),
            idle: Some(1),
        }),
        pids: Some(LinuxPids { limit: Some(0) }),
        block_io: Some(LinuxBlockIo { weight: Some(1), ..LinuxBlockIo::default() }),
        hugepage_limits: vec![LinuxHugepageLimit { page_size: "2MB".into(), limit: 9 }],
        network: Some(LinuxNetwork {
            class_id: Some(7),
            priorities: vec![LinuxInterfacePriority { name: "eth0".into(), priority: 8 }],
        }),
        rdma: vec![("mlx5_1".into(), LinuxRdma { hca_handles: Some(3), hca_objects: Some(0) })],
        unified: vec![("memory.high".into(), "max".into())],
    };
    assert_eq!(resources, expected);
    assert_resources_written(resources);
}

#[test]
fn every_field_of_block_io_is_read() {
    let resources = load::resources(
        br#"{"blockIO": {"weight": 1, "leafWeight": 2,
            "weightDevice": [{"major": 3, "minor": 4, "weight": 5, "leafWeight": 6}],
            "throttleReadBpsDevice": [{"major": 1, "minor": 2, "rate": 3}],
            "throttleWriteBpsDevice": [{"major": 4, "minor": 5, "rate": 6}],
            "throttleReadIOPSDevice": [{"major": 7, "minor": 8, "rate": 9}],
            "throttleWriteIOPSDevice": [{"major": 10, "minor": 11, "rate": 12}]}}"#,
    )
    .unwrap();
    let throttle = |major, minor, rate| vec![LinuxThrottleDevice { major, minor, rate }];
    let expected = LinuxBlockIo {
        weight: Some(1),
        leaf_weight: Some(2),
        weight_device: vec![LinuxWeightDevice { major: 3, minor: 4, weight: Some(5), leaf_weight: Some(6) }],
        throttle_read_bps_device: throttle(1, 2, 3),
        throttle_write_bps_device: throttle(4, 5, 6),
        throttle_read_iops_device: throttle(7, 8, 9),
        throttle_write_iops_device: throttle(10, 11, 12),
    };
    assert_eq!(resources.block_io, Some(expected));
    assert_resources_written(resources);
}

fn assert_resources_written(resources: LinuxResources<'_>) {
    let linux = Linux { resources: Some(resources), ..Linux::default() };
    assert_written(&Spec { linux: Some(linux), ..Spec::default() });
}

#[test]
fn an_absent_limit_is_not_zero() {
    let resources = load::resources(br#"{"memory":{},"pids":{},"cpu":{"quota":0}}"#).unwrap();
    assert_eq!(resources.memory, Some(LinuxMemory::default()));
    assert_eq!(resources.pids.unwrap().limit, None);
    assert_eq!(resources.cpu.as_ref().unwrap().quota, Some(0));
    assert_eq!(resources.cpu.unwrap().shares, None);
}

#[test]
fn an_empty_list_is_not_written_and_an_empty_object_is() {
    let linux = Linux { resources: Some(LinuxResources::default()), ..Linux::default() };
    let spec = Spec { linux: Some(linux), annotations: vec![("a".into(), "".into())], ..Spec::default() };
    assert_eq!(spec.to_json(), r#"{"annotations":{"a":""},"linux":{"resources":{}}}"#);
}
