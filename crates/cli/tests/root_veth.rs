//! Veth pairs and bridges. The "host" is a network namespace of the test's own, never the machine's.
//! Root, in a private mount namespace; needs ip(8).
#![allow(clippy::unwrap_used, reason = "a test ends where its preparation fails")]

mod common;

use std::process::Command;

use common::network::{Host, cannot_run};
use common::{Bundle, Ended, set_namespace, unique};
use serde_json::{Value, json};

/// With an interface `eth0` like this, and the right to ping.
fn with_veth(bundle: Bundle, veth: &Value) -> Bundle {
    let mut value = veth.clone();
    value["type"] = json!("veth");
    bundle.privileged().edit(|config| {
        config["annotations"] = json!({ "brig.network.eth0": value.to_string() });
    })
}

fn sleeper(veth: &Value) -> Bundle {
    with_veth(Bundle::with_args(&["sleep", "1000"]), veth)
}

/// Number `host` in network `net`, whose bridge is made.
fn on_bridge(net: u8, host: u8) -> Value {
    json!({
        "addresses": [format!("10.88.{net}.{host}/24"), format!("fd00:88:{net}::{host}/64")],
        "gateways": [format!("10.88.{net}.1"), format!("fd00:88:{net}::1")],
        "bridge": { "name": format!("br{net}"), "make": {
            "addresses": [format!("10.88.{net}.1/24"), format!("fd00:88:{net}::1/64")],
        } },
    })
}

/// Whether the container gets an answer within so many seconds.
fn answers(host: &Host, id: &str, address: &str, seconds: &str) -> bool {
    let family = if address.contains(':') { "-6" } else { "-4" };
    host.brig(&["exec", id, "busybox", "ping", family, "-c", "1", "-W", seconds, address]).code == 0
}

/// Whether it gets one. It comes at once, unless the machine is very busy.
fn pings(host: &Host, id: &str, address: &str) -> bool {
    answers(host, id, address, "20")
}

#[test]
fn containers_on_a_bridge_reach_each_other_and_the_host_and_no_third_network() {
    if cannot_run() {
        return;
    }
    let host = Host::new();
    host.does("echo 0 > /proc/sys/net/ipv4/ip_forward; echo 0 > /proc/sys/net/ipv6/conf/all/forwarding");
    let bundles = [(1, 2), (1, 3), (2, 2)].map(|(net, number)| sleeper(&on_bridge(net, number)));
    let [one, two, other] = bundles.each_ref().map(|bundle| host.start(bundle));
    for (from, to, reached) in [
        (&one, "10.88.1.3", true),
        (&one, "fd00:88:1::3", true),
        (&two, "10.88.1.2", true),
        (&two, "fd00:88:1::2", true),
        (&one, "10.88.1.1", true),
        (&one, "fd00:88:1::1", true),
        (&other, "10.88.2.1", true),
        (&other, "fd00:88:2::1", true),
        (&one, "10.88.2.2", false),
        (&one, "fd00:88:2::2", false),
        (&other, "10.88.1.3", false),
        (&other, "fd00:88:1::3", false),
    ] {
        let patience = if reached { "20" } else { "1" };
        assert_eq!(answers(&host, from, to, patience), reached, "{from} to {to}");
    }
    host.does("busybox ping -c 1 -W 20 10.88.1.2; busybox ping -6 -c 1 -W 20 fd00:88:1::2");
    for id in [one, two, other] {
        host.brig(&["delete", "--force", &id]).ok();
        host.brig.assert_nothing_of(&id);
    }
    assert_eq!(host.interfaces(), [""; 0]);
}

