//! Namespaces, created and joined, in every mix; and what belongs to one: names, clocks, kernel parameters, loopback.
//! Root, in a private mount namespace.
#![allow(clippy::unwrap_used, reason = "a test ends where its preparation fails")]

mod common;

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
fn each_namespace_can_be_joined_by_its_path() {
    if common::cannot_run() {
        return;
    }
    let (first, brig) = (sleeper(), Brig::new());
    let id = brig.start(&first);
    let pid = brig.state(&id)["pid"].as_u64().unwrap();
    for (kind, name) in KINDS.into_iter().filter(|(kind, _)| !matches!(*kind, "mount" | "user")) {
        let bundle = Bundle::script(LOOK).edit(seven).edit(|config| {
            set_namespace(config, kind, Some(&format!("/proc/{pid}/ns/{name}")));
            config.as_object_mut().unwrap().remove("hostname");
        });
        let others =
            KINDS.map(|(_, name)| name).into_iter().filter(|other| *other != name && *other != "user");
        assert_eq!(differing(&brig.says(&bundle), pid), others.collect::<Vec<_>>(), "{kind} joined");
    }
}

#[test]
fn all_namespaces_but_the_mounts_can_be_joined_at_once() {
    if common::cannot_run() {
        return;
    }
    let first = Bundle::with_args(&["sleep", "1000"]).edit(seven).in_user_namespace();
    let brig = Brig::new();
    let id = brig.start(&first);
    let pid = brig.state(&id)["pid"].as_u64().unwrap();
    let bundle = Bundle::script(LOOK).in_user_namespace().edit(|config| {
        config.as_object_mut().unwrap().remove("hostname");
        for (kind, name) in KINDS.into_iter().filter(|(kind, _)| *kind != "mount") {
            set_namespace(config, kind, Some(&format!("/proc/{pid}/ns/{name}")));
        }
        for maps in ["uidMappings", "gidMappings"] {
            config["linux"].as_object_mut().unwrap().remove(maps);
        }
    });
    assert_eq!(differing(&brig.says(&bundle), pid), ["mnt"]);
}

