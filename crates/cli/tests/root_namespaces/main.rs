//! Namespaces, created and joined, in every mix; and what belongs to one: names, clocks, kernel parameters, loopback.
//! Root, in a private mount namespace.
#![allow(clippy::unwrap_used, reason = "a test ends where its preparation fails")]

#[path = "../common/mod.rs"]
mod common;

mod joined;

use common::{Brig, Bundle, Stranger, drop_namespace, namespace_of, set_namespace};
use serde_json::{Value, json};

/// As config.json names them, and as `/proc/PID/ns` does.
const KINDS: [(&str, &str); 8] = [
    ("cgroup", "cgroup"),
    ("ipc", "ipc"),
    ("mount", "mnt"),
    ("network", "net"),
    ("pid", "pid"),
    ("time", "time"),
    ("user", "user"),
    ("uts", "uts"),
];

const LOOK: &str =
    "cd /proc/self/ns && for kind in cgroup ipc mnt net pid time user uts; do readlink $kind; done";

/// Everything that `brig spec` lists, and a cgroup and a time namespace: all but a user namespace.
fn seven(config: &mut Value) {
    for kind in ["cgroup", "time"] {
        set_namespace(config, kind, None);
    }
}

/// A container with these that sleeps.
fn sleeper() -> Bundle {
    Bundle::with_args(&["sleep", "1000"]).edit(seven)
}

/// Whether what `LOOK` printed is another namespace than that of process `pid`, by the names of `/proc/PID/ns`.
fn differing(printed: &str, pid: impl std::fmt::Display + Copy) -> Vec<&'static str> {
    assert_eq!(printed.lines().count(), KINDS.len(), "{printed}");
    let each = printed.lines().zip(KINDS);
    each.filter(|(found, (_, name))| *found != namespace_of(pid, name)).map(|(_, (_, name))| name).collect()
}

#[test]
fn all_eight_namespaces_are_new_when_all_are_listed() {
    if common::cannot_run() {
        return;
    }
    let bundle = Bundle::script(LOOK).edit(seven).in_user_namespace();
    assert_eq!(differing(&Brig::new().says(&bundle), "self"), KINDS.map(|(_, name)| name));
}

#[test]
fn a_namespace_that_is_not_listed_is_the_callers() {
    if common::cannot_run() {
        return;
    }
    let brig = Brig::new();
    for (kind, name) in KINDS.into_iter().filter(|(kind, _)| !matches!(*kind, "mount" | "user")) {
        let bundle = Bundle::script(LOOK).edit(seven).edit(|config| {
            drop_namespace(config, kind);
            config.as_object_mut().unwrap().remove("hostname");
        });
        let others =
            KINDS.map(|(_, name)| name).into_iter().filter(|other| *other != name && *other != "user");
        assert_eq!(differing(&brig.says(&bundle), "self"), others.collect::<Vec<_>>(), "without {kind}");
    }
}

#[test]
fn without_a_mount_namespace_only_the_root_changes_and_nothing_is_mounted() {
    if common::cannot_run() {
        return;
    }
    let bundle = Bundle::script("pwd; ls /; ls /proc").edit(|config| {
        drop_namespace(config, "mount");
        config["mounts"] = json!([]);
        for paths in ["maskedPaths", "readonlyPaths"] {
            config["linux"][paths] = json!([]);
        }
    });
    let before = common::HostMounts::now();
    assert_eq!(Brig::new().says(&bundle), "/\nbin\ndev\netc\nproc\nsys\ntmp\n");
    before.assert_unchanged();
}

#[test]
fn a_new_user_namespace_goes_with_a_network_that_the_host_owns() {
    if common::cannot_run() {
        return;
    }
    let stranger = Stranger::new(&["--net"], "net");
    let bundle = Bundle::script(LOOK).in_user_namespace().without_mount("/sys").edit(|config| {
        seven(config);
        set_namespace(config, "network", Some(&stranger.path("net")));
    });
    let printed = Brig::new().says(&bundle);
    assert_eq!(differing(&printed, stranger.pid()), ["cgroup", "ipc", "mnt", "pid", "time", "user", "uts"]);
}

#[test]
fn a_process_is_pid_one_exactly_where_the_pid_namespace_is_new() {
    if common::cannot_run() {
        return;
    }
    let brig = Brig::new();
    assert_eq!(brig.says(&Bundle::script("echo $$")), "1\n");
    let first = sleeper();
    let id = brig.start(&first);
    let pid = &brig.state(&id)["pid"];
    let joins = Bundle::script("echo $$; ps -o pid,comm")
        .edit(|config| set_namespace(config, "pid", Some(&format!("/proc/{pid}/ns/pid"))));
    let printed = brig.says(&joins);
    assert!(!printed.starts_with("1\n"), "{printed}");
    assert!(printed.contains("    1 sleep"), "{printed}");
    let shares = Bundle::script("echo $$").edit(|config| drop_namespace(config, "pid"));
    assert_ne!(brig.says(&shares), "1\n");
}

