//! Containers of an ordinary user: with one id and nobody's help, and with many that newuidmap(1) maps.
#![allow(clippy::unwrap_used, reason = "a test ends where its preparation fails")]
#![allow(clippy::print_stdout, reason = "what is skipped is said")]

mod common;

use std::fs;

use common::trace::Trace;
use common::{Brig, Bundle, HostMounts, drop_namespace, namespace_of, set_namespace, unique};
use rustix::process::{getegid, geteuid};
use serde_json::{Value, json};

/// True, having said why, where no container of an ordinary user can be made.
fn cannot_run() -> bool {
    let busybox =
        fs::exists("/bin/busybox").unwrap_or(false) || fs::exists("/usr/bin/busybox").unwrap_or(false);
    let needed = match (geteuid().is_root(), busybox) {
        (true, _) => "an ordinary user",
        (false, false) => "busybox-static",
        (false, true) => return false,
    };
    println!("SKIPPED: needs {needed}");
    true
}

/// The first of the caller's subordinate ids; the same for users and groups, as the tests' user has them.
fn subordinate() -> Option<u32> {
    let id = geteuid().as_raw().to_string();
    let users = fs::read_to_string("/etc/passwd").ok()?;
    let user = users.lines().find(|line| line.split(':').nth(2) == Some(&id))?.split(':').next()?;
    let first = |file: &str| -> Option<u32> {
        let text = fs::read_to_string(file).ok()?;
        let ranges = text.lines().filter_map(|line| line.strip_prefix(user)?.strip_prefix(':'));
        ranges.filter_map(|range| range.split(':').next()?.parse().ok()).next()
    };
    let (users, groups) = (first("/etc/subuid")?, first("/etc/subgid")?);
    let helpers =
        ["newuidmap", "newgidmap"].map(|name| fs::exists(format!("/usr/bin/{name}")).unwrap_or(false));
    (users == groups && helpers == [true, true]).then_some(users)
}

/// True, having said why, where nobody maps more than one id.
fn has_one_id() -> bool {
    let none = subordinate().is_none();
    if none {
        println!("SKIPPED: needs newuidmap and subordinate ids");
    }
    none
}

/// What `brig spec --rootless` makes of the default.
fn rootless(config: &mut Value) {
    drop_namespace(config, "network");
    set_namespace(config, "user", None);
    config["linux"]["uidMappings"] = json!([{ "containerID": 0, "hostID": geteuid().as_raw(), "size": 1 }]);
    config["linux"]["gidMappings"] = json!([{ "containerID": 0, "hostID": getegid().as_raw(), "size": 1 }]);
    config["linux"].as_object_mut().unwrap().remove("resources");
    for mount in config["mounts"].as_array_mut().unwrap() {
        if mount["destination"] == "/sys" {
            *mount = json!({ "destination": "/sys", "source": "/sys", "options": ["rbind", "nosuid", "noexec", "nodev", "ro"] });
        }
        if let Some(options) = mount["options"].as_array_mut() {
            options.retain(|option| !option.as_str().unwrap().starts_with("gid="));
        }
    }
}

/// With all ids that the caller has: its own as root's, and the subordinate ones.
fn many_ids(config: &mut Value) {
    rootless(config);
    let first = subordinate().unwrap();
    for (maps, own) in [("uidMappings", geteuid().as_raw()), ("gidMappings", getegid().as_raw())] {
        config["linux"][maps] = json!([
            { "containerID": 0, "hostID": own, "size": 1 },
            { "containerID": 1, "hostID": first, "size": 65_535 },
        ]);
    }
}

#[test]
fn one_id_needs_nobodys_help() {
    if cannot_run() {
        return;
    }
    let script = "id -u; id -g; tr -s ' ' </proc/self/uid_map; cat /proc/self/setgroups; echo $$; hostname; touch /made; \
                  stat -c %u:%g /made /dev/null";
    let bundle = Bundle::script(script).edit(rootless);
    let brig = Brig::new();
    let mut command = brig.command(&["run", "--bundle", bundle.path().to_str().unwrap(), &unique("c")]);
    command.env("PATH", "/nowhere");
    let expected = format!("0\n0\n 0 {} 1\ndeny\n1\nbrig\n0:0\n65534:65534\n", geteuid().as_raw());
    let ended = brig.finish(command).text();
    assert_eq!(ended.replace("\nrunc\n", "\nbrig\n"), expected);
}

