//! How brig-init comes to run: from a sealed memfd, and from a read-only tmpfs that is mounted nowhere where memfds may not
//! be executed.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test ends where its preparation fails")]

mod common;

use std::path::Path;
use std::process::Command;

use common::{Brig, Bundle};

const SWITCH: &str = "/proc/sys/vm/memfd_noexec";

#[test]
fn a_container_starts_where_memfds_may_not_be_executed() {
    if cannot_turn() {
        return;
    }
    starts_without_memfds("0022", &Bundle::with_args(&["echo", "up"]));
}

#[test]
fn a_user_namespace_starts_where_memfds_may_not_be_executed() {
    if cannot_turn() {
        return;
    }
    starts_without_memfds("0022", &Bundle::with_args(&["echo", "up"]).in_user_namespace());
}

#[test]
fn a_user_namespace_starts_without_memfds_whatever_the_callers_umask() {
    if cannot_turn() {
        return;
    }
    starts_without_memfds("0777", &Bundle::with_args(&["echo", "up"]).in_user_namespace());
}

fn cannot_turn() -> bool {
    if common::cannot_run() {
        return true;
    }
    if !Path::new(SWITCH).exists() {
        println!("SKIPPED: needs vm.memfd_noexec (Linux 6.3)");
        return true;
    }
    false
}

#[track_caller]
fn starts_without_memfds(umask: &str, bundle: &Bundle) {
    let brig = Brig::new();
    let bundle_path = bundle.path().to_string_lossy().into_owned();
    let run = brig.command(&["run", "--bundle", &bundle_path, &common::unique("noexec")]);
    // The switch belongs to the PID namespace: it is turned in one of our own.
    let script = format!("echo 2 >{SWITCH} && umask {umask} && exec \"$@\"");
    let mut within = Command::new("unshare");
    within.args(["--pid", "--fork", "--mount-proc", "sh", "-c", &script, "sh"]);
    within.arg(run.get_program()).args(run.get_args());
    assert_eq!(brig.finish(within).ok().text(), "up\n");
}

#[test]
fn what_waits_inside_can_be_written_by_nobody() {
    if common::cannot_run() {
        return;
    }
    let bundle = Bundle::with_args(&["true"]);
    let brig = Brig::new();
    let id = brig.create(&bundle);
    let executable = format!("/proc/{}/exe", brig.state(&id)["pid"]);
    let refused = std::fs::OpenOptions::new().write(true).open(&executable).unwrap_err();
    // CVE-2019-5736: sealed against writing, and busy besides.
    assert!(matches!(refused.raw_os_error(), Some(1 | 26 | 30)), "{refused}");
    // A memfd, or a file of a tmpfs that is mounted nowhere: neither has a path on the host.
    let name = std::fs::read_link(&executable).unwrap();
    assert!(
        name.to_string_lossy().contains("memfd:brig-init") || name.as_os_str() == "/brig-init",
        "{name:?}"
    );
}
