//! `checkpoint` and `restore`: what surrounds the processes is there again. Mounts, namespaces, cgroups, hooks.
//! Root, in a private mount namespace; needs CRIU.
#![allow(clippy::unwrap_used, reason = "a test ends where its preparation fails")]

#[path = "../common/mod.rs"]
mod common;

mod mounts;

use std::{fs, os::unix::fs::MetadataExt as _, process::Command};

use common::apparmor::{EVERYTHING, Profiles};
use common::checkpoint::{COUNTER, cannot_run, count, counts_on, there_and_back};
use common::{Brig, Bundle, HostMounts, Stranger, cgroup, namespace_of, set_namespace};
use serde_json::{Value, json};

/// What a shell in a container says.
fn says(brig: &Brig, id: &str, script: &str) -> String {
    brig.run(&["exec", id, "sh", "-c", script]).text()
}

#[test]
fn namespaces_that_were_joined_are_joined_again() {
    if cannot_run() {
        return;
    }
    let (joined, brig) = (Stranger::new(&["--ipc", "--uts"], "uts"), Brig::new());
    let kinds = ["ipc", "uts"];
    let bundle = Bundle::script(COUNTER).edit(|config| {
        config.as_object_mut().unwrap().remove("hostname");
        for kind in kinds {
            set_namespace(config, kind, Some(&joined.path(kind)));
        }
    });
    let id = brig.start_apart(&bundle);
    for _ in 0..2 {
        there_and_back(&brig, &bundle, &id, [&[], &[]]);
        for kind in kinds {
            assert_eq!(namespace_of(&brig.state(&id)["pid"], kind), namespace_of(joined.pid(), kind));
        }
    }
}

/// A counter that has joined this network namespace.
fn counter_in_network(brig: &Brig, path: &str) -> (Bundle, String) {
    let bundle = Bundle::script(COUNTER).edit(|config| set_namespace(config, "network", Some(path)));
    let id = brig.start_apart(&bundle);
    (bundle, id)
}

#[test]
fn a_network_namespace_that_was_joined_is_joined_again() {
    if cannot_run() {
        return;
    }
    let (joined, brig) = (Stranger::new(&["--net"], "net"), Brig::new());
    let (bundle, id) = counter_in_network(&brig, &joined.path("net"));
    for _ in 0..2 {
        there_and_back(&brig, &bundle, &id, [&[], &[]]);
        assert_eq!(namespace_of(&brig.state(&id)["pid"], "net"), namespace_of(joined.pid(), "net"));
    }
}

#[test]
fn a_network_namespace_that_is_gone_is_named() {
    if cannot_run() {
        return;
    }
    let (joined, brig) = (Stranger::new(&["--net"], "net"), Brig::new());
    let path = joined.path("net");
    let (bundle, id) = counter_in_network(&brig, &path);
    count(&bundle);
    brig.checkpoint(&id, "images", &[]).ok();
    drop(joined);
    let ended = brig.restore(&id, &bundle, "images", &[]);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.stderr.contains(&path), "{ended:?}");
    brig.assert_gone(&id);
}

#[test]
fn a_network_namespace_of_its_own_may_be_left_empty() {
    if cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::script(COUNTER), Brig::new());
    let id = brig.start_apart(&bundle);
    there_and_back(&brig, &bundle, &id, [&["--empty-ns", "network"], &["--empty-ns", "network"]]);
    assert!(says(&brig, &id, "busybox ip -oneline link").contains(" lo: "));
}

#[test]
fn every_way_to_treat_cgroups_brings_the_container_back() {
    if cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::script(COUNTER), Brig::new());
    let id = brig.start_apart(&bundle);
    // It is there before CRIU looks, so that `strict` has no place at restore, as in runc.
    for [mode, restored] in [["soft"; 2], ["full"; 2], ["ignore"; 2], ["strict", "soft"]] {
        let options = [mode, restored].map(|mode| ["--manage-cgroups-mode", mode]);
        there_and_back(&brig, &bundle, &id, options.each_ref().map(<[&str; 2]>::as_slice));
        let cgroups = fs::read_to_string(format!("/proc/{}/cgroup", brig.state(&id)["pid"])).unwrap();
        assert!(cgroups.contains(&id), "{mode}: {cgroups}");
        brig.run(&["pause", &id]).ok();
        brig.run(&["resume", &id]).ok();
    }
}

