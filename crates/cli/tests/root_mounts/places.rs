//! Where mounts go, and where they are from.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use super::{bind, seen, tmpfs};
use crate::common::{self, Brig, Bundle, Folder, HostMounts, unique};
use serde_json::{Value, json};

#[test]
fn destinations_are_resolved_beneath_the_root_and_made_where_missing() {
    if common::cannot_run() {
        return;
    }
    let bundle = Bundle::script(
        "for d in etc out/there new/deep dangling rel; do test -d /$d && echo $d; done; cat /proc/self/mountinfo",
    );
    let rootfs = bundle.rootfs();
    symlink("/etc", rootfs.join("absolute")).unwrap();
    symlink("../../../../../out", rootfs.join("above")).unwrap();
    symlink("/made/by/link", rootfs.join("dangling")).unwrap();
    symlink("tmp/up", rootfs.join("relative")).unwrap();
    symlink("../rel", rootfs.join("tmp/up")).unwrap();
    let bundle = bundle
        .mount(tmpfs("/absolute", &[]))
        .mount(tmpfs("/above/there", &[]))
        .mount(tmpfs("new/deep", &[]))
        .mount(tmpfs("/dangling", &[]))
        .mount(tmpfs("/relative", &[]))
        .mount(tmpfs("/../../../escaped", &[]));
    let before = HostMounts::now();
    let printed = Brig::new().says(&bundle);
    for point in ["/etc", "/out/there", "/new/deep", "/made/by/link", "/rel", "/escaped"] {
        assert_eq!(seen(&printed, point).kind, "tmpfs", "{point}");
    }
    before.assert_unchanged();
    assert!(!Path::new("/escaped").exists() && !Path::new("/made").exists() && !Path::new("/out").exists());
}

#[test]
fn no_link_of_the_image_leads_a_mount_into_proc() {
    if common::cannot_run() {
        return;
    }
    for (link, target) in [("sneaky", "/proc/self"), ("sneaky", "proc/../proc/sys"), ("sneaky", "/proc")] {
        let bundle = Bundle::script("true");
        symlink(target, bundle.rootfs().join(link)).unwrap();
        let bundle = bundle.mount(tmpfs("/sneaky", &[]));
        let ended = Brig::new().run_bundle(&bundle);
        assert!(ended.code == 1 && ended.error().contains("mounts[7]"), "{target}: {ended:?}");
        assert!(ended.error().contains("/proc"), "{target}: {ended:?}");
    }
}

#[test]
fn proc_and_sysfs_are_mounted_on_ordinary_directories_only() {
    if common::cannot_run() {
        return;
    }
    for directory in ["proc", "sys"] {
        let bundle = Bundle::script("true");
        fs::remove_dir(bundle.rootfs().join(directory)).unwrap();
        symlink("/tmp", bundle.rootfs().join(directory)).unwrap();
        let ended = Brig::new().run_bundle(&bundle);
        assert!(
            ended.code == 1 && ended.error().contains("must be mounted on ordinary directory"),
            "{ended:?}"
        );
    }
}

#[test]
fn a_file_is_bound_on_a_file_that_is_made_for_it() {
    if common::cannot_run() {
        return;
    }
    let folder = Folder::new("source");
    fs::write(folder.join("file"), "text\n").unwrap();
    let mount = |destination| json!({ "destination": destination, "source": folder.join("file"), "options": ["bind", "ro"] });
    let bundle = Bundle::script("cat /new/file /etc/passwd /proc/uptime; echo x >>/new/file || echo refused")
        .mount(mount("/new/file"))
        .mount(mount("/etc/passwd"))
        .mount(mount("/proc/uptime"));
    assert_eq!(Brig::new().says(&bundle), "text\ntext\ntext\nrefused\n");
    assert_eq!(fs::read_to_string(bundle.rootfs().join("new/file")).unwrap(), "");
}

#[test]
fn a_relative_bind_source_is_in_the_bundle() {
    if common::cannot_run() {
        return;
    }
    let bundle = Bundle::script("cat /mnt/file").mount(bind(Path::new("beside"), &["bind"]));
    fs::create_dir(bundle.path().join("beside")).unwrap();
    fs::write(bundle.path().join("beside/file"), "text\n").unwrap();
    assert_eq!(Brig::new().says(&bundle), "text\n");
}

#[test]
fn a_source_that_only_root_reaches_is_bound_into_a_user_namespace() {
    if common::cannot_run() {
        return;
    }
    let (folder, brig) = (Folder::new("source"), Brig::new());
    fs::create_dir(folder.join("inner")).unwrap();
    fs::write(folder.join("inner/file"), "text\n").unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let bundle =
        Bundle::script("cat /mnt/file").in_user_namespace().mount(bind(&folder.join("inner"), &["bind"]));
    assert_eq!(brig.says(&bundle), "text\n");
}

#[test]
fn the_hosts_mounts_are_the_same_byte_for_byte_at_every_time() {
    if common::cannot_run() {
        return;
    }
    let brig = Brig::new();
    let rshared = |config: &mut Value| config["linux"]["rootfsPropagation"] = json!("rshared");
    for (word, options) in
        [("shared", &[][..]), ("private", &[]), ("slave", &[]), ("shared", &["--no-pivot"])]
    {
        for change in [rshared as fn(&mut Value), |_| {}] {
            let bundle =
                Bundle::with_args(&["sleep", "1000"]).mount(tmpfs("/mnt", &["rshared"])).edit(change);
            let id = unique("c");
            let script = format!(
                "look() {{ cat /proc/self/mountinfo; }}; look >before; brig create {} --bundle {} {id}; look >created; \
                 brig start {id}; look >running; brig exec {id} busybox mkdir /mnt/x; look >inside; \
                 brig delete --force {id}; look >after; for f in created running inside after; do cmp before $f; done",
                options.join(" "),
                bundle.path().display(),
            );
            let script = format!(
                "brig() {{ {} --root {} \"$@\"; }}; cd {}; {script}",
                common::brig_program(),
                brig.root().display(),
                bundle.path().display()
            );
            let mut command = std::process::Command::new("unshare");
            command.args(["--mount", "--propagation", word, "sh", "-ec", &script]);
            let ended = brig.finish(command);
            assert_eq!((ended.code, &*ended.stdout), (0, ""), "{word} {options:?} {ended:?}");
        }
    }
}
