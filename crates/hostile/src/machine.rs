//! What the kernel shows, with names that others chose.

use std::fs;

use brig_cgroup::{Cgroup, Error, Layout, Paths, Place, parse_mountinfo};

use crate::folder::Folder;

/// Any bytes as `/proc/PID/mountinfo`: hierarchies are at absolute paths, and each has controllers or a name.
pub fn mountinfo(text: &[u8]) {
    match parse_mountinfo(text) {
        Layout::None => {}
        Layout::V2 { root } => assert!(root.starts_with('/')),
        Layout::V1 { hierarchies, unified } => {
            for found in &hierarchies {
                assert!(!found.controllers.is_empty() || found.name.is_some());
            }
            for found in hierarchies.iter().chain(&unified) {
                assert!(found.mountpoint.starts_with('/') && found.root.starts_with('/'));
            }
        }
    }
}

/// Any text as one of a cgroup's files (the first byte says which): statistics, or an error that names it.
pub fn cgroup_files(input: &[u8]) {
    let Some((first, text)) = input.split_first() else { return };
    let name = FILES[usize::from(*first) % FILES.len()];
    FOLDER.with(|folder| {
        fs::write(folder.join(name), text).unwrap();
        statistics(folder.path(), name);
        fs::remove_file(folder.join(name)).unwrap();
    });
}

fn statistics(mount: &str, name: &str) {
    for controllers in [&V1[..], &[]] {
        let controllers = controllers.iter().map(|&name| name.to_owned()).collect();
        let place = Place { controllers, mount: mount.to_owned(), below: String::new() };
        match Cgroup::open(&Paths { places: vec![place] }).statistics() {
            Ok(_) => {}
            Err(Error::Malformed { path, .. }) => assert!(path.ends_with(name), "{path}"),
            Err(other) => panic!("{name}: {other}"),
        }
    }
}

const V1: [&str; 6] = ["cpu", "cpuacct", "cpuset", "memory", "pids", "blkio"];
const FILES: [&str; 32] = [
    "blkio.bfq.io_service_bytes_recursive",
    "blkio.throttle.io_service_bytes_recursive",
    "blkio.throttle.io_serviced_recursive",
    "cpu.pressure",
    "cpu.stat",
    "cpuacct.stat",
    "cpuacct.usage",
    "cpuacct.usage_all",
    "cpuacct.usage_percpu",
    "cpuset.cpus",
    "cpuset.cpus.effective",
    "cpuset.mems",
    "hugetlb.2MB.current",
    "hugetlb.2MB.events",
    "io.pressure",
    "io.stat",
    "memory.current",
    "memory.events",
    "memory.failcnt",
    "memory.limit_in_bytes",
    "memory.max",
    "memory.oom_control",
    "memory.pressure",
    "memory.stat",
    "memory.swap.current",
    "memory.swap.max",
    "memory.usage_in_bytes",
    "misc.current",
    "pids.current",
    "pids.max",
    "rdma.current",
    "rdma.max",
];

thread_local! {
    static FOLDER: Folder = Folder::new();
}
