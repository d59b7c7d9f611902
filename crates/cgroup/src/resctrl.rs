//! resctrl, the file system of Intel RDT: classes of service (directories of its root) and the monitoring groups in them.
//! Runs in: the parent, on the host. Every file is opened beneath a directory fd of the mount.
//!
//! ```text
//! find / open ──▶ Resctrl ──lock──▶ make ──write_schemata──▶ add_task … ──statistics …──▶ remove
//! ```
//!
//! A group is named by its path beneath the mount: empty for the root, `gold`, `gold/mon_groups/c1`. What may be done with
//! which group is decided elsewhere.

mod error;
mod schemata;
mod statistics;

pub use error::Error;
pub use statistics::{CacheInfo, Domain, MemoryBandwidthInfo, Statistics};

use std::os::fd::OwnedFd;

use rustix::fs::{
    AtFlags, CWD, FlockOperation, FsWord, Mode, OFlags, flock, mkdirat, openat, statfs, unlinkat,
};
use rustix::io::{Errno, retry_on_intr};
use rustix::process::Pid;

use crate::beneath;
use crate::error::{best_effort, gone};
use crate::hierarchy::mountpoint_of;
use crate::until::Until;
use crate::wait::Pace;

/// resctrl where it is mounted.
#[derive(Debug)]
pub struct Resctrl {
    mount: String,
    dir: OwnedFd,
}

/// What the hardware can do, as `info` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Features {
    /// Divide the L3 cache (CAT), with code and data apart or not.
    pub cache: bool,
    /// Limit memory bandwidth (MBA).
    pub bandwidth: bool,
    /// Monitor both (CMT, MBM).
    pub monitoring: bool,
}

/// What became of a group that was to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    /// It was not there.
    Now,
    /// It was.
    Before,
}

/// Changes of several steps are made by one process at a time: flock(2) on the root, as the kernel's documentation of resctrl
/// asks of everybody. Ends when this is dropped.
#[derive(Debug)]
pub struct Lock {
    _root: OwnedFd,
}

impl Resctrl {
    /// Where it is mounted: on its usual place, else where `/proc/self/mountinfo` says; `None` if it is not.
    ///
    /// # Errors
    /// `mountinfo` cannot be read.
    pub fn find() -> Result<Option<String>, Error> {
        Resctrl::find_at(USUAL_PLACE, "/proc")
    }

    /// Looks at the file system mounted on `usual`, and if that is another at `self/mountinfo` below `proc`.
    ///
    /// # Errors
    /// `mountinfo` cannot be read.
    pub fn find_at(usual: &str, proc: &str) -> Result<Option<String>, Error> {
        if statfs(usual).is_ok_and(|found| found.f_type == RDTGROUP_SUPER_MAGIC) {
            return Ok(Some(usual.to_owned()));
        }
        let path = format!("{proc}/self/mountinfo");
        let text = beneath::read_proc(&path).map_err(|errno| failed("find resctrl", &path, errno))?;
        Ok(mountpoint_of(&text, b"resctrl"))
    }

