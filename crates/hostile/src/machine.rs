//! What the kernel shows, with names that others chose.

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use brig_cgroup::{Cgroup, Error, Layout, Paths, Place, parse_mountinfo};

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
    let path = folder().join(name);
    fs::write(&path, text).unwrap();
    for controllers in [&V1[..], &[]] {
        let controllers = controllers.iter().map(|&name| name.to_owned()).collect();
        let mount = folder().to_str().unwrap().to_owned();
        let place = Place { controllers, mount, below: String::new() };
        match Cgroup::open(&Paths { places: vec![place] }).statistics() {
            Ok(_) => {}
            Err(Error::Malformed { path, .. }) => assert!(path.ends_with(name), "{path}"),
            Err(other) => panic!("{name}: {other}"),
        }
    }
    fs::remove_file(&path).unwrap();
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

/// One directory of this process's, in memory where there is some.
fn folder() -> &'static PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let memory = PathBuf::from("/dev/shm");
        let top = if memory.is_dir() { memory } else { std::env::temp_dir() };
        let path = top.join(format!("brig-hostile-cgroup-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        path
    })
}
