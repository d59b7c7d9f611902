//! What is there: processes, cgroups, mounts, interfaces, files. Looked at twice, the difference is what was left.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};

use super::units;

/// What there is of all kinds, one line for each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct World(BTreeSet<String>);

/// Names of brig's own that may stay in the store: compiled filters.
const PROGRAMS: &str = "@seccomp";
/// A pid file on its way, which `delete` cannot know of. The next `create` takes its place.
const BESIDE: &str = ".pid";
/// Somebody who was killed takes no longer to end, where many others want the processor.
const GRACE: Duration = Duration::from_secs(20);

impl World {
    /// Now. `folder` has the store and the bundles, `group` names the cgroups.
    pub(crate) fn now(folder: &Path, group: &str) -> Self {
        reap();
        let mut found = BTreeSet::new();
        processes(&mut found);
        lines("/proc/self/mountinfo", &mut |line| found.insert(format!("mount {line}")));
        lines("/proc/self/net/dev", &mut |line| {
            found.insert(format!("interface {}", line.split(':').next().unwrap_or_default().trim()))
        });
        for place in groups(group).chain(groups(&units::slice(group))) {
            walk(&place, "cgroup", &mut found);
        }
        walk(folder, "file", &mut found);
        Self(found)
    }

    /// What is there now and was not then, but for what is at its end.
    pub(crate) fn left(&self, folder: &Path, group: &str) -> Vec<String> {
        let deadline = Instant::now() + GRACE;
        loop {
            let now = Self::now(folder, group);
            let left: Vec<String> = now.0.difference(&self.0).cloned().collect();
            let ending = left.iter().any(|what| what.starts_with("process "));
            if !ending || Instant::now() > deadline {
                return left;
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl World {
    /// How many of each kind.
    pub(crate) fn counted(&self) -> String {
        let kinds = ["process", "mount", "interface", "cgroup", "file"];
        let count = |kind: &str| self.0.iter().filter(|what| what.split(' ').next() == Some(kind)).count();
        kinds.map(|kind| format!("{kind} {}", count(kind))).join(" ")
    }
}

/// Where cgroups of this name may be.
pub(crate) fn groups(group: &str) -> impl Iterator<Item = PathBuf> {
    let top = Path::new("/sys/fs/cgroup");
    let hierarchies = fs::read_dir(top).into_iter().flatten().flatten().map(|entry| entry.path());
    hierarchies.chain([top.to_owned()]).map(move |path| path.join(group))
}

/// Removes the cgroups above the containers' own. brig leaves them, and somebody's machine has no use for them.
pub(crate) fn remove_groups(group: &str) {
    for path in groups(group).filter(|path| path.exists()) {
        fs::remove_dir(&path).unwrap_or_else(|error| eprintln!("xtask: {}: {error}", path.display()));
    }
}

/// A file that a command writes to, empty.
pub(crate) fn emptied(folder: &Path, name: &str) -> Result<File, String> {
    File::create(folder.join(name)).map_err(|error| format!("{name}: {error}"))
}

/// What a command wrote there.
pub(crate) fn read(folder: &Path, name: &str) -> String {
    let bytes = fs::read(folder.join(name)).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Orphans are ours.
fn reap() {
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG | WaitPidFlag::__WALL)) {
            Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return,
            Ok(_) | Err(_) => {}
        }
    }
}

fn processes(found: &mut BTreeSet<String>) {
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let name = entry.file_name();
        let pid = name.to_string_lossy();
        let namespace = |pid: &str, kind: &str| fs::read_link(format!("/proc/{pid}/ns/{kind}")).ok();
        // We share our mount namespace with brig alone, and a container's PID namespace is another.
        let is_ours = || {
            namespace(&pid, "mnt") == namespace("self", "mnt")
                || namespace(&pid, "pid") != namespace("self", "pid")
        };
        if pid.bytes().all(|byte| byte.is_ascii_digit()) && is_ours() {
            // It may be gone by now.
            if let Ok(comm) = fs::read_to_string(entry.path().join("comm")) {
                found.insert(format!("process {pid} {}", comm.trim()));
            }
        }
    }
}

fn lines(path: &str, each: &mut dyn FnMut(&str) -> bool) {
    let text = fs::read_to_string(path).unwrap_or_default();
    for line in text.lines() {
        each(line);
    }
}

/// Everything below `path`; of cgroups the directories only.
fn walk(path: &Path, kind: &str, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_directory || kind == "file" && entry.file_name() != BESIDE {
            found.insert(format!("{kind} {}", entry.path().display()));
        }
        if is_directory && entry.file_name() != PROGRAMS {
            walk(&entry.path(), kind, found);
        }
    }
}
