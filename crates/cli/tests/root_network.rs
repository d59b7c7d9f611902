//! `linux.netDevices`: devices that move into a container and back. The "host" is a network namespace of the test's own, never the machine's.
//! Root, in a private mount namespace; needs ip(8).
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where its preparation fails")]
#![allow(clippy::print_stdout, reason = "a test says why it is skipped")]

mod common;

use std::process::Command;

use common::network::{Host, cannot_run};
use common::{Bundle, set_namespace, unique};
use serde_json::{Value, json};

/// With these devices.
fn with_devices(bundle: Bundle, devices: &Value) -> Bundle {
    bundle.edit(|config| config["linux"]["netDevices"] = devices.clone())
}

/// A container that shows the interface `name`.
fn showing(name: &str) -> Bundle {
    Bundle::script(&format!("busybox ip address show dev {name}"))
}

#[test]
fn a_device_keeps_addresses_mtu_and_hardware_address_when_it_moves_and_is_up_under_its_new_name() {
    if cannot_run() {
        return;
    }
    let host = Host::new();
    host.pair("va", "vb");
    let shown = host.run(&with_devices(showing("eth0"), &json!({ "va": { "name": "eth0" } }))).text();
    for wanted in
        ["eth0@", ",UP,LOWER_UP", "mtu 1400", "02:00:00:00:00:07", " 10.9.8.7/24 ", " fd00:9::7/64 "]
    {
        assert!(shown.contains(wanted), "{wanted}: {shown}");
    }
    assert!(!shown.contains("169.254.3.4"), "that address is not global: {shown}");
}

#[test]
fn a_dummy_device_moves_in_as_it_was_and_ends_with_the_container() {
    if cannot_run() {
        return;
    }
    let host = Host::new();
    if host.does("ip link add d0 type dummy 2>/dev/null && echo made || echo none") != "made\n" {
        println!("SKIPPED: needs dummy devices, which this kernel has not");
        return;
    }
    host.does(
        "ip link set d0 mtu 1789 address 02:00:00:00:00:0d up
         ip address add 169.254.169.77/32 dev d0; ip address add fd00:d::1/64 dev d0 nodad",
    );
    let devices = json!({ "d0": { "name": "eth0" } });
    let bundle = with_devices(Bundle::with_args(&["sleep", "1000"]), &devices).privileged();
    let id = host.start(&bundle);
    let shown = host.brig(&["exec", &id, "busybox", "ip", "address", "show", "dev", "eth0"]).text();
    for wanted in [",UP,", "mtu 1789", "02:00:00:00:00:0d", " 169.254.169.77/32 ", " fd00:d::1/64 "] {
        assert!(shown.contains(wanted), "{wanted}: {shown}");
    }
    host.brig(&["exec", &id, "busybox", "ping", "-c", "1", "-W", "20", "169.254.169.77"]).ok();
    assert_eq!(host.interfaces(), [""; 0]);
    host.brig(&["delete", "--force", &id]).ok();
    host.brig.assert_nothing_of(&id);
    assert_eq!(host.interfaces(), [""; 0]);
}

#[test]
fn a_device_without_a_new_name_keeps_its_own() {
    if cannot_run() {
        return;
    }
    let host = Host::new();
    host.pair("va", "vb");
    assert!(host.run(&with_devices(showing("va"), &json!({ "va": {} }))).text().contains("va@"));
}

#[test]
fn a_virtual_device_goes_with_the_namespace_that_it_moved_to() {
    if cannot_run() {
        return;
    }
    let host = Host::new();
    host.pair("va", "vb");
    host.run(&with_devices(Bundle::with_args(&["true"]), &json!({ "va": {} }))).ok();
    common::eventually("both ends are gone", || host.interfaces().is_empty());
}

#[test]
fn a_device_stays_in_a_namespace_that_the_container_joined() {
    if cannot_run() {
        return;
    }
    let (host, joined) = (Host::new(), Host::new());
    host.pair("va", "vb");
    let bundle = with_devices(showing("eth0"), &json!({ "va": { "name": "eth0" } }))
        .edit(|config| set_namespace(config, "network", Some(&joined.namespace.path("net"))));
    host.run(&bundle).ok();
    assert_eq!((host.interfaces(), joined.interfaces()), (vec!["vb".to_owned()], vec!["eth0".to_owned()]));
    assert!(joined.does("ip address show dev eth0").contains(" 10.9.8.7/24 "));
}

#[test]
fn a_device_moves_into_a_user_namespace() {
    if cannot_run() {
        return;
    }
    let host = Host::new();
    host.pair("va", "vb");
    let bundle = with_devices(showing("eth0").in_user_namespace(), &json!({ "va": { "name": "eth0" } }));
    let shown = host.run(&bundle).text();
    assert!(shown.contains(" 10.9.8.7/24 ") && shown.contains(",UP,"), "{shown}");
}

#[test]
fn kernel_parameters_and_hooks_find_the_devices_in_the_container() {
    if cannot_run() {
        return;
    }
    let host = Host::new();
    host.pair("va", "vb");
    let seen = host.brig.scratch("seen");
    let look = format!("ip -oneline link show > {}", seen.display());
    let bundle = with_devices(
        Bundle::script("cat /proc/sys/net/ipv4/conf/eth0/forwarding"),
        &json!({ "va": { "name": "eth0" } }),
    )
    .edit(|config| {
        config["linux"]["sysctl"] = json!({ "net.ipv4.conf.eth0.forwarding": "1" });
        config["hooks"] = json!({ "createRuntime": [{ "path": "/bin/sh", "args": ["sh", "-c", look] }] });
    });
    assert_eq!(host.run(&bundle).text(), "1\n");
    let seen = std::fs::read_to_string(seen).unwrap();
    assert!(seen.contains("vb@") && !seen.contains("va@") && !seen.contains(": va:"), "{seen}");
}

