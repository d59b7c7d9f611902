//! How long a wait may take: to a moment, or until somebody makes a descriptor readable.
//! Runs in: the parent.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

/// The end of a wait. Every wait here has one.
#[derive(Debug, Clone)]
pub struct Until {
    deadline: Instant,
    canceller: Option<Arc<OwnedFd>>,
}

impl From<Instant> for Until {
    fn from(deadline: Instant) -> Self {
        Self { deadline, canceller: None }
    }
}

impl From<&Until> for Until {
    fn from(until: &Until) -> Self {
        until.clone()
    }
}

impl Until {
    /// So long from now on.
    pub fn within(limit: Duration) -> Self {
        Self::from(Instant::now() + limit)
    }

    /// As before, or until this is readable.
    #[must_use]
    pub fn or_when(self, canceller: Arc<OwnedFd>) -> Self {
        Self { canceller: Some(canceller), ..self }
    }

    /// As before, and not longer than this from now on.
    #[must_use]
    pub fn or_within(&self, limit: Duration) -> Self {
        Self { deadline: self.deadline.min(Instant::now() + limit), canceller: self.canceller.clone() }
    }

    /// When it ends by itself.
    pub const fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Whether it has come.
    pub fn is_over(&self) -> bool {
        Instant::now() >= self.deadline || self.is_cancelled()
    }

    fn is_cancelled(&self) -> bool {
        self.canceller.as_ref().is_some_and(|canceller| {
            poll(&mut [PollFd::new(canceller, PollFlags::IN)], Some(&Timespec::default()))
                .is_ok_and(|n| n > 0)
        })
    }

    /// poll(2); false if the end came first.
    pub(crate) fn poll<'f>(&'f self, fds: &mut Vec<PollFd<'f>>) -> Result<bool, Errno> {
        let wanted = fds.len();
        fds.extend(self.canceller.as_ref().map(|canceller| PollFd::new(canceller, PollFlags::IN)));
        let polled = poll_until(fds, self.deadline);
        fds.truncate(wanted);
        Ok(polled? && fds.iter().any(|fd| !fd.revents().is_empty()))
    }
}

/// False if the deadline passed first.
fn poll_until(fds: &mut [PollFd<'_>], deadline: Instant) -> Result<bool, Errno> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = Timespec::try_from(left).map_err(|_| Errno::INVAL)?;
        match poll(fds, Some(&timeout)) {
            Ok(0) => return Ok(false),
            Ok(_) => return Ok(true),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_ends_with_what_is_waited_for_its_deadline_or_a_readable_descriptor() {
        let (ours, theirs) = std::io::pipe().unwrap();
        let (cancelled, canceller) = std::io::pipe().unwrap();
        let soon = Until::within(Duration::from_millis(1));
        assert!(!soon.poll(&mut vec![PollFd::new(&ours, PollFlags::IN)]).unwrap() && soon.is_over());
        let until = Until::within(Duration::from_secs(60)).or_when(Arc::new(cancelled.into()));
        assert!(!until.is_over());
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| until.poll(&mut vec![PollFd::new(&ours, PollFlags::IN)]).unwrap());
            drop(canceller);
            assert!(!waits.join().unwrap());
        });
        assert!(until.is_over() && until.or_within(Duration::from_secs(9)).is_over());
        drop(theirs);
        assert!(until.poll(&mut vec![PollFd::new(&ours, PollFlags::IN)]).unwrap(), "what is ready is told");
    }
}