#[test]
fn what_is_asked_for_is_what_ip_shows() {
    if cannot_run() {
        return;
    }
    let host = Host::new();
    let veth = json!({
        "hostName": "web0", "mac": "02:42:ac:11:00:02", "mtu": 1400,
        "addresses": ["10.9.8.2/24", "fd00:9::2/64", "10.7.7.7/32"],
        "hostAddresses": ["10.9.8.1/24", "fd00:9::1/64"],
        "routes": [
            { "destination": "10.30.0.0/16" },
            { "destination": "10.40.0.0/16", "gateway": "10.30.0.1", "metric": 7 },
            { "destination": "fd00:40::/32", "gateway": "fd00:9::7" },
        ],
        "gateways": ["10.9.8.1", "fd00:9::1"],
    });
    let bundle = sleeper(&veth);
    let id = host.start(&bundle);
    let inside = |words: &str| {
        let args = ["exec", &id, "busybox", "ip"].into_iter().chain(words.split(' ')).collect::<Vec<_>>();
        host.brig(&args).text()
    };
    let (shown, routes) = (inside("address show dev eth0"), inside("route show") + &inside("-6 route show"));
    for wanted in [
        "02:42:ac:11:00:02",
        "mtu 1400",
        ",UP,LOWER_UP",
        " 10.9.8.2/24 brd 10.9.8.255 ",
        " fd00:9::2/64 ",
        " 10.7.7.7/32 ",
    ] {
        assert!(shown.contains(wanted), "{wanted}: {shown}");
    }
    for wanted in [
        "default via 10.9.8.1 dev eth0",
        "10.30.0.0/16 dev eth0",
        "10.40.0.0/16 via 10.30.0.1 dev eth0  metric 7",
        "default via fd00:9::1 dev eth0",
        "fd00:40::/32 via fd00:9::7 dev eth0",
    ] {
        assert!(routes.contains(wanted), "{wanted}: {routes}");
    }
    let on_host = host.does("ip address show dev web0");
    for wanted in ["mtu 1400", ",UP,LOWER_UP", " 10.9.8.1/24 ", " fd00:9::1/64 "] {
        assert!(on_host.contains(wanted), "{wanted}: {on_host}");
    }
    assert!(pings(&host, &id, "10.9.8.1") && pings(&host, &id, "fd00:9::1"));
}

#[test]
fn a_pair_is_gone_when_delete_returns_and_its_name_is_free() {
    if cannot_run() {
        return;
    }
    let host = Host::new();
    let bundle = sleeper(&json!({ "hostName": "web0" }));
    for _ in 0..3 {
        let id = host.start(&bundle);
        assert_eq!(host.interfaces(), ["web0"]);
        host.brig(&["delete", "--force", &id]).ok();
        assert_eq!(host.interfaces(), [""; 0]);
    }
}

#[test]
fn a_pair_into_a_joined_namespace_goes_with_the_container() {
    if cannot_run() {
        return;
    }
    let (host, joined) = (Host::new(), Host::new());
    let path = joined.namespace.path("net");
    let bundle = with_veth(Bundle::with_args(&["true"]), &on_bridge(1, 2))
        .edit(|config| set_namespace(config, "network", Some(&path)));
    let id = host.start(&bundle);
    host.brig.await_status(&id, "stopped");
    assert_eq!((joined.interfaces(), host.interfaces().len()), (vec!["eth0".to_owned()], 2));
    host.brig(&["delete", &id]).ok();
    assert_eq!((joined.interfaces(), host.interfaces()), (vec![], vec![]));
}

#[test]
fn a_pair_reaches_into_a_user_namespace() {
    if cannot_run() {
        return;
    }
    let host = Host::new();
    let bundle = sleeper(&on_bridge(1, 2)).in_user_namespace();
    let id = host.start(&bundle);
    assert!(pings(&host, &id, "10.88.1.1") && pings(&host, &id, "fd00:88:1::1"));
}

#[test]
fn a_bridge_goes_with_its_last_container_if_brig_made_it_and_stays_if_not() {
    if cannot_run() {
        return;
    }
    let host = Host::new();
    host.does("ip link add br2 type bridge; ip address add 10.88.2.1/24 dev br2; ip address add fd00:88:2::1/64 dev br2; ip link set br2 up");
    let bundles = [(1, 2), (1, 3), (2, 2)].map(|(net, number)| sleeper(&on_bridge(net, number)));
    let [first, second, third] = bundles.each_ref().map(|bundle| host.start(bundle));
    let bridges = || {
        let mut names = host.interfaces();
        names.retain(|name| name.starts_with("br"));
        names
    };
    host.brig(&["delete", "--force", &first]).ok();
    assert_eq!(bridges(), ["br1", "br2"]);
    host.brig(&["delete", "--force", &second]).ok();
    assert_eq!(bridges(), ["br2"]);
    host.brig(&["delete", "--force", &third]).ok();
    assert_eq!(host.interfaces(), ["br2"]);
}

