//! Propagation, flags, and bind mounts, id-mapped ones too.

use std::fs;

use super::{MOUNTS, bind, nested, seen, tmpfs};
use crate::common::{self, Brig, Bundle, Folder, set_namespace};
use serde_json::json;

#[test]
fn every_propagation_word_is_applied() {
    if common::cannot_run() {
        return;
    }
    let (folder, brig) = (Folder::new("source"), Brig::new());
    // (word, tags of the mount, tags of the one below it), where the source comes from a shared mount of the host.
    let slave: &[&str] = &["master"];
    let both: &[&str] = &["shared", "master"];
    for (word, top, below) in [
        ("private", &[][..], slave),
        ("rprivate", &[], &[]),
        ("shared", both, slave),
        ("rshared", both, both),
        ("slave", slave, slave),
        ("rslave", slave, slave),
        ("unbindable", &["unbindable"], slave),
        ("runbindable", &["unbindable"], &["unbindable"]),
    ] {
        let bundle = Bundle::script(MOUNTS).mount(bind(folder.path(), &["rbind", word]));
        let mounts = brig.run_where("shared", &nested(&folder, "rw"), &bundle).text();
        assert_eq!(seen(&mounts, "/mnt").tags, top, "{word}");
        assert_eq!(seen(&mounts, "/mnt/below").tags, below, "{word}");
    }
}

#[test]
fn a_new_file_system_gets_its_propagation_too_and_the_words_work_in_order() {
    if common::cannot_run() {
        return;
    }
    let bundle = Bundle::script(MOUNTS)
        .mount(tmpfs("/a", &["rshared"]))
        .mount(tmpfs("/b", &["shared", "private", "unbindable"]))
        .mount(tmpfs("/c", &[]));
    let mounts = Brig::new().says(&bundle);
    assert_eq!(seen(&mounts, "/a").tags, ["shared"]);
    assert_eq!(seen(&mounts, "/b").tags, ["unbindable"]);
    assert_eq!(seen(&mounts, "/c").tags, Vec::<String>::new());
}

#[test]
fn a_bind_keeps_the_flags_of_its_source_unless_flags_are_named() {
    if common::cannot_run() {
        return;
    }
    let (folder, brig) = (Folder::new("source"), Brig::new());
    let prepare = format!("mount -t tmpfs -o nosuid,nodev,noexec,noatime tmpfs {}", folder.path().display());
    for (options, flags) in [
        (&["bind"][..], "rw,nosuid,nodev,noexec,noatime"),
        (&["rbind"], "rw,nosuid,nodev,noexec,noatime"),
        (&["bind", "ro"], "ro,noatime"),
        (&["bind", "rw"], "rw,noatime"),
        (&["bind", "nosuid"], "rw,nosuid,noatime"),
        (&["bind", "exec", "nodev", "strictatime"], "rw,nodev"),
        (
            &["bind", "ro", "nosuid", "nodev", "noexec", "nodiratime"],
            "ro,nosuid,nodev,noexec,nodiratime,relatime",
        ),
    ] {
        let bundle = Bundle::script(MOUNTS).mount(bind(folder.path(), options));
        let mounts = brig.run_where("private", &prepare, &bundle).text();
        assert_eq!(seen(&mounts, "/mnt").flags.join(","), flags, "{options:?}");
    }
}

