//! Sending a signal to a container.
//! Runs in: the parent. To the first process through a pidfd, whose owner is known; to all through the cgroup.

use std::os::fd::AsFd;
use std::time::Duration;

use brig_cgroup::Cgroup;
use brig_sys::signal::pidfd_send_signal;
use rustix::io::Errno;

use crate::error::{Error, Result, best_effort};
use crate::patience::Patience;
use crate::record::{self, Part, PidNamespace, Record, Stage};
use crate::store::{ContainerId, Store};

/// Sends signal number `signal` to a container's first process. SIGKILL reaches everything in the container: where its PID
/// namespace is not its own, through the cgroup.
///
/// # Errors
/// `NotFound`; `WrongStatus`: `container not running`; `Os`, `Cgroup`, `Record`.
pub fn kill(store: &Store, id: &ContainerId, signal: i32) -> Result<()> {
    kill_within(store, id, signal, &Patience::ENDLESS)
}

/// As [`kill`]; where SIGKILL has to be waited for, not longer than this.
///
/// # Errors
/// As for [`kill`]; `Deadline`, `Cancelled`.
pub fn kill_within(store: &Store, id: &ContainerId, signal: i32, patience: &Patience) -> Result<()> {
    let (_, file) = store.load(id, Part::Head)?;
    match file.stage()? {
        Stage::Intent(_) => Err(Error::not_running()),
        Stage::Ready(record) => record_kill(&record, signal, patience),
    }
}

/// Sends a signal to each process of a container, once: through its cgroup.
///
/// # Errors
/// `NotFound`; `WrongStatus`: `container not running`, where there is none; `Os`, `Cgroup`, `Record`.
pub fn kill_each(store: &Store, id: &ContainerId, signal: i32, patience: &Patience) -> Result<()> {
    let (_, file) = store.load(id, Part::Head)?;
    let record = file.ready().map_err(|_| Error::not_running())?;
    if signal == SIGKILL || record.cgroup.is_empty() {
        return record_kill(&record, signal, patience);
    }
    // An init that has ended is not asked: in a shared PID namespace others live on.
    match Cgroup::open(&record::paths(&record.cgroup)).signal(signal)? {
        0 => Err(Error::not_running()),
        _ => Ok(()),
    }
}

/// As [`kill_within`], for a record that was read.
///
/// # Errors
/// As for [`kill_within`].
pub fn record_kill(record: &Record<'_>, signal: i32, patience: &Patience) -> Result<()> {
    if signal != SIGKILL {
        return signal_init(record, signal);
    }
    let cgroup = Cgroup::open(&record::paths(&record.cgroup));
    match record.pid_namespace {
        PidNamespace::Private => {
            signal_init(record, signal)?;
            thaw(&cgroup)
        }
        PidNamespace::Shared => patience.ended("kill", kill_all(record, &cgroup, patience)),
    }
}

fn kill_all(record: &Record<'_>, cgroup: &Cgroup, patience: &Patience) -> Result<()> {
    if record.cgroup.is_empty() {
        return signal_init(record, SIGKILL);
    }
    let init = record.init.pidfd()?;
    let listed = cgroup.pids(brig_cgroup::Scope::Tree);
    if init.is_none() && listed.is_ok_and(|pids| pids.is_empty()) {
        return Err(Error::not_running());
    }
    log::debug!("signal {SIGKILL} to all in the cgroup");
    match cgroup.kill(patience.at_most(DEADLINE)) {
        Err(error) if record.rootless_cgroups => {
            log::warn!(
                "failed to kill all processes, possibly due to lack of cgroup (Hint: enable cgroup v2 delegation): {error}"
            );
            signal_init(record, SIGKILL)
        }
        killed => Ok(killed?),
    }
}

fn signal_init(record: &Record<'_>, signal: i32) -> Result<()> {
    log::debug!("signal {signal} to pid {}", record.init.pid);
    let init = record.init.pidfd()?.ok_or_else(Error::not_running)?;
    send(&init, signal)
}

/// What a v1 freezer holds cannot even die. On v2 it can, and there is nothing to do.
pub(crate) fn thaw(cgroup: &Cgroup) -> Result<()> {
    let v1 = cgroup.paths().places.iter().any(|place| !place.is_v2());
    let frozen = || best_effort(cgroup.is_frozen(), "what cannot be looked at may be frozen");
    if v1 && frozen() != Some(false) {
        cgroup.thaw()?;
    }
    Ok(())
}

/// Sends a signal to the process of a pidfd.
///
/// # Errors
/// `WrongStatus` if it has ended; `Os`: INVAL for a number that is no signal.
pub(crate) fn send(pidfd: impl AsFd, signal: i32) -> Result<()> {
    pidfd_send_signal(pidfd, signal).map_err(|errno| match errno {
        Errno::SRCH => Error::not_running(),
        errno => Error::os("unable to signal init", errno),
    })
}

pub(crate) const SIGKILL: i32 = 9;

/// How long killed processes may take to end.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);
