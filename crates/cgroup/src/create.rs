//! Making the container's cgroup: each missing level, refused if somebody already lives there, and made fit to be joined.
//! Runs in: the parent, before the container's first process exists.
//!
//! `needed` names the controllers that limits will need; on v2 all others are enabled as well, for they count what is used.

use std::time::Duration;

use rustix::fs::{AtFlags, Mode, Uid, chownat, mkdirat, unlinkat};
use rustix::io::Errno;
use rustix::process::geteuid;

use crate::beneath;
use crate::controllers;
use crate::error::{Error, Step, best_effort};
use crate::group::{Cgroup, Denied, Group, Scope, Threads};
use crate::path::{Paths, Place, absolute};
use crate::until::Until;
use crate::wait::Pace;

impl Cgroup {
    /// Makes the cgroup in every hierarchy, or takes one that is there and has no processes. On v2 all controllers are enabled
    /// in the parents, where they are not already; those that are not `needed` as far as that can be. On failure everything
    /// made is removed again.
    ///
    /// # Errors
    /// `NotEmpty`, `Frozen`, `Controller`, or what the kernel answers: `is_permission` tells an ordinary user's case.
    pub fn create(paths: &Paths, needed: &[&str], denied: Denied) -> Result<Cgroup, Error> {
        let needed = paths.v2_alone().map(|_| needed);
        let mut cgroup = Cgroup { groups: Vec::with_capacity(paths.places.len()), denied };
        let mut refused = Error::NotMounted;
        for place in &paths.places {
            let may_lack = || denied == Denied::Skip || paths.is_beside(place) && !geteuid().is_root();
            match make(place, needed) {
                Ok(group) => cgroup.groups.push(group),
                Err(error) if error.is_permission() && may_lack() => refused = error,
                Err(error) => {
                    cgroup.undo();
                    return Err(error);
                }
            }
        }
        if cgroup.groups.is_empty() { Err(refused) } else { Ok(cgroup) }
    }

    /// Refuses what systemd would put a unit into all the same: a cgroup with processes in it, and a frozen one, in which a process
    /// that is cloned into it never executes. One that is not there is fine.
    ///
    /// # Errors
    /// `NotEmpty`, `Frozen`, or what the kernel answers.
    pub fn refuse_used(paths: &Paths) -> Result<(), Error> {
        let cgroup = Cgroup::open(paths);
        cgroup.groups.iter().try_for_each(|group| match group.dir(Step::Open) {
            Err(error) if error.is_missing() => Ok(()),
            there => there.and_then(|_| check_unused(group)),
        })
    }

    /// The same of a cgroup that others may live in: only a frozen one is refused.
    ///
    /// # Errors
    /// `Frozen`, or what the kernel answers.
    pub fn refuse_frozen(paths: &Paths) -> Result<(), Error> {
        Cgroup::open(paths).groups.iter().try_for_each(check_not_frozen)
    }

    /// Takes the cgroup of a unit that systemd has made. systemd enables the controllers that it knows; `needed` are enabled
    /// where they are not.
    ///
    /// # Errors
    /// As for [`Cgroup::create`].
    pub fn take(paths: &Paths, needed: &[&str]) -> Result<Cgroup, Error> {
        let cgroup = Cgroup::open(paths);
        for group in &cgroup.groups {
            group.dir(Step::Open)?;
            controllers::enable_needed(group, needed)?;
        }
        Ok(cgroup)
    }

    /// Hands it over to a user of the host: the directory, and the files that the kernel says may be handed over with it
    /// (cgroups(7), "Cgroups delegation").
    ///
    /// # Errors
    /// What the kernel answers.
    pub fn delegate(&self, uid: u32) -> Result<(), Error> {
        let listed = beneath::read_proc("/sys/kernel/cgroup/delegate");
        let listed = best_effort(listed, "before Linux 4.15 there is no list, and these three files");
        let listed = String::from_utf8_lossy(listed.as_deref().unwrap_or(DELEGATED)).into_owned();
        for group in self.groups.iter().filter(|group| group.place.is_v2()) {
            let dir = group.dir(Step::Delegate)?;
            for file in std::iter::once("").chain(listed.split_ascii_whitespace()) {
                let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::EMPTY_PATH;
                match chownat(dir, file, Some(Uid::from_raw(uid)), None, flags) {
                    // A file of a controller that is not enabled here.
                    Ok(()) | Err(Errno::NOENT) => {}
                    Err(errno) => return Err(group.failed(Step::Delegate, file, errno)),
                }
            }
        }
        Ok(())
    }

    /// Removes the directories that `create` made, parents too, as far as they are empty. For a creation that fails later,
    /// after its processes are gone; [`Cgroup::remove`] is for a container that lived.
    pub fn undo(&self) {
        self.groups.iter().for_each(Group::undo);
    }
}

fn make(place: &Place, needed: Option<&[&str]>) -> Result<Group, Error> {
    let mut group = Group::new(place);
    let threaded =
        needed.iter().copied().flatten().all(|controller| THREADED_CONTROLLERS.contains(controller));
    group.threads = if threaded { Threads::WillDo } else { Threads::WillNotDo };
    let result = make_levels(&mut group).and_then(|found| prepare(&group, found, needed));
    if result.is_err() {
        group.undo();
    }
    result.map(|()| group)
}

