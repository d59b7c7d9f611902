//! Mistakes in the root, the mounts, and what is made below them.

use std::{fs, os::unix::fs::symlink};

use super::{Bench, INIT};
use serde_json::json;

#[test]
fn a_rootfs_is_a_directory_that_is_there_and_no_link() {
    let Some(bench) = Bench::new() else { return };
    fs::write(bench.path().join("file"), "").unwrap();
    symlink("rootfs", bench.path().join("link")).unwrap();
    for (path, message) in [
        ("nosuch", "invalid rootfs: stat {bundle}/nosuch: no such file or directory (root.path)"),
        ("file", "invalid rootfs: {bundle}/file: not a directory (root.path)"),
        ("file/x", "invalid rootfs: stat {bundle}/file/x: not a directory (root.path)"),
        ("link", "invalid rootfs: not an absolute path, or a symlink (root.path)"),
        ("", "root.path: is empty"),
    ] {
        bench.fails_with(message, |config| config["root"]["path"] = json!(path));
    }
    bench.fails_with("root must be specified (root)", |config| {
        config.as_object_mut().unwrap().remove("root");
    });
}

#[test]
fn proc_and_sys_of_an_image_are_directories() {
    let Some(bench) = Bench::new() else { return };
    bench.write(|_| {});
    for (name, kind, index) in [("proc", "proc", 0), ("sys", "sysfs", 5)] {
        let place = bench.bundle.rootfs().join(name);
        let message = format!(
            "{INIT}error mounting \"{kind}\" to rootfs at \"/{name}\": filesystem \"{kind}\" must be mounted on \
             ordinary directory (mounts[{index}].destination)"
        );
        fs::remove_dir(&place).unwrap();
        symlink("tmp", &place).unwrap();
        bench.fails(&message);
        fs::remove_file(&place).unwrap();
        fs::write(&place, "").unwrap();
        bench.fails(&message);
        fs::remove_file(&place).unwrap();
        fs::create_dir(&place).unwrap();
    }
}

#[test]
fn a_mount_that_cannot_be_made_is_named() {
    let Some(bench) = Bench::new() else { return };
    symlink("loop", bench.bundle.rootfs().join("loop")).unwrap();
    let missing =
        "failed to fulfil mount request: open /nosuch: no such file or directory (mounts[7].source)";
    for (destination, source, kind, option, reason) in [
        ("/mnt", "/nosuch", "bind", "bind", missing),
        (
            "/mnt",
            "/etc/passwd/x",
            "bind",
            "rbind",
            "failed to fulfil mount request: open /etc/passwd/x: not a directory (mounts[7].source)",
        ),
        (
            "/tmp",
            "/etc/passwd",
            "bind",
            "bind",
            "mount src=/etc/passwd, dst=/tmp: not a directory (mounts[7])",
        ),
        (
            "/etc/passwd",
            "/etc",
            "bind",
            "bind",
            "mount src=/etc, dst=/etc/passwd: not a directory (mounts[7])",
        ),
        (
            "/mnt",
            "tmpfs",
            "tmpfs",
            "nosuch",
            "mount src=tmpfs, dst=/mnt, flags=0x0, data=nosuch: invalid argument (mounts[7])",
        ),
        (
            "/mnt",
            "tmpfs",
            "tmpfs",
            "size=x",
            "mount src=tmpfs, dst=/mnt, flags=0x0, data=size=x: invalid argument (mounts[7])",
        ),
        (
            "/mnt",
            "proc",
            "proc",
            "nosuch=1",
            "mount src=proc, dst=/mnt, flags=0x0, data=nosuch=1: invalid argument (mounts[7])",
        ),
        ("/mnt", "x", "nosuchfs", "ro", "mount src=x, dst=/mnt, flags=0x1: no such device (mounts[7])"),
        (
            "/etc/passwd",
            "tmpfs",
            "tmpfs",
            "nosuid",
            "mount src=tmpfs, dst=/etc/passwd, flags=0x2: not a directory (mounts[7])",
        ),
        (
            "/etc/passwd/x",
            "tmpfs",
            "tmpfs",
            "ro",
            "create mountpoint for /etc/passwd/x mount: make mountpoint \"/etc/passwd/x\": not a directory (mounts[7].destination)",
        ),
        (
            "/loop/x",
            "tmpfs",
            "tmpfs",
            "ro",
            "create mountpoint for /loop/x mount: make mountpoint \"/loop/x\": too many levels of symbolic links (mounts[7].destination)",
        ),
    ] {
        let message = format!("{INIT}error mounting \"{source}\" to rootfs at \"{destination}\": {reason}");
        let mount =
            json!({ "destination": destination, "source": source, "type": kind, "options": [option] });
        bench.fails_with_mount(&message, &mount);
    }
}