#[test]
fn what_takes_an_ordinary_user_how_long_is_told_too() {
    if cannot_run() {
        return;
    }
    let bundle = Bundle::with_args(&["true"]).edit(rootless);
    let outer = Brig::new();
    let (path, id) = (outer.scratch("trace.json"), unique("c"));
    let brig = Brig::new().with(&["--trace", path.to_str().unwrap()]);
    let ended = brig.run(&["run", "--timing", "--bundle", bundle.path().to_str().unwrap(), &id]).ok();
    assert!(ended.stderr.contains("brig-init "), "{}", ended.stderr);
    let trace = Trace::read(&path);
    let has = |process: &str, name: &str| trace.phases(process).iter().any(|phase| phase.name == name);
    assert!(has(&format!("brig run {id}"), "write the id maps"), "{trace:?}");
    assert!(has(&format!("brig-init of brig run {id}"), "switch the root"), "{trace:?}");
}

#[test]
fn the_written_configuration_runs_as_it_is() {
    if cannot_run() {
        return;
    }
    let bundle = Bundle::busybox();
    fs::remove_file(bundle.path().join("config.json")).unwrap();
    let brig = Brig::new();
    brig.run(&["spec", "--rootless", "--bundle", bundle.path().to_str().unwrap()]).ok();
    let bundle = bundle.args(&["id", "-u"]).edit(|config| config["process"]["terminal"] = json!(false));
    assert_eq!(brig.says(&bundle), "0\n");
}

#[test]
fn many_ids_are_mapped_by_the_helpers() {
    if cannot_run() || has_one_id() {
        return;
    }
    let script = "id -u; id -g; id -G; busybox tail -n 1 /proc/self/uid_map | tr -s ' '; touch /tmp/made && stat -c %u:%g /tmp/made";
    let bundle = Bundle::script(script).edit(many_ids).edit(|config| {
        config["process"]["user"] = json!({ "uid": 5, "gid": 6, "additionalGids": [7, 8] });
    });
    fs::set_permissions(bundle.rootfs().join("tmp"), std::os::unix::fs::PermissionsExt::from_mode(0o777))
        .unwrap();
    let printed = Brig::new().says(&bundle);
    let first = subordinate().unwrap();
    assert_eq!(printed, format!("5\n6\n6 7 8\n 1 {first} 65535\n5:6\n"));
    let made = fs::metadata(bundle.rootfs().join("tmp/made")).unwrap();
    assert_eq!(std::os::unix::fs::MetadataExt::uid(&made), first + 4);
    fs::remove_file(bundle.rootfs().join("tmp/made")).unwrap();
}

#[test]
fn ids_that_are_not_the_callers_are_refused_in_words() {
    if cannot_run() || has_one_id() {
        return;
    }
    let bundle = Bundle::script("true").edit(many_ids).edit(|config| {
        config["linux"]["uidMappings"][1]["hostID"] = json!(3_000_000);
    });
    let brig = Brig::new();
    let ended = brig.run_bundle(&bundle);
    assert!(ended.code == 1 && ended.error().contains("newuidmap failed"), "{ended:?}");
    assert_eq!(fs::read_dir(brig.root()).unwrap().count(), 0);
}

#[test]
fn groups_cannot_be_set_where_there_is_one() {
    if cannot_run() {
        return;
    }
    let bundle = Bundle::script("true")
        .edit(rootless)
        .edit(|config| config["process"]["user"]["additionalGids"] = json!([0]));
    let ended = Brig::new().run_bundle(&bundle);
    assert!(
        ended.code == 1 && ended.error().contains("cannot set any additional groups in a rootless container"),
        "{ended:?}"
    );
}

#[test]
fn an_ordinary_user_needs_a_user_namespace() {
    if cannot_run() {
        return;
    }
    let ended = Brig::new().run_bundle(&Bundle::script("true"));
    assert!(
        ended.code == 1 && ended.error().contains("rootless container requires user namespaces"),
        "{ended:?}"
    );
}

