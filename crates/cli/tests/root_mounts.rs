//! Mounts and the root: what a container sees of them, and that the host sees none of it.
//! Root, in a private mount namespace.
#![allow(clippy::unwrap_used, reason = "a test ends where its preparation fails")]
#![allow(clippy::print_stdout, reason = "what is skipped is said")]

mod common;

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, chown, symlink},
    path::Path,
};

use common::{Brig, Bundle, Folder, HostMounts, drop_namespace, set_namespace, unique};
use serde_json::{Value, json};

/// Prints the mounts of the container.
const MOUNTS: &str = "cat /proc/self/mountinfo";

/// One line of `/proc/PID/mountinfo` (proc_pid_mountinfo(5)).
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    /// What of the file system is mounted.
    root: String,
    /// Its own flags, sorted as the kernel does.
    flags: Vec<String>,
    /// `shared`, `master`, `unbindable`: the tags without their numbers.
    tags: Vec<String>,
    kind: String,
    /// Options of the file system.
    data: String,
}

/// The mount that is on top at `point`.
#[track_caller]
fn seen(mountinfo: &str, point: &str) -> Seen {
    let line = mountinfo.lines().rfind(|line| line.split(' ').nth(4) == Some(point));
    let line = line.unwrap_or_else(|| panic!("no mount at {point} in {mountinfo}"));
    let (before, after) = line.split_once(" - ").unwrap();
    let before: Vec<_> = before.split(' ').collect();
    let after: Vec<_> = after.split(' ').collect();
    Seen {
        root: before[3].to_owned(),
        flags: before[5].split(',').map(str::to_owned).collect(),
        tags: before[6..].iter().map(|tag| tag.split(':').next().unwrap().to_owned()).collect(),
        kind: after[0].to_owned(),
        data: after[2].to_owned(),
    }
}

fn bind(source: &Path, options: &[&str]) -> Value {
    json!({ "destination": "/mnt", "source": source, "type": "bind", "options": options })
}

fn tmpfs(destination: &str, options: &[&str]) -> Value {
    json!({ "destination": destination, "source": "tmpfs", "type": "tmpfs", "options": options })
}

/// A script that makes a tmpfs with a tmpfs at `below` in it, mounted with `options`.
fn nested(folder: &Folder, options: &str) -> String {
    let path = folder.path().display();
    format!(
        "mount -t tmpfs -o {options} tmpfs {path}; mkdir {path}/below; echo text >{path}/file; \
         mount -t tmpfs -o {options} tmpfs {path}/below; echo text >{path}/below/file; \
         chmod 755 {path} {path}/below"
    )
}

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

#[test]
fn a_tmpfs_takes_the_mode_of_the_directory_it_covers() {
    if common::cannot_run() {
        return;
    }
    let bundle = Bundle::script("stat -c '%a %u' /covered /given /new").edit(|_| {});
    for directory in ["covered", "given"] {
        fs::create_dir(bundle.rootfs().join(directory)).unwrap();
        fs::set_permissions(bundle.rootfs().join(directory), fs::Permissions::from_mode(0o2711)).unwrap();
    }
    let bundle = bundle
        .mount(tmpfs("/covered", &["nosuid"]))
        .mount(tmpfs("/given", &["mode=700"]))
        .mount(tmpfs("/new", &[]));
    assert_eq!(Brig::new().says(&bundle), "2711 0\n700 0\n1777 0\n");
}

