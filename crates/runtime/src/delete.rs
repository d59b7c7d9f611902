//! Taking a container apart: its processes, its cgroup, its directory; then the poststop hooks.
//! Runs in: the parent, as `delete`, and as what undoes a `create` that failed.
//!
//! Every part may be gone already, and several may do this at the same time: who removes the record runs the hooks. The record
//! stays until processes and cgroup are gone, so that whatever is killed in the middle can be deleted once more.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use brig_cgroup::{Cgroup, Scope, Until};
use brig_plan::plan::{ParentHook, StateFacts};
use rustix::event::{PollFd, PollFlags};
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use rustix::io::Errno;

use crate::error::{Error, Kind, Result};
use crate::hooks::{self, Hooks};
use crate::intel_rdt::{self, IntelRdt, Remove};
use crate::kill::{SIGKILL, send, thaw};
use crate::network::HostSide;
use crate::patience::Patience;
use crate::pid::Identity;
use crate::record::{self, Intent, Part, PidNamespace, RECORD, Record, Stage, Unit};
use crate::status::{self, Status};
use crate::store::{ContainerId, Place, Removal, Store};
use crate::{state, systemd};

/// Which containers to delete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Those that are stopped, or created and not started.
    Stopped,
    /// Any, after killing it; one that is not there is fine (`--force`).
    Force,
}

/// Deletes a container.
///
/// # Errors
/// `NotFound`, also for a directory without a record, which is removed; `WrongStatus`; `Hook` if the container is gone
/// and a poststop hook failed; `Deadline`, `Cgroup`, `Record`, `Os`.
pub fn delete(store: &Store, id: &ContainerId, mode: Mode) -> Result<()> {
    delete_within(store, id, mode, &Patience::ENDLESS)
}

/// As [`delete`], not longer than this. What is left then is deleted by the next one; hooks that had begun are killed.
///
/// # Errors
/// As for [`delete`]; `Cancelled`.
pub fn delete_within(store: &Store, id: &ContainerId, mode: Mode, patience: &Patience) -> Result<()> {
    match patience.ended("delete", find_and_delete(store, id, mode, patience)) {
        Err(error) if mode == Mode::Force && error.is_not_found() => Ok(()),
        result => result,
    }
}

fn find_and_delete(store: &Store, id: &ContainerId, mode: Mode, patience: &Patience) -> Result<()> {
    let limited = patience.or_within(DEADLINE);
    loop {
        let mut place = store.find(id)?;
        let Some(file) = place.record(Part::Head)? else {
            if place.try_lock()? {
                if has_moved_on(store, &place, None)? {
                    continue;
                }
                place.remove(RECORD)?;
                return Err(Error::not_found());
            }
            if mode == Mode::Stopped {
                return Err(not_stopped(&place, Status::Creating));
            }
            await_creator(store, &place, None, &limited)?;
            continue;
        };
        match file.stage()? {
            Stage::Ready(record) => return delete_ready(&place, &record, mode, patience),
            Stage::Intent(intent) if !status::is_creating(&place, &intent)? => {
                // It may have finished since the record was read.
                if has_moved_on(store, &place, Some(&intent.creator))? {
                    continue;
                }
                return delete_intent(&place, &intent, patience);
            }
            Stage::Intent(intent) => {
                if mode == Mode::Stopped {
                    return Err(not_stopped(&place, Status::Creating));
                }
                kill_begun(&intent, &limited)?;
                await_creator(store, &place, Some(&intent.creator), &limited)?;
            }
        }
    }
}

fn delete_ready(place: &Place, record: &Record<'_>, mode: Mode, patience: &Patience) -> Result<()> {
    if mode == Mode::Stopped {
        match status::of_record(place, record)? {
            Status::Stopped | Status::Created => {}
            other @ (Status::Creating | Status::Running | Status::Paused) => {
                return Err(not_stopped(place, other));
            }
        }
    }
    let (init, mode) = match record.init.pidfd() {
        // Nothing else names it safely, but its cgroup: what is in there is killed, and then it is gone.
        Err(error) if error.errno() == Some(Errno::NOSYS) && !record.cgroup.is_empty() => (None, Mode::Force),
        init => (init?, mode),
    };
    let cgroup = Cgroup::open(&record::paths(&record.cgroup));
    destroy(
        place,
        &Remains {
            init: init.as_ref().map(AsFd::as_fd),
            cgroup: Some(&cgroup),
            intel_rdt: record.intel_rdt.as_ref().map(|rdt| (rdt, Remove::All)),
            network: &record.network,
            unit: record.unit.as_ref(),
            pid_namespace: record.pid_namespace,
            rootless_cgroups: record.rootless_cgroups,
            mode,
            poststop: &record.poststop,
            facts: &record.facts,
        },
        patience,
    )
}