#[test]
fn a_container_of_a_user_lives_as_one_of_root_does() {
    if cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::with_args(&["sleep", "1000"]).edit(rootless), Brig::new());
    let mounts = HostMounts::now();
    let id = brig.create(&bundle);
    assert_eq!(brig.status(&id), "created");
    assert_eq!(brig.run(&["exec", &id, "id", "-u"]).text(), "0\n");
    brig.run(&["start", &id]).ok();
    assert_eq!(brig.status(&id), "running");
    let pid = brig.state(&id)["pid"].as_u64().unwrap();
    let look = "cd /proc/self/ns && for kind in ipc mnt net pid user uts; do readlink $kind; done";
    let inside = brig.run(&["exec", &id, "sh", "-c", look]).text();
    let kinds = ["ipc", "mnt", "net", "pid", "user", "uts"];
    assert_eq!(inside.lines().collect::<Vec<_>>(), kinds.map(|kind| namespace_of(pid, kind)));
    assert_ne!(namespace_of(pid, "user"), namespace_of("self", "user"));
    assert!(brig.run(&["list", "--quiet"]).text().contains(&id));
    mounts.assert_unchanged();
    brig.run(&["kill", &id, "KILL"]).ok();
    brig.await_status(&id, "stopped");
    brig.run(&["delete", &id]).ok();
    assert_eq!(fs::read_dir(brig.root()).unwrap().count(), 0);
    assert!(
        !fs::exists(format!("/proc/{pid}/ns")).unwrap() || fs::read_link(format!("/proc/{pid}/exe")).is_err()
    );
    mounts.assert_unchanged();
}

#[test]
fn events_of_a_container_without_a_cgroup_are_few_and_end_with_it() {
    if cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::with_args(&["sleep", "1000"]).edit(rootless), Brig::new());
    let id = brig.start(&bundle);
    let told = brig.run(&["events", "--stats", &id]);
    assert_eq!(told.stderr, "", "a caller may read both streams as one");
    let told = told.json();
    assert_eq!((&told["type"], &told["id"]), (&json!("stats"), &json!(id)));
    let mut events = brig.command(&["events", "--interval", "1h", &id]).spawn().unwrap();
    brig.run(&["kill", &id, "KILL"]).ok();
    common::eventually("events has ended", || events.try_wait().unwrap().is_some());
}

#[test]
fn who_has_neither_cgroup_nor_pid_namespace_is_warned() {
    if cannot_run() {
        return;
    }
    if common::cgroup::is_v2() {
        return println!("SKIPPED: needs cgroup v1: a user of systemd's has a cgroup on v2");
    }
    let said = |edit: fn(&mut Value)| {
        let bundle = Bundle::with_args(&["true"]).edit(rootless).edit(edit);
        let ended = Brig::new().run_bundle(&bundle);
        assert_eq!(ended.code, 0, "{ended:?}");
        ended
            .stderr
            .contains("no cgroup and no private pid namespace. Such configuration is strongly discouraged")
    };
    assert!(said(|config| {
        drop_namespace(config, "pid");
        let mounts = config["mounts"].as_array_mut().unwrap();
        let proc = mounts.iter_mut().find(|mount| mount["destination"] == "/proc").unwrap();
        *proc = json!({ "destination": "/proc", "source": "/proc", "options": ["rbind", "nosuid", "nodev", "noexec"] });
    }));
    assert!(!said(|_| ()));
}

#[test]
fn who_has_no_cgroup_sees_the_one_that_he_is_in_and_cannot_write_there() {
    if cannot_run() {
        return;
    }
    if common::cgroup::is_v2() {
        return println!("SKIPPED: needs cgroup v1");
    }
    let script = "cat /proc/mounts; echo; for at in /sys/fs/cgroup/*/cgroup.procs; do grep -x 1 $at; done";
    let bundle = Bundle::script(script).edit(rootless).edit(|config| {
        drop_namespace(config, "cgroup");
        let options = json!(["nosuid", "noexec", "nodev", "ro"]);
        let mounts = config["mounts"].as_array_mut().unwrap();
        mounts.push(json!({ "destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": options }));
    });
    let told = Brig::new().run_bundle(&bundle).text();
    let mounts: Vec<Vec<&str>> =
        told.lines().take_while(|line| !line.is_empty()).map(|line| line.split(' ').collect()).collect();
    let top = |at: &str| mounts.iter().rev().find(|mount| mount[1] == at).unwrap()[3].starts_with("ro,");
    for mount in mounts.iter().filter(|mount| mount[1].starts_with("/sys/fs/cgroup")) {
        // `unified` of a hybrid layout is below the new mount, and seen by nobody.
        assert!(mount[1].ends_with("/unified") || top(mount[1]), "{told}");
    }
    assert!(told.lines().filter(|line| *line == "1").count() > 2, "{told}");
}

