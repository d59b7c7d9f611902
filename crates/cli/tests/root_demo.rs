//! `brig demo` as root: every wall stands, one that does not is noticed, and nothing is left. Root, in a private mount namespace.
#![allow(clippy::unwrap_used, reason = "a test ends where its preparation fails")]

mod common;

use std::{
    fs::{self, File},
    io::Read as _,
    path::PathBuf,
    process::{Command, Stdio},
};

use common::{Brig, Bundle, Folder, HostMounts, brig_program, cgroups_named, eventually};
use rustix::{
    process::{Pid, Signal, kill_process},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
};
use serde_json::{Value, json};

fn is_not_root() -> bool {
    !rustix::process::geteuid().is_root()
}

/// `brig demo words`, whose folder will be in `folder`.
fn demo(folder: &Folder, words: &[&str]) -> Command {
    let mut command = Command::new(brig_program());
    command.arg("demo").args(words).env("TMPDIR", folder.path()).env("LC_ALL", "C");
    command
}

#[track_caller]
fn assert_nothing_is_left(folder: &Folder, pid: u32) {
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    assert_eq!(cgroups_named(&format!("brig-demo-{pid}-")), Vec::<PathBuf>::new());
}

#[test]
fn every_wall_stands_and_nothing_is_left() {
    if is_not_root() {
        return;
    }
    let (folder, mounts) = (Folder::new("demo"), HostMounts::now());
    let child = demo(&folder, &[]).stdout(Stdio::piped()).spawn().unwrap();
    let pid = child.id();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    let walls = text.lines().filter(|line| line.starts_with("  ok ")).count();
    assert!(text.contains(&format!("\nall {walls} walls stand\n")), "{text}");
    assert!(text.contains("\ncontainer started, checked and removed in "), "{text}");
    mounts.assert_unchanged();
    assert_nothing_is_left(&folder, pid);
}

#[test]
fn a_command_gets_the_streams_and_gives_its_exit_code() {
    if is_not_root() {
        return;
    }
    let folder = Folder::new("demo");
    let input = folder.join("input");
    fs::write(&input, "hello\n").unwrap();
    let output = demo(&folder, &["--", "sh", "-c", "cat; hostname; exit 7"])
        .stdin(File::open(&input).unwrap())
        .output();
    let output = output.unwrap();
    assert_eq!((output.status.code(), &*output.stdout), (Some(7), &b"hello\nbrig-demo\n"[..]), "{output:?}");
    fs::remove_file(input).unwrap();
    let output = demo(&folder, &["--", "no-such-command"]).output().unwrap();
    assert_eq!(output.status.code(), Some(127), "{output:?}");
}

#[test]
fn a_signal_ends_the_command_and_the_demo_removes_the_rest() {
    if is_not_root() {
        return;
    }
    let (folder, mounts) = (Folder::new("demo"), HostMounts::now());
    let mut child = demo(&folder, &["--", "sh", "-c", "echo here; exec sleep 1000"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut word = [0; 5];
    child.stdout.as_mut().unwrap().read_exact(&mut word).unwrap();
    let pid = Pid::from_child(&child);
    let mut status = None;
    // Until its first process listens, a signal is lost on a container (pid_namespaces(7)).
    eventually("the demo ends", || {
        kill_process(pid, Signal::TERM).unwrap();
        status = child.try_wait().unwrap();
        status.is_some()
    });
    assert_eq!(status.unwrap().code(), Some(128 + 15));
    mounts.assert_unchanged();
    assert_nothing_is_left(&folder, child.id());
}

#[test]
fn a_caller_with_a_terminal_gets_one_inside() {
    if is_not_root() {
        return;
    }
    let folder = Folder::new("demo");
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
    let stream = || File::options().read(true).write(true).open(&name).unwrap();
    let mut command = demo(&folder, &["--", "tty"]);
    let child = command.stdin(stream()).stdout(stream()).stderr(stream()).env("TERM", "vt100").spawn();
    drop(command);
    assert_eq!(child.unwrap().wait().unwrap().code(), Some(0));
    let mut text = [0; 64];
    let length = File::from(master).read(&mut text).unwrap();
    assert_eq!(text.get(..length), Some(&b"/dev/pts/0\r\n"[..]));
}

#[test]
fn a_folder_that_cannot_be_made_is_one_plain_line() {
    if is_not_root() {
        return;
    }
    let folder = Folder::new("demo");
    let output = demo(&folder, &[]).env("TMPDIR", folder.join("nowhere")).output().unwrap();
    let expected =
        format!("brig demo: a folder in {}: no such file or directory\n", folder.join("nowhere").display());
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap()), (Some(1), expected));
}

/// What the same process finds in a container whose walls nobody asked for.
fn look_at(bundle: &Bundle, files: u64) -> Vec<(String, Result<String, String>)> {
    let own = |name: &str| json!([name, 1]);
    let facts = json!({
        "host_path": bundle.path(), "namespaces": [own("pid"), own("mnt")], "ids": null, "disks": [], "files": files,
    });
    fs::copy(brig_program(), bundle.rootfs().join(".brig")).unwrap();
    fs::create_dir(bundle.rootfs().join("usr")).unwrap();
    fs::write(bundle.rootfs().join("etc/hostname"), "of an image\n").unwrap();
    bundle.change(|config| {
        config["process"]["args"] = json!(["/.brig", "demo", "--", "--inside", facts.to_string()])
    });
    let text = Brig::new().run_bundle(bundle).text();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let finding = |wall: &Value| {
        let words = |key| wall["found"][key].as_str().map(str::to_owned);
        (wall["wall"].as_str().unwrap().to_owned(), words("Ok").ok_or_else(|| words("Err").unwrap()))
    };
    lines.filter_map(|line| line.get("Wall").map(finding)).collect()
}

#[test]
fn a_wall_that_does_not_stand_is_noticed() {
    if common::cannot_run() {
        return;
    }
    let bundle = Bundle::busybox().edit(|config| {
        config["linux"]["maskedPaths"] = json!([]);
        config["linux"]["readonlyPaths"] = json!([]);
        let namespaces = config["linux"]["namespaces"].as_array_mut().unwrap();
        namespaces.retain(|namespace| namespace["type"] != "network");
        let all = json!(["CAP_SYS_ADMIN", "CAP_MKNOD"]);
        config["process"]["capabilities"] = json!({ "bounding": all, "effective": all, "permitted": all });
        config["process"]["noNewPrivileges"] = json!(false);
        config["linux"]["devices"] = json!([{ "path": "/dev/kmsg", "type": "c", "major": 1, "minor": 11 }]);
        config["mounts"].as_array_mut().unwrap().retain(|mount| mount["type"] != "sysfs");
        config["process"]["env"].as_array_mut().unwrap().push(json!("SECRET=1"));
    });
    let findings = look_at(&bundle, 4096);
    // On a machine without a network the host's has no way out either.
    let alone = std::fs::read_dir("/sys/class/net").unwrap().count() < 2;
    let stands =
        |(wall, found): &&(String, Result<String, String>)| found.is_ok() && !(alone && wall == "network");
    let stand: Vec<_> = findings.iter().filter(stands).map(|(wall, _)| wall.as_str()).collect();
    assert_eq!(stand, ["namespaces", "processes", "descriptors"], "{findings:#?}");
    assert_eq!(findings.len(), 15);
}