#[test]
fn flags_that_a_user_namespace_locks_stay_and_cannot_be_cleared() {
    if common::cannot_run() {
        return;
    }
    let (folder, brig) = (Folder::new("source"), Brig::new());
    let path = folder.path().display();
    let prepare = format!("mount -t tmpfs -o ro,nosuid,nodev,noexec,noatime,mode=755 tmpfs {path}");
    let run = |options: &[&str]| {
        let bundle = Bundle::script(MOUNTS).in_user_namespace().mount(bind(folder.path(), options));
        brig.run_where("private", &prepare, &bundle)
    };
    for options in [&["bind"][..], &["bind", "ro"], &["bind", "nosuid"], &["bind", "noatime"]] {
        let flags = seen(&run(options).text(), "/mnt").flags.join(",");
        assert_eq!(flags, "ro,nosuid,nodev,noexec,noatime", "{options:?}");
    }
    for (options, words) in [
        (&["bind", "rw"][..], "cannot clear locked flags ro"),
        (&["bind", "exec", "dev"], "cannot clear locked flags nodev noexec"),
        (&["bind", "strictatime"], "cannot change locked atime flags"),
    ] {
        let ended = run(options);
        let words = format!("{words}: operation not permitted (mounts[7].options)");
        assert!(ended.code == 1 && ended.error().contains(&words), "{options:?} {ended:?}");
    }
}

#[test]
fn access_times_that_a_user_namespace_locks_cannot_be_set_otherwise() {
    if common::cannot_run() {
        return;
    }
    let (folder, brig) = (Folder::new("source"), Brig::new());
    let path = folder.path().display();
    let atimes = ["noatime", "relatime", "strictatime"];
    for (had, wanted) in atimes.iter().flat_map(|had| atimes.map(|wanted| (*had, wanted))) {
        // The tmpfs has what the option says; the kernel shows strictatime as neither of the others.
        let prepare = format!("mount -t tmpfs -o {had},mode=755 tmpfs {path}");
        let bundle = Bundle::script("true").in_user_namespace().mount(bind(folder.path(), &["bind", wanted]));
        let ended = brig.run_where("private", &prepare, &bundle);
        assert_eq!(ended.code, i32::from(had != wanted), "{had} {wanted} {ended:?}");
    }
}

#[test]
fn a_read_only_bind_cannot_be_written_nor_made_writable() {
    if common::cannot_run() {
        return;
    }
    let folder = Folder::new("source");
    let script =
        "echo x >/mnt/file; busybox mount -o remount,bind,rw /mnt; echo x >/mnt/file; ls /mnt; cat /mnt/kept";
    fs::write(folder.join("kept"), "kept\n").unwrap();
    let bundle = Bundle::script(script).mount(bind(folder.path(), &["bind", "ro"]));
    assert_eq!(Brig::new().says(&bundle), "kept\nkept\n");
    assert!(!folder.join("file").exists());
}

#[test]
fn recursive_attributes_reach_the_mounts_below() {
    if common::cannot_run() {
        return;
    }
    let (folder, brig) = (Folder::new("source"), Brig::new());
    for (options, top, below) in [
        (&["rbind", "ro"][..], "ro,relatime", "rw,relatime"),
        (&["rbind", "rro"], "ro,relatime", "ro,relatime"),
        (
            &["rbind", "rnosuid", "rnodev", "rnoexec"],
            "rw,nosuid,nodev,noexec,relatime",
            "rw,nosuid,nodev,noexec,relatime",
        ),
        (&["rbind", "rnoatime", "rnodiratime"], "rw,noatime,nodiratime", "rw,noatime,nodiratime"),
        (&["rbind", "rstrictatime"], "rw", "rw"),
        (&["rbind", "ro", "rrw"], "rw,relatime", "rw,relatime"),
        (&["rbind", "rnosymfollow"], "rw,relatime,nosymfollow", "rw,relatime,nosymfollow"),
    ] {
        let bundle = Bundle::script(MOUNTS).mount(bind(folder.path(), options));
        let mounts = brig.run_where("private", &nested(&folder, "relatime"), &bundle).text();
        let flags = |point| seen(&mounts, point).flags.join(",");
        assert_eq!((&*flags("/mnt"), &*flags("/mnt/below")), (top, below), "{options:?}");
    }
    let bundle = Bundle::script("echo x >/mnt/file || echo x >/mnt/below/file || echo refused")
        .mount(bind(folder.path(), &["rbind", "rro"]));
    assert_eq!(brig.run_where("private", &nested(&folder, "rw"), &bundle).text(), "refused\n");
}

