//! The options of cgroup v2, which CRIU takes from the host, are given back.
//! Runs in: the parent, on the host, before and after CRIU.
//!
//! All mounts of cgroup v2 share one superblock, and the options of whoever mounts it last hold for all. CRIU mounts it without
//! any, in every dump and restore: `nsdelegate` and others are gone from the host then (checkpoint-restore/criu issue 3029).

use rustix::io::Errno;
use rustix::mount::{FsOpenFlags, fsconfig_create, fsconfig_set_flag, fsopen};

use crate::error::Error;

/// The options as they are now; given back where they have become others by the time this is dropped.
#[derive(Debug)]
pub(super) struct Options(Vec<String>);

impl Options {
    pub(super) fn now() -> Self {
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        Self(in_mountinfo(&mounts))
    }

    /// Makes them the kernel's: for that a superblock has to be made, which is the one that there is, and need not be mounted.
    fn put_back(&self) -> Result<(), Errno> {
        let context = fsopen("cgroup2", FsOpenFlags::FSOPEN_CLOEXEC)?;
        for option in &self.0 {
            fsconfig_set_flag(&context, &**option)?;
        }
        fsconfig_create(&context)
    }
}

impl Drop for Options {
    fn drop(&mut self) {
        if self.0.is_empty() || self.0 == Self::now().0 {
            return;
        }
        if let Err(errno) = self.put_back() {
            let what = format!("give {} back to cgroup2, from which criu took it", self.0.join(","));
            log::warn!("{}", Error::os(what, errno));
        }
    }
}

/// What is set of cgroup v2's options, wherever that is mounted (proc_pid_mountinfo(5)).
fn in_mountinfo(text: &str) -> Vec<String> {
    let own = text.lines().filter_map(|line| line.split_once(" - cgroup2 ")).map(|(_, rest)| rest);
    let options = own.filter_map(|rest| rest.split(' ').nth(1)).next().unwrap_or_default();
    options.split(',').filter(|option| KNOWN.contains(option)).map(str::to_owned).collect()
}

/// The options of cgroup v2 (cgroups(7); the kernel's Documentation/admin-guide/cgroup-v2.rst). What else stands there is not
/// for it: `rw`, and `seclabel` of SELinux.
const KNOWN: [&str; 6] = [
    "nsdelegate",
    "favordynmods",
    "memory_localevents",
    "memory_recursiveprot",
    "memory_hugetlb_accounting",
    "pids_localevents",
];

#[cfg(test)]
mod tests {
    use super::in_mountinfo;

    #[test]
    fn the_options_of_cgroup_v2_are_those_behind_its_name() {
        let text = "24 1 0:5 / /proc rw - proc proc rw,nsdelegate\n\
                    52 49 0:27 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,seclabel,nsdelegate,memory_recursiveprot\n";
        assert_eq!(in_mountinfo(text), ["nsdelegate", "memory_recursiveprot"]);
    }

    #[test]
    fn where_cgroup_v2_is_not_mounted_or_has_none_there_are_none() {
        for text in ["", "31 25 0:27 / /sys/fs/cgroup/unified rw - cgroup2 none rw\n", "x - cgroup2 \n"] {
            assert!(in_mountinfo(text).is_empty(), "{text}");
        }
    }
}