#[test]
fn pages_of_images_may_be_given_back_to_the_disk_as_they_are_restored() {
    if cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::script(COUNTER), Brig::new());
    let id = brig.start_apart(&bundle);
    there_and_back(&brig, &bundle, &id, [&[], &["--auto-dedup"]]);
    let pages = fs::metadata(brig.scratch("images").join("pages-1.img")).unwrap();
    assert_eq!((pages.blocks(), pages.len() > 0), (0, true));
}

#[test]
fn a_unit_of_systemd_is_made_again_with_its_properties() {
    if cannot_run() || cgroup::lacks_systemd() {
        return;
    }
    let brig = Brig::new().with(&["--systemd-cgroup"]);
    let bundle = Bundle::script(COUNTER)
        .edit(|config| config["annotations"] = json!({ "org.systemd.property.RuntimeMaxSec": "7200" }));
    let id = brig.start_apart(&bundle);
    let (unit, show) = (format!("brig-{id}.scope"), ["show", "--value", "--property=RuntimeMaxUSec"]);
    for mode in ["soft", "full", "ignore"] {
        let options = ["--manage-cgroups-mode", mode];
        there_and_back(&brig, &bundle, &id, [&options, &options]);
        let cgroups = fs::read_to_string(format!("/proc/{}/cgroup", brig.state(&id)["pid"])).unwrap();
        assert!(cgroups.contains(&format!("0::/system.slice/{unit}\n")), "{mode}: {cgroups}");
        let shown = Command::new("systemctl").args(show).arg(&unit).output().unwrap().stdout;
        assert_eq!(String::from_utf8(shown).unwrap(), "2h\n", "{mode}");
        brig.run(&["pause", &id]).ok();
        brig.run(&["resume", &id]).ok();
    }
    brig.run(&["delete", "--force", &id]).ok();
    brig.assert_nothing_of(&id);
}

#[test]
fn another_profile_of_apparmor_may_confine_what_is_restored() {
    if cannot_run() {
        return;
    }
    let Some(profiles) = Profiles::load([EVERYTHING; 2]) else { return };
    let [one, other] = &profiles.names;
    let (brig, bundle) = (
        Brig::new(),
        Bundle::script(COUNTER).edit(|config| config["process"]["apparmorProfile"] = json!(one)),
    );
    let id = brig.start_apart(&bundle);
    let confined = || fs::read_to_string(format!("/proc/{}/attr/apparmor/current", brig.state(&id)["pid"]));
    assert_eq!(confined().unwrap(), format!("{one} (enforce)\n"));
    there_and_back(&brig, &bundle, &id, [&[], &[]]);
    assert_eq!(confined().unwrap(), format!("{one} (enforce)\n"));
    there_and_back(&brig, &bundle, &id, [&[], &["--lsm-profile", &format!("apparmor:{other}")]]);
    assert_eq!(confined().unwrap(), format!("{other} (enforce)\n"));
}

#[test]
fn limits_hold_again() {
    if cannot_run() || cgroup::lacks(&["pids"]) {
        return;
    }
    let brig = Brig::new();
    let bundle =
        Bundle::script(COUNTER).edit(|config| config["linux"]["resources"]["pids"] = json!({ "limit": 77 }));
    let id = brig.start_apart(&bundle);
    there_and_back(&brig, &bundle, &id, [&[], &[]]);
    let limit = cgroup::directory(&brig, &id, "pids").join("pids.max");
    assert_eq!(fs::read_to_string(limit).unwrap(), "77\n");
    brig.run(&["update", "--pids-limit", "78", &id]).ok();
}

#[test]
fn a_container_in_a_user_namespace_comes_back() {
    if cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::script(COUNTER).in_user_namespace(), Brig::new());
    // CRIU reads some of its images as the container's root.
    fs::create_dir(brig.scratch("images")).unwrap();
    let id = brig.start_apart(&bundle);
    let map = |brig: &Brig| fs::read_to_string(format!("/proc/{}/uid_map", brig.state(&id)["pid"])).unwrap();
    let before = map(&brig);
    there_and_back(&brig, &bundle, &id, [&[], &[]]);
    assert_eq!(map(&brig), before);
    assert_eq!(says(&brig, &id, "id -u"), "0\n");
}