#[test]
fn mounts_that_may_not_be_are_refused_before_anything_is_made() {
    let Some(bench) = Bench::new() else { return };
    for (destination, kind, options, message) in [
        ("/", "tmpfs", vec![], "mountpoint \"/\" is on the top of rootfs (mounts[7].destination)"),
        ("/tmp/..", "tmpfs", vec![], "mountpoint \"/\" is on the top of rootfs (mounts[7].destination)"),
        ("", "tmpfs", vec![], "mounts[7].destination: is empty"),
        (
            "/proc/foo",
            "tmpfs",
            vec![],
            "\"/proc/foo\" cannot be mounted because it is inside /proc (mounts[7].destination)",
        ),
        (
            "/proc/sys",
            "bind",
            vec!["bind"],
            "\"/proc/sys\" cannot be mounted because it is inside /proc (mounts[7].destination)",
        ),
        (
            "/proc",
            "tmpfs",
            vec![],
            "\"/proc\" cannot be mounted because it is not of type proc (mounts[7].destination)",
        ),
        ("/mnt", "", vec![], "mounts[7].type: is empty, and the options say neither bind nor rbind"),
        (
            "/mnt",
            "bind",
            vec!["bind", "a=b"],
            "invalid mount \"/mnt\": bind mounts cannot have any filesystem-specific options applied (mounts[7].options)",
        ),
        (
            "/mnt",
            "bind",
            vec!["bind", "idmap"],
            "invalid mount \"/mnt\": id-mapped mounts must have both uid and gid mappings specified (mounts[7].uidMappings)",
        ),
        (
            "/mnt\0x",
            "tmpfs",
            vec![],
            "invalid mount \"/mnt\\0x\": mount field contains null byte (mounts[7].destination)",
        ),
    ] {
        let mount = json!({ "destination": destination, "source": "/tmp", "type": kind, "options": options });
        bench.fails_with_mount(message, &mount);
    }
}

#[test]
fn devices_that_cannot_be_made_are_named() {
    let Some(bench) = Bench::new() else { return };
    let device = |path: &str, kind: &str| json!([{ "path": path, "type": kind, "major": 1, "minor": 3 }]);
    for (devices, message) in [
        (device("/dev/x", "q"), "invalid device type \"q\" (linux.devices[0].type)".to_owned()),
        (device("/tmp", "c"), format!("{INIT}mknod /tmp: file exists (linux.devices[0])")),
        (
            device("/etc/passwd/x", "c"),
            format!("{INIT}mknod /etc/passwd/x: not a directory (linux.devices[0])"),
        ),
    ] {
        bench.fails_with(&message, |config| config["linux"]["devices"] = devices);
    }
    for (rule, message) in [
        (
            json!({ "allow": false, "access": "" }),
            "device access at 0 field cannot be empty (linux.resources.devices[0].access)",
        ),
        (
            json!({ "allow": false, "access": "rwm", "type": "x" }),
            "invalid cgroup device type \"x\" (linux.resources.devices[0].type)",
        ),
    ] {
        bench.fails_with(message, |config| config["linux"]["resources"] = json!({ "devices": [rule] }));
    }
}
