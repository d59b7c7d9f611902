//! Namespaces and id maps.

use brig_plan::host::Host;
use brig_plan::plan::{IdMap, IdMaps, MapWriter, Plan, Setgroups};

use crate::{host, options, planned, planned_on, refused, text, user};

const TIME: u32 = 0x80;
const MOUNT: u32 = 0x2_0000;
const IPC: u32 = 0x800_0000;
const UTS: u32 = 0x400_0000;
const USER: u32 = 0x1000_0000;
const PID: u32 = 0x2000_0000;
const NET: u32 = 0x4000_0000;

/// Words such as `pid` and `net=/path`.
fn listed(host: &Host, words: &str) -> Plan<'static> {
    let entries: Vec<_> = words
        .split(' ')
        .map(|word| match word.split_once('=') {
            Some((kind, path)) => format!(r#"{{"type":"{kind}","path":"{path}"}}"#),
            None => format!(r#"{{"type":"{word}"}}"#),
        })
        .collect();
    let maps = r#"[{"containerID":0,"hostID":1000,"size":1}]"#;
    let gids = r#"[{"containerID":0,"hostID":100,"size":1}]"#;
    let maps = if entries.iter().any(|entry| entry.contains(r#""user"}"#)) {
        format!(r#","uidMappings":{maps},"gidMappings":{gids}"#)
    } else {
        String::new()
    };
    let more = format!(r#""linux":{{"namespaces":[{}]{maps}}}"#, entries.join(","));
    planned_on(host, &options(), &more).unwrap()
}

#[test]
fn each_mix_of_joined_and_created_namespaces_takes_its_route() {
    /// Words, whether root asks, first clone, joined in order, unshared, second clone.
    type Row<'r> = (&'r str, bool, u32, &'r [u32], u32, Option<u32>);
    let table: [Row<'_>; 13] = [
        ("pid mount network cgroup", true, PID | MOUNT | NET, &[], 0, None),
        ("user pid mount", true, USER | PID | MOUNT, &[], 0, None),
        ("user pid mount", false, USER | PID | MOUNT, &[], 0, None),
        ("pid network=/n mount", true, PID | MOUNT, &[NET], 0, None),
        ("mount=/m pid=/p ipc=/i", true, 0, &[PID, IPC, MOUNT], 0, Some(0)),
        ("pid=/p mount", true, 0, &[PID], 0, Some(MOUNT)),
        ("time mount", true, 0, &[], TIME, Some(MOUNT)),
        ("time=/t mount", true, MOUNT, &[TIME], 0, None),
        ("user time mount", false, USER, &[], TIME, Some(MOUNT)),
        ("user time mount", true, 0, &[], TIME, Some(USER | MOUNT)),
        ("user network=/n mount", true, 0, &[NET], 0, Some(USER | MOUNT)),
        ("user network=/n mount", false, USER | MOUNT, &[NET], 0, None),
        ("user=/u uts mount", true, 0, &[USER], 0, Some(UTS | MOUNT)),
    ];
    for (words, root, create, join, unshare, second) in table {
        let plan = listed(&if root { host() } else { user() }, words);
        let entry = &plan.task.entry;
        assert_eq!(
            (plan.start.create, &*entry.join, entry.unshare, entry.second),
            (create, join, unshare, second),
            "{words}"
        );
        assert_eq!(entry.join, plan.start.join.iter().map(|join| join.kind).collect::<Vec<_>>(), "{words}");
        assert_eq!(entry.become_root, words.contains("user"), "{words}");
        assert_eq!(plan.task.cgroup_namespace, words.contains("cgroup"), "{words}");
        assert_eq!(plan.task.fds.namespaces as usize, join.len(), "{words}");
        assert_eq!(entry.by_pidfd, 0);
    }
}

#[test]
fn a_join_remembers_its_path_and_its_place() {
    let plan = listed(&host(), "mount=/m uts pid=/p");
    let places: Vec<_> = plan.start.join.iter().map(|join| (join.path.clone(), join.index)).collect();
    assert_eq!(places, [(text("/p"), 2), (text("/m"), 0)]);
}

#[test]
fn clock_offsets_become_lines() {
    let plan = planned(
        r#""linux":{"namespaces":[{"type":"time"},{"type":"mount"}],
           "timeOffsets":{"boottime":{"secs":-5},"monotonic":{"secs":7,"nanosecs":9}}}"#,
    );
    assert_eq!(plan.task.entry.time_offsets, Some(text("boottime -5 0\nmonotonic 7 9\n")));
}

#[test]
fn lo_is_brought_up_only_in_a_network_namespace_of_our_own() {
    assert!(listed(&host(), "network").task.loopback);
    assert!(!listed(&host(), "network=/n").task.loopback);
    assert!(!listed(&host(), "mount").task.loopback);
}

/// The maps for lines `container host size`, one for users and one for groups.
fn maps(host: &Host, uid: [u32; 3], gid: [u32; 3]) -> IdMaps {
    let line = |[container, host, size]: [u32; 3]| {
        format!(r#"[{{"containerID":{container},"hostID":{host},"size":{size}}}]"#)
    };
    let more = format!(
        r#""linux":{{"namespaces":[{{"type":"user"}},{{"type":"mount"}}],"uidMappings":{},"gidMappings":{}}}"#,
        line(uid),
        line(gid)
    );
    planned_on(host, &options(), &more).unwrap().start.id_maps.unwrap()
}

#[test]
fn who_writes_id_maps_depends_on_what_they_map() {
    for (by, uid, gid, writer, deny) in [
        (host(), [0, 100_000, 65536], [0, 100_000, 65536], MapWriter::Parent, false),
        (host(), [0, 0, 1], [0, 0, 1], MapWriter::Parent, false),
        (user(), [0, 1000, 1], [0, 100, 1], MapWriter::Parent, true),
        (user(), [0, 100_000, 65536], [0, 100_000, 65536], MapWriter::Helpers, false),
        (user(), [0, 100_000, 65536], [0, 100, 1], MapWriter::Helpers, true),
        (user(), [0, 1000, 2], [0, 100, 1], MapWriter::Helpers, true),
    ] {
        let maps = maps(&by, uid, gid);
        assert_eq!((maps.writer, maps.deny_setgroups), (writer, deny), "{uid:?} {gid:?}");
        let [container_id, host_id, size] = uid;
        assert_eq!(maps.uid, [IdMap { container_id, host_id, size }]);
    }
}

#[test]
fn where_setgroups_is_denied_no_groups_are_set_and_none_may_be_asked_for() {
    let more = |groups| {
        format!(
            r#""process":{{"args":["/a"],"cwd":"/","user":{{"additionalGids":{groups}}}}},
               "linux":{{"namespaces":[{{"type":"user"}},{{"type":"mount"}}],
               "uidMappings":[{{"hostID":1000,"size":1}}],"gidMappings":[{{"hostID":100,"size":1}}]}}"#
        )
    };
    let plan = planned_on(&user(), &options(), &more("[]")).unwrap();
    assert_eq!((plan.task.process.groups, plan.exec.setgroups), (None, Setgroups::Denied));
    let refusal = planned_on(&user(), &options(), &more("[5]")).unwrap_err();
    assert_eq!(refusal.message(), "cannot set any additional groups in a rootless container");
    let plan = planned_on(&host(), &options(), &more("[5]")).unwrap();
    assert_eq!(plan.task.process.groups, Some(vec![5]));
}

#[test]
fn nothing_is_mounted_without_a_new_mount_namespace() {
    let mount = r#""mounts":[{"destination":"/tmp","type":"tmpfs"}]"#;
    assert_eq!(refused(mount), "mounts: nothing is ever mounted in the host's mount namespace");
    let joined = format!(r#"{mount},"linux":{{"namespaces":[{{"type":"mount","path":"/m"}}]}}"#);
    assert_eq!(refused(&joined), "mounts: nothing is ever mounted in a mount namespace that is joined");
}