#[test]
fn identity_and_capabilities_are_the_same_again() {
    if cannot_run() {
        return;
    }
    let brig = Brig::new();
    let bundle = Bundle::script(COUNTER).edit(|config| {
        config["hostname"] = json!("kept");
        config["process"]["user"]["additionalGids"] = json!([7, 8]);
        config["process"]["rlimits"] = json!([{ "type": "RLIMIT_NOFILE", "soft": 100, "hard": 200 }]);
        config["process"]["oomScoreAdj"] = json!(500);
    });
    let id = brig.start_apart(&bundle);
    let look = "hostname; busybox grep -E '^(Uid|Gid|Groups|Cap|NoNewPrivs|Seccomp)' /proc/1/status; \
                cat /proc/1/oom_score_adj; busybox grep 'open files' /proc/1/limits";
    let before = says(&brig, &id, look);
    there_and_back(&brig, &bundle, &id, [&[], &[]]);
    assert_eq!(says(&brig, &id, look), before);
}

/// A hook that leaves its name and what it hears.
fn hook(name: &str, folder: &std::path::Path) -> Value {
    json!([{ "path": "/bin/sh", "args": ["sh", "-c", format!("cat > {}/{name}", folder.display())] }])
}

#[test]
fn hooks_of_the_host_run_at_restore_and_hear_of_the_new_process() {
    if cannot_run() {
        return;
    }
    let brig = Brig::new();
    let folder = brig.scratch("hooks");
    fs::create_dir(&folder).unwrap();
    let names = ["prestart", "createRuntime", "poststop"];
    let bundle = Bundle::script(COUNTER).edit(|config| {
        names.into_iter().for_each(|name| config["hooks"][name] = hook(name, &folder));
    });
    let id = brig.start_apart(&bundle);
    let clear = || names.map(|name| fs::remove_file(folder.join(name)).is_ok());
    assert_eq!(clear(), [true, true, false]);
    count(&bundle);
    brig.checkpoint(&id, "images", &[]).ok();
    assert_eq!(clear(), [false, false, true], "a container that was dumped is gone");
    brig.restore(&id, &bundle, "images", &[]).ok();
    for name in ["prestart", "createRuntime"] {
        let heard: Value = serde_json::from_slice(&fs::read(folder.join(name)).unwrap()).unwrap();
        assert_eq!((&heard["id"], &heard["pid"]), (&json!(id), &brig.state(&id)["pid"]), "{name}: {heard}");
    }
    brig.run(&["delete", "--force", &id]).ok();
    assert_eq!(clear(), [true, true, true]);
}

#[test]
fn a_hook_that_fails_fails_the_restore_and_leaves_nothing() {
    if cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::script(COUNTER), Brig::new());
    let id = brig.start_apart(&bundle);
    count(&bundle);
    brig.checkpoint(&id, "images", &[]).ok();
    let mounts = HostMounts::now();
    bundle.change(|config| config["hooks"]["createRuntime"] = json!([{ "path": "/bin/false" }]));
    let ended = brig.restore(&id, &bundle, "images", &[]);
    assert_eq!(ended.code, 1, "{ended:?}");
    brig.assert_gone(&id);
    mounts.assert_unchanged();
    bundle.change(|config| config["hooks"] = json!({}));
    let before = count(&bundle);
    brig.restore(&id, &bundle, "images", &[]).ok();
    counts_on(&bundle, before);
}

#[test]
fn a_family_of_processes_comes_back_as_it_was() {
    if cannot_run() {
        return;
    }
    // Not `sleep`: CRIU lets a nanosleep(2) end with EINTR, after which the `sleep` of a busybox since 1.36 ends.
    let script = format!(
        "busybox tail -f /dev/null & busybox setsid sh -c 'busybox tail -f /dev/null & {COUNTER}' & wait"
    );
    let (bundle, brig) = (Bundle::script(&script), Brig::new());
    let id = brig.start_apart(&bundle);
    let look =
        "for p in /proc/[0-9]*; do busybox grep -q tail.-f $p/cmdline && cut -d ' ' -f 1,4,5,6 $p/stat; done";
    // Not those that look: their session is another one.
    let look = format!("({look}) 2>/dev/null | busybox grep -v \" $(cut -d ' ' -f 6 /proc/$$/stat)$\"");
    common::eventually("all are there", || says(&brig, &id, &look).lines().count() >= 4);
    let before = says(&brig, &id, &look);
    there_and_back(&brig, &bundle, &id, [&[], &[]]);
    assert_eq!(says(&brig, &id, &look), before);
}
