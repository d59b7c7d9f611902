//! Every rule refuses what it is for, in runc's words where runc has some, and names the JSON path.

use brig_plan::load;
use brig_plan::rules::{self, CgroupRights, Euid, Facts, JoinedNetwork, JoinedUser, Members};
use brig_plan::spec::LinuxIdMapping;

const ROOT: Facts<'static> = Facts {
    euid: Euid::Root,
    cgroups: CgroupRights::Full,
    joined_network: JoinedNetwork::Other,
    joined_user: None,
};

const ROOTLESS: Facts<'static> = Facts { euid: Euid::User, cgroups: CgroupRights::Rootless, ..ROOT };

const PROCESS: &str = r#""process":{"cwd":"/","args":["sh"]}"#;

/// The refusal, or the warnings, or nothing.
fn judged(text: &str, facts: &Facts<'_>) -> String {
    let spec = load::config(text.as_bytes()).unwrap_or_else(|error| panic!("{error}\n{text}"));
    match rules::check(&spec, facts) {
        Ok(warnings) => warnings.iter().map(|warning| format!("warning: {warning}")).collect(),
        Err(refusal) => refusal.to_string(),
    }
}

fn table(whole: impl Fn(&str) -> String, facts: &Facts<'_>, rows: &[(&str, &str)]) {
    for (fragment, verdict) in rows {
        assert_eq!(judged(&whole(fragment), facts), *verdict, "{fragment}");
    }
}