#[test]
fn a_mount_namespace_is_joined_as_it_is() {
    if common::cannot_run() {
        return;
    }
    let stranger = Stranger::new(&["--mount"], "mnt");
    let bundle = Bundle::script("pwd; sleep 1000").edit(|config| {
        set_namespace(config, "mount", Some(&stranger.path("mnt")));
        config["mounts"] = json!([]);
        for paths in ["maskedPaths", "readonlyPaths"] {
            config["linux"][paths] = json!([]);
        }
    });
    let brig = Brig::new();
    let id = brig.start(&bundle);
    let pid = brig.state(&id)["pid"].as_u64().unwrap();
    assert_eq!(namespace_of(pid, "mnt"), namespace_of(stranger.pid(), "mnt"));
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
fn a_joined_user_namespace_owns_what_is_created_with_it() {
    if common::cannot_run() {
        return;
    }
    let first = Bundle::with_args(&["sleep", "1000"]).in_user_namespace();
    let brig = Brig::new();
    let id = brig.start(&first);
    let pid = brig.state(&id)["pid"].as_u64().unwrap();
    // A sysfs can be mounted only by who owns the network namespace, a proc by who owns the PID namespace.
    let script = format!("{LOOK}; echo $$; id -u; hostname new-name && hostname");
    let bundle = Bundle::script(&script).in_user_namespace().privileged().edit(|config| {
        set_namespace(config, "user", Some(&format!("/proc/{pid}/ns/user")));
        for maps in ["uidMappings", "gidMappings"] {
            config["linux"].as_object_mut().unwrap().remove(maps);
        }
    });
    let printed = brig.says(&bundle);
    let (namespaces, rest) = printed.split_at(printed.match_indices('\n').nth(7).unwrap().0 + 1);
    assert!(!differing(namespaces, pid).contains(&"user"));
    assert!(["pid", "net", "ipc", "uts", "mnt"].iter().all(|name| differing(namespaces, pid).contains(name)));
    assert_eq!(rest, "1\n0\nnew-name\n");
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

#[test]
fn exec_joins_exactly_the_namespaces_of_the_container() {
    if common::cannot_run() {
        return;
    }
    let brig = Brig::new();
    let all = Bundle::with_args(&["sleep", "1000"]).edit(seven).in_user_namespace();
    let few = Bundle::with_args(&["sleep", "1000"]).edit(|config| {
        config.as_object_mut().unwrap().remove("hostname");
        for kind in ["ipc", "network", "uts", "cgroup"] {
            drop_namespace(config, kind);
        }
    });
    for (bundle, own) in [(all, &KINDS.map(|(_, name)| name)[..]), (few, &["mnt", "pid"])] {
        let id = brig.start(&bundle);
        let pid = brig.state(&id)["pid"].as_u64().unwrap();
        let printed = brig.run(&["exec", &id, "sh", "-c", LOOK]).text();
        assert_eq!(differing(&printed, "self"), own);
        assert_eq!(differing(&printed, pid), Vec::<&str>::new());
    }
}

#[test]
fn a_path_that_is_no_namespace_of_its_kind_is_named() {
    if common::cannot_run() {
        return;
    }
    let brig = Brig::new();
    let wrong =
        Bundle::script("true").edit(|config| set_namespace(config, "network", Some("/proc/self/ns/uts")));
    let ended = brig.run_bundle(&wrong);
    assert!(
        ended.code == 1
            && ended.error().contains("linux.namespaces[")
            && ended.error().contains("invalid argument"),
        "{ended:?}"
    );
    let missing = Bundle::script("true").edit(|config| set_namespace(config, "ipc", Some("/nowhere")));
    let ended = brig.run_bundle(&missing);
    assert!(
        ended.code == 1 && ended.error().contains("/nowhere") && ended.error().contains("no such file"),
        "{ended:?}"
    );
    assert_eq!(std::fs::read_dir(brig.root()).unwrap().count(), 0);
}

#[test]
fn a_joined_cgroup_namespace_shows_its_own_root() {
    if common::cannot_run() {
        return;
    }
    let stranger = Stranger::new(&["--cgroup"], "cgroup");
    let bundle = Bundle::script("readlink /proc/self/ns/cgroup")
        .edit(|config| set_namespace(config, "cgroup", Some(&stranger.path("cgroup"))));
    assert_eq!(Brig::new().says(&bundle).trim(), namespace_of(stranger.pid(), "cgroup"));
}

#[test]
fn a_joined_time_namespace_keeps_its_offsets() {
    if common::cannot_run() {
        return;
    }
    let stranger = Stranger::new(&["--time", "--boottime", "1000000000"], "time_for_children");
    let bundle = Bundle::script("cut -d. -f1 /proc/uptime")
        .edit(|config| set_namespace(config, "time", Some(&stranger.path("time_for_children"))));
    assert!(Brig::new().says(&bundle).trim().parse::<u64>().unwrap() >= 1_000_000_000);
}

#[test]
fn a_container_in_joined_namespaces_can_be_entered_and_goes_alone() {
    if common::cannot_run() {
        return;
    }
    let first = Bundle::with_args(&["sleep", "1000"]).edit(seven).in_user_namespace();
    let brig = Brig::new();
    let host = brig.start(&first);
    let pid = brig.state(&host)["pid"].as_u64().unwrap();
    let second = Bundle::with_args(&["sleep", "1000"]).in_user_namespace().edit(|config| {
        config.as_object_mut().unwrap().remove("hostname");
        config["process"]["user"] = json!({ "uid": 7, "gid": 8, "additionalGids": [9] });
        for (kind, name) in KINDS.into_iter().filter(|(kind, _)| *kind != "mount") {
            set_namespace(config, kind, Some(&format!("/proc/{pid}/ns/{name}")));
        }
        for maps in ["uidMappings", "gidMappings"] {
            config["linux"].as_object_mut().unwrap().remove(maps);
        }
    });
    let id = brig.start(&second);
    let own = brig.state(&id)["pid"].as_u64().unwrap();
    let printed = brig.run(&["exec", &id, "sh", "-c", LOOK]).text();
    assert_eq!(differing(&printed, own), Vec::<&str>::new());
    assert_eq!(differing(&printed, pid), ["mnt"]);
    assert_eq!(brig.run(&["exec", &id, "sh", "-c", "id -u; id -G"]).text(), "7\n8 9\n");
    brig.run(&["delete", "--force", &id]).ok();
    // Whoever reaps it may not have done so yet.
    assert!(std::fs::read_link(format!("/proc/{own}/exe")).is_err());
    assert_eq!(brig.status(&host), "running");
}

#[test]
fn a_container_outlives_the_one_whose_namespaces_it_joined() {
    if common::cannot_run() {
        return;
    }
    let brig = Brig::new();
    let (first, second) = (sleeper(), Bundle::with_args(&["sleep", "1000"]));
    let host = brig.start(&first);
    let pid = brig.state(&host)["pid"].as_u64().unwrap();
    let second = second.edit(|config| {
        config.as_object_mut().unwrap().remove("hostname");
        for (kind, name) in [("network", "net"), ("ipc", "ipc"), ("uts", "uts")] {
            set_namespace(config, kind, Some(&format!("/proc/{pid}/ns/{name}")));
        }
    });
    let id = brig.start(&second);
    brig.run(&["delete", "--force", &host]).ok();
    assert_eq!(brig.status(&id), "running");
    assert_eq!(brig.run(&["exec", &id, "cat", "/sys/class/net/lo/flags"]).text(), "0x9\n");
}