#[test]
fn tmpcopyup_copies_all_that_is_covered() {
    if common::cannot_run() {
        return;
    }
    let bundle = Bundle::script(
        "cd /etc; cat passwd; wc -c <deep/er/file; readlink link; stat -c '%a %u:%g %F' suid deep deep/er node deep/er/file link; \
         echo x >new; busybox find . | wc -l",
    );
    let etc = bundle.rootfs().join("etc");
    fs::create_dir_all(etc.join("deep/er")).unwrap();
    fs::write(etc.join("deep/er/file"), "x".repeat(100_000)).unwrap();
    chown(etc.join("deep/er/file"), Some(3), Some(4)).unwrap();
    chown(etc.join("deep/er"), Some(5), Some(6)).unwrap();
    fs::set_permissions(etc.join("deep/er"), fs::Permissions::from_mode(0o3755)).unwrap();
    fs::set_permissions(etc.join("deep"), fs::Permissions::from_mode(0o555)).unwrap();
    fs::write(etc.join("suid"), "").unwrap();
    fs::set_permissions(etc.join("suid"), fs::Permissions::from_mode(0o6755)).unwrap();
    symlink("/nowhere", etc.join("link")).unwrap();
    std::os::unix::fs::lchown(etc.join("link"), Some(9), Some(9)).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        etc.join("node"),
        rustix::fs::FileType::CharacterDevice,
        rustix::fs::Mode::from_raw_mode(0o640),
        rustix::fs::makedev(1, 3),
    )
    .unwrap();
    let bundle = bundle.mount(tmpfs("/etc", &["tmpcopyup"]));
    let expected = "root:x:0:0:root:/root:/bin/sh\n100000\n/nowhere\n6755 0:0 regular empty file\n555 0:0 directory\n\
                    3755 5:6 directory\n640 0:0 character special file\n644 3:4 regular file\n777 9:9 symbolic link\n9\n";
    let ended = Brig::new().run_bundle(&bundle);
    assert_eq!(ended.stdout, expected, "{ended:?}");
    assert!(!etc.join("new").exists());
}

#[test]
fn a_read_only_tmpfs_has_what_was_copied_and_no_more() {
    if common::cannot_run() {
        return;
    }
    let bundle = Bundle::script("cat /etc/passwd; echo x >/etc/new || echo refused")
        .mount(tmpfs("/etc", &["ro", "tmpcopyup"]));
    assert_eq!(Brig::new().says(&bundle), "root:x:0:0:root:/root:/bin/sh\nrefused\n");
}

#[test]
fn kernel_file_systems_are_mounted_as_they_are_written() {
    if common::cannot_run() {
        return;
    }
    for bundle in [Bundle::script(MOUNTS), Bundle::script(MOUNTS).in_user_namespace()] {
        let mounts = Brig::new().says(&bundle);
        let look = |point| {
            let Seen { flags, kind, .. } = seen(&mounts, point);
            (kind, flags.join(","))
        };
        let is = |kind: &str, flags: &str| (kind.to_owned(), flags.to_owned());
        assert_eq!(look("/proc"), is("proc", "rw,relatime"));
        assert_eq!(look("/sys"), is("sysfs", "ro,nosuid,nodev,noexec,relatime"));
        assert_eq!(look("/dev"), is("tmpfs", "rw,nosuid"));
        assert_eq!(look("/dev/mqueue"), is("mqueue", "rw,nosuid,nodev,noexec,relatime"));
        assert_eq!(look("/dev/pts"), is("devpts", "rw,nosuid,noexec,relatime"));
        assert_eq!(look("/dev/shm"), is("tmpfs", "rw,nosuid,nodev,noexec,relatime"));
        assert!(seen(&mounts, "/dev").data.contains("size=65536k"), "{mounts}");
        assert!(seen(&mounts, "/dev/pts").data.contains("mode=620,ptmxmode=666"), "{mounts}");
    }
}

const CGROUP: &str = "/sys/fs/cgroup";

fn cgroup_mount(options: &[&str]) -> Value {
    json!({ "destination": CGROUP, "type": "cgroup", "source": "cgroup", "options": options })
}

/// True, having said why, where cgroups are not of this version.
fn has_no_cgroups_of_version(wanted: u8) -> bool {
    let version = if Path::new("/sys/fs/cgroup/cgroup.controllers").exists() { 2 } else { 1 };
    if version != wanted {
        println!("SKIPPED: needs cgroup version {wanted}");
    }
    version != wanted
}

