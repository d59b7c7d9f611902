//! Namespaces, id mappings, and what needs a namespace.

use super::{MAPS, ROOT, judged, linux, table, top};
use brig_plan::rules::{Facts, JoinedNetwork, JoinedUser};
use brig_plan::spec::LinuxIdMapping;

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
