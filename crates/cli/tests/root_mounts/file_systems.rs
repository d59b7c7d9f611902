//! New file systems: tmpfs, those of the kernel, cgroups.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::Path;

use super::{MOUNTS, Seen, seen, tmpfs};
use crate::common::{self, Brig, Bundle, drop_namespace, set_namespace};
use serde_json::{Value, json};

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