#[test]
fn clocks_of_a_time_namespace_are_offset_for_run_and_exec() {
    if common::cannot_run() {
        return;
    }
    let bundle = Bundle::with_args(&["sleep", "1000"]).edit(|config| {
        set_namespace(config, "time", None);
        config["linux"]["timeOffsets"] =
            json!({ "monotonic": { "secs": 7, "nanosecs": 5 }, "boottime": { "secs": 864_000_000 } });
    });
    let brig = Brig::new();
    let id = brig.start(&bundle);
    let uptime = brig.run(&["exec", &id, "cut", "-d.", "-f1", "/proc/uptime"]).text();
    assert!(uptime.trim().parse::<u64>().unwrap() >= 864_000_000, "{uptime}");
    let offsets = brig.run(&["exec", &id, "cat", "/proc/self/timens_offsets"]).text();
    let offsets: Vec<_> = offsets.split_whitespace().collect();
    assert_eq!(offsets, ["monotonic", "7", "5", "boottime", "864000000", "0"]);
}

#[test]
fn host_and_domain_name_are_the_containers_own() {
    if common::cannot_run() {
        return;
    }
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let bundle = Bundle::script("hostname; cat /proc/sys/kernel/domainname").edit(|config| {
        config["hostname"] = json!("mine");
        config["domainname"] = json!("example.org");
    });
    assert_eq!(Brig::new().says(&bundle), "mine\nexample.org\n");
    assert_eq!(std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap(), host);
}

#[test]
fn kernel_parameters_are_set_in_the_containers_namespaces_alone() {
    if common::cannot_run() {
        return;
    }
    let parameters = json!({
        "net.ipv4.ip_forward": "1", "kernel.msgmax": "4242", "fs/mqueue/msg_max": "77", "net/ipv4/conf/lo/forwarding": "0",
    });
    let script =
        "cd /proc/sys; cat net/ipv4/ip_forward kernel/msgmax fs/mqueue/msg_max net/ipv4/conf/lo/forwarding";
    let host = || std::fs::read_to_string("/proc/sys/kernel/msgmax").unwrap();
    let before = host();
    let bundle = Bundle::script(script).edit(|config| config["linux"]["sysctl"] = parameters);
    let brig = Brig::new();
    assert_eq!(brig.says(&bundle), "1\n4242\n77\n0\n");
    assert_eq!(brig.says(&bundle.in_user_namespace()), "1\n4242\n77\n0\n");
    assert_eq!(host(), before);
}

#[test]
fn a_kernel_parameter_that_cannot_be_set_is_named() {
    if common::cannot_run() {
        return;
    }
    let bundle =
        Bundle::script("true").edit(|config| config["linux"]["sysctl"] = json!({ "net.ipv4.nonsense": "1" }));
    let ended = Brig::new().run_bundle(&bundle);
    assert!(ended.code == 1 && ended.error().contains("net.ipv4.nonsense"), "{ended:?}");
    assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
    let bundle =
        Bundle::script("true").edit(|config| config["linux"]["sysctl"] = json!({ "kernel.msgmax": "many" }));
    let ended = Brig::new().run_bundle(&bundle);
    assert!(
        ended.error().contains("kernel.msgmax") && ended.error().contains("invalid argument"),
        "{ended:?}"
    );
}

#[test]
fn loopback_is_up_in_a_new_network_and_left_alone_in_a_joined_one() {
    if common::cannot_run() {
        return;
    }
    const LOOK: &str = "cat /sys/class/net/lo/flags; ls /sys/class/net";
    let brig = Brig::new();
    assert_eq!(brig.says(&Bundle::script(LOOK)), "0x9\nlo\n");
    assert_eq!(brig.says(&Bundle::script(LOOK).in_user_namespace()), "0x9\nlo\n");
    let stranger = Stranger::new(&["--net"], "net");
    let joined =
        Bundle::script(LOOK).edit(|config| set_namespace(config, "network", Some(&stranger.path("net"))));
    assert_eq!(brig.says(&joined), "0x8\nlo\n");
}

#[test]
fn a_user_namespace_maps_as_many_ranges_as_are_given() {
    if common::cannot_run() {
        return;
    }
    let ranges: Vec<Value> = (0..200)
        .map(|range| json!({ "containerID": range * 20, "hostID": 200_000 + range * 50, "size": 10 }))
        .collect();
    let script = "wc -l </proc/self/uid_map; busybox head -n 2 /proc/self/gid_map | tr -s ' '; \
                  id -u; id -g; stat -c %u:%g /tmp";
    let bundle = Bundle::script(script).in_user_namespace().edit(|config| {
        config["linux"]["uidMappings"] = json!(ranges);
        config["linux"]["gidMappings"] = json!(ranges);
        config["process"]["user"] = json!({ "uid": 25, "gid": 3989 });
    });
    common::give_to(&bundle.rootfs(), 200_000);
    std::os::unix::fs::chown(bundle.rootfs().join("tmp"), Some(200_053), Some(200_000 + 199 * 50)).unwrap();
    assert_eq!(Brig::new().says(&bundle), "200\n 0 200000 10\n 20 200050 10\n25\n3989\n23:3980\n");
}

#[test]
fn a_user_that_no_range_maps_is_refused() {
    if common::cannot_run() {
        return;
    }
    let bundle = Bundle::script("true")
        .in_user_namespace()
        .edit(|config| config["process"]["user"]["uid"] = json!(70_000));
    let ended = Brig::new().run_bundle(&bundle);
    assert!(ended.error().contains("cannot setuid to unmapped uid 70000 in user namespace"), "{ended:?}");
}