/// What there may be of a container.
#[derive(Debug, Clone, Copy)]
pub struct Remains<'a> {
    /// Its first process, if it may be alive.
    pub init: Option<BorrowedFd<'a>>,
    /// Its cgroup.
    pub cgroup: Option<&'a Cgroup>,
    /// Its class of service, and what of it to remove.
    pub intel_rdt: Option<(&'a IntelRdt<'a>, Remove)>,
    /// Its interfaces on the host.
    pub network: &'a HostSide<'a>,
    /// The unit of systemd that the cgroup belongs to.
    pub unit: Option<&'a Unit<'a>>,
    /// Whose its PID namespace is.
    pub pid_namespace: PidNamespace,
    /// Failures to reach its cgroup are forgiven.
    pub rootless_cgroups: bool,
    /// With [`Mode::Force`], processes that stay in the cgroup when `init` has ended are killed too.
    pub mode: Mode,
    /// What to run when all is gone.
    pub poststop: &'a [ParentHook<'a>],
    /// For the hooks.
    pub facts: &'a StateFacts<'a>,
}

/// Removes what there is of a container: processes, cgroup, directory. Then, unless somebody else was quicker, runs the hooks.
/// This is what undoes a failed `create` as well.
///
/// # Errors
/// `Deadline`: `container init still running`; `Cgroup`, `Os`; `Hook` when everything is gone.
pub fn destroy(place: &Place, remains: &Remains<'_>, patience: &Patience) -> Result<()> {
    let limited = patience.or_within(DEADLINE);
    kill_init(remains, &limited)?;
    log::debug!("remove the cgroup");
    match (remains.cgroup, remains.unit) {
        (Some(cgroup), None) => {
            forgive(remains, empty_and_remove(cgroup, remains, &limited.at_most(DEADLINE)))?
        }
        (Some(cgroup), Some(unit)) => {
            let until = limited.at_most(DEADLINE);
            forgive(remains, empty(cgroup, remains, &until))?;
            stop(unit, cgroup, &until)?;
        }
        (None, Some(unit)) => systemd::stop(unit, limited.at_most(DEADLINE))?,
        (None, None) => {}
    }
    if let Some((rdt, which)) = remains.intel_rdt {
        intel_rdt::remove(rdt, which, &limited)?;
    }
    remains.network.remove(place.store())?;
    log::debug!("remove {}", place.path().display());
    match place.remove(RECORD)? {
        Removal::Mine => run_poststop(remains, patience),
        Removal::Anothers => Ok(()),
    }
}

fn kill_init(remains: &Remains<'_>, patience: &Patience) -> Result<()> {
    let Some(init) = remains.init else { return Ok(()) };
    log::debug!("kill the first process, and wait for its end");
    match send(init, SIGKILL) {
        // A security module may keep our signal from a process that it confines. The cgroup's own does not pass by it.
        Err(error) if error.errno().is_some() => match remains.cgroup {
            Some(cgroup) => cgroup.kill(patience.at_most(DEADLINE))?,
            None => return Err(error.within("unable to signal init")),
        },
        // It has ended by itself.
        Ok(()) | Err(_) => {}
    }
    if let Some(cgroup) = remains.cgroup {
        thaw(cgroup)?;
    }
    patience.wait_exit("delete", init).map_err(|error| {
        let late = *error.kind() == Kind::Deadline;
        if late { Error::new(Kind::Deadline, "container init still running") } else { error }
    })
}

fn empty_and_remove(cgroup: &Cgroup, remains: &Remains<'_>, until: &Until) -> Result<(), brig_cgroup::Error> {
    if remains.pid_namespace == PidNamespace::Shared {
        cgroup.kill(until)?;
    } else if remains.mode == Mode::Force {
        // Nearly always nothing is left, and one rmdir does it.
        if cgroup.remove(Instant::now()).is_ok() {
            return Ok(());
        }
        cgroup.kill(until)?;
    }
    cgroup.remove(until)
}

/// For a unit: systemd would ask what is left in it to end, and wait for that a minute and a half.
fn empty(cgroup: &Cgroup, remains: &Remains<'_>, until: &Until) -> Result<(), brig_cgroup::Error> {
    if remains.pid_namespace == PidNamespace::Shared || remains.mode == Mode::Force {
        cgroup.kill(until)?;
    }
    cgroup.wait_empty(until)
}

/// systemd removes the cgroup with the unit, or has done so when the last process was gone.
fn stop(unit: &Unit<'_>, cgroup: &Cgroup, until: &Until) -> Result<()> {
    let removed = |error| Error::from(error).within("unable to remove container's cgroup");
    systemd::stop(unit, until.clone())?;
    cgroup.remove(until).map_err(removed)
}