#[test]
fn cgroup_version_2_is_shown_from_the_containers_own_group_down() {
    if common::cannot_run() || has_no_cgroups_of_version(2) {
        return;
    }
    let script = "grep 0:: /proc/self/cgroup; cat /sys/fs/cgroup/cgroup.procs; mkdir /sys/fs/cgroup/x || echo refused; \
                  cat /proc/self/mountinfo";
    let bundle = Bundle::script(script)
        .without_mount(CGROUP)
        .mount(cgroup_mount(&["nosuid", "noexec", "nodev", "ro"]));
    for bundle in [
        bundle,
        Bundle::script(script)
            .in_user_namespace()
            .without_mount(CGROUP)
            .mount(cgroup_mount(&["nosuid", "noexec", "nodev", "ro"])),
    ] {
        let bundle = bundle.edit(|config| set_namespace(config, "cgroup", None));
        let printed = Brig::new().says(&bundle);
        assert!(printed.starts_with("0::/\n1\n"), "{printed}");
        assert!(printed.contains("refused\n"), "{printed}");
        let mount = seen(&printed, CGROUP);
        assert_eq!((&*mount.kind, &*mount.flags.join(",")), ("cgroup2", "ro,nosuid,nodev,noexec,relatime"));
        assert_eq!(mount.root, "/", "{printed}");
    }
}

#[test]
fn cgroup_version_2_that_is_writable_takes_groups_of_the_container() {
    if common::cannot_run() || has_no_cgroups_of_version(2) {
        return;
    }
    let bundle = Bundle::script(
        "mkdir /sys/fs/cgroup/own && echo 1 >/sys/fs/cgroup/own/cgroup.procs && grep 0:: /proc/self/cgroup",
    )
    .without_mount(CGROUP)
    .mount(cgroup_mount(&["rw"]))
    .edit(|config| set_namespace(config, "cgroup", None));
    assert_eq!(Brig::new().says(&bundle), "0::/own\n");
}

#[test]
fn cgroup_version_2_without_a_cgroup_namespace_is_the_hosts() {
    if common::cannot_run() || has_no_cgroups_of_version(2) {
        return;
    }
    let script = "test -e /sys/fs/cgroup$(grep 0:: /proc/self/cgroup | cut -c4-)/cgroup.procs && echo there; cat /proc/self/mountinfo";
    let bundle = Bundle::script(script)
        .without_mount(CGROUP)
        .mount(cgroup_mount(&["ro"]))
        .edit(|config| drop_namespace(config, "cgroup"));
    let printed = Brig::new().says(&bundle);
    assert!(printed.starts_with("there\n"), "{printed}");
    assert_eq!(seen(&printed, CGROUP).flags[0], "ro");
}

#[test]
fn cgroup_version_1_is_a_directory_for_each_hierarchy() {
    if common::cannot_run() || has_no_cgroups_of_version(1) {
        return;
    }
    let script = "cat /sys/fs/cgroup/memory/cgroup.procs; mkdir /sys/fs/cgroup/x || echo refused; \
                  mkdir /sys/fs/cgroup/memory/x || echo refused; ls /sys/fs/cgroup; cat /proc/self/cgroup /proc/self/mountinfo";
    for namespace in [true, false] {
        let bundle = Bundle::script(script)
            .without_mount(CGROUP)
            .mount(cgroup_mount(&["nosuid", "noexec", "nodev", "ro"]))
            .edit(|config| match namespace {
                true => set_namespace(config, "cgroup", None),
                false => drop_namespace(config, "cgroup"),
            });
        let printed = Brig::new().says(&bundle);
        assert!(printed.starts_with("1\n"), "{printed}");
        assert_eq!(printed.matches("refused").count(), 2, "{printed}");
        for directory in ["cpu", "memory", "pids", "freezer", "systemd"] {
            let mount = seen(&printed, &format!("{CGROUP}/{directory}"));
            assert_eq!(
                (&*mount.kind, &*mount.flags.join(",")),
                ("cgroup", "ro,nosuid,nodev,noexec,relatime")
            );
            assert_eq!(mount.root == "/", namespace, "{printed}");
        }
        assert_eq!(printed.contains("memory:/\n"), namespace, "{printed}");
        assert_eq!(seen(&printed, CGROUP).flags[0], "ro");
    }
}

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

