//! Mounts and the root: what a container sees of them, and that the host sees none of it.
//! Root, in a private mount namespace.
#![allow(clippy::unwrap_used, reason = "a test ends where its preparation fails")]
#![allow(clippy::print_stdout, reason = "what is skipped is said")]

#[path = "../common/mod.rs"]
mod common;

mod binds;
mod file_systems;
mod places;
mod root;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use common::{Brig, Bundle, Folder, HostMounts, unique};
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
