//! What the library leaves of the program that links it. One test, in a process of its own: others would change it meanwhile.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test ends where its preparation fails")]

mod common;

use std::fs;

use brig_runtime::Stdio;
use common::{KILL, Ours, as_root, eventually, patience, text, unique};

/// All that is the process's own and that something could have changed.
fn surroundings() -> Vec<String> {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let kept = [
        "Umask",
        "Uid",
        "Gid",
        "Groups",
        "SigBlk",
        "SigIgn",
        "SigCgt",
        "CapEff",
        "CapBnd",
        "NoNewPrivs",
        "Seccomp",
    ];
    let mut all: Vec<String> = status
        .lines()
        .filter(|line| kept.iter().any(|name| line.starts_with(&format!("{name}:"))))
        .map(str::to_owned)
        .collect();
    for link in fs::read_dir("/proc/self/ns").unwrap().flatten() {
        all.push(format!("{:?}", fs::read_link(link.path()).unwrap()));
    }
    for file in ["mountinfo", "cgroup", "oom_score_adj", "limits"] {
        all.push(fs::read_to_string(format!("/proc/self/{file}")).unwrap());
    }
    all.push(format!("{:?} {:?}", std::env::current_dir().unwrap(), std::env::vars_os().collect::<Vec<_>>()));
    all.push(format!("subreaper: {:?}", rustix::process::child_subreaper().unwrap()));
    all.push(format!("threads: {}", fs::read_dir("/proc/self/task").unwrap().count()));
    all.push(format!("descriptors: {}", fs::read_dir("/proc/self/fd").unwrap().count()));
    let children = fs::read_dir("/proc/self/task").unwrap().flatten();
    all.extend(children.map(|task| fs::read_to_string(task.path().join("children")).unwrap_or_default()));
    all
}

#[test]
fn nothing_of_the_calling_process_changes() {
    let Some(rootfs) = as_root() else { return };
    let before = surroundings();
    {
        let container = Ours(rootfs.script("sleep 1000").create(&rootfs.store(), &unique("alone")).unwrap());
        container.start().unwrap();
        assert_eq!(text(container.exec(["echo", "x"]).output().unwrap()), "x\n");
        drop(container.exec(["sleep", "1000"]).stdin(Stdio::Piped).spawn().unwrap());
        container.pause().unwrap();
        container.resume().unwrap();
        container.stats().unwrap();
        drop(container.events().unwrap());
        container.signal(KILL).unwrap();
        container.wait_for(&patience()).unwrap();
    }
    // A thread of the kernel's may still be closing what a namespace had open.
    eventually("it is as it was", || surroundings() == before);
}
