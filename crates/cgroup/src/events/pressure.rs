//! Pressure that passes a threshold (Documentation/accounting/psi.rst, "Monitoring for pressure thresholds").
//! Runs in: the parent.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags};
use rustix::fs::OFlags;
use rustix::io::{Errno, retry_on_intr, write};

use crate::beneath;
use crate::error::{Error, Step};
use crate::group::Cgroup;
use crate::until::Until;

/// What processes wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// A processor.
    Cpu,
    /// Memory.
    Memory,
    /// Block devices.
    Io,
}

/// How many of them wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waiting {
    /// At least one.
    Some,
    /// All.
    Full,
}

/// A threshold: so much waiting within a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PressureThreshold {
    /// For what.
    pub resource: Resource,
    /// By how many.
    pub waiting: Waiting,
    /// For how long altogether.
    pub stall: Duration,
    /// Within what time: 500 ms to 10 s. Without `CAP_SYS_RESOURCE` a multiple of two seconds (Linux 6.5).
    pub window: Duration,
}

/// Watches one threshold, as long as it lives. Its descriptor is polled for POLLPRI, and polling takes the event: it may not be
/// put into an epoll that is itself in another.
#[derive(Debug)]
pub struct PressureWatch {
    file: OwnedFd,
}

impl Cgroup {
    /// Watches pressure on version 2, also beside version 1.
    ///
    /// # Errors
    /// `is_missing` without such a cgroup, or in a kernel without pressure; INVAL for a window that may not be, PERM before Linux
    /// 6.5 without `CAP_SYS_RESOURCE`.
    pub fn watch_pressure(&self, threshold: &PressureThreshold) -> Result<PressureWatch, Error> {
        let name = file_of(threshold.resource);
        let Some(group) = self.groups.iter().find(|group| group.place.is_v2()) else {
            return Err(Error::call(Step::Watch, name, Errno::NOENT));
        };
        let failed = |errno| group.failed(Step::Watch, name, errno);
        let file = beneath::open(group.dir(Step::Watch)?, name, OFlags::RDWR).map_err(failed)?;
        retry_on_intr(|| write(&file, text(threshold).as_bytes())).map_err(failed)?;
        Ok(PressureWatch { file })
    }
}

impl PressureWatch {
    /// Waits until the threshold is passed: true. It is told at most once in a window. False if the end came first.
    ///
    /// # Errors
    /// NODEV if the cgroup is gone.
    pub fn wait(&self, until: impl Into<Until>) -> Result<bool, Error> {
        let until = until.into();
        let failed = |errno| Error::call(Step::Watch, "pressure", errno);
        let mut fds = vec![PollFd::new(&self.file, PollFlags::PRI)];
        if !until.poll(&mut fds).map_err(failed)? {
            return Ok(false);
        }
        let told = fds.iter().any(|fd| fd.revents().contains(PollFlags::PRI));
        if told { Ok(true) } else { Err(failed(Errno::NODEV)) }
    }
}

impl AsFd for PressureWatch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

const fn file_of(resource: Resource) -> &'static str {
    match resource {
        Resource::Cpu => "cpu.pressure",
        Resource::Memory => "memory.pressure",
        Resource::Io => "io.pressure",
    }
}

/// `some 150000 1000000`, in microseconds.
fn text(threshold: &PressureThreshold) -> String {
    let waiting = match threshold.waiting {
        Waiting::Some => "some",
        Waiting::Full => "full",
    };
    format!("{waiting} {} {}", threshold.stall.as_micros(), threshold.window.as_micros())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_is_written_in_microseconds() {
        let threshold = PressureThreshold {
            resource: Resource::Memory,
            waiting: Waiting::Full,
            stall: Duration::from_millis(150),
            window: Duration::from_secs(2),
        };
        assert_eq!(text(&threshold), "full 150000 2000000");
        assert_eq!(file_of(threshold.resource), "memory.pressure");
    }
}
