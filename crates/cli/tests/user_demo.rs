//! `brig demo` as an ordinary user: every wall stands without root, subordinate ids or a cgroup, and nothing is left.
#![allow(clippy::unwrap_used, reason = "a test ends where its preparation fails")]

mod common;

use std::{
    fs,
    process::{Command, Output},
};

use common::{Folder, HostMounts, brig_program};

/// `brig demo words`, whose folder is in `folder`; nothing where this user may not have namespaces, which it says.
#[allow(clippy::print_stdout, reason = "a test that is left out says so")]
fn demo(folder: &Folder, words: &[&str]) -> Option<Output> {
    let mut command = Command::new(brig_program());
    command.arg("demo").args(words).env("XDG_RUNTIME_DIR", folder.path()).env("TMPDIR", folder.path());
    let output = command.env("LC_ALL", "C.UTF-8").output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    if error.contains("namespaces") || error.contains("a new /proc") {
        println!("SKIPPED: {error}");
        return None;
    }
    Some(output)
}

#[test]
fn every_wall_stands_without_root_and_nothing_is_left() {
    let (folder, mounts) = (Folder::new("demo"), HostMounts::now());
    let Some(output) = demo(&folder, &[]) else { return };
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    let walls = text.lines().filter(|line| line.starts_with("  \u{2713} ")).count();
    assert!(text.contains(&format!("\nall {walls} walls stand\n")), "{text}");
    mounts.assert_unchanged();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_command_is_root_inside_and_gives_its_exit_code() {
    let folder = Folder::new("demo");
    let Some(output) = demo(&folder, &["--", "sh", "-c", "id -u; exit 9"]) else { return };
    assert_eq!((output.status.code(), &*output.stdout), (Some(9), &b"0\n"[..]), "{output:?}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