#[test]
fn exec_of_many_ids_becomes_any_of_them() {
    if cannot_run() || has_one_id() {
        return;
    }
    let (bundle, brig) = (Bundle::with_args(&["sleep", "1000"]).edit(many_ids), Brig::new());
    let id = brig.start(&bundle);
    assert_eq!(
        brig.run(&["exec", "--user", "11:12", "-g", "13", &id, "sh", "-c", "id -u; id -g; id -G"]).text(),
        "11\n12\n12 13\n"
    );
}

#[test]
fn every_namespace_can_be_new_and_loopback_is_up() {
    if cannot_run() {
        return;
    }
    let script = "cat /sys/class/net/lo/flags; ls /sys/class/net; cat /proc/sys/kernel/domainname; \
                  cut -d. -f1 /proc/uptime | busybox wc -c; cat /proc/sys/net/ipv4/ip_forward";
    let bundle = Bundle::script(script).edit(rootless).edit(|config| {
        for kind in ["network", "cgroup", "time"] {
            set_namespace(config, kind, None);
        }
        config["domainname"] = json!("example.org");
        config["linux"]["timeOffsets"] = json!({ "boottime": { "secs": 1_000_000_000 } });
        config["linux"]["sysctl"] = json!({ "net.ipv4.ip_forward": "1" });
        for mount in config["mounts"].as_array_mut().unwrap() {
            if mount["destination"] == "/sys" {
                *mount =
                    json!({ "destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["ro"] });
            }
        }
    });
    assert_eq!(Brig::new().says(&bundle), "0x9\nlo\nexample.org\n11\n1\n");
}

#[test]
fn a_second_container_joins_the_first_ones_namespaces() {
    if cannot_run() {
        return;
    }
    let brig = Brig::new();
    let first = Bundle::with_args(&["sleep", "1000"])
        .edit(rootless)
        .edit(|config| set_namespace(config, "network", None));
    let pid = brig.state(&brig.start(&first))["pid"].as_u64().unwrap();
    let script = "for kind in ipc net user; do readlink /proc/self/ns/$kind; done; echo $$";
    let second = Bundle::script(script).edit(rootless).edit(|config| {
        for (kind, name) in [("user", "user"), ("network", "net"), ("ipc", "ipc")] {
            set_namespace(config, kind, Some(&format!("/proc/{pid}/ns/{name}")));
        }
        for maps in ["uidMappings", "gidMappings"] {
            config["linux"].as_object_mut().unwrap().remove(maps);
        }
    });
    let expected = ["ipc", "net", "user"].map(|name| namespace_of(pid, name)).join("\n") + "\n1\n";
    assert_eq!(brig.says(&second), expected);
}

#[test]
fn the_walls_stand_for_a_user_too() {
    if cannot_run() {
        return;
    }
    let script = "echo x >/etc/x || echo refused; wc -c </proc/keys; echo 1 >/proc/sys/kernel/printk || echo refused; \
                  ls /sys/firmware | wc -l; grep -c 'NoNewPrivs:.1' /proc/self/status; grep CapEff /proc/self/status | cut -f2; \
                  echo x >/host/file || echo refused";
    let folder = common::Folder::new("source");
    let bundle = Bundle::script(script)
        .edit(rootless)
        .mount(json!({ "destination": "/host", "source": folder.path(), "options": ["bind", "ro"] }))
        .edit(|config| config["root"]["readonly"] = json!(true));
    assert_eq!(Brig::new().says(&bundle), "refused\n0\nrefused\n0\n1\n0000000020000420\nrefused\n");
}

#[test]
fn the_default_store_is_in_the_runtime_directory() {
    if cannot_run() {
        return;
    }
    let runtime = common::Folder::new("runtime");
    let bundle = Bundle::with_args(&["sleep", "1000"]).edit(rootless);
    let id = unique("c");
    let brig = |words: &[&str]| {
        let mut command = std::process::Command::new(common::brig_program());
        command.args(words).env("XDG_RUNTIME_DIR", runtime.path());
        Brig::new().finish(command)
    };
    brig(&["run", "--detach", "--bundle", bundle.path().to_str().unwrap(), &id]).ok();
    assert!(runtime.join("brig").join(&id).exists());
    brig(&["delete", "--force", &id]).ok();
    assert_eq!(fs::read_dir(runtime.join("brig")).unwrap().count(), 0);
}
