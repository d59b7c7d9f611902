//! The container's cgroup as the commands hold it: one directory in each hierarchy, opened when first needed.
//! Runs in: the parent.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;
use rustix::process::Pid;

use crate::beneath;
use crate::error::{Error, Step, gone};
use crate::path::{Paths, Place, absolute, clean};
use crate::tree;

/// What to do where an ordinary user may not make or join a cgroup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// Fail.
    Refuse,
    /// Do without that hierarchy; fail if none is left. For rootless containers without `cgroupsPath` and limits.
    Skip,
}

/// Which processes are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Those in the cgroup itself.
    Own,
    /// Those in its sub-cgroups too.
    Tree,
}

/// The cgroup of one container, in every hierarchy.
#[derive(Debug)]
pub struct Cgroup {
    pub(crate) groups: Vec<Group>,
    pub(crate) denied: Denied,
}

impl Cgroup {
    /// Takes the paths of a record. Nothing is opened before it is needed, so this cannot fail.
    pub fn open(paths: &Paths) -> Cgroup {
        Cgroup { groups: paths.places.iter().map(Group::new).collect(), denied: Denied::Refuse }
    }

    /// Where it is: after `create` with [`Denied::Skip`] only the hierarchies that took us. For the record.
    pub fn paths(&self) -> Paths {
        Paths { places: self.groups.iter().map(|group| group.place.clone()).collect() }
    }

    /// The directories that `create` made, absolute, parents first.
    pub fn made(&self) -> Vec<String> {
        let of = |group: &Group| -> Vec<String> {
            group.made.iter().map(|below| absolute(&group.place.mount, below)).collect()
        };
        self.groups.iter().flat_map(of).collect()
    }

    /// As [`Paths::v2_alone`].
    pub(crate) fn v2_alone(&self) -> Option<&Group> {
        match self.groups.as_slice() {
            [only] if only.place.is_v2() => Some(only),
            _ => None,
        }
    }

    /// The directory (O_PATH) for clone3's CLONE_INTO_CGROUP. None where that cannot do the whole job: on v1 and hybrid.
    ///
    /// # Errors
    /// The directory cannot be opened; `is_missing` if it is not there.
    pub fn dir(&self) -> Result<Option<BorrowedFd<'_>>, Error> {
        self.v2_alone().map(|only| only.dir(Step::Open)).transpose()
    }

    /// Moves a process in, in every hierarchy. With [`Denied::Skip`] the hierarchies that refuse for want of permission are
    /// dropped, and what was made there is removed.
    ///
    /// # Errors
    /// `is_missing` if the cgroup is gone, `NotDomain`, or what the kernel answers.
    pub fn join(&mut self, pid: Pid) -> Result<(), Error> {
        let mut refused = None;
        let mut kept = Vec::with_capacity(self.groups.len());
        for group in self.groups.drain(..) {
            match group.join(pid) {
                Err(error) if self.denied == Denied::Skip && error.is_permission() => {
                    group.undo();
                    refused = Some(error);
                }
                Ok(()) => kept.push((group, Ok(()))),
                Err(error) => kept.push((group, Err(error))),
            }
        }
        let mut first = Ok(());
        for (group, result) in kept {
            first = first.and(result);
            self.groups.push(group);
        }
        match refused {
            Some(error) if self.groups.is_empty() => Err(error),
            _ => first,
        }
    }

    /// Makes it fit to hold processes, if its type is what is in the way (v2): call it when clone3 with [`Cgroup::dir`]
    /// answers EOPNOTSUPP, and try once more. A cgroup below a threaded one is `domain invalid`; without controllers that
    /// need a domain it can become threaded itself. [`Cgroup::join`] does this by itself.
    ///
    /// # Errors
    /// `NotDomain` if that cannot be.
    pub fn settle_type(&self) -> Result<(), Error> {
        self.groups.iter().try_for_each(Group::settle_type)
    }

    /// The processes, in ascending order, each once. Those of foreign pid namespaces, which have no pid here, are left out.
    ///
    /// # Errors
    /// A list cannot be read. A cgroup that is not there has no processes.
    pub fn pids(&self, scope: Scope) -> Result<Vec<Pid>, Error> {
        Ok(self.listed(scope)?.pids.into_iter().filter_map(Pid::from_raw).collect())
    }

    pub(crate) fn listed(&self, scope: Scope) -> Result<Listing, Error> {
        let mut all = Listing::default();
        for group in &self.groups {
            let found = group.listed(scope)?;
            all.pids.extend(found.pids);
            all.hidden = all.hidden.max(found.hidden);
        }
        all.pids.sort_unstable();
        all.pids.dedup();
        Ok(all)
    }
}

/// The content of `cgroup.procs` files.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Listing {
    /// Processes that have a pid here.
    pub(crate) pids: Vec<i32>,
    /// How many have none: the kernel lists them as 0 (cgroups v2) in a foreign pid namespace.
    pub(crate) hidden: usize,
}

impl Listing {
    pub(crate) fn is_empty(&self) -> bool {
        self.pids.is_empty() && self.hidden == 0
    }

    pub(crate) fn count(&self) -> usize {
        self.pids.len() + self.hidden
    }

    pub(crate) fn read(&mut self, text: &[u8]) {
        for number in
            text.split(|&byte| byte == b'\n').filter_map(|line| str::from_utf8(line).ok()?.parse().ok())
        {
            match number {
                0 => self.hidden += 1,
                pid => self.pids.push(pid),
            }
        }
    }
}