#[test]
fn a_device_that_is_not_there_is_one_clear_line_and_the_others_stay_as_they_are() {
    if cannot_run() {
        return;
    }
    let host = Host::new();
    host.pair("va", "vb");
    // An IPv6 address is tentative for a second or two.
    let look = || host.does("ip address show").replace(" tentative", "");
    let before = look();
    let ended = host.run(&with_devices(Bundle::with_args(&["true"]), &json!({ "va": {}, "vz": {} })));
    let error = ended.error();
    let (start, end) = error.split_once("/proc/").unwrap();
    assert_eq!(
        start,
        "brig run failed: unable to start container process: error creating network interfaces: \
         move netDevice vz to namespace "
    );
    assert!(
        end.ends_with(
            "/ns/net: link not found for interface vz on runtime namespace: Link not found (linux.netDevices.vz)"
        ),
        "{error}"
    );
    assert_eq!(look(), before);
}

#[test]
fn a_name_that_is_taken_in_the_joined_namespace_is_one_clear_line_and_nothing_moves() {
    if cannot_run() {
        return;
    }
    let (host, joined) = (Host::new(), Host::new());
    host.pair("va", "vb");
    joined.pair("eth0", "other");
    let path = joined.namespace.path("net");
    let bundle = with_devices(Bundle::with_args(&["true"]), &json!({ "va": { "name": "eth0" } }))
        .edit(|config| set_namespace(config, "network", Some(&path)));
    host.run(&bundle).failed(
        1,
        &format!(
            "brig run failed: unable to start container process: error creating network interfaces: \
             move netDevice va to namespace {path}: there is an interface eth0 in that namespace (linux.netDevices.va)"
        ),
    );
    assert_eq!(host.interfaces(), ["va", "vb"]);
}

#[test]
fn a_start_that_fails_later_gives_the_devices_back_as_they_were() {
    if cannot_run() {
        return;
    }
    let bad_hook = |name: &str| {
        let hooks = json!({ name: [{ "path": "/bin/false" }] });
        Bundle::with_args(&["sleep", "1000"]).edit(|config| config["hooks"] = hooks)
    };
    let program = Bundle::with_args(&["/no/such/program"]);
    for bundle in [program, bad_hook("createRuntime"), bad_hook("poststart")] {
        let host = Host::new();
        host.pair("va", "vb");
        let addresses = "ip -oneline address show dev va | grep -v fe80 | cut -d' ' -f 2-";
        let before = host.does(addresses);
        let ended = host.run(&with_devices(bundle, &json!({ "va": { "name": "eth0" } })));
        assert_ne!(ended.code, 0);
        assert_eq!(host.interfaces(), ["va", "vb"], "{ended:?}");
        let lasting = |text: &str| text.lines().filter(|line| !line.contains("scope link")).count();
        assert_eq!(lasting(&host.does(addresses)), lasting(&before));
        let shown = host.does("ip address show dev va");
        for wanted in [",UP,", "mtu 1400", "02:00:00:00:00:07", " 10.9.8.7/24 ", " fd00:9::7/64 "] {
            assert!(shown.contains(wanted), "{wanted}: {shown}");
        }
    }
}

#[test]
fn a_device_is_given_back_whatever_answer_of_the_kernel_gets_lost() {
    if cannot_run() {
        return;
    }
    if Command::new("strace").arg("-V").output().is_err() {
        println!("SKIPPED: needs strace");
        return;
    }
    let bundle = with_devices(Bundle::with_args(&["true"]), &json!({ "va": { "name": "eth0" } }));
    for answer in 1..100 {
        let host = Host::new();
        host.pair("va", "vb");
        let lost = format!("inject=recvfrom:error=ENOMEM:when={answer}");
        let path = bundle.path().to_str().unwrap();
        let run = host.brig.command(&["run", "--bundle", path, &unique("c")]);
        let mut strace = Command::new("strace");
        strace.args(["-qq", "-o", "/dev/null", "-e", "trace=recvfrom", "-e", &lost]);
        strace.arg(run.get_program()).args(run.get_args());
        let ended = host.brig.finish(host.command(&strace));
        if ended.code == 0 {
            assert!(answer > 4, "only {answer} answers come");
            return;
        }
        assert_eq!(host.interfaces(), ["va", "vb"], "{lost}: {ended:?}");
        let shown = host.does("ip address show dev va");
        for wanted in [",UP,", "mtu 1400", " 10.9.8.7/24 "] {
            assert!(shown.contains(wanted), "{lost}: {wanted}: {shown}");
        }
    }
    panic!("it never succeeds");
}

#[test]
fn loopback_cannot_move_and_stays() {
    if cannot_run() {
        return;
    }
    let host = Host::new();
    let ended = host.run(&with_devices(Bundle::with_args(&["true"]), &json!({ "lo": { "name": "eth0" } })));
    let error = ended.error();
    assert!(error.contains("move netDevice lo to ") && error.ends_with(" (linux.netDevices.lo)"), "{error}");
    assert!(host.does("ip address show dev lo").contains("127.0.0.1/8"));
}

#[test]
fn a_stopped_container_with_devices_can_be_deleted() {
    if cannot_run() {
        return;
    }
    let host = Host::new();
    host.pair("va", "vb");
    let id = host.start(&with_devices(Bundle::with_args(&["sleep", "1000"]), &json!({ "va": {} })));
    assert_eq!(host.interfaces(), ["vb"]);
    host.brig(&["delete", "--force", &id]).ok();
    host.brig.assert_nothing_of(&id);
    common::eventually("both ends are gone", || host.interfaces().is_empty());
}