#[test]
fn a_plain_bind_leaves_the_mounts_below_out() {
    if common::cannot_run() {
        return;
    }
    let (folder, brig) = (Folder::new("source"), Brig::new());
    let bundle = Bundle::script("ls /mnt/below").mount(bind(folder.path(), &["bind"]));
    assert_eq!(brig.run_where("private", &nested(&folder, "rw"), &bundle).text(), "");
}

/// Owners in a source: of a file at its top and of one below.
fn owned(folder: &Folder) -> String {
    let path = folder.path().display();
    format!("{}; chown 7:8 {path}/file {path}/below/file", nested(folder, "rw"))
}

#[test]
fn an_id_mapped_bind_shows_other_owners() {
    if common::cannot_run() {
        return;
    }
    let (folder, brig) = (Folder::new("source"), Brig::new());
    let map = |first: u32| json!([{ "containerID": 0, "hostID": first, "size": 1000 }]);
    for (options, below) in [(&["rbind", "idmap"][..], "7:8"), (&["rbind", "ridmap"], "4007:5008")] {
        let mut mount = bind(folder.path(), options);
        (mount["uidMappings"], mount["gidMappings"]) = (map(4000), map(5000));
        let bundle = Bundle::script("stat -c %u:%g /mnt/file /mnt/below/file").mount(mount);
        let owners = brig.run_where("private", &owned(&folder), &bundle).text();
        assert_eq!(owners, format!("4007:5008\n{below}\n"), "{options:?}");
    }
}

#[test]
fn an_id_mapped_bind_takes_the_maps_of_the_container() {
    if common::cannot_run() {
        return;
    }
    let (folder, brig) = (Folder::new("source"), Brig::new());
    for (options, below) in [(&["rbind", "idmap"][..], "65534:65534"), (&["rbind", "ridmap"], "7:8")] {
        let script = "stat -c %u:%g /mnt/file /mnt/below/file; touch /mnt/new && stat -c %u:%g /mnt/new";
        let bundle = Bundle::script(script).in_user_namespace().mount(bind(folder.path(), options));
        let owners = brig.run_where("private", &owned(&folder), &bundle);
        assert_eq!(owners.clone().text(), format!("7:8\n{below}\n0:0\n"), "{options:?} {owners:?}");
    }
}

#[test]
fn an_id_mapped_bind_has_maps_of_its_own_in_a_user_namespace_too() {
    if common::cannot_run() {
        return;
    }
    let (folder, brig) = (Folder::new("source"), Brig::new());
    let mut mount = bind(folder.path(), &["bind", "idmap"]);
    let map = json!([{ "containerID": 0, "hostID": 100_020, "size": 1000 }]);
    (mount["uidMappings"], mount["gidMappings"]) = (map.clone(), map);
    let bundle = Bundle::script("stat -c %u:%g /mnt/file").in_user_namespace().mount(mount);
    assert_eq!(brig.run_where("private", &owned(&folder), &bundle).text(), "27:28\n");
}

#[test]
fn an_id_mapped_bind_takes_the_maps_of_a_joined_user_namespace() {
    if common::cannot_run() {
        return;
    }
    let (folder, brig) = (Folder::new("source"), Brig::new());
    let first = Bundle::with_args(&["sleep", "1000"]).in_user_namespace();
    let pid = brig.state(&brig.start(&first))["pid"].to_string();
    let bundle = Bundle::script("stat -c %u:%g /mnt/file")
        .in_user_namespace()
        .mount(bind(folder.path(), &["bind", "idmap"]));
    let bundle = bundle.edit(|config| {
        set_namespace(config, "user", Some(&format!("/proc/{pid}/ns/user")));
        for maps in ["uidMappings", "gidMappings"] {
            config["linux"].as_object_mut().unwrap().remove(maps);
        }
    });
    assert_eq!(brig.run_where("private", &owned(&folder), &bundle).text(), "7:8\n");
}