#[test]
fn a_read_only_root_is_read_only_and_its_mounts_are_not() {
    if common::cannot_run() {
        return;
    }
    let bundle = Bundle::script("echo x >/file || echo refused; echo x >/dev/shm/file && echo written; busybox mount -o remount,rw / || echo refused")
        .edit(|config| config["root"]["readonly"] = json!(true));
    assert_eq!(Brig::new().says(&bundle), "refused\nwritten\nrefused\n");
    let bundle = bundle.in_user_namespace();
    assert_eq!(Brig::new().says(&bundle), "refused\nwritten\nrefused\n");
}

#[test]
fn a_read_only_root_on_a_locked_mount_keeps_its_flags() {
    if common::cannot_run() {
        return;
    }
    let bundle = Bundle::script(MOUNTS).edit(|config| config["root"]["readonly"] = json!(true));
    let path = bundle.path().to_str().unwrap().to_owned();
    let prepare = format!("mount --bind {path} {path}; mount -o remount,bind,nosuid,nodev {path}");
    let brig = Brig::new();
    let flags =
        |bundle: &Bundle| seen(&brig.run_where("private", &prepare, bundle).text(), "/").flags[..3].join(",");
    assert_eq!(flags(&bundle), "ro,nosuid,nodev");
    assert_eq!(flags(&bundle.in_user_namespace()), "ro,nosuid,nodev");
}

#[test]
fn no_pivot_moves_the_root_and_hides_every_other_proc() {
    if common::cannot_run() {
        return;
    }
    let bundle = Bundle::script("ls /; cat /proc/1/comm; echo");
    let brig = Brig::new();
    let ended =
        brig.run(&["run", "--no-pivot", "--bundle", bundle.path().to_str().unwrap(), &unique("c")]).text();
    assert!(
        ended.starts_with("bin\ndev\netc\nproc\nsys\ntmp\n") && ended.ends_with("tmp\nsh\n\n"),
        "{ended}"
    );
}

#[test]
fn the_roots_propagation_is_what_was_asked_for() {
    if common::cannot_run() {
        return;
    }
    let brig = Brig::new();
    for (host, word, tags) in [
        ("private", None, &[][..]),
        ("shared", None, &[]),
        ("shared", Some("slave"), &["master"]),
        ("shared", Some("rslave"), &["master"]),
        ("shared", Some("private"), &[]),
        ("shared", Some("rprivate"), &[]),
        ("shared", Some("shared"), &["shared"]),
        ("private", Some("rshared"), &["shared"]),
        ("private", Some("unbindable"), &["unbindable"]),
        ("shared", Some("runbindable"), &["unbindable"]),
    ] {
        let bundle = Bundle::script(MOUNTS).edit(|config| {
            if let Some(word) = word {
                config["linux"]["rootfsPropagation"] = json!(word);
            }
        });
        // The bundle lies on a mount of its own, of which the host's propagation is the one that is named.
        let path = bundle.path().display();
        let ended =
            brig.run_where(host, &format!("mount --bind {path} {path}; mount --make-{host} {path}"), &bundle);
        assert_eq!(seen(&ended.text(), "/").tags, tags, "{host} {word:?}");
    }
}