#[test]
fn containers_that_share_a_bridge_may_come_and_go_at_the_same_time() {
    if cannot_run() {
        return;
    }
    let host = Host::new();
    let bundles: Vec<_> = (2..8).map(|number| sleeper(&on_bridge(1, number))).collect();
    std::thread::scope(|scope| {
        for bundle in &bundles {
            scope.spawn(|| {
                for _ in 0..3 {
                    let id = host.start(bundle);
                    assert!(pings(&host, &id, "10.88.1.1"), "{id}");
                    host.brig(&["delete", "--force", &id]).ok();
                }
            });
        }
    });
    assert_eq!(host.interfaces(), [""; 0]);
}

#[test]
fn loopback_of_a_joined_namespace_comes_up_where_that_is_asked_for() {
    if cannot_run() {
        return;
    }
    let (host, joined) = (Host::new(), common::Stranger::new(&["--net"], "net"));
    let bundle = Bundle::script("busybox ip -oneline link show dev lo").edit(|config| {
        set_namespace(config, "network", Some(&joined.path("net")));
        config["annotations"] = json!({ "brig.network.lo": "{\"type\":\"loopback\"}" });
    });
    let shown = host.run(&bundle).text();
    assert!(shown.contains("<LOOPBACK,UP,LOWER_UP>"), "{shown}");
}

/// What is wrong, and what is said about it after the place of all such words.
fn mistakes() -> Vec<(Value, &'static str)> {
    vec![
        (json!({ "bridge": { "name": "br9" } }), "there is no bridge br9 (…bridge.name)"),
        (json!({ "bridge": { "name": "taken" } }), "taken is not a bridge (…bridge.name)"),
        (json!({ "bridge": { "name": "taken", "make": {} } }), "taken is not a bridge (…bridge.name)"),
        (
            json!({ "bridge": { "name": "br0", "make": { "addresses": ["10.1.0.1/24", "10.2.0.1/24"] } } }),
            "bridge br0, which is not brig's, has not the address 10.2.0.1/24 (…bridge.make.addresses[1])",
        ),
        (json!({ "hostName": "taken" }), "there is an interface taken on the host (…hostName)"),
        (
            json!({ "hostName": "taken", "bridge": { "name": "br1", "make": { "addresses": ["10.3.0.1/24"] } } }),
            "there is an interface taken on the host (…hostName)",
        ),
        (
            json!({ "addresses": ["10.4.0.2/24"], "routes": [{ "destination": "10.5.0.0/16" }, { "destination": "10.5.0.0/16" }],
                "bridge": { "name": "br1", "make": { "addresses": ["10.3.0.1/24"] } } }),
            "add the route to 10.5.0.0/16: file exists (…routes[1])",
        ),
    ]
}

#[test]
fn what_the_host_does_not_allow_is_one_clear_line_and_leaves_no_device() {
    if cannot_run() {
        return;
    }
    let host = Host::new();
    host.does("ip link add taken type veth peer name other; ip link add br0 type bridge; ip address add 10.1.0.1/24 dev br0");
    let before = host.does("ip address show");
    for (veth, words) in mistakes() {
        let place = r#"annotations["brig.network.eth0"]."#;
        let words = words.replace('…', place);
        host.run(&sleeper(&veth)).failed(
            1,
            &format!("brig run failed: unable to start container process: error creating network interfaces: {words}"),
        );
        assert_eq!(host.does("ip address show"), before, "{words}");
    }
    assert!(!host.brig.root().exists() || std::fs::read_dir(host.brig.root()).unwrap().next().is_none());
}

#[test]
fn a_name_that_is_taken_inside_is_one_clear_line_and_leaves_no_device() {
    if cannot_run() {
        return;
    }
    let (host, joined) = (Host::new(), Host::new());
    joined.pair("eth0", "other");
    let path = joined.namespace.path("net");
    let bundle = sleeper(&on_bridge(1, 2)).edit(|config| set_namespace(config, "network", Some(&path)));
    host.run(&bundle).failed(
        1,
        "brig run failed: unable to start container process: error creating network interfaces: \
         there is an interface eth0 in the container's namespace (annotations[\"brig.network.eth0\"])",
    );
    assert_eq!(
        (host.interfaces(), joined.interfaces()),
        (vec![], vec!["eth0".to_owned(), "other".to_owned()])
    );
}

