//! The container's network: which devices move in, and what they are called there.

use brig_plan::plan::NetDevice;

use super::{planned, refused};

fn devices(devices: &str) -> String {
    format!(r#""linux":{{"namespaces":[{{"type":"network"}}],"netDevices":{{{devices}}}}}"#)
}

#[test]
fn devices_move_in_the_order_of_the_file_under_their_new_name_or_their_own() {
    let plan = planned(&devices(r#""a.1":{"name":"eth0"},"b":{}"#));
    let device = |name: &str, inside: &str, at: &str| NetDevice {
        name: name.to_owned(),
        inside: inside.to_owned(),
        at: at.to_owned(),
    };
    assert_eq!(
        plan.network.devices,
        [device("a.1", "eth0", r#"linux.netDevices["a.1"]"#), device("b", "b", "linux.netDevices.b")]
    );
    assert!(plan.task.network);
    assert!(plan.explain().contains("move network device: a.1, called eth0 in the container *\n"));
}

#[test]
fn without_devices_nobody_is_asked_for_a_network() {
    let plan = planned(r#""linux":{"namespaces":[{"type":"network"}]}"#);
    assert!(!plan.task.network && plan.task.loopback);
}

#[test]
fn a_name_in_the_container_is_given_once_and_is_neither_loopback_nor_a_pattern() {
    for (list, words) in [
        (
            r#""a":{"name":"eth0"},"eth0":{}"#,
            "linux.netDevices.eth0: two interfaces of the container are called eth0",
        ),
        (
            r#""a":{"name":"lo"}"#,
            "linux.netDevices.a: lo is the loopback interface of every network namespace",
        ),
        (
            r#""a":{"name":"eth%d"}"#,
            r#"linux.netDevices.a: "eth%d" is a pattern of names to the kernel, not a name"#,
        ),
    ] {
        assert_eq!(refused(&devices(list)), words);
    }
}
