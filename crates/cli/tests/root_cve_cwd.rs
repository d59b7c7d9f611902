//! Attacks by way of a descriptor that was left open, as a working directory: CVE-2024-21626. Root, in a private mount namespace.
#![allow(clippy::unwrap_used, reason = "a test ends where its preparation fails")]

mod common;

use std::{fs, os::unix::fs::symlink, process::Command};

use common::{Brig, Bundle, Folder, attack::kernel_says, unique};
use serde_json::json;

/// Looks for the host from where it stands.
const LOOK: &str = "pwd; up=..; for n in 1 2 3 4 5 6 7 8; do test -e $up PRIZE && echo broke out; up=$up/..; done; echo done";

#[test]
fn cve_2024_21626_no_descriptor_that_was_left_open_is_a_working_directory() {
    if common::cannot_run() {
        return;
    }
    let brig = Brig::new();
    let prize = brig.scratch("prize");
    fs::write(&prize, "of the host\n").unwrap();
    let bundle = Bundle::script(&LOOK.replace(" PRIZE", prize.to_str().unwrap()));
    for number in 3..20 {
        bundle.change(|config| config["process"]["cwd"] = json!(format!("/proc/self/fd/{number}")));
        // The caller has directories of the host open as well, and forgot to close them.
        let run = brig.command(&["run", "--bundle", bundle.path().to_str().unwrap(), &unique("c")]);
        let mut careless = Command::new("bash");
        careless.args(["-c", "exec 7</ 8</sys/fs/cgroup 9</proc; exec \"$@\"", "bash"]);
        let ended = brig.finish({
            careless.arg(run.get_program()).args(run.get_args());
            careless
        });
        assert!(ended.code != 0 && !ended.stdout.contains("broke out"), "{number}: {ended:?}");
    }
}

#[test]
fn cve_2024_21626_a_link_of_the_image_makes_no_descriptor_a_working_directory_of_exec() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::with_args(&["sleep", "1000"]), Brig::new());
    let prize = brig.scratch("prize");
    fs::write(&prize, "of the host\n").unwrap();
    for number in 3..20 {
        symlink(format!("/proc/self/fd/{number}"), bundle.rootfs().join(format!("fd{number}"))).unwrap();
    }
    let id = brig.start(&bundle);
    let look = LOOK.replace(" PRIZE", prize.to_str().unwrap());
    for cwd in (3..20).flat_map(|number| [format!("/fd{number}"), format!("/proc/self/fd/{number}")]) {
        let ended = brig.run(&["exec", "--cwd", &cwd, &id, "sh", "-c", &look]);
        assert!(ended.code != 0 && !ended.stdout.contains("broke out"), "{cwd}: {ended:?}");
    }
}

#[test]
fn cve_2024_21626_only_a_descriptor_that_is_passed_on_purpose_is_there_and_it_is_no_working_directory() {
    if common::cannot_run() {
        return;
    }
    let brig = Brig::new();
    let bundle = Bundle::script("pwd").edit(|config| config["process"]["cwd"] = json!("/proc/self/fd/3"));
    let path = bundle.path().to_str().unwrap();
    let run = brig.command(&["run", "--preserve-fds", "1", "--bundle", path, &unique("c")]);
    let mut shell = Command::new("bash");
    shell.args(["-c", "exec 3</; exec \"$@\"", "bash"]).arg(run.get_program()).args(run.get_args());
    let ended = brig.finish(shell);
    assert!(ended.code != 0 && ended.stdout.is_empty(), "{ended:?}");
}

#[test]
fn cve_2024_21626_the_attack_works_on_somebody_careless() {
    if common::cannot_run() {
        return;
    }
    let (bundle, prizes) = (Bundle::busybox(), Folder::new("prize"));
    let prize = prizes.join("prize");
    fs::write(&prize, "of the host\n").unwrap();
    let look = LOOK.replace(" PRIZE", prize.to_str().unwrap());
    let root = bundle.rootfs().display().to_string();
    // He changes the root, still has a directory of the host open, and goes where he is told.
    let script =
        format!("mount -t proc proc {root}/proc; exec 7</; chroot {root} sh -c 'cd /proc/self/fd/7; {look}'");
    assert!(kernel_says(&script).contains("broke out"));
}