#[test]
fn what_the_host_mounts_later_comes_into_a_slave_root_alone() {
    if common::cannot_run() {
        return;
    }
    let brig = Brig::new();
    for (word, sees) in [(Some("rslave"), "there\n"), (Some("rprivate"), ""), (None, "")] {
        let bundle = Bundle::with_args(&["sleep", "1000"]).edit(|config| {
            if let Some(word) = word {
                config["linux"]["rootfsPropagation"] = json!(word);
            }
        });
        let (path, id) = (bundle.path().display(), unique("c"));
        let script = format!(
            "brig() {{ {} --root {} \"$@\"; }}; mount --bind {path} {path}; brig create --bundle {path} {id}; brig start {id}; \
             mount -t tmpfs tmpfs {path}/rootfs/tmp; touch {path}/rootfs/tmp/there; brig exec {id} ls /tmp; brig delete -f {id}",
            common::brig_program(),
            brig.root().display(),
        );
        let mut command = std::process::Command::new("unshare");
        command.args(["--mount", "--propagation", "shared", "sh", "-ec", &script]);
        assert_eq!(brig.finish(command).text(), sees, "{word:?}");
    }
}

#[test]
fn masked_paths_are_empty_and_readonly_paths_are_read_only() {
    if common::cannot_run() {
        return;
    }
    let script = "wc -c </etc/secret; echo x >/etc/secret; wc -c </etc/secret; ls /full /other | wc -l; echo x >/full/file || echo refused; \
                  echo x >/tmp/dir/file || echo refused; echo x >/tmp/file || echo refused; cat /tmp/file; ls /through";
    let bundle = Bundle::script(script).edit(|config| {
        config["linux"]["maskedPaths"] = json!([
            "/etc/secret",
            "/full",
            "/other",
            "/missing",
            "/full",
            "/etc/secret",
            "/etc/secret/below",
            "/through"
        ]);
        config["linux"]["readonlyPaths"] =
            json!(["/tmp/dir", "/tmp/file", "/tmp/missing", "/tmp/dir", "/proc/sys"]);
    });
    let rootfs = bundle.rootfs();
    for directory in ["full", "other", "tmp/dir", "far"] {
        fs::create_dir(rootfs.join(directory)).unwrap();
        fs::write(rootfs.join(directory).join("x"), "x").unwrap();
    }
    symlink("/far", rootfs.join("through")).unwrap();
    fs::write(rootfs.join("etc/secret"), "secret").unwrap();
    fs::write(rootfs.join("tmp/file"), "text\n").unwrap();
    let expected = "0\n0\n3\nrefused\nrefused\nrefused\ntext\n";
    assert_eq!(Brig::new().says(&bundle), expected);
    let bundle = bundle.in_user_namespace();
    assert_eq!(Brig::new().says(&bundle), expected);
    assert_eq!(fs::read_to_string(rootfs.join("etc/secret")).unwrap(), "secret");
}

#[test]
fn the_default_configuration_protects_the_kernels_files() {
    if common::cannot_run() {
        return;
    }
    let script = "echo 1 >/proc/sys/kernel/printk || echo refused; wc -c </proc/keys; ls /sys/firmware | wc -l; \
                  echo x >/proc/sysrq-trigger || echo refused; wc -c </proc/timer_list";
    assert_eq!(Brig::new().says(&Bundle::script(script).privileged()), "refused\n0\n0\nrefused\n0\n");
}

#[test]
fn a_mount_that_fails_is_named_in_one_line_and_nothing_is_left() {
    if common::cannot_run() {
        return;
    }
    let brig = Brig::new();
    let before = HostMounts::now();
    for (mount, words) in [
        (tmpfs("/mnt", &["nonsense=1"]), "invalid argument"),
        (tmpfs("/mnt", &["size=lots"]), "invalid argument"),
        (json!({ "destination": "/mnt", "type": "nosuchfs", "source": "x" }), "no such device"),
        (bind(Path::new("/no/such/source"), &["bind"]), "/no/such/source"),
        (bind(Path::new("/proc/version"), &["bind", "idmap"]), "mounts[7]"),
        (tmpfs("/etc/passwd", &[]), "not a directory"),
        (
            json!({ "destination": "/etc/passwd/x", "type": "bind", "source": "/tmp", "options": ["bind"] }),
            "not a directory",
        ),
        (
            json!({ "destination": "/bin", "type": "bind", "source": "/proc/version", "options": ["bind"] }),
            "not a directory",
        ),
    ] {
        let bundle = Bundle::script("true").mount(mount.clone());
        let ended = brig.run_bundle(&bundle);
        assert_eq!(ended.code, 1, "{mount}: {ended:?}");
        assert!(ended.error().contains("mounts[7]") && ended.error().contains(words), "{mount}: {ended:?}");
        assert_eq!(ended.stderr.lines().filter(|line| line.contains("level=error")).count(), 1, "{ended:?}");
        assert_eq!(fs::read_dir(brig.root()).unwrap().count(), 0);
    }
    before.assert_unchanged();
}

