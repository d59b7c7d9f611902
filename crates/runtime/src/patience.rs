//! How long a wait may take, and ending it from elsewhere.
//! Runs in: the parent.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use brig_cgroup::Until;
use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::io::{Errno, write};

use crate::error::{Error, Kind, Result, best_effort};
use crate::pid::timeout;

/// Ends waits, from any thread: an eventfd(2), which is readable from the moment of [`Canceller::cancel`] on. Its copies are one.
#[derive(Debug, Clone)]
pub struct Canceller(Arc<OwnedFd>);

impl Canceller {
    /// One that ends nothing yet.
    ///
    /// # Errors
    /// `Os`.
    pub fn new() -> Result<Self> {
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        let fd = eventfd(0, flags).map_err(|errno| Error::os("eventfd", errno))?;
        Ok(Self(Arc::new(fd)))
    }

    /// Every wait that was given it ends, also those to come.
    ///
    /// # Errors
    /// `Os`.
    pub fn cancel(&self) -> Result<()> {
        match write(&self.0, &1_u64.to_ne_bytes()) {
            // So often that the count is full: it is readable all the same.
            Ok(_) | Err(Errno::AGAIN) => Ok(()),
            Err(errno) => Err(Error::os("write eventfd", errno)),
        }
    }

    /// Whether [`Canceller::cancel`] was called.
    pub fn is_cancelled(&self) -> bool {
        let mut fds = [PollFd::new(&self.0, PollFlags::IN)];
        poll(&mut fds, Some(&timeout(Duration::ZERO))).is_ok_and(|ready| ready > 0)
    }
}

impl AsFd for Canceller {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// How long a wait may take. The default has no end of its own.
#[derive(Debug, Clone, Default)]
pub struct Patience {
    deadline: Option<Instant>,
    canceller: Option<Canceller>,
}

impl Patience {
    /// As long as it takes.
    pub const ENDLESS: Self = Self { deadline: None, canceller: None };

    /// Until then.
    pub const fn until(deadline: Instant) -> Self {
        Self { deadline: Some(deadline), canceller: None }
    }

    /// So long from now on. What no clock can tell any more is endless.
    pub fn of(duration: Duration) -> Self {
        Self { deadline: Instant::now().checked_add(duration), canceller: None }
    }

    /// As before, or until somebody calls [`Canceller::cancel`].
    #[must_use]
    pub fn or_until(self, canceller: &Canceller) -> Self {
        Self { canceller: Some(canceller.clone()), ..self }
    }

    /// As before, and no longer than this from now on.
    #[must_use]
    pub fn or_within(&self, limit: Duration) -> Self {
        let deadline = Self::of(limit).deadline;
        let deadline = [self.deadline, deadline].into_iter().flatten().min();
        Self { deadline, canceller: self.canceller.clone() }
    }

    /// For taking back what was begun with this: ten seconds from now on, also where this is at its end, unless it has none.
    pub(crate) fn to_undo(&self) -> Self {
        const LONG_ENOUGH: Duration = Duration::from_secs(10);
        if self.is_endless() { Self::ENDLESS } else { Self::of(LONG_ENOUGH) }
    }

    /// As the crate `brig-cgroup` takes it, and no longer than this from now on.
    pub(crate) fn at_most(&self, limit: Duration) -> Until {
        let until = Until::within(limit);
        let until = self.deadline.filter(|deadline| *deadline < until.deadline()).map_or(until, Until::from);
        match &self.canceller {
            Some(Canceller(canceller)) => until.or_when(Arc::clone(canceller)),
            None => until,
        }
    }

    /// What `what` came to: where a wait took too long because this was at its end, that.
    ///
    /// # Errors
    /// As `result`; `Cancelled`, `Deadline`.
    pub(crate) fn ended<T>(&self, what: &str, result: Result<T>) -> Result<T> {
        match result {
            Err(error) if error.is_late() => Err(self.check(what).err().unwrap_or(error)),
            result => result,
        }
    }

    /// Lets this much time pass, or less if it is at its end.
    pub(crate) fn pause(&self, time: Duration) {
        best_effort(self.or_within(time).wait("pause", Vec::new()), "its end is what was waited for");
    }