#[test]
fn a_start_that_fails_later_leaves_neither_pair_nor_bridge() {
    if cannot_run() {
        return;
    }
    let host = Host::new();
    let ended = host.run(&with_veth(Bundle::with_args(&["/no/such/program"]), &on_bridge(1, 2)));
    assert_ne!(ended.code, 0);
    assert_eq!(host.interfaces(), [""; 0]);
}

/// `brig create`, killed as it is about to send its message number `count` to the kernel.
fn killed_at(host: &Host, bundle: &Bundle, id: &str, count: u32) -> Ended {
    let create = host.brig.command(&["create", "--bundle", bundle.path().to_str().unwrap(), id]);
    let mut strace = Command::new("strace");
    strace.args(["-o", "/dev/null", "-e", "trace=sendto", "-e"]);
    strace.arg(format!("inject=sendto:signal=KILL:when={count}"));
    strace.arg(create.get_program()).args(create.get_args());
    host.brig.finish(host.command(&strace))
}

#[test]
fn a_brig_that_is_killed_at_any_message_to_the_kernel_leaves_no_device_after_delete() {
    if cannot_run() {
        return;
    }
    // In a namespace that stays: nothing goes away by itself.
    let (host, joined) = (Host::new(), Host::new());
    let path = joined.namespace.path("net");
    let bundle = sleeper(&on_bridge(1, 2)).edit(|config| set_namespace(config, "network", Some(&path)));
    let (mut left_behind, mut said) = (0, String::new());
    for count in 1..100 {
        let id = unique("c");
        let ended = killed_at(&host, &bundle, &id, count);
        left_behind += host.interfaces().len();
        host.brig(&["delete", "--force", &id]).ok();
        assert_eq!((host.interfaces(), joined.interfaces()), (vec![], vec![]), "killed at {count}");
        host.brig.assert_nothing_of(&id);
        if ended.code == 0 {
            assert!(count > 10 && left_behind > 10, "{count} messages, {left_behind} devices left behind");
            return;
        }
        said = ended.stderr;
    }
    panic!("no end of messages: {said}");
}

#[test]
fn a_stranger_that_has_the_name_of_a_pair_is_left_alone() {
    if cannot_run() {
        return;
    }
    let host = Host::new();
    let bundle = sleeper(&json!({ "hostName": "web0" }));
    let id = host.start(&bundle);
    host.does("ip link delete web0; ip link add web0 type veth peer name other");
    host.brig(&["delete", "--force", &id]).ok();
    assert_eq!(host.interfaces(), ["other", "web0"]);
}

#[test]
fn a_user_of_the_library_gives_networks_as_values() {
    use brig_plan::network::{Network, Veth};
    use brig_runtime::create::{Request, Streams, create};
    use brig_runtime::delete::{Mode, delete};
    use brig_runtime::store::{ContainerId, Store};
    use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

    if cannot_run() {
        return;
    }
    let host = Host::new();
    let bundle = Bundle::with_args(&["sleep", "1000"]);
    let veth = Veth {
        host_name: Some("lib0".to_owned()),
        addresses: vec!["10.9.8.2/24".parse().unwrap()],
        host_addresses: vec!["10.9.8.1/24".parse().unwrap()],
        ..Veth::new("eth0")
    };
    let (store, id) = (Store::open(host.brig.root()), ContainerId::new(&unique("c")).unwrap());
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let namespace = std::fs::File::open(host.namespace.path("net")).unwrap();
            // Of this thread alone: it is the runtime namespace of what it calls.
            use std::os::fd::AsFd;
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
            let null = std::fs::File::options().read(true).write(true).open("/dev/null").unwrap();
            let request = Request {
                streams: Streams::Passed([null.as_fd(); 3]),
                networks: &[Network::Veth(veth)],
                ..Request::of(bundle.path())
            };
            create(&store, &id, &request).unwrap();
            let pinged = host.does("busybox ping -c 1 -W 20 10.9.8.2");
            delete(&store, &id, Mode::Force).unwrap();
            pinged
        });
        assert!(thread.join().unwrap().contains(" 0% packet loss"));
    });
    assert_eq!(host.interfaces(), [""; 0]);
}
