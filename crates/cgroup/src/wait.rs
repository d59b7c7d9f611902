//! Waiting: for `cgroup.events` to say what we want (v2), for listed processes to end (v1). Events, never a fixed sleep.
//! Runs in: the parent.

use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use rustix::io::{pread, retry_on_intr};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::beneath;
use crate::error::{Error, Step, best_effort};
use crate::group::{Cgroup, Group, Listing, Scope, missing_is_fine};
use crate::until::Until;

impl Cgroup {
    /// Returns when no process is left, in sub-cgroups either. A cgroup that is not there is empty.
    ///
    /// # Errors
    /// `TimedOut` with the processes that are left.
    pub fn wait_empty(&self, until: impl Into<Until>) -> Result<(), Error> {
        let until = until.into();
        for group in self.groups.iter().filter(|group| group.place.is_v2()) {
            group.wait_empty(Step::Wait, &until)?;
        }
        for group in self.groups.iter().filter(|group| !group.place.is_v2()) {
            group.wait_empty(Step::Wait, &until)?;
        }
        Ok(())
    }
}

impl Group {
    pub(crate) fn wait_empty(&self, step: Step, until: &Until) -> Result<(), Error> {
        if self.place.is_v2() {
            self.wait_for("populated", b"0", step, until)
        } else {
            self.wait_listed(step, until)
        }
    }

    /// Returns when `cgroup.events` has `key` with `value`: the file is polled for POLLPRI (cgroups(7)).
    pub(crate) fn wait_for(&self, key: &str, value: &[u8], step: Step, until: &Until) -> Result<(), Error> {
        missing_is_fine(self.watch_events(key, value, step, until))
    }

    fn watch_events(&self, key: &str, value: &[u8], step: Step, until: &Until) -> Result<(), Error> {
        let failed = |errno| self.failed(step, EVENTS, errno);
        let file = beneath::open(self.dir(step)?, EVENTS, OFlags::RDONLY).map_err(failed)?;
        let mut text = [0; 256];
        loop {
            let length = retry_on_intr(|| pread(&file, &mut text, 0)).map_err(failed)?;
            if event(text.get(..length).unwrap_or_default(), key) == Some(value) {
                return Ok(());
            }
            if !until.poll(&mut vec![PollFd::new(&file, PollFlags::PRI)]).map_err(failed)? {
                return Err(self.timed_out(step));
            }
        }
    }

    /// v1 has no events: waits for the processes themselves.
    fn wait_listed(&self, step: Step, until: &Until) -> Result<(), Error> {
        let mut pace = Pace::default();
        loop {
            let listing = self.listed(Scope::Tree)?;
            if listing.is_empty() {
                return Ok(());
            }
            if wait_exits(&listing, until) == Waited::ForNothing {
                pace.pause(until);
            }
            if until.is_over() {
                return Err(self.timed_out(step));
            }
        }
    }

    pub(crate) fn timed_out(&self, step: Step) -> Error {
        let listing = best_effort(self.listed(Scope::Tree), "the deadline is what has to be reported");
        Error::TimedOut { step, path: self.place.absolute(), pids: listing.unwrap_or_default().pids }
    }
}

/// Whether a wait took place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waited {
    /// At least one process was alive and has been waited for.
    ForProcesses,
    /// They had ended, or cannot be waited for.
    ForNothing,
}

/// Waits until the first [`BATCH`] processes of a listing have ended, or the deadline.
pub(crate) fn wait_exits(listing: &Listing, until: &Until) -> Waited {
    let first = listing.pids.iter().take(BATCH).filter_map(|&pid| Pid::from_raw(pid));
    let mut alive: Vec<OwnedFd> = first.filter_map(|pid| pidfd_open(pid, PidfdFlags::empty()).ok()).collect();
    let mut waited = Waited::ForNothing;
    retain_alive(&mut alive);
    while !alive.is_empty() {
        waited = Waited::ForProcesses;
        let mut fds: Vec<PollFd<'_>> = alive.iter().map(|fd| PollFd::new(fd, PollFlags::IN)).collect();
        if !until.poll(&mut fds).is_ok_and(|ready| ready) {
            break;
        }
        retain_alive(&mut alive);
    }
    waited
}

fn retain_alive(pidfds: &mut Vec<OwnedFd>) {
    pidfds.retain(|pidfd| {
        let mut fd = [PollFd::from_borrowed_fd(pidfd.as_fd(), PollFlags::IN)];
        matches!(poll(&mut fd, Some(&Timespec::default())), Ok(0))
    });
}

/// Growing pauses for the few things that the kernel announces nowhere: a v1 freezer that is still freezing, a process that
/// has ended and not yet left its v1 cgroup. Starts at 50 us, never more than 10 ms.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    last: Duration,
}

impl Pace {
    pub(crate) fn pause(&mut self, until: &Until) {
        self.last = (self.last * 2).clamp(Duration::from_micros(50), Duration::from_millis(10));
        best_effort(until.or_within(self.last).poll(&mut Vec::new()), "a shorter pause does no harm");
    }
}

/// The value of `key` in lines like `populated 1`.
fn event<'a>(text: &'a [u8], key: &str) -> Option<&'a [u8]> {
    text.split(|&byte| byte == b'\n').find_map(|line| line.strip_prefix(key.as_bytes())?.strip_prefix(b" "))
}

const EVENTS: &str = "cgroup.events";

/// Processes watched at once: each needs an fd.
pub(crate) const BATCH: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_found_by_their_whole_name() {
        let text = b"populated 1\nfrozen 0\n";
        assert_eq!(event(text, "populated"), Some(&b"1"[..]));
        assert_eq!(event(text, "frozen"), Some(&b"0"[..]));
        assert_eq!(event(text, "froz"), None);
        assert_eq!(event(b"", "frozen"), None);
    }

    #[test]
    fn a_wait_for_processes_ends_with_them_or_with_the_deadline() {
        let mut child = std::process::Command::new("sleep").arg("0.05").spawn().unwrap();
        let listing = Listing { pids: vec![i32::try_from(child.id()).unwrap()], hidden: 0 };
        let soon = Until::within(Duration::from_millis(1));
        assert_eq!(wait_exits(&listing, &soon), Waited::ForProcesses);
        let late = Until::within(Duration::from_secs(20));
        assert_eq!(wait_exits(&listing, &late), Waited::ForProcesses);
        assert!(!late.is_over());
        assert_eq!(wait_exits(&listing, &late), Waited::ForNothing, "it is a zombie now");
        child.wait().unwrap();
    }
}