    /// Waits until the process of a pidfd has ended.
    ///
    /// # Errors
    /// `Cancelled`, `Deadline`, `Os`.
    pub(crate) fn wait_exit(&self, what: &str, pidfd: impl AsFd) -> Result<()> {
        self.wait(what, vec![PollFd::from_borrowed_fd(pidfd.as_fd(), PollFlags::IN)]).map(drop)
    }

    /// When it ends by itself.
    pub const fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// What ends it from elsewhere, to be polled beside what is waited for.
    pub const fn canceller(&self) -> Option<&Canceller> {
        self.canceller.as_ref()
    }

    /// Whether it is at its end: the error for whoever waited for `what`.
    ///
    /// # Errors
    /// `Cancelled`, `Deadline`.
    pub(crate) fn check(&self, what: &str) -> Result<()> {
        if self.canceller.as_ref().is_some_and(Canceller::is_cancelled) {
            return Err(Error::new(Kind::Cancelled, format!("{what}: cancelled")));
        }
        if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Err(Error::new(Kind::Deadline, format!("{what}: deadline passed")));
        }
        Ok(())
    }

    /// Whether it never ends, and need not be looked at.
    pub(crate) const fn is_endless(&self) -> bool {
        self.deadline.is_none() && self.canceller.is_none()
    }

    /// Waits until one of `fds` is ready.
    ///
    /// # Errors
    /// `Cancelled`, `Deadline`, `Os`.
    pub(crate) fn wait<'f>(&'f self, what: &str, mut fds: Vec<PollFd<'f>>) -> Result<Vec<PollFlags>> {
        let wanted = fds.len();
        fds.extend(self.canceller.as_ref().map(|canceller| PollFd::new(canceller, PollFlags::IN)));
        loop {
            let left = self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            match poll(&mut fds, left.map(timeout).as_ref()) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(errno) => return Err(Error::os("poll", errno)),
            }
            let ready: Vec<PollFlags> = fds.iter().take(wanted).map(PollFd::revents).collect();
            if ready.iter().any(|events| !events.is_empty()) {
                return Ok(ready);
            }
            self.check(what)?;
        }
    }
}

/// For [`PressureWatch::wait`](crate::events::PressureWatch::wait). What has no end of its own ends in a year.
impl From<&Patience> for Until {
    fn from(patience: &Patience) -> Self {
        const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
        patience.at_most(YEAR)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn a_wait_ends_at_its_deadline_or_when_it_is_cancelled_from_another_thread() {
        let (ours, _theirs) = std::io::pipe().unwrap();
        let fds = || vec![PollFd::new(&ours, PollFlags::IN)];
        let late = Patience::of(Duration::from_millis(1)).wait("x", fds()).unwrap_err();
        assert_eq!((late.kind(), late.to_string().as_str()), (&Kind::Deadline, "x: deadline passed"));
        let canceller = Canceller::new().unwrap();
        let patience = Patience::ENDLESS.or_until(&canceller);
        thread::scope(|scope| {
            let waits = scope.spawn(|| patience.wait("x", fds()).unwrap_err());
            assert!(!canceller.is_cancelled());
            canceller.cancel().unwrap();
            assert_eq!(waits.join().unwrap().kind(), &Kind::Cancelled);
        });
        assert!(canceller.clone().is_cancelled(), "and it stays so");
    }

    #[test]
    fn what_is_given_up_is_taken_back_in_a_time_that_ends_and_has_not_yet() {
        let canceller = Canceller::new().unwrap();
        canceller.cancel().unwrap();
        for over in [Patience::of(Duration::ZERO), Patience::ENDLESS.or_until(&canceller)] {
            assert!(over.check("x").is_err());
            let undoing = over.to_undo();
            assert!(undoing.check("x").is_ok() && !undoing.is_endless());
        }
        assert!(Patience::ENDLESS.to_undo().is_endless());
    }

    #[test]
    fn what_is_ready_is_told_though_the_time_is_up() {
        let (ours, theirs) = std::io::pipe().unwrap();
        drop(theirs);
        let fds = vec![PollFd::new(&ours, PollFlags::IN)];
        assert!(!Patience::of(Duration::ZERO).wait("x", fds).unwrap()[0].is_empty());
    }
}
