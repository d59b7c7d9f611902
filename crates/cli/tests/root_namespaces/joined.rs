//! Namespaces that are joined.

use super::{KINDS, LOOK, differing, seven, sleeper};
use crate::common::{self, Brig, Bundle, Stranger, drop_namespace, namespace_of, set_namespace};
use serde_json::json;

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
