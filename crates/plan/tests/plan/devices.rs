//! `/dev`.

use brig_handshake::devices::{Devices, Making, Node};
use brig_plan::host::Host;

use crate::{host, options, planned, planned_on, refused, text, with_mounts};

fn devices(devices: &str) -> Devices<'static> {
    let more = format!(r#""linux":{{"namespaces":[{{"type":"mount"}}],"devices":[{devices}]}}"#);
    planned(&more).task.rootfs.devices.unwrap()
}

#[test]
fn every_container_has_the_devices_and_links_of_the_specification() {
    let dev = devices("");
    let nodes: Vec<_> =
        dev.nodes.iter().map(|node| (node.path.to_str().unwrap(), node.major, node.minor)).collect();
    assert_eq!(
        nodes,
        [
            ("/dev/null", 1, 3),
            ("/dev/zero", 1, 5),
            ("/dev/full", 1, 7),
            ("/dev/tty", 5, 0),
            ("/dev/random", 1, 8),
            ("/dev/urandom", 1, 9)
        ]
    );
    assert!(dev.nodes.iter().all(|node| node.index == u32::MAX && node.mode == 0o20_666));
    let links: Vec<_> =
        dev.links.iter().map(|link| (link.path.to_str().unwrap(), link.target.to_str().unwrap())).collect();
    assert_eq!(
        links,
        [
            ("/dev/fd", "/proc/self/fd"),
            ("/dev/stdin", "/proc/self/fd/0"),
            ("/dev/stdout", "/proc/self/fd/1"),
            ("/dev/stderr", "/proc/self/fd/2"),
            ("/dev/core", "/proc/kcore"),
            ("/dev/ptmx", "pts/ptmx"),
        ]
    );
    assert_eq!(dev.making, Making::Mknod);
}

#[test]
fn a_configured_device_takes_the_place_of_a_default_one() {
    let dev =
        devices(r#"{"path":"/dev//null","type":"c","major":1,"minor":3,"fileMode":384,"uid":7,"gid":8}"#);
    let null: Vec<_> = dev.nodes.iter().filter(|node| node.path == text("/dev/null")).collect();
    let expected =
        Node { index: 0, path: text("/dev/null"), mode: 0o20_600, major: 1, minor: 3, uid: 7, gid: 8 };
    assert_eq!(null, [&expected]);
    assert_eq!(dev.nodes.len(), 6);
}

#[test]
fn each_kind_of_device_has_its_file_type() {
    let dev = devices(
        r#"{"path":"/dev/u","type":"u","major":1,"minor":9},{"path":"/dev/b","type":"b","major":8,"minor":0},
           {"path":"/dev/p","type":"p","major":-1,"minor":5}"#,
    );
    let own: Vec<_> =
        dev.nodes.iter().filter(|node| node.index != u32::MAX).map(|node| (node.mode, node.major)).collect();
    assert_eq!(own, [(0o20_666, 1), (0o60_666, 8), (0o10_666, 0)]);
}

#[test]
fn ptmx_stays_a_link_to_the_containers_own() {
    let dev = devices(r#"{"path":"/dev/ptmx","type":"c","major":5,"minor":2}"#);
    assert!(dev.nodes.iter().all(|node| node.path != text("/dev/ptmx")));
}

#[test]
fn in_a_user_namespace_nodes_are_bound_and_belong_to_root() {
    let more = r#""linux":{"namespaces":[{"type":"mount"},{"type":"user"}],
        "uidMappings":[{"hostID":5,"size":9}],"gidMappings":[{"hostID":5,"size":9}],
        "devices":[{"path":"/dev/x","type":"c","major":1,"minor":1,"uid":3,"gid":3}]}"#;
    let dev = planned(more).task.rootfs.devices.unwrap();
    assert_eq!(dev.making, Making::Bind);
    assert!(dev.nodes.iter().all(|node| (node.uid, node.gid) == (0, 0)));
    let nested = Host { in_user_namespace: true, ..host() };
    let plan = planned_on(&nested, &options(), r#""linux":{"namespaces":[{"type":"mount"}]}"#).unwrap();
    assert_eq!(plan.task.rootfs.devices.unwrap().making, Making::Bind);
}

#[test]
fn nothing_is_made_in_a_dev_that_is_bound() {
    let bound = with_mounts(r#"{"destination":"/dev/","source":"/dev","options":["rbind"]}"#);
    assert_eq!(planned(&bound).task.rootfs.devices, None);
}

#[test]
fn an_unknown_kind_of_device_is_refused() {
    let more = r#""linux":{"namespaces":[{"type":"mount"}],"devices":[{"path":"/dev/x","type":"q"}]}"#;
    assert_eq!(refused(more), "invalid device type \"q\" (linux.devices[0].type)");
}
