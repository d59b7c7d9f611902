//! Containers as values of the library, made by an ordinary user.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test ends where its preparation fails")]

mod common;

use brig_runtime::status::Status;
use brig_runtime::{Canceller, Container, Kind, Stdio};
use common::{KILL, Ours, Rootfs, eventually, patience, text, unique};
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

/// The test below once more, in a process whose `PATH` begins with this folder.
fn again_with(path: &std::path::Path, test: &str) -> std::process::Output {
    let others = std::env::var("PATH").unwrap_or_default();
    std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", test])
        .env("PATH", format!("{}:{others}", path.display()))
        .env(HELPERS, path)
        .output()
        .unwrap()
}

/// Where the helpers are that never end.
const HELPERS: &str = "BRIG_TEST_HELPERS";

#[test]
fn newuidmap_that_never_ends_is_ended_with_the_patience_of_who_waits_for_it() {
    let Some(rootfs) = as_user() else { return };
    let Some(helpers) = std::env::var_os(HELPERS).map(std::path::PathBuf::from) else {
        let folder = rootfs.path().parent().unwrap().join("helpers");
        std::fs::create_dir(&folder).unwrap();
        let program = folder.join("newuidmap");
        std::fs::write(&program, "#!/bin/sh\necho $$ >${0%/*}/begun\nexec sleep 1000\n").unwrap();
        std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let test = "newuidmap_that_never_ends_is_ended_with_the_patience_of_who_waits_for_it";
        let output = again_with(&folder, test);
        assert!(output.status.success(), "{output:?}");
        return;
    };
    let pid = || std::fs::read_to_string(helpers.join("begun")).unwrap_or_default().trim().to_owned();
    let canceller = Canceller::new().unwrap();
    let id = unique("mapped");
    let jail = rootfs.script("true").map_ids(100_000, 100_000, 5).patience(patience().or_until(&canceller));
    let error = std::thread::scope(|scope| {
        let creates = scope.spawn(|| jail.create(&rootfs.store(), &id).unwrap_err());
        eventually("newuidmap runs", || !pid().is_empty());
        canceller.cancel().unwrap();
        creates.join().unwrap()
    });
    assert_eq!(error.kind(), &Kind::Cancelled, "{error}");
    assert!(!std::path::Path::new("/proc").join(pid()).exists());
    assert_eq!(Container::open(&rootfs.store(), &id).unwrap_err().kind(), &Kind::NotFound);
}