/// A config with these members besides process and root.
fn top(members: &str) -> String {
    format!(r#"{{{PROCESS},"root":{{"path":"r"}},{members}}}"#)
}

fn linux(members: &str) -> String {
    top(&format!(r#""linux":{{{members}}}"#))
}

fn process(members: &str) -> String {
    format!(r#"{{"root":{{"path":"r"}},"process":{{"cwd":"/","args":["sh"],{members}}}}}"#)
}

#[test]
fn a_config_has_a_process_with_cwd_and_args_and_a_root() {
    table(
        |members| format!("{{{members}}}"),
        &ROOT,
        &[
            ("", "process property must not be empty (process)"),
            (r#""process":{}"#, "Cwd property must not be empty (process.cwd)"),
            (r#""process":{"cwd":"x"}"#, "Cwd must be an absolute path (process.cwd)"),
            (r#""process":{"cwd":"/"}"#, "args must not be empty (process.args)"),
            (PROCESS, "root must be specified (root)"),
            (&format!(r#"{PROCESS},"root":{{}}"#), "root.path: is empty"),
            (
                &format!(r#"{PROCESS},"root":{{"path":"a\u0000b"}}"#),
                "root.path: contains a NUL byte, at byte 1",
            ),
        ],
    );
}

#[test]
fn process_settings_are_ones_the_kernel_has() {
    table(
        process,
        &ROOT,
        &[
            (
                r#""rlimits":[{"type":"RLIMIT_FOO"}]"#,
                "wrong rlimit value: RLIMIT_FOO (process.rlimits[0].type)",
            ),
            (
                r#""rlimits":[{"type":"RLIMIT_CPU"},{"type":"RLIMIT_AS"},{"type":"RLIMIT_CPU"}]"#,
                r#"process.rlimits[2].type: "RLIMIT_CPU" given twice"#,
            ),
            (
                r#""rlimits":[{"type":"RLIMIT_CPU","soft":2,"hard":1}]"#,
                "process.rlimits[0].soft: 2 is above the hard limit, 1",
            ),
            (r#""oomScoreAdj":-1000"#, ""),
            (r#""oomScoreAdj":1001"#, "process.oomScoreAdj: 1001 is not in -1000..=1000"),
            (r#""user":{"uid":4294967295}"#, "process.user.uid: 4294967295 is not an id"),
            (r#""user":{"gid":4294967295}"#, "process.user.gid: 4294967295 is not an id"),
            (
                r#""user":{"additionalGids":[1,4294967295]}"#,
                "process.user.additionalGids[1]: 4294967295 is not an id",
            ),
            (r#""ioPriority":{"class":"IOPRIO_CLASS_BE","priority":7}"#, ""),
            (
                r#""ioPriority":{"class":"x","priority":9}"#,
                "invalid ioPriority.Priority: 9 (process.ioPriority.priority)",
            ),
            (r#""ioPriority":{"class":"x"}"#, r#"invalid ioPriority.Class: "x" (process.ioPriority.class)"#),
            (r#""execCPUAffinity":{"initial":"0-3, 7,","final":"1"}"#, ""),
            (
                r#""execCPUAffinity":{"final":"3-1"}"#,
                "bad CPUAffinity.Final: invalid range: 3-1 (process.execCPUAffinity.final)",
            ),
            (
                r#""execCPUAffinity":{"initial":"x"}"#,
                r#"bad CPUAffinity.Initial: "x" is not a number (process.execCPUAffinity.initial)"#,
            ),
            (r#""capabilities":{"bounding":["CAP_NOT_INVENTED"]}"#, ""),
        ],
    );
}

#[test]
fn environment_entries_are_name_and_value() {
    table(
        process,
        &ROOT,
        &[
            (r#""env":["A=","B==","C=\n"]"#, ""),
            (r#""env":["A=1","B"]"#, "invalid environment variable: missing '=' (process.env[1])"),
            (r#""env":["=1"]"#, "invalid environment variable: name cannot be empty (process.env[0])"),
            (
                r#""env":["A=\u0000"]"#,
                r#"invalid environment variable "A": contains nul byte (\x00) (process.env[0])"#,
            ),
        ],
    );
}

#[test]
fn no_text_for_the_kernel_holds_a_nul() {
    for (text, path) in [
        (r#"{"process":{"cwd":"/\u0000","args":["sh"]},"root":{"path":"r"}}"#.to_owned(), "process.cwd"),
        (
            r#"{"process":{"cwd":"/","args":["a","\u0000"]},"root":{"path":"r"}}"#.to_owned(),
            "process.args[1]",
        ),
        (process(r#""apparmorProfile":"\u0000""#), "process.apparmorProfile"),
        (process(r#""selinuxLabel":"\u0000""#), "process.selinuxLabel"),
        (linux(r#""maskedPaths":["/a","/\u0000"],"namespaces":[{"type":"mount"}]"#), "linux.maskedPaths[1]"),
        (linux(r#""readonlyPaths":["/\u0000"],"namespaces":[{"type":"mount"}]"#), "linux.readonlyPaths[0]"),
        (linux(r#""namespaces":[{"type":"mount","path":"/\u0000"}]"#), "linux.namespaces[0].path"),
        (linux(r#""cgroupsPath":"\u0000""#), "linux.cgroupsPath"),
        (linux(r#""mountLabel":"\u0000""#), "linux.mountLabel"),
        (linux(r#""devices":[{"path":"\u0000","type":"p"}]"#), "linux.devices[0].path"),
        (linux(r#""resources":{"unified":{"a":"\u0000"}}"#), "linux.resources.unified.a"),
        (
            linux(r#""sysctl":{"net.a":"\u0000"},"namespaces":[{"type":"network"}]"#),
            r#"linux.sysctl["net.a"]"#,
        ),
        (top(r#""mounts":[{"destination":"/a","options":["ro","\u0000"]}]"#), "mounts[0].options[1]"),
        (top(r#""hooks":{"poststop":[{"path":"/a","args":["\u0000"]}]}"#), "hooks.poststop[0].args[0]"),
        (top(r#""hooks":{"poststop":[{"path":"/a","env":["\u0000"]}]}"#), "hooks.poststop[0].env[0]"),
    ] {
        let verdict = judged(&text, &ROOT);
        assert!(verdict.starts_with(&format!("{path}: contains a NUL byte")), "{verdict}\n{text}");
    }
}

#[test]
fn scheduler_fields_fit_the_policy() {
    table(
        |members| process(&format!(r#""scheduler":{{{members}}}"#)),
        &ROOT,
        &[
            (r#""policy":"SCHED_OTHER","nice":-20"#, ""),
            (r#""policy":"SCHED_RR","priority":5,"flags":["SCHED_FLAG_RESET_ON_FORK"]"#, ""),
            (r#""policy":"SCHED_DEADLINE","runtime":1,"deadline":2,"period":3"#, ""),
            ("", "scheduler policy is required (process.scheduler.policy)"),
            (
                r#""policy":"SCHED_BATCH","nice":20"#,
                "invalid scheduler.nice: 20 when scheduler.policy is SCHED_BATCH (process.scheduler.nice)",
            ),
            (
                r#""policy":"SCHED_OTHER","priority":1"#,
                "scheduler.priority can only be specified for SchedFIFO or SchedRR policy (process.scheduler.priority)",
            ),
            (
                r#""policy":"SCHED_FIFO","period":1"#,
                "scheduler runtime/deadline/period can only be specified for SchedDeadline policy (process.scheduler)",
            ),
            (r#""policy":"SCHED_X""#, "invalid scheduler policy: SCHED_X (process.scheduler.policy)"),
            (
                r#""policy":"SCHED_RR","flags":["X"]"#,
                "invalid scheduler flag: X (process.scheduler.flags[0])",
            ),
        ],
    );
}

#[test]
fn namespaces_are_known_and_listed_once() {
    table(
        linux,
        &ROOT,
        &[
            (
                r#""namespaces":[{"type":"foo"}]"#,
                r#"namespace {"foo" ""} does not exist (linux.namespaces[0].type)"#,
            ),
            (
                r#""namespaces":[{"type":"pid"},{"type":"pid"}]"#,
                r#"malformed spec file: duplicated ns {"pid" ""} (linux.namespaces[1].type)"#,
            ),
            (
                r#""namespaces":[{"type":"ipc","path":"x"}]"#,
                r#"linux.namespaces[0].path: "x" is not absolute"#,
            ),
        ],
    );
}

const MAPS: &str = r#""uidMappings":[{"containerID":0,"hostID":9,"size":5}],
                      "gidMappings":[{"containerID":0,"hostID":9,"size":5}]"#;

#[test]
fn a_new_user_namespace_needs_maps_that_the_kernel_takes() {
    let user = |maps: &str| linux(&format!(r#"{maps}"namespaces":[{{"type":"user"}}]"#));
    let one = r#"[{"containerID":0,"hostID":9,"size":5}]"#;
    table(
        user,
        &ROOT,
        &[
            ("", "user namespaces enabled, but no uid mappings found (linux.uidMappings)"),
            (
                &format!(r#""uidMappings":{one},"#),
                "user namespaces enabled, but no gid mappings found (linux.gidMappings)",
            ),
            (&format!("{MAPS},"), ""),
            (
                r#""uidMappings":[{"containerID":1,"hostID":9,"size":5}],"#,
                "user namespaces enabled, but no mapping found for uid 0 (linux.uidMappings)",
            ),
            (r#""uidMappings":[{"containerID":0,"hostID":9}],"#, "linux.uidMappings[0].size: is 0"),
            (
                r#""uidMappings":[{"containerID":0,"hostID":4294967295,"size":1}],"#,
                "linux.uidMappings[0].hostID: with size goes beyond the last id",
            ),
            (
                r#""uidMappings":[{"hostID":0,"size":2},{"containerID":1,"hostID":9,"size":1}],"#,
                "linux.uidMappings[1].containerID: overlaps with linux.uidMappings[0]",
            ),
            (
                r#""uidMappings":[{"hostID":5,"size":2},{"containerID":2,"hostID":4,"size":2}],"#,
                "linux.uidMappings[1].hostID: overlaps with linux.uidMappings[0]",
            ),
        ],
    );
}

#[test]
fn id_maps_that_touch_do_not_overlap() {
    let maps = r#"[{"containerID":0,"hostID":0,"size":2},{"containerID":2,"hostID":2,"size":4294967293}]"#;
    let text =
        linux(&format!(r#""uidMappings":{maps},"gidMappings":{maps},"namespaces":[{{"type":"user"}}]"#));
    assert_eq!(judged(&text, &ROOT), "");
}

#[test]
fn id_maps_have_no_more_lines_than_the_kernel_takes() {
    let lines: Vec<String> =
        (0..341).map(|id| format!(r#"{{"containerID":{id},"hostID":{id},"size":1}}"#)).collect();
    let maps = |count: usize| format!("[{}]", lines[..count].join(","));
    let text = |count| {
        let maps = maps(count);
        linux(&format!(r#""uidMappings":{maps},"gidMappings":{maps},"namespaces":[{{"type":"user"}}]"#))
    };
    assert_eq!(judged(&text(340), &ROOT), "");
    assert_eq!(judged(&text(341), &ROOT), "linux.uidMappings: 341 lines, the kernel takes 340");
}

#[test]
fn maps_without_a_user_namespace_are_ignored() {
    assert_eq!(judged(&linux(r#""uidMappings":[{"size":0}]"#), &ROOT), "");
}

#[test]
fn maps_beside_the_path_of_a_user_namespace_have_to_be_its_own() {
    let text = linux(&format!(r#"{MAPS},"namespaces":[{{"type":"user","path":"/proc/1/ns/user"}}]"#));
    let own = [LinuxIdMapping { container_id: 0, host_id: 9, size: 5 }];
    let joins = |maps| Facts { joined_user: Some(JoinedUser { uid: maps, gid: maps }), ..ROOT };
    let warning =
        "warning: linux.uidMappings: given together with the path of a user namespace, whose own maps count";
    assert_eq!(judged(&text, &joins(&own)), warning);
    assert_eq!(judged(&text, &ROOT), warning);
    let other = [LinuxIdMapping { container_id: 0, host_id: 8, size: 5 }];
    assert_eq!(
        judged(&text, &joins(&other)),
        "user namespaces enabled, but both namespace path and non-matching mapping specified \
         -- you may only provide one (linux.uidMappings)"
    );
}

#[test]
fn names_need_a_uts_namespace() {
    table(
        top,
        &ROOT,
        &[
            (r#""hostname":"h""#, "unable to set hostname without a private UTS namespace (hostname)"),
            (r#""domainname":"h""#, "unable to set domainname without a private UTS namespace (domainname)"),
            (r#""hostname":"h","domainname":"d","linux":{"namespaces":[{"type":"uts"}]}"#, ""),
            (
                &format!(r#""hostname":"{}","linux":{{"namespaces":[{{"type":"uts"}}]}}"#, "x".repeat(65)),
                "hostname: 65 bytes, the kernel takes 64",
            ),
        ],
    );
}

#[test]
fn hidden_paths_need_a_mount_namespace() {
    let words = "unable to restrict sys entries without a private MNT namespace";
    assert_eq!(judged(&linux(r#""maskedPaths":["/a"]"#), &ROOT), format!("{words} (linux.maskedPaths)"));
    assert_eq!(judged(&linux(r#""readonlyPaths":["/a"]"#), &ROOT), format!("{words} (linux.readonlyPaths)"));
    assert_eq!(
        judged(&linux(r#""readonlyPaths":["a"],"namespaces":[{"type":"mount"}]"#), &ROOT),
        "warning: linux.readonlyPaths[0]: is not absolute: taken from the container's /"
    );
}

#[test]
fn time_offsets_need_a_new_time_namespace() {
    table(
        linux,
        &ROOT,
        &[
            (
                r#""timeOffsets":{"monotonic":{}}"#,
                "time namespace offsets specified, but time namespace isn't enabled in the config (linux.timeOffsets)",
            ),
            (
                r#""timeOffsets":{"monotonic":{}},"namespaces":[{"type":"time","path":"/x"}]"#,
                "time namespace enabled, but both namespace path and time offsets specified \
                 -- you may only provide one (linux.timeOffsets)",
            ),
            (
                r#""timeOffsets":{"realtime":{}},"namespaces":[{"type":"time"}]"#,
                "linux.timeOffsets.realtime: is not a clock of a time namespace (monotonic, boottime)",
            ),
            (
                r#""timeOffsets":{"boottime":{"nanosecs":1000000000}},"namespaces":[{"type":"time"}]"#,
                "linux.timeOffsets.boottime.nanosecs: 1000000000 is a second or more",
            ),
            (
                r#""timeOffsets":{"boottime":{"secs":-1,"nanosecs":999999999}},"namespaces":[{"type":"time"}]"#,
                "",
            ),
        ],
    );
}

#[test]
fn sysctls_need_the_namespace_that_holds_them() {
    let spaces = r#""namespaces":[{"type":"ipc"},{"type":"network"},{"type":"uts"}]"#;
    for name in [
        "kernel.shmmax",
        "kernel/shm_rmid_forced",
        "fs.mqueue.msg_max",
        "net.ipv4.ip_forward",
        "net/ipv4/conf/eth0.1/forwarding",
        "net.ipv4.conf.eth0/1.forwarding",
        "kernel.domainname",
    ] {
        assert_eq!(judged(&linux(&format!(r#"{spaces},"sysctl":{{"{name}":"1"}}"#)), &ROOT), "", "{name}");
    }
    for (name, words) in [
        ("kernel.msgmax", r#"sysctl "kernel.msgmax" is not allowed in the hosts ipc namespace"#),
        ("fs.mqueue.x", r#"sysctl "fs.mqueue.x" is not allowed in the hosts ipc namespace"#),
        ("net.ipv4.ip_forward", r#"sysctl "net.ipv4.ip_forward" not allowed in host network namespace"#),
        ("net/a/b.c", r#"sysctl "net.a.b/c" not allowed in host network namespace"#),
        ("kernel.domainname", r#"sysctl "kernel.domainname" is not in a separate kernel namespace"#),
        ("kernel.hostname", r#"sysctl "kernel.hostname" is not in a separate kernel namespace"#),
        ("vm.swappiness", r#"sysctl "vm.swappiness" is not in a separate kernel namespace"#),
        ("", r#"sysctl "" is not in a separate kernel namespace"#),
        ("user.max_a", "setting ucounts without a user namespace not allowed: user.max_a"),
    ] {
        let text = linux(&format!(r#""sysctl":{{"{name}":"1"}}"#));
        assert_eq!(judged(&text, &ROOT), format!("{words} (linux.sysctl[{name:?}])"));
    }
    assert_eq!(
        judged(&linux(&format!(r#"{spaces},"sysctl":{{"kernel.hostname":"1"}}"#)), &ROOT),
        "sysctl \"kernel.hostname\" is not allowed as it conflicts with the OCI \"hostname\" field \
         (linux.sysctl[\"kernel.hostname\"])"
    );
    let user = format!(r#"{MAPS},"namespaces":[{{"type":"user"}}],"sysctl":{{"user.max_a":"1"}}"#);
    assert_eq!(judged(&linux(&user), &ROOT), "");
}

#[test]
fn a_joined_network_namespace_that_is_the_runtimes_own_takes_no_sysctl() {
    let text = linux(r#""namespaces":[{"type":"network","path":"/x"}],"sysctl":{"net.a":"1"}"#);
    assert_eq!(judged(&text, &ROOT), "");
    assert_eq!(
        judged(&text, &Facts { joined_network: JoinedNetwork::Runtime, ..ROOT }),
        r#"sysctl "net.a" not allowed in host network namespace (linux.sysctl["net.a"])"#
    );
}

#[test]
fn a_sysctl_cannot_climb_out_of_its_namespaces_parameters() {
    for name in ["net/../kernel/core_pattern", "net.//.kernel.core_pattern", "net.a..b", "net.", "net/./x"] {
        let text = linux(&format!(r#""namespaces":[{{"type":"network"}}],"sysctl":{{"{name}":"1"}}"#));
        let verdict = format!("linux.sysctl[{name:?}]: is not the name of a kernel parameter");
        assert_eq!(judged(&text, &ROOT), verdict);
    }
}

#[test]
fn mounts_have_a_destination_and_text_the_kernel_takes() {
    table(
        |mount| top(&format!(r#""mounts":[{{"destination":"/"}},{mount}]"#)),
        &ROOT,
        &[
            ("{}", "mounts[1].destination: is empty"),
            (
                r#"{"destination":"a"}"#,
                "warning: mounts[1].destination: is not absolute: taken from the container's / (deprecated)",
            ),
            (
                r#"{"destination":"/a","source":"\u0000"}"#,
                r#"invalid mount "/a": mount field contains null byte (mounts[1].source)"#,
            ),
            (
                r#"{"destination":"/a","type":"\u0000"}"#,
                r#"invalid mount "/a": mount field contains null byte (mounts[1].type)"#,
            ),
        ],
    );
}

#[test]
fn id_mapped_mounts_are_binds_with_both_maps() {
    let one = r#"[{"containerID":0,"hostID":9,"size":5}]"#;
    table(
        |members| top(&format!(r#""mounts":[{{"destination":"/a",{members}}}]"#)),
        &ROOT,
        &[
            (
                r#""options":["idmap"]"#,
                r#"invalid mount "/a": id-mapped mounts are only supported for bind-mounts (mounts[0].options)"#,
            ),
            (
                r#""options":["bind","ridmap"]"#,
                r#"invalid mount "/a": id-mapped mounts must have both uid and gid mappings specified (mounts[0].uidMappings)"#,
            ),
            (
                &format!(r#""options":["rbind"],"uidMappings":{one}"#),
                r#"invalid mount "/a": id-mapped mounts must have both uid and gid mappings specified (mounts[0].uidMappings)"#,
            ),
            (&format!(r#""options":["rbind"],"uidMappings":{one},"gidMappings":{one}"#), ""),
            (
                &format!(r#""options":["rbind"],"uidMappings":{one},"gidMappings":[{{}}]"#),
                "mounts[0].gidMappings[0].size: is 0",
            ),
        ],
    );
    let mount = r#""mounts":[{"destination":"/a","options":["bind","idmap"]}]"#;
    let users = format!(r#""linux":{{{MAPS},"namespaces":[{{"type":"user"}}]}}"#);
    assert_eq!(judged(&top(&format!("{mount},{users}")), &ROOT), "");
    assert_eq!(
        judged(&top(&format!("{mount},{users}")), &ROOTLESS),
        r#"invalid mount "/a": id-mapped mounts are not supported for rootless containers (mounts[0].options)"#
    );
}

#[test]
fn a_rootless_container_has_a_user_namespace_with_the_ids_it_mounts_with() {
    let one = r#"[{"containerID":0,"hostID":1000,"size":5}]"#;
    let users = |maps: &str| linux(&format!(r#"{maps}"namespaces":[{{"type":"user"}}]"#));
    assert_eq!(
        judged(&linux(""), &ROOTLESS),
        "rootless container requires user namespaces (linux.namespaces)"
    );
    assert_eq!(
        judged(&users(""), &ROOTLESS),
        "user namespaces enabled, but no uid mappings found (linux.uidMappings)"
    );
    assert_eq!(judged(&users(&format!(r#""uidMappings":{one},"gidMappings":{one},"#)), &ROOTLESS), "");
    let mounts = |option: &str| {
        top(&format!(
            r#""mounts":[{{"destination":"/a","options":["ro","{option}"]}}],"linux":{{{MAPS},"namespaces":[{{"type":"user"}}]}}"#
        ))
    };
    assert_eq!(judged(&mounts("gid=4"), &ROOTLESS), "");
    assert_eq!(judged(&mounts("gid=x"), &ROOTLESS), "");
    assert_eq!(judged(&mounts("mode=5,gid=5"), &ROOT), "");
    assert_eq!(
        judged(&mounts("mode=5,gid=5"), &ROOTLESS),
        "cannot specify gid=5 mount option for rootless container: \
         user namespaces enabled, but no mapping found for gid 5 (mounts[0].options[1])"
    );
}

#[test]
fn devices_have_a_type_and_numbers_mknod_takes() {
    table(
        |device| linux(&format!(r#""devices":[{{"path":"/dev/x",{device}}}]"#)),
        &ROOT,
        &[
            (r#""type":"a""#, r#"invalid device type "a" (linux.devices[0].type)"#),
            (r#""type":"p","major":-1"#, ""),
            (r#""type":"u","major":4095,"minor":1048575"#, ""),
            (r#""type":"c","major":4096"#, "linux.devices[0].major: 4096 is not in 0..=4095"),
            (r#""type":"b","minor":-1"#, "linux.devices[0].minor: -1 is not in 0..=1048575"),
            (r#""type":"b","uid":4294967295"#, "linux.devices[0].uid: 4294967295 is not an id"),
        ],
    );
}

#[test]
fn device_rules_have_an_access_and_a_type() {
    table(
        |rule| linux(&format!(r#""resources":{{"devices":[{{"access":"rwm"}},{{{rule}}}]}}"#)),
        &ROOT,
        &[
            ("", "device access at 1 field cannot be empty (linux.resources.devices[1].access)"),
            (
                r#""access":"r","type":"x""#,
                r#"invalid cgroup device type "x" (linux.resources.devices[1].type)"#,
            ),
            (r#""access":"xa""#, r#"linux.resources.devices[1].access: unknown letter 'x' in "xa""#),
            (
                r#""access":"rwa""#,
                r#"warning: linux.resources.devices[1].access: unknown letter 'a' in "rwa""#,
            ),
            (r#""access":"m","type":"b","major":-1,"minor":-1"#, ""),
            (r#""access":"m","major":-2"#, "linux.resources.devices[1].major: -2 is not a device number"),
        ],
    );
}

#[test]
fn names_in_resources_cannot_become_other_files_or_lines() {
    table(
        |members| linux(&format!(r#""resources":{{{members}}}"#)),
        &ROOT,
        &[
            (
                r#""unified":{"a/b":""}"#,
                "unified resource \"a/b\" must be a file name (no slashes) (linux.resources.unified[\"a/b\"])",
            ),
            (r#""unified":{"..":""}"#, r#"linux.resources.unified[".."]: is not a file name"#),
            (r#""hugepageLimits":[{"pageSize":"64KB"},{"pagesize":"1GB"},{"pageSize":"2MB"}]"#, ""),
            (
                r#""hugepageLimits":[{"pageSize":"../2MB"}]"#,
                r#"linux.resources.hugepageLimits[0].pageSize: "../2MB" is not a page size like 2MB"#,
            ),
            (r#""rdma":{"a b":{}}"#, r#"linux.resources.rdma["a b"]: is not the name of a device"#),
            (r#""rdma":{"a":{}}"#, "warning: linux.resources.rdma.a: has neither hcaHandles nor hcaObjects"),
            (
                r#""blockIO":{"weightDevice":[{}]}"#,
                "warning: linux.resources.blockIO.weightDevice[0]: has neither weight nor leafWeight",
            ),
            (
                r#""network":{"priorities":[{"name":"a b"}]}"#,
                r#"linux.resources.network.priorities[0].name: "a b" is not the name of a network device"#,
            ),
        ],
    );
}

#[test]
fn resources_by_themselves_are_named_from_their_own_top() {
    let resources = load::resources(br#"{"devices":[{}]}"#).unwrap();
    assert_eq!(
        rules::check_resources(&resources, "").unwrap_err().to_string(),
        "device access at 0 field cannot be empty (devices[0].access)"
    );
}

#[test]
fn a_process_by_itself_is_named_from_its_own_top() {
    for (text, verdict) in [
        (r#"{"cwd":"/","args":["a"],"env":["B"]}"#, "invalid environment variable: missing '=' (env[0])"),
        (r#"{"cwd":"/","args":["a\u0000"]}"#, "args[0]: contains a NUL byte, at byte 1"),
        (r#"{"cwd":"/","args":["a"],"scheduler":{}}"#, "scheduler policy is required (scheduler.policy)"),
        (r#"{"args":["a"]}"#, "Cwd property must not be empty (cwd)"),
    ] {
        let process = load::process(text.as_bytes()).unwrap();
        assert_eq!(rules::check_process(&process, "").unwrap_err().to_string(), verdict);
    }
}

#[test]
fn words_of_linux_are_known() {
    table(
        linux,
        &ROOT,
        &[
            (r#""rootfsPropagation":"rslave""#, ""),
            (r#""rootfsPropagation":"x""#, "rootfsPropagation=x is not supported (linux.rootfsPropagation)"),
            (r#""personality":{"domain":"LINUX32"}"#, ""),
            (
                r#""personality":{"domain":"LINUX","flags":["F"]}"#,
                "warning: linux.personality.flags: no flag is defined: ignored",
            ),
            (
                r#""personality":{"domain":"FOO"}"#,
                "invalid personality domain FOO (linux.personality.domain)",
            ),
        ],
    );
}

#[test]
fn memory_policies_have_the_nodes_their_mode_wants() {
    table(
        |members| linux(&format!(r#""memoryPolicy":{{{members}}}"#)),
        &ROOT,
        &[
            (r#""mode":"MPOL_BIND","nodes":"0","flags":["MPOL_F_STATIC_NODES"]"#, ""),
            (r#""mode":"MPOL_PREFERRED""#, ""),
            (r#""mode":"X""#, r#"invalid memory policy mode "X" (linux.memoryPolicy.mode)"#),
            (
                r#""mode":"MPOL_BIND""#,
                "memory policy mode requires at least one node but got 0 (linux.memoryPolicy.nodes)",
            ),
            (
                r#""mode":"MPOL_LOCAL","nodes":"0-1""#,
                "memory policy mode requires 0 nodes but got 2 (linux.memoryPolicy.nodes)",
            ),
            (
                r#""mode":"MPOL_BIND","nodes":"1024""#,
                "invalid memory policy nodes \"1024\": values larger than 1023 are not supported \
                 (linux.memoryPolicy.nodes)",
            ),
            (
                r#""mode":"MPOL_BIND","nodes":"0","flags":["X"]"#,
                r#"invalid memory policy flag "X" (linux.memoryPolicy.flags[0])"#,
            ),
        ],
    );
}

#[test]
fn a_class_of_service_is_one_directory_and_a_schema_one_line() {
    table(
        |members| linux(&format!(r#""intelRdt":{{{members}}}"#)),
        &ROOT,
        &[
            (r#""closID":"/""#, ""),
            (r#""closID":"a""#, ""),
            (r#""closID":"..""#, r#"invalid intelRdt.ClosID ".." (linux.intelRdt.closID)"#),
            (r#""closID":"a/b""#, r#"invalid intelRdt.ClosID "a/b" (linux.intelRdt.closID)"#),
            (r#""schemata":["L3:0=f","a\nb"]"#, "linux.intelRdt.schemata[1]: contains a newline"),
            (r#""memBwSchema":"MB:0=1\nx""#, "linux.intelRdt.memBwSchema: contains a newline"),
            (r#""memBwSchema":"x""#, "warning: linux.intelRdt.memBwSchema: does not start with MB:"),
        ],
    );
}

#[test]
fn network_devices_need_a_network_namespace_and_full_rights() {
    let words = "unable to move network devices without a NET namespace (linux.netDevices)";
    assert_eq!(judged(&linux(r#""netDevices":{"eth0":{}}"#), &ROOT), words);
    let devices =
        |devices: &str| linux(&format!(r#""namespaces":[{{"type":"network"}}],"netDevices":{{{devices}}}"#));
    let rootless = Facts { cgroups: CgroupRights::Rootless, ..ROOT };
    assert_eq!(
        judged(&devices(r#""eth0":{}"#), &rootless),
        "network devices are not supported for rootless containers (linux.netDevices)"
    );
    table(
        devices,
        &ROOT,
        &[
            (r#""eth0":{"name":"net%d"},"fifteen-letters":{}"#, ""),
            (
                r#""sixteen-letters-":{}"#,
                r#"invalid network device name "sixteen-letters-" (linux.netDevices)"#,
            ),
            (r#""a/b":{}"#, r#"invalid network device name "a/b" (linux.netDevices)"#),
            (r#""":{}"#, r#"invalid network device name "" (linux.netDevices)"#),
            (
                r#""a.b":{"name":"c d"}"#,
                r#"invalid network device name "c d" (linux.netDevices["a.b"].name)"#,
            ),
            (r#""a":{"name":".."}"#, r#"invalid network device name ".." (linux.netDevices.a.name)"#),
        ],
    );
}

#[test]
fn hooks_have_an_absolute_path_and_a_real_timeout() {
    table(
        top,
        &ROOT,
        &[
            (
                r#""hooks":{"poststart":[{"path":"/a","timeout":1},{"path":"b"}]}"#,
                r#"hooks.poststart[1].path: "b" is not absolute"#,
            ),
            (r#""hooks":{"prestart":[{}]}"#, r#"hooks.prestart[0].path: "" is not absolute"#),
            (
                r#""hooks":{"createContainer":[{"path":"/a","timeout":0}]}"#,
                "hooks.createContainer[0].timeout: 0 is not greater than 0",
            ),
        ],
    );
}

#[test]
fn an_annotation_has_a_key() {
    assert_eq!(judged(&top(r#""annotations":{"":"x"}"#), &ROOT), "warning: annotations: a key is empty");
}

#[test]
fn seccomp_words_are_known() {
    table(
        |members| linux(&format!(r#""seccomp":{{{members}}}"#)),
        &ROOT,
        &[
            (r#""flags":["FOO"],"architectures":["FOO"]"#, ""),
            (
                r#""defaultAction":"FOO","flags":["SECCOMP_FILTER_FLAG_LOG","FOO"]"#,
                "seccomp flag FOO is not known to runc (linux.seccomp.flags[1])",
            ),
            (
                r#""defaultAction":"FOO","architectures":["SCMP_ARCH_PARISC"]"#,
                "string SCMP_ARCH_PARISC is not a valid arch for seccomp (linux.seccomp.architectures[0])",
            ),
            (
                r#""defaultAction":"FOO""#,
                "string FOO is not a valid action for seccomp (linux.seccomp.defaultAction)",
            ),
            (r#""syscalls":[{}]"#, "string  is not a valid action for seccomp (linux.seccomp.defaultAction)"),
            (
                r#""defaultAction":"SCMP_ACT_ALLOW","defaultErrnoRet":1"#,
                "linux.seccomp.defaultErrnoRet: SCMP_ACT_ALLOW has no errno",
            ),
            (
                r#""defaultAction":"SCMP_ACT_NOTIFY""#,
                "SCMP_ACT_NOTIFY cannot be used as default action (linux.seccomp.defaultAction)",
            ),
            (
                r#""defaultAction":"SCMP_ACT_ALLOW","listenerMetadata":"m""#,
                "warning: linux.seccomp.listenerMetadata: is of no use without listenerPath",
            ),
        ],
    );
}

#[test]
fn seccomp_rules_are_complete() {
    table(
        |rule| linux(&format!(r#""seccomp":{{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{{{rule}}}]}}"#)),
        &ROOT,
        &[
            (
                r#""names":["a"],"action":"X""#,
                "string X is not a valid action for seccomp (linux.seccomp.syscalls[0].action)",
            ),
            (
                r#""names":["a"],"action":"SCMP_ACT_LOG","errnoRet":1"#,
                "linux.seccomp.syscalls[0].errnoRet: SCMP_ACT_LOG has no errno",
            ),
            (
                r#""names":["a"],"action":"SCMP_ACT_TRACE","errnoRet":65536"#,
                "linux.seccomp.syscalls[0].errnoRet: 65536 does not fit into 16 bits",
            ),
            (r#""action":"SCMP_ACT_LOG""#, "warning: linux.seccomp.syscalls[0].names: names no system call"),
            (
                r#""names":["a",""],"action":"SCMP_ACT_LOG""#,
                "empty string is not a valid syscall (linux.seccomp.syscalls[0].names)",
            ),
            (
                r#""names":["a"],"action":"SCMP_ACT_LOG","args":[{"index":5,"op":"SCMP_CMP_EQ"},{"op":"X"}]"#,
                "string X is not a valid operator for seccomp (linux.seccomp.syscalls[0].args[1].op)",
            ),
            (
                r#""names":["a"],"action":"SCMP_ACT_LOG","args":[{"index":6,"op":"SCMP_CMP_EQ"}]"#,
                "linux.seccomp.syscalls[0].args[0].index: 6 is not in 0..=5",
            ),
            (
                r#""names":["read","write"],"action":"SCMP_ACT_NOTIFY""#,
                "SCMP_ACT_NOTIFY cannot be used for the write syscall (linux.seccomp.syscalls[0].names)",
            ),
            (
                r#""names":["read"],"action":"SCMP_ACT_NOTIFY""#,
                "seccomp listenerPath is not set (linux.seccomp.listenerPath)",
            ),
        ],
    );
}

#[test]
fn of_two_faults_the_one_runc_sees_first_is_reported() {
    let both = r#"{"process":{"cwd":"/","args":["a"],"env":["B"]},"root":{"path":"r"},"hostname":"h",
        "linux":{"namespaces":[{"type":"foo"}],"devices":[{"type":"x"}],"sysctl":{"vm.a":"1"}}}"#;
    assert_eq!(judged(both, &ROOT), r#"invalid device type "x" (linux.devices[0].type)"#);
}

#[test]
fn lists_of_members_become_a_mask() {
    let members = Members::parse("0-2, 64 ,,1023").unwrap().unwrap();
    assert_eq!(members.count(), 5);
    assert_eq!(members.words()[0], 0b111);
    assert_eq!(members.words()[1], 1);
    assert!(members.contains(1023) && !members.contains(3) && !members.contains(4096));
    assert_eq!(Members::parse(""), Ok(None));
    for bad in [",", " ", "-", "1-", "-1", "+1", "1-2-3", "1 - 2", "a", "1024", "99999999999999999999", "2-1"]
    {
        assert!(Members::parse(bad).is_err(), "{bad:?}");
    }
}