/// An ordinary user to whom nothing was delegated has no cgroup to remove.
fn forgive(remains: &Remains<'_>, removed: Result<(), brig_cgroup::Error>) -> Result<()> {
    match removed {
        Err(error) if remains.rootless_cgroups && error.is_permission() => {
            log::warn!("{error}");
            Ok(())
        }
        removed => removed.map_err(|error| Error::from(error).within("unable to remove container's cgroup")),
    }
}

fn run_poststop(remains: &Remains<'_>, patience: &Patience) -> Result<()> {
    if remains.poststop.is_empty() {
        return Ok(());
    }
    let document = state::document(remains.facts, Status::Stopped, None);
    let bundle = remains.facts.bundle.to_string_lossy().into_owned();
    // The caller may have removed it already.
    let cwd = Some(Path::new(&bundle)).filter(|bundle| bundle.is_dir());
    hooks::run_within(patience, Hooks::Poststop, remains.poststop, document.as_bytes(), cwd)
}

/// The creator is dead. Its init died with it, or is in the cgroup.
fn delete_intent(place: &Place, intent: &Intent<'_>, patience: &Patience) -> Result<()> {
    let limited = patience.or_within(DEADLINE);
    let until = limited.at_most(DEADLINE);
    if kill_begun(intent, &limited)? == Begun::Ours {
        let cgroup = Cgroup::open(&record::paths(&intent.cgroup));
        match &intent.unit {
            Some(unit) => {
                cgroup.wait_empty(&until)?;
                stop(unit, &cgroup, &until)?;
            }
            None => cgroup
                .remove(&until)
                .map_err(|error| Error::from(error).within("unable to remove container's cgroup"))?,
        }
    }
    if let Some(rdt) = &intent.intel_rdt {
        intel_rdt::remove(rdt, Remove::Unused, &limited)?;
    }
    intent.network.remove(place.store())?;
    place.remove(RECORD).map(drop)
}

/// Whose the cgroup is that an intent names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Begun {
    Ours,
    Strangers,
}

/// Kills what a creator put into the cgroup that its intent names. The intent was written before anybody looked whether that
/// cgroup is free: one that holds a process older than the creator is somebody else's, and is left alone.
fn kill_begun(intent: &Intent<'_>, patience: &Patience) -> Result<Begun> {
    let cgroup = Cgroup::open(&record::paths(&intent.cgroup));
    for pid in cgroup.pids(Scope::Tree)? {
        let process = Identity::of(pid.as_raw_nonzero().get().unsigned_abs())?;
        if process.is_some_and(|process| process.start_time < intent.creator.start_time) {
            log::warn!("cgroup of {} is left alone: others were in it before", intent.id.to_string_lossy());
            return Ok(Begun::Strangers);
        }
    }
    cgroup.kill(patience.at_most(DEADLINE))?;
    Ok(Begun::Ours)
}

/// Waits until the creator comes to an end of some kind: it writes the record, it removes the directory, or it dies.
fn await_creator(
    store: &Store,
    place: &Place,
    creator: Option<&Identity>,
    patience: &Patience,
) -> Result<()> {
    let failed = |errno| place.failed("watch", "", errno);
    let watch = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).map_err(failed)?;
    // A directory that is open says nothing when it is removed; the one above it does.
    let watched = inotify::add_watch(&watch, store.root(), WatchFlags::DELETE)
        .and_then(|_| inotify::add_watch(&watch, place.path(), WatchFlags::MOVED_TO));
    match watched {
        Err(Errno::NOENT) => return Ok(()),
        watched => watched.map_err(failed)?,
    };
    let pidfd = creator.map(Identity::pidfd).transpose()?.flatten();
    // What happened before the watch was there is seen now.
    if !place.is_locked()? || has_moved_on(store, place, creator)? {
        return Ok(());
    }
    let mut fds = vec![PollFd::new(&watch, PollFlags::IN)];
    fds.extend(pidfd.as_ref().map(|pidfd| PollFd::new(pidfd, PollFlags::IN)));
    patience.wait(&format!("wait for the creator of {}", place.id()), fds).map(drop)
}

/// Whether there is something else by now than what was found: nothing with a known creator, or an intent with one.
fn has_moved_on(store: &Store, place: &Place, known: Option<&Identity>) -> Result<bool> {
    let now = match store.find(place.id()) {
        Err(error) if error.is_not_found() => return Ok(true),
        place => place?,
    };
    let Some(file) = now.record(Part::Head)? else { return Ok(known.is_some()) };
    Ok(match file.stage()? {
        Stage::Intent(intent) => Some(&intent.creator) != known,
        Stage::Ready(_) => true,
    })
}

fn not_stopped(place: &Place, status: Status) -> Error {
    Error::wrong_status(format!("cannot delete container {} that is not stopped: {status}", place.id()))
}

/// How long killed processes may take to end, and a creator to come to an end.
const DEADLINE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests;
