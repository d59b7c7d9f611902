//! Mounts are there again: of the host, the container's own, id-mapped.

use std::{fs, os::unix::fs::symlink};

use super::says;
use crate::common::checkpoint::{COUNTER, cannot_run, there_and_back};
use crate::common::{Brig, Bundle, HostMounts};
use rustix::mount::{MountFlags, UnmountFlags, mount, mount_bind, unmount};
use serde_json::json;

#[test]
fn mounts_of_the_host_and_the_container_s_own_are_there_again() {
    if cannot_run() {
        return;
    }
    let (brig, mounts) = (Brig::new(), HostMounts::now());
    let [one, two] = ["one", "two"].map(|name| {
        let folder = brig.scratch(name);
        fs::create_dir_all(folder.join("within")).unwrap();
        fs::write(folder.join("name"), name).unwrap();
        folder
    });
    let file = brig.scratch("file");
    fs::write(&file, "a file").unwrap();
    let bind = |source: &std::path::Path, destination: &str| json!({ "destination": destination, "type": "bind", "source": source, "options": ["bind"] });
    let bundle = Bundle::script(COUNTER)
        .mount(bind(&one, "/link"))
        .mount(bind(&two, "/link/within"))
        .mount(bind(&file, "/file"))
        .mount(json!({ "destination": "/memory", "type": "tmpfs", "source": "tmpfs" }))
        .edit(|config| {
            config["root"]["readonly"] = json!(false);
            config["linux"]["maskedPaths"] = json!(["/proc/kcore", "/proc/acpi", "/file2"]);
            config["linux"]["readonlyPaths"] = json!(["/proc/sys", "/proc/bus"]);
        });
    fs::create_dir(bundle.rootfs().join("real")).unwrap();
    symlink("/real", bundle.rootfs().join("link")).unwrap();
    let id = brig.start_apart(&bundle);
    says(&brig, &id, "echo kept > /memory/note");
    let look = "cat /real/name /real/within/name /file /memory/note; \
                sed 's/^[0-9]* [0-9]* [0-9:]* //' /proc/self/mountinfo | busybox cut -d ' ' -f 2,3 | busybox sort"
        .replace("sed", "busybox sed");
    let before = says(&brig, &id, &look);
    assert!(before.contains("onetwoa filekept\n"), "{before}");
    there_and_back(&brig, &bundle, &id, [&[], &[]]);
    assert_eq!(says(&brig, &id, &look), before);
    brig.run(&["delete", "--force", &id]).ok();
    mounts.assert_unchanged();
    assert!(
        one.join("name").exists() && two.join("name").exists() && bundle.rootfs().join("bin/sh").exists()
    );
}

#[test]
fn what_came_along_with_a_mount_is_the_host_s_again_and_what_the_container_mounted_its_own() {
    if cannot_run() {
        return;
    }
    let brig = Brig::new();
    let source = brig.scratch("source");
    let (within, disk) = (source.join("within"), brig.scratch("disk"));
    fs::create_dir_all(source.join("own")).unwrap();
    fs::create_dir_all(&within).unwrap();
    fs::create_dir_all(&disk).unwrap();
    let change = HostMounts::change();
    mount("tmpfs", &within, "tmpfs", MountFlags::empty(), None).unwrap();
    fs::create_dir_all(within.join("a disk")).unwrap();
    mount_bind(&disk, within.join("a disk")).unwrap();
    let bundle = Bundle::script(COUNTER)
        .mount(json!({ "destination": "/data", "type": "bind", "source": source, "options": ["rbind"] }))
        .mount(json!({ "destination": "/data/own", "type": "tmpfs", "source": "tmpfs" }));
    let id = brig.start_apart(&bundle);
    says(&brig, &id, "echo kept > /data/own/note");
    there_and_back(&brig, &bundle, &id, [&[], &[]]);
    let look = "cat /data/own/note; echo in > '/data/within/a disk/file'; echo out > /data/within/file";
    assert_eq!(says(&brig, &id, look), "kept\n");
    let read = |path: std::path::PathBuf| fs::read_to_string(path).unwrap_or_default();
    assert_eq!((read(disk.join("file")), read(within.join("file"))), ("in\n".into(), "out\n".into()));
    assert!(!source.join("own/note").exists());
    brig.run(&["delete", "--force", &id]).ok();
    unmount(within.join("a disk"), UnmountFlags::empty()).unwrap();
    unmount(&within, UnmountFlags::empty()).unwrap();
    drop(change);
}

#[test]
fn id_mapped_mounts_come_back_with_their_mapping() {
    if cannot_run() {
        return;
    }
    let brig = Brig::new();
    let (source, mounts) = (brig.scratch("source"), HostMounts::now());
    fs::create_dir(&source).unwrap();
    fs::write(source.join("file"), "").unwrap();
    let map = json!([{ "containerID": 0, "hostID": 4242, "size": 10 }]);
    let of_its_own = json!({
        "destination": "/data", "type": "bind", "source": source, "options": ["bind"],
        "uidMappings": map, "gidMappings": map,
    });
    let container_s =
        json!({ "destination": "/data", "type": "bind", "source": source, "options": ["bind", "idmap"] });
    for (bundle, owner) in [
        (Bundle::script(COUNTER).mount(of_its_own), "4242\n"),
        (Bundle::script(COUNTER).in_user_namespace().mount(container_s), "0\n"),
    ] {
        let images = brig.scratch("images");
        fs::create_dir(&images).unwrap();
        let id = brig.start_apart(&bundle);
        let look = "stat -c %u /data/file";
        assert_eq!(says(&brig, &id, look), owner);
        there_and_back(&brig, &bundle, &id, [&[], &[]]);
        assert_eq!(says(&brig, &id, look), owner);
        brig.run(&["delete", "--force", &id]).ok();
        brig.assert_nothing_of(&id);
        fs::remove_dir_all(images).unwrap();
    }
    mounts.assert_unchanged();
}
