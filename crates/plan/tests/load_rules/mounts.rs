//! Mounts, devices and their rules.

use super::{MAPS, ROOT, ROOTLESS, judged, linux, table, top};

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