/// The cgroup in one hierarchy.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) place: Place,
    /// Paths beneath the mount that we made, parents first.
    pub(crate) made: Vec<String>,
    pub(crate) threads: Threads,
    mount: OnceLock<OwnedFd>,
    dir: OnceLock<OwnedFd>,
}

/// Whether the cgroup may become a threaded one (v2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Threads {
    /// No controller is wanted that needs a domain.
    WillDo,
    /// One is, or the cgroup is not ours to change.
    WillNotDo,
}

impl Group {
    pub(crate) fn new(place: &Place) -> Group {
        let (mount, dir) = (OnceLock::new(), OnceLock::new());
        let place = Place { below: clean(&place.below), ..place.clone() };
        Group { place, made: Vec::new(), threads: Threads::WillNotDo, mount, dir }
    }

    pub(crate) fn mount(&self, step: Step) -> Result<BorrowedFd<'_>, Error> {
        let path = self.place.mount.as_str();
        once(&self.mount, || {
            openat(CWD, path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        })
        .map_err(|errno| Error::call(step, path, errno))
    }

    pub(crate) fn dir(&self, step: Step) -> Result<BorrowedFd<'_>, Error> {
        let mount = self.mount(step)?;
        once(&self.dir, || beneath::open(mount, &self.place.below, OFlags::PATH | OFlags::DIRECTORY))
            .map_err(|errno| Error::call(step, self.place.absolute(), errno))
    }

    pub(crate) fn read(&self, file: &str, step: Step) -> Result<Vec<u8>, Error> {
        beneath::read_file(self.dir(step)?, file).map_err(|errno| self.failed(step, file, errno))
    }

    pub(crate) fn write(&self, file: &str, value: &str, step: Step) -> Result<(), Error> {
        beneath::write_file(self.dir(step)?, file, value).map_err(|errno| self.failed(step, file, errno))
    }

    pub(crate) fn failed(&self, step: Step, file: &str, errno: Errno) -> Error {
        Error::call(step, format!("{}/{file}", self.place.absolute()), errno)
    }

    fn join(&self, pid: Pid) -> Result<(), Error> {
        let text = pid.to_string();
        let attempt = || self.write(PROCS, &text, Step::Join);
        let mut result = attempt();
        for _ in 0..JOIN_ATTEMPTS {
            match result.as_ref().err().and_then(Error::errno) {
                // The new process is not yet on a run queue (TASK_NEW), which the cpu controller of v1 refuses.
                Some(Errno::INVAL) => std::thread::yield_now(),
                Some(Errno::OPNOTSUPP) => {
                    self.settle_type()?;
                    return attempt();
                }
                _ => return result,
            }
            result = attempt();
        }
        result
    }

    fn settle_type(&self) -> Result<(), Error> {
        if !self.place.is_v2() {
            return Ok(());
        }
        let kind = self.read(TYPE, Step::Join)?;
        if kind.trim_ascii() != b"domain invalid" {
            return Ok(());
        }
        let invalid = || Error::NotDomain { path: self.place.absolute() };
        match self.threads {
            Threads::WillDo => self.write(TYPE, "threaded", Step::Join).map_err(|_| invalid()),
            Threads::WillNotDo => Err(invalid()),
        }
    }

    pub(crate) fn listed(&self, scope: Scope) -> Result<Listing, Error> {
        let list = || tree::list(self.dir(Step::List)?, scope).map_err(|e| self.failed(Step::List, PROCS, e));
        match list() {
            Err(error) if error.is_missing() => Ok(Listing::default()),
            result => result,
        }
    }
}

fn once<'a>(
    cell: &'a OnceLock<OwnedFd>,
    open: impl FnOnce() -> rustix::io::Result<OwnedFd>,
) -> rustix::io::Result<BorrowedFd<'a>> {
    if let Some(fd) = cell.get() {
        return Ok(fd.as_fd());
    }
    let fd = open()?;
    Ok(cell.get_or_init(|| fd).as_fd())
}

/// Whether a call failed only because the cgroup is not there.
pub(crate) fn missing_is_fine<T: Default>(result: Result<T, Error>) -> Result<T, Error> {
    match result {
        Err(error) if error.errno().is_some_and(gone) => Ok(T::default()),
        result => result,
    }
}

pub(crate) const PROCS: &str = "cgroup.procs";
const TYPE: &str = "cgroup.type";

/// How often a process that is being made may refuse to be moved.
const JOIN_ATTEMPTS: u32 = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_processes_counts_those_that_have_no_pid_here() {
        let mut listing = Listing::default();
        listing.read(b"12\n0\n7\nx\n\n0\n");
        assert_eq!(listing, Listing { pids: vec![12, 7], hidden: 2 });
        assert_eq!(listing.count(), 4);
        assert!(!listing.is_empty());
    }

    #[test]
    fn the_root_of_a_hierarchy_is_never_killed() {
        for below in ["", "/", "a/..", ".."] {
            let place = Place { mount: "/nonexistent".into(), below: below.into(), ..Place::default() };
            let error = Cgroup::open(&Paths { places: vec![place] }).kill(std::time::Instant::now());
            assert!(matches!(error, Err(Error::NoName { .. })), "{below}: {error:?}");
        }
    }

    #[test]
    fn a_cgroup_that_is_not_there_opens_and_has_no_processes() {
        let place = Place { mount: "/nonexistent".into(), below: "a".into(), ..Place::default() };
        let cgroup = Cgroup::open(&Paths { places: vec![place] });
        assert_eq!(cgroup.pids(Scope::Tree).unwrap(), []);
        assert!(cgroup.dir().unwrap_err().is_missing());
    }
}
