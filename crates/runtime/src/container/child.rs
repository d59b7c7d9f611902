//! A process that is waited for, whoever waits first; and those of a container that somebody has to wait for.
//! Runs in: the parent.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use brig_sys::pidfd_info;
use rustix::event::{PollFd, PollFlags, Timespec, epoll};
use rustix::io::Errno;
use rustix::process::{WaitId, WaitIdOptions, waitid};

use crate::error::{Error, Result, best_effort};
use crate::patience::Patience;
use crate::pid::wait_exit;

/// A process, and how it ended once somebody knows.
#[derive(Debug)]
pub(super) struct Child {
    pub(super) pid: u32,
    pub(super) pidfd: OwnedFd,
    ended: Mutex<Option<ExitStatus>>,
}

impl Child {
    pub(super) fn new(pid: u32, pidfd: OwnedFd) -> Self {
        Self { pid, pidfd, ended: Mutex::new(None) }
    }

    /// How it ended, if it has. Nothing waits while the lock is held.
    pub(super) fn try_wait(&self) -> Result<Option<ExitStatus>> {
        let mut ended = lock(&self.ended);
        if ended.is_none() {
            *ended = self.reap()?;
        }
        Ok(*ended)
    }

    fn reap(&self) -> Result<Option<ExitStatus>> {
        match waitid(WaitId::PidFd(self.pidfd.as_fd()), WaitIdOptions::EXITED | WaitIdOptions::NOHANG) {
            Ok(status) => Ok(status.map(|status| {
                let signal = status.terminating_signal().map(|signal| signal | core_flag(status.dumped()));
                let code = status.exit_status().map(|code| code << 8);
                ExitStatus::from_raw(signal.or(code).unwrap_or(0))
            })),
            // Not our child, or another has waited for it: one who waits for all children, or the kernel where SIGCHLD is ignored.
            Err(Errno::CHILD) if !wait_exit(&self.pidfd, Instant::now())? => Ok(None),
            Err(Errno::CHILD) => self.exit_code_of_another().map(Some),
            Err(errno) => Err(Error::os("waitid", errno)),
        }
    }

    /// Where the kernel keeps it for whoever has a pidfd, as soon as somebody has waited.
    fn exit_code_of_another(&self) -> Result<ExitStatus> {
        let told =
            best_effort(pidfd_info::exit_code(&self.pidfd), "before Linux 6.15 nobody tells").flatten();
        told.map(ExitStatus::from_raw).ok_or_else(|| {
            let what = format!("pid {} has ended, and its exit status is not ours to know: waitid", self.pid);
            Error::os(what, Errno::CHILD)
        })
    }

    /// Until it has ended, whoever its parent is. It is not waited for with that, in the sense of waitid(2).
    pub(super) fn await_end(&self, patience: &Patience) -> Result<()> {
        patience.wait("wait", vec![PollFd::new(&self.pidfd, PollFlags::IN)]).map(drop)
    }
}

/// Processes in a container that are our children. A PID namespace does not end before somebody has waited for each of them
/// (kernel/pid_namespace.c, `zap_pid_ns_processes`): whoever waits for the container does so, also for those that nobody holds
/// a [`Process`](super::Process) of any more.
#[derive(Debug)]
pub(super) struct Children {
    /// Readable when one of them has ended.
    epoll: OwnedFd,
    list: Mutex<Vec<Arc<Child>>>,
}

impl Children {
    pub(super) fn new() -> Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).map_err(|errno| Error::os("epoll", errno))?;
        Ok(Self { epoll, list: Mutex::new(Vec::new()) })
    }

    /// One more. Those that have ended are let go.
    pub(super) fn add(&self, child: &Arc<Child>) -> Result<()> {
        self.reap();
        let data = epoll::EventData::new_u64(child.pid.into());
        epoll::add(&self.epoll, &child.pidfd, data, epoll::EventFlags::IN)
            .map_err(|errno| Error::os("epoll", errno))?;
        lock(&self.list).push(Arc::clone(child));
        Ok(())
    }

    /// Waits for all that have ended. What comes of it is kept where a `Process` finds it.
    pub(super) fn reap(&self) {
        if !self.has_ended() {
            return;
        }
        lock(&self.list).retain(|child| {
            let lives = matches!(child.try_wait(), Ok(None));
            if !lives {
                best_effort(epoll::delete(&self.epoll, &child.pidfd), "it says nothing new any more");
            }
            lives
        });
    }

    fn has_ended(&self) -> bool {
        let mut events: Vec<epoll::Event> = Vec::with_capacity(1);
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), Some(&now)).is_ok_and(|n| n > 0)
    }
}

impl AsFd for Children {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }
}

/// A lock that is held for a moment; who panicked with it has left nothing half done.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// wait(2), `WCOREDUMP`.
fn core_flag(dumped: bool) -> i32 {
    if dumped { 0x80 } else { 0 }
}

/// How long killed processes may take to end.
pub(super) const GRACE: Duration = Duration::from_secs(10);
