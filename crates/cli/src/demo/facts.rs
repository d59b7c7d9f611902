//! What the process inside cannot know by itself: how the host looks from outside. Runs in: parent.

use std::{fs, os::unix::fs::MetadataExt as _, path::Path};

use brig_runtime::probe;
use rustix::{
    process::{Resource, getegid, geteuid, getrlimit},
    thread::{CapabilitySet, capabilities},
};
use serde::{Deserialize, Serialize};

/// The host, as the walls are compared with it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Facts {
    /// A path of the host that nobody inside may see.
    pub(crate) host_path: String,
    /// The caller's namespaces of the kinds that the container has of its own: name and inode number.
    pub(crate) namespaces: Vec<(String, u64)>,
    /// Which ids of the host the container's are; none where it has no user namespace of its own.
    pub(crate) ids: Option<Ids>,
    /// Disks of the host, by path.
    pub(crate) disks: Vec<String>,
    /// How many files the process may have open.
    pub(crate) files: u64,
}

/// The container's ids, from 0 on, on the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ids {
    /// Of its root.
    pub(crate) uid: u32,
    /// Of its root's group.
    pub(crate) gid: u32,
    /// How many there are.
    pub(crate) size: u32,
}

/// In `/proc/PID/ns`, the names of what a container has of its own, without the user namespace.
const NAMESPACES: [&str; 6] = ["pid", "mnt", "net", "ipc", "uts", "cgroup"];
/// Above the ranges that distributions give to users, and to containers of systemd (its "Users, Groups, UIDs and GIDs").
const RANGE: Ids = Ids { uid: 0x7000_0000, gid: 0x7000_0000, size: 0x1_0000 };
/// As `brig spec` has it, unless the caller may have fewer.
const FILES: u64 = 1024;
/// A machine with more of them is believed.
const MOST_DISKS: usize = 64;

impl Facts {
    /// Looks at the host.
    pub(crate) fn of_host(host_path: &Path) -> Self {
        let ids = ids();
        let user = ids.map(|_| "user");
        Self {
            host_path: host_path.to_string_lossy().into_owned(),
            namespaces: NAMESPACES.into_iter().chain(user).filter_map(namespace).collect(),
            ids,
            disks: disks(),
            files: getrlimit(Resource::Nofile).maximum.map_or(FILES, |most| most.min(FILES)),
        }
    }
}

/// Name and inode number of one of the caller's namespaces; `None` where the kernel has no such kind.
pub(crate) fn namespace(name: &str) -> Option<(String, u64)> {
    let found = fs::metadata(format!("/proc/self/ns/{name}")).ok()?;
    Some((name.to_owned(), found.ino()))
}

/// An ordinary user may map only itself; root of the machine maps ids that nobody else has. Where user namespaces are switched
/// off it can do without one.
fn ids() -> Option<Ids> {
    let own = Ids { uid: geteuid().as_raw(), gid: getegid().as_raw(), size: 1 };
    let is_root = geteuid().is_root() && !probe::in_user_namespace().unwrap_or(false) && may_map();
    if is_root { user_namespaces_are_on().then_some(RANGE) } else { Some(own) }
}

/// Root may have been left without the capabilities that make it root.
fn may_map() -> bool {
    let needed = CapabilitySet::SYS_ADMIN | CapabilitySet::SETUID | CapabilitySet::SETGID;
    capabilities(None).is_ok_and(|has| has.effective.contains(needed))
}

fn user_namespaces_are_on() -> bool {
    let most = fs::read_to_string("/proc/sys/user/max_user_namespaces");
    most.is_ok_and(|text| text.trim() != "0")
}

/// Whole disks that have a node in the host's `/dev`. What is made of files and memory is not counted as a disk.
fn disks() -> Vec<String> {
    let names = fs::read_dir("/sys/block").into_iter().flatten().flatten();
    let names = names.filter_map(|entry| entry.file_name().into_string().ok());
    let real = names.filter(|name| !["loop", "ram", "zram", "nbd"].iter().any(|kind| name.starts_with(kind)));
    real.map(|name| format!("/dev/{name}")).filter(|path| Path::new(path).exists()).take(MOST_DISKS).collect()
}
