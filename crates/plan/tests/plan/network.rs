//! The container's network: which devices move in, and what they are called there.

use brig_plan::network::{Address, Bridge, Mac, MakeBridge, Network, Route, Veth};
use brig_plan::options::Options;
use brig_plan::plan::{NetDevice, PlannedVeth};

use super::{host, options, planned, planned_on, refused, user};

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
        (r#""a":{"name":"eth0"},"eth0":{}"#, "linux.netDevices.eth0: two interfaces are called eth0"),
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

/// A configuration with an annotation for the interface `name`.
fn annotated(name: &str, value: &str) -> String {
    let value = serde_json::to_string(value).unwrap();
    format!(
        r#""annotations":{{"brig.network.{name}":{value}}},"linux":{{"namespaces":[{{"type":"network"}}]}}"#
    )
}

fn veth(members: &str) -> String {
    annotated("eth0", &format!(r#"{{"type":"veth"{members}}}"#))
}

#[test]
fn an_annotation_and_an_option_plan_the_same_pair() {
    let value = r#"{"type":"veth","hostName":"web0","mac":"02:42:ac:11:00:02","mtu":1400,
        "addresses":["10.88.0.2/24","fd00:88::2/64"],"gateways":["10.88.0.1","fe80::1"],
        "routes":[{"destination":"10.99.0.0/16"},{"destination":"10.98.0.0/16","gateway":"10.99.0.1","metric":7}],
        "bridge":{"name":"br0","make":{"addresses":["10.88.0.1/24"]}}}"#;
    let of_annotation = planned(&annotated("eth0", value));
    let veth = Veth {
        host_name: Some("web0".to_owned()),
        mac: Some(Mac([2, 0x42, 0xac, 0x11, 0, 2])),
        mtu: Some(1400),
        addresses: vec![address("10.88.0.2/24"), address("fd00:88::2/64")],
        gateways: vec!["10.88.0.1".parse().unwrap(), "fe80::1".parse().unwrap()],
        routes: vec![
            Route { destination: address("10.99.0.0/16"), gateway: None, metric: None },
            Route {
                destination: address("10.98.0.0/16"),
                gateway: Some("10.99.0.1".parse().unwrap()),
                metric: Some(7),
            },
        ],
        bridge: Some(Bridge {
            name: "br0".to_owned(),
            make: Some(MakeBridge { addresses: vec![address("10.88.0.1/24")] }),
        }),
        ..Veth::new("eth0")
    };
    let networks = vec![Network::Veth(veth.clone())].leak();
    let options = Options { networks, ..options() };
    let of_option = planned_on(&host(), &options, r#""linux":{"namespaces":[{"type":"network"}]}"#).unwrap();
    let at = r#"annotations["brig.network.eth0"]"#;
    assert_eq!(of_annotation.network.veths, [PlannedVeth { veth: veth.clone(), at: at.to_owned() }]);
    assert_eq!(of_option.network.veths, [PlannedVeth { veth, at: "networks[0]".to_owned() }]);
    assert!(of_annotation.task.network && of_option.task.network);
    assert!(of_option.explain().contains(
        "veth pair: eth0 in the container, web0 on the host; hardware address 02:42:ac:11:00:02; mtu 1400; \
         addresses 10.88.0.2/24, fd00:88::2/64; route to 10.99.0.0/16; route to 10.98.0.0/16 by way of 10.99.0.1 metric 7; \
         default route by way of 10.88.0.1; default route by way of fe80::1; port of bridge br0, made if it is missing, \
         with addresses 10.88.0.1/24 *\n"
    ));
}

#[test]
fn loopback_of_a_joined_namespace_is_brought_up_where_that_is_asked_for() {
    let joined = |annotations: &str| {
        format!(r#"{annotations}"linux":{{"namespaces":[{{"type":"network","path":"/n"}}]}}"#)
    };
    assert!(!planned(&joined("")).task.loopback);
    let plan = planned(&joined(r#""annotations":{"brig.network.lo":"{\"type\":\"loopback\"}"},"#));
    assert!(plan.task.loopback && !plan.task.network);
}

#[test]
fn a_pair_needs_root_and_a_network_namespace() {
    let value = r#""annotations":{"brig.network.eth0":"{\"type\":\"veth\"}"}"#;
    assert_eq!(
        refused(value),
        r#"annotations["brig.network.eth0"]: there is no network namespace for it in linux.namespaces"#
    );
    let rootless = r#""linux":{"namespaces":[{"type":"network"},{"type":"user"}],
        "uidMappings":[{"hostID":1000,"size":1}],"gidMappings":[{"hostID":100,"size":1}]}"#;
    let refusal = planned_on(&user(), &options(), &format!("{value},{rootless}")).unwrap_err().to_string();
    assert_eq!(refusal, r#"annotations["brig.network.eth0"]: only root can make a veth pair"#);
}

#[test]
fn what_is_wrong_with_an_annotation_is_said_with_its_place() {
    for (name, value, words) in [
        ("eth0", "{", ": EOF while parsing an object (line 1 column 1)"),
        ("eth0", "[]", ": invalid type: sequence, expected an object"),
        ("eth0", "{}", r#".type: "" is neither veth nor loopback"#),
        ("eth0", r#"{"type":"macvlan"}"#, r#".type: "macvlan" is neither veth nor loopback"#),
        ("eth0", r#"{"type":"loopback"}"#, ": the loopback interface is called lo"),
        ("lo", r#"{"type":"loopback","mtu":1}"#, ": loopback has no settings"),
        ("lo", r#"{"type":"veth"}"#, ": lo is the loopback interface of every network namespace"),
        ("", r#"{"type":"veth"}"#, r#": "" cannot be the name of a network interface"#),
        (
            "sixteen-letters-",
            r#"{"type":"veth"}"#,
            r#": "sixteen-letters-" cannot be the name of a network interface"#,
        ),
        ("a%d", r#"{"type":"veth"}"#, r#": "a%d" is a pattern of names to the kernel, not a name"#),
    ] {
        let refusal = refused(&annotated(name, value));
        assert_eq!(refusal, format!(r#"annotations["brig.network.{name}"]{words}"#));
    }
    let unknown = refused(&veth(r#","adresses":[]"#));
    assert!(unknown.contains("unknown field `adresses`"), "{unknown}");
}

#[test]
fn what_the_kernel_would_refuse_or_nobody_can_mean_is_refused_before() {
    for (members, words) in [
        (
            r#","addresses":["10.0.0.2"]"#,
            r#".addresses[0]: "10.0.0.2" is not an address and the bits of its network, such as 10.0.0.2/24"#,
        ),
        (
            r#","addresses":["10.0.0.2/24","10.0.0.3/33"]"#,
            r#".addresses[1]: "10.0.0.3/33": that address has 32 bits"#,
        ),
        (
            r#","addresses":["10.0.0.0/24"]"#,
            ".addresses[0]: 10.0.0.0/24 is the name of its network, not an address in it",
        ),
        (
            r#","addresses":["10.0.0.255/24"]"#,
            ".addresses[0]: 10.0.0.255/24 is the broadcast address of its network",
        ),
        (r#","addresses":["224.0.0.1/4"]"#, ".addresses[0]: 224.0.0.1/4 is not the address of one interface"),
        (r#","addresses":["::/64"]"#, ".addresses[0]: ::/64 is not the address of one interface"),
        (r#","addresses":["10.0.0.2/24","10.0.0.2/8"]"#, ".addresses[1]: 10.0.0.2/8 is given twice"),
        (r#","mac":"01:00:5e:00:00:01""#, ".mac: 01:00:5e:00:00:01 is not the address of one interface"),
        (r#","mac":"02:00""#, r#".mac: "02:00" is not a hardware address, such as 02:42:ac:11:00:02"#),
        (r#","mtu":67"#, ".mtu: 67 is not in 68..=65535"),
        (r#","mtu":1279,"addresses":["fd00::2/64"]"#, ".mtu: 1279 is not in 1280..=65535, as IPv6 wants it"),
        (r#","hostName":"a/b""#, r#".hostName: "a/b" cannot be the name of a network interface"#),
        (r#","bridge":{}"#, r#".bridge.name: "" cannot be the name of a network interface"#),
        (
            r#","bridge":{"name":"br0"},"hostAddresses":["10.0.0.1/24"]"#,
            ".hostAddresses: the host's end is a port of br0, which can have addresses itself",
        ),
        (
            r#","addresses":["10.0.0.2/24"],"gateways":["10.0.1.1"]"#,
            ".gateways[0]: 10.0.1.1 is in none of the networks that the interface is in",
        ),
        (
            r#","addresses":["10.0.0.2/24"],"gateways":["10.0.0.2"]"#,
            ".gateways[0]: 10.0.0.2 is the container's own address",
        ),
        (
            r#","addresses":["10.0.0.2/24"],"gateways":["10.0.0.1","10.0.0.3"]"#,
            ".gateways[1]: 10.0.0.3 is the second gateway of its family",
        ),
        (r#","gateways":["x"]"#, r#".gateways[0]: "x" is not an address, such as 10.0.0.1"#),
        (r#","routes":[{}]"#, ".routes[0].destination: is missing"),
        (
            r#","routes":[{"destination":"10.0.0.1/8"}]"#,
            ".routes[0].destination: 10.0.0.1/8 has bits behind those of the network",
        ),
        (
            r#","addresses":["10.0.0.2/24"],"routes":[{"destination":"fd00::/8","gateway":"10.0.0.1"}]"#,
            ".routes[0].gateway: 10.0.0.1 is of another family than fd00::/8",
        ),
    ] {
        assert_eq!(refused(&veth(members)), format!(r#"annotations["brig.network.eth0"]{words}"#));
    }
}

#[test]
fn a_name_is_given_to_one_interface_only() {
    let two = r#""annotations":{"brig.network.eth0":"{\"type\":\"veth\"}"},
        "linux":{"namespaces":[{"type":"network"}],"netDevices":{"a":{"name":"eth0"}}}"#;
    assert_eq!(refused(two), r#"annotations["brig.network.eth0"]: two interfaces are called eth0"#);
    let on_host = r#""annotations":{"brig.network.a":"{\"type\":\"veth\",\"hostName\":\"h\"}",
        "brig.network.b":"{\"type\":\"veth\",\"hostName\":\"h\"}"},"linux":{"namespaces":[{"type":"network"}]}"#;
    assert_eq!(refused(on_host), r#"annotations["brig.network.b"].hostName: two interfaces are called h"#);
}

fn address(text: &str) -> Address {
    text.parse().unwrap()
}
