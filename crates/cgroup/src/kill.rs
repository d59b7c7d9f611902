//! Killing everything in the cgroup: `cgroup.kill` (v2, Linux 5.14), else freeze, kill each, thaw.
//! Runs in: the parent.

use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};

use crate::error::{Error, Step, best_effort};
use crate::group::{Cgroup, Scope};
use crate::until::Until;
use crate::wait::{BATCH, Pace, Waited, wait_exits};

impl Cgroup {
    /// Sends SIGKILL to every process, in sub-cgroups too, and to those that they fork meanwhile. With `cgroup.kill` it
    /// returns at once; otherwise when they have ended. The cgroup is left thawed in either case, or dies frozen (v2).
    /// [`Cgroup::wait_empty`] or [`Cgroup::remove`] wait for the end.
    ///
    /// # Errors
    /// `TimedOut` with the processes that are left, or what the kernel answers; `NoName` for the root of a hierarchy, where
    /// the whole machine lives. Nothing to kill is no error.
    pub fn kill(&self, until: impl Into<Until>) -> Result<(), Error> {
        let until = until.into();
        if let Some(root) = self.groups.iter().find(|group| group.place.below.is_empty()) {
            return Err(Error::NoName { cgroups_path: root.place.absolute() });
        }
        let killed = self.kill_by_file()?;
        if killed && self.groups.iter().all(|group| group.place.is_v2()) {
            return Ok(());
        }
        // What a v1 freezer holds cannot die.
        self.thaw()?;
        if killed {
            best_effort(
                self.wait_empty(until.or_within(PATIENCE)),
                "what has left the v2 cgroup by itself is listed by the v1 ones",
            );
        }
        self.kill_listed(&until)
    }

    /// Sends a signal to every process, in sub-cgroups too, once; and to those that appear while it does. To end them use
    /// [`Cgroup::kill`], which nobody outruns.
    ///
    /// # Errors
    /// A list cannot be read; or what the kernel answers, when all others have it. How many got it, otherwise.
    pub fn signal(&self, number: i32) -> Result<usize, Error> {
        let mut told = Vec::new();
        let mut result = Ok(());
        for _ in 0..ROUNDS {
            let mut new = self.listed(Scope::Tree)?.pids;
            new.retain(|pid| !told.contains(pid));
            if new.is_empty() {
                break;
            }
            for pids in new.chunks(BATCH) {
                let opened: Vec<(i32, Result<OwnedFd, Errno>)> =
                    pids.iter().filter_map(|&pid| Some((pid, pidfd(pid).transpose()?))).collect();
                let still = self.listed(Scope::Tree)?.pids;
                for (pid, pidfd) in opened.iter().filter(|(pid, _)| still.binary_search(pid).is_ok()) {
                    let sent = pidfd.as_ref().map_err(|errno| *errno);
                    let sent = sent.and_then(|pidfd| brig_sys::signal::pidfd_send_signal(pidfd, number));
                    let failed = |errno| Error::call(Step::Kill, format!("pid {pid}"), errno);
                    result = result.and(unless_ended(sent).map(drop).map_err(failed));
                }
            }
            told.extend(new);
        }
        result.map(|()| told.len())
    }

    fn kill_by_file(&self) -> Result<bool, Error> {
        let mut killed = false;
        for group in self.groups.iter().filter(|group| group.place.is_v2()) {
            match group.write("cgroup.kill", "1", Step::Kill) {
                Ok(()) => killed = true,
                // EOPNOTSUPP: a threaded cgroup.
                Err(error) if error.is_missing() || error.errno() == Some(Errno::OPNOTSUPP) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(killed)
    }

    fn kill_listed(&self, until: &Until) -> Result<(), Error> {
        let mut pace = Pace::default();
        loop {
            let listing = self.listed(Scope::Tree)?;
            if listing.is_empty() {
                return Ok(());
            }
            best_effort(
                self.freeze(until.or_within(PATIENCE)),
                "without a freezer it takes more rounds to overtake who forks",
            );
            let killed = self.kill_round();
            self.thaw()?;
            killed?;
            if wait_exits(&listing, until) == Waited::ForNothing {
                pace.pause(until);
            }
            if until.is_over() {
                return Err(self.left_alive());
            }
        }
    }

    /// A pid of the list may have ended and been given to a stranger before it is opened: only one that is listed *after* it
    /// was opened is ours for certain.
    fn kill_round(&self) -> Result<(), Error> {
        for pids in self.listed(Scope::Tree)?.pids.chunks(BATCH) {
            let opened: Vec<(i32, Handle)> =
                pids.iter().filter_map(|&pid| Some((pid, handle(pid)?))).collect();
            let still = self.listed(Scope::Tree)?.pids;
            for (pid, handle) in opened.iter().filter(|(pid, _)| still.binary_search(pid).is_ok()) {
                handle.kill().map_err(|errno| Error::call(Step::Kill, format!("pid {pid}"), errno))?;
            }
        }
        Ok(())
    }

    fn left_alive(&self) -> Error {
        let path = self.groups.first().map(|group| group.place.absolute()).unwrap_or_default();
        let listing = best_effort(self.listed(Scope::Tree), "the deadline is what has to be reported");
        Error::TimedOut { step: Step::Kill, path, pids: listing.unwrap_or_default().pids }
    }
}

/// A process to be killed.
enum Handle {
    Pidfd(OwnedFd),
    /// Before Linux 5.3.
    Pid(Pid),
}

/// `None` if it has ended.
fn pidfd(pid: i32) -> Result<Option<OwnedFd>, Errno> {
    let Some(pid) = Pid::from_raw(pid) else { return Ok(None) };
    match unless_ended(pidfd_open(pid, PidfdFlags::empty())) {
        // Older kernels say so of one that is being reaped.
        Err(Errno::INVAL) => Ok(None),
        opened => opened,
    }
}

/// That there is no such process any more is no error.
fn unless_ended<T>(answer: Result<T, Errno>) -> Result<Option<T>, Errno> {
    match answer {
        Err(Errno::SRCH) => Ok(None),
        answer => answer.map(Some),
    }
}

fn handle(pid: i32) -> Option<Handle> {
    match pidfd(pid).transpose()? {
        Ok(pidfd) => Some(Handle::Pidfd(pidfd)),
        Err(_) => Pid::from_raw(pid).map(Handle::Pid),
    }
}

impl Handle {
    fn kill(&self) -> Result<(), Errno> {
        let result = match self {
            Handle::Pidfd(pidfd) => pidfd_send_signal(pidfd, Signal::KILL),
            Handle::Pid(pid) => kill_process(*pid, Signal::KILL),
        };
        unless_ended(result).map(drop)
    }
}

/// How often a list is read again for those who are new in it.
const ROUNDS: usize = 8;

/// How long a freezer, or the kernel after `cgroup.kill`, may take before we go on without it.
const PATIENCE: Duration = Duration::from_millis(250);