/// What was there before.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    Nothing,
    Cgroup,
}

/// The usual case, a parent that is there, is one mkdir.
fn make_levels(group: &mut Group) -> Result<Found, Error> {
    let leaf = group.place.below.clone();
    for _ in 0..ATTEMPTS {
        match make_level(group, &leaf) {
            Err(error) if error.errno() == Some(Errno::NOENT) => make_parents(group, &leaf)?,
            result => return result,
        }
    }
    Err(Error::call(Step::Create, group.place.absolute(), Errno::NOENT))
}

/// A parent may be removed by another while we make the next: then we begin again.
fn make_parents(group: &mut Group, leaf: &str) -> Result<(), Error> {
    for (end, _) in leaf.match_indices('/') {
        let level = leaf.get(..end).unwrap_or_default();
        match make_level(group, level) {
            Err(error) if error.errno() == Some(Errno::NOENT) => return Ok(()),
            result => result?,
        };
    }
    Ok(())
}

fn make_level(group: &mut Group, level: &str) -> Result<Found, Error> {
    match mkdirat(group.mount(Step::Create)?, level, Mode::from_raw_mode(0o755)) {
        Ok(()) => {
            if !group.made.iter().any(|made| made == level) {
                group.made.push(level.to_owned());
            }
            Ok(Found::Nothing)
        }
        Err(Errno::EXIST) => Ok(Found::Cgroup),
        Err(errno) => Err(Error::call(Step::Create, absolute(&group.place.mount, level), errno)),
    }
}

fn prepare(group: &Group, found: Found, needed: Option<&[&str]>) -> Result<(), Error> {
    group.dir(Step::Create)?;
    if found == Found::Cgroup {
        check_unused(group)?;
    }
    if let Some(needed) = needed {
        controllers::enable(group, needed)?;
    }
    if group.place.has("cpuset") { fill_cpuset(group) } else { Ok(()) }
}

fn check_unused(group: &Group) -> Result<(), Error> {
    match group.listed(Scope::Tree)?.count() {
        0 => check_not_frozen(group),
        processes => Err(Error::NotEmpty { path: group.place.absolute(), processes }),
    }
}

fn check_not_frozen(group: &Group) -> Result<(), Error> {
    if group.is_frozen()? { Err(Error::Frozen { path: group.place.absolute() }) } else { Ok(()) }
}

/// A new cpuset of v1 has no processors and no memory nodes, and nobody can join it (cpuset(7)): copies those of the nearest
/// parent that has some, down to ours.
fn fill_cpuset(group: &Group) -> Result<(), Error> {
    for file in ["cpuset.cpus", "cpuset.mems"] {
        let mut empty = Vec::new();
        let mut level = group.place.below.as_str();
        let value = loop {
            let value = read_cpuset(group, level, file)?;
            if !value.is_empty() || level.is_empty() {
                break value;
            }
            empty.push(level);
            level = level.rsplit_once('/').map_or("", |(parent, _)| parent);
        };
        for level in empty.into_iter().rev() {
            let path = format!("{level}/{file}");
            beneath::write_file(group.mount(Step::Cpuset)?, &path, &value)
                .map_err(|errno| Error::call(Step::Cpuset, absolute(&group.place.mount, &path), errno))?;
        }
    }
    Ok(())
}

fn read_cpuset(group: &Group, level: &str, file: &str) -> Result<String, Error> {
    let path = crate::path::join(level, file);
    let text = beneath::read_file(group.mount(Step::Cpuset)?, &path)
        .map_err(|errno| Error::call(Step::Cpuset, absolute(&group.place.mount, &path), errno))?;
    Ok(String::from_utf8_lossy(&text).trim().to_owned())
}

impl Group {
    pub(crate) fn undo(&self) {
        let Ok(mount) = self.mount(Step::Remove) else { return };
        let until = Until::within(PATIENCE);
        for level in self.made.iter().rev() {
            let mut pace = Pace::default();
            let mut removed = unlinkat(mount, level, AtFlags::REMOVEDIR);
            // Nobody else has business in the container's own. Once its record is gone, nobody would remove it any more.
            while removed == Err(Errno::BUSY) && *level == self.place.below && !until.is_over() {
                pace.pause(&until);
                removed = unlinkat(mount, level, AtFlags::REMOVEDIR);
            }
            best_effort(
                removed,
                "another may have made a cgroup below it meanwhile; the first error is the one to report",
            );
        }
    }
}

/// Those that a threaded cgroup can have and runc accepts there (cgroup-v2: cpu can too, but only with no weight to share).
const THREADED_CONTROLLERS: &[&str] = &["cpuset", "pids", "perf_event"];

/// What may be handed over with a cgroup, where the kernel has no list of it.
const DELEGATED: &[u8] = b"cgroup.procs cgroup.threads cgroup.subtree_control";

/// How long the kernel may keep a cgroup that nobody is in any more.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often a parent may vanish while we make its child.
const ATTEMPTS: u32 = 16;
