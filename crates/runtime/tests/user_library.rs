//! Containers as values of the library, made by an ordinary user.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test ends where its preparation fails")]

mod common;

use brig_runtime::status::Status;
use brig_runtime::{Container, Stdio};
use common::{KILL, Ours, Rootfs, patience, text, unique};
use rustix::process::geteuid;
use std::os::unix::process::ExitStatusExt;

/// A root file system, for an ordinary user; else says why not.
fn as_user() -> Option<Rootfs> {
    if geteuid().is_root() {
        println!("SKIPPED: needs an ordinary user");
        return None;
    }
    Rootfs::new()
}

#[test]
fn an_ordinary_user_jails_a_command_without_anything_else() {
    let Some(rootfs) = as_user() else { return };
    let jail = rootfs.script("id -u; echo $$; touch /made; ip -o link | wc -l; exit 5").read_only();
    let output = jail.output(&rootfs.store(), &unique("jail")).unwrap();
    assert_eq!(output.status.code(), Some(5));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "0\n1\n1\n");
    assert!(String::from_utf8(output.stderr).unwrap().contains("Read-only file system"));
}

#[test]
fn a_container_of_an_ordinary_user_goes_through_the_whole_life() {
    let Some(rootfs) = as_user() else { return };
    let container = Ours(rootfs.script("sleep 1000").create(&rootfs.store(), &unique("life")).unwrap());
    container.start().unwrap();
    assert_eq!(container.status().unwrap(), Status::Running);
    assert_eq!(text(container.exec(["id", "-u"]).output().unwrap()), "0\n");
    let cat = container.exec(["cat"]).stdin(Stdio::Piped).spawn().unwrap();
    drop(cat.take_stdin());
    assert!(cat.wait_for(&patience()).unwrap().success());
    drop(container.exec(["sleep", "1000"]).spawn().unwrap());
    container.stats().unwrap();
    let other = Container::open(container.store(), container.id().as_str()).unwrap();
    other.signal(KILL).unwrap();
    assert_eq!(container.wait_for(&patience()).unwrap().signal(), Some(KILL));
    container.destroy().unwrap();
}