#[test]
fn mounts_lie_over_one_another_in_their_order() {
    if common::cannot_run() {
        return;
    }
    let bundle = Bundle::script("ls /mnt /mnt/deep; echo x >/mnt/deep/y && ls /mnt/deep")
        .mount(tmpfs("/mnt", &[]))
        .mount(tmpfs("/mnt/deep", &[]))
        .mount(tmpfs("/mnt", &["ro"]))
        .mount(tmpfs("/mnt/deep", &[]));
    assert_eq!(Brig::new().says(&bundle), "/mnt:\ndeep\n\n/mnt/deep:\ny\n");
}

#[test]
fn a_relative_and_a_linked_rootfs_are_found() {
    if common::cannot_run() {
        return;
    }
    let bundle = Bundle::script("pwd");
    symlink("rootfs", bundle.path().join("link")).unwrap();
    for path in ["rootfs", "./rootfs/", bundle.rootfs().to_str().unwrap()] {
        bundle.change(|config| config["root"]["path"] = json!(path));
        assert_eq!(Brig::new().says(&bundle), "/\n", "{path}");
    }
    bundle.change(|config| config["root"]["path"] = json!("link"));
    let ended = Brig::new().run_bundle(&bundle);
    assert!(ended.code == 1 && ended.error().contains("not an absolute path, or a symlink"), "{ended:?}");
}

#[test]
fn a_thousand_mounts_are_made_with_few_descriptors() {
    if common::cannot_run() {
        return;
    }
    let bundle = Bundle::script("grep -c ' /many/' /proc/self/mountinfo").edit(|config| {
        let mounts = config["mounts"].as_array_mut().unwrap();
        for number in 0..500 {
            mounts.push(tmpfs(&format!("/many/t{number}"), &["mode=755"]));
            mounts.push(json!({ "destination": format!("/many/b{number}"), "source": "/proc/version", "options": ["bind", "ro"] }));
        }
    });
    let brig = Brig::new();
    let run = brig.command(&["run", "--bundle", bundle.path().to_str().unwrap(), &unique("c")]);
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "ulimit -Sn 100; exec \"$@\"", "sh"]).arg(run.get_program()).args(run.get_args());
    assert_eq!(brig.finish(command).text(), "1000\n");
}

#[test]
fn options_of_proc_are_its_own() {
    if common::cannot_run() {
        return;
    }
    let bundle = Bundle::script("ls /proc").edit(|config| {
        for mount in config["mounts"].as_array_mut().unwrap() {
            if mount["destination"] == "/proc" {
                mount["options"] = json!(["hidepid=2", "subset=pid"]);
            }
        }
    });
    let printed = Brig::new().says(&bundle);
    assert!(!printed.contains("version") && printed.contains("self\n"), "{printed}");
}

#[test]
fn a_file_is_bound_through_a_link_that_leads_nowhere_yet() {
    if common::cannot_run() {
        return;
    }
    let bundle = Bundle::script("cat /made/file");
    symlink("/made/file", bundle.rootfs().join("dangling")).unwrap();
    let source = bundle.path().join("source");
    fs::write(&source, "text\n").unwrap();
    let bundle =
        bundle.mount(json!({ "destination": "/dangling", "source": source, "options": ["bind", "ro"] }));
    assert_eq!(Brig::new().says(&bundle), "text\n");
    assert!(!Path::new("/made").exists());
}