    /// Opens it.
    ///
    /// # Errors
    /// The directory cannot be opened; `is_missing` if it is not there.
    pub fn open(mount: &str) -> Result<Resctrl, Error> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let dir = retry_on_intr(|| openat(CWD, mount, flags, Mode::empty()))
            .map_err(|errno| failed("open", mount, errno))?;
        Ok(Resctrl { mount: mount.to_owned(), dir })
    }

    /// What the hardware can do.
    pub fn features(&self) -> Features {
        Features {
            // Mounted with `cdp`, there are two caches in place of one.
            cache: self.has("info/L3") || self.has("info/L3CODE"),
            bandwidth: self.has("info/MB"),
            monitoring: self.has("info/L3_MON"),
        }
    }

    /// Whether a group is there.
    pub fn has(&self, group: &str) -> bool {
        beneath::open(&self.dir, group, OFlags::PATH | OFlags::DIRECTORY).is_ok()
    }

    /// The same of a class that has to be there.
    ///
    /// # Errors
    /// `NoClass`.
    pub fn must_have(&self, class: &str) -> Result<(), Error> {
        if self.has(class) { Ok(()) } else { Err(Error::NoClass { path: self.absolute(class) }) }
    }

    /// Waits until nobody else changes groups, and keeps others from it.
    ///
    /// # Errors
    /// The deadline passed.
    pub fn lock(&self, until: impl Into<Until>) -> Result<Lock, Error> {
        let until = until.into();
        let failed = |errno| failed("lock", &self.mount, errno);
        let root = beneath::open(&self.dir, "", OFlags::RDONLY | OFlags::DIRECTORY).map_err(failed)?;
        let mut pace = Pace::default();
        loop {
            match flock(&root, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Lock { _root: root }),
                // Nothing tells when a lock becomes free but waiting for it without a deadline.
                Err(Errno::AGAIN) if !until.is_over() => pace.pause(&until),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(failed(errno)),
            }
        }
    }

    /// Makes a group; one that is there is fine.
    ///
    /// # Errors
    /// What the kernel answers: no class or monitor is left, the hardware has none of that kind.
    pub fn make(&self, group: &str) -> Result<Made, Error> {
        match mkdirat(&self.dir, group, Mode::from_raw_mode(0o755)) {
            Ok(()) => Ok(Made::Now),
            Err(Errno::EXIST) => Ok(Made::Before),
            Err(errno) => Err(self.refused("mkdir".to_owned(), group, errno)),
        }
    }

    /// Writes lines into a group's `schemata`, in one call: all come into force, or none.
    ///
    /// # Errors
    /// What the kernel answers, with its own words of what is wrong.
    pub fn write_schemata(&self, group: &str, lines: &str) -> Result<(), Error> {
        let path = in_group(group, SCHEMATA);
        beneath::write_file(&self.dir, &path, lines)
            .map_err(|errno| self.refused(format!("intelrdt: unable to write {lines:?}"), &path, errno))
    }

    /// The lines of a group's `schemata`, as they can be written again.
    ///
    /// # Errors
    /// The file cannot be read; `is_missing` if the group is not there.
    pub fn schemata(&self, group: &str) -> Result<String, Error> {
        self.text(&in_group(group, SCHEMATA))
    }

    /// Compares lines with what a group has.
    ///
    /// # Errors
    /// `OtherSchemata` names the first difference.
    pub fn has_schemata(&self, group: &str, lines: &str) -> Result<(), Error> {
        let path = in_group(group, SCHEMATA);
        let found = self.schemata(group)?;
        let step = self.number("info/MB/bandwidth_gran").ok();
        match schemata::difference(lines, &found, step) {
            None => Ok(()),
            Some((wanted, found)) => Err(Error::OtherSchemata { path: self.absolute(&path), wanted, found }),
        }
    }

    /// Moves a process of one thread into a group; what it clones from then on is there too.
    ///
    /// # Errors
    /// What the kernel answers; `is_missing` if the group is not there.
    pub fn add_task(&self, group: &str, pid: Pid) -> Result<(), Error> {
        let path = in_group(group, TASKS);
        beneath::write_file(&self.dir, &path, &pid.to_string())
            .map_err(|errno| self.refused(format!("intelrdt: unable to add pid {pid}"), &path, errno))
    }

    /// The tasks of a group, and of the monitoring groups in it: those that have a pid here. One that is not there has none.
    ///
    /// # Errors
    /// The list cannot be read.
    pub fn tasks(&self, group: &str) -> Result<Vec<u32>, Error> {
        match self.text(&in_group(group, TASKS)) {
            Ok(text) => Ok(text.lines().filter_map(|line| line.trim().parse().ok()).collect()),
            Err(error) if error.is_missing() => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Removes a group; one that is not there is fine. The kernel moves the tasks that are in it to its parent, and removes
    /// the monitoring groups in it.
    ///
    /// # Errors
    /// What the kernel answers.
    pub fn remove(&self, group: &str) -> Result<(), Error> {
        match unlinkat(&self.dir, group, AtFlags::REMOVEDIR) {
            Ok(()) => Ok(()),
            Err(errno) if gone(errno) => Ok(()),
            Err(errno) => Err(self.refused("rmdir".to_owned(), group, errno)),
        }
    }

    fn text(&self, path: &str) -> Result<String, Error> {
        let bytes = beneath::read_file(&self.dir, path)
            .map_err(|errno| failed("read", self.absolute(path), errno))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn number(&self, path: &str) -> Result<u64, Error> {
        let text = self.text(path)?;
        text.trim().parse().map_err(|_| failed("read", self.absolute(path), Errno::INVAL))
    }

    fn absolute(&self, path: &str) -> String {
        format!("{}/{path}", self.mount)
    }

    /// A failure with what the kernel says about its last command. With the lock held nobody's came in between.
    fn refused(&self, doing: String, path: &str, errno: Errno) -> Error {
        let status = best_effort(self.text("info/last_cmd_status"), "the errno has to do");
        let last_command = status.map(|text| text.trim().to_owned());
        Error::Call { doing, path: self.absolute(path), errno, last_command }
    }
}

fn failed(doing: &str, path: impl Into<String>, errno: Errno) -> Error {
    Error::Call { doing: doing.to_owned(), path: path.into(), errno, last_command: None }
}

fn in_group(group: &str, file: &str) -> String {
    match group {
        "" => file.to_owned(),
        group => format!("{group}/{file}"),
    }
}

/// linux/magic.h
const RDTGROUP_SUPER_MAGIC: FsWord = 0x0765_5821;

const USUAL_PLACE: &str = "/sys/fs/resctrl";

const SCHEMATA: &str = "schemata";
const TASKS: &str = "tasks";
