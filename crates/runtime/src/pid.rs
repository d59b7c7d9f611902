//! Which process is ours: a pid together with its start time (proc_pid_stat(5), field 22), and pidfds taken from that.
//! Runs in: the parent. A pid whose start time differs is a stranger's, and is neither signalled nor waited for.

use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use brig_handshake::wire_struct;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::{Errno, read, retry_on_intr};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::error::{Error, Result};

wire_struct! {
    /// One process, never to be confused with another.
    pub struct Identity {
        /// Its id in the runtime's PID namespace.
        pub pid: u32,
        /// Clock ticks between boot and its start.
        pub start_time: u64,
    }
}

impl Identity {
    /// The process that has this id now; `None` if there is none.
    ///
    /// # Errors
    /// `/proc/PID/stat` cannot be read.
    pub fn of(pid: u32) -> Result<Option<Self>> {
        Ok(stat(pid)?.map(|stat| Self { pid, start_time: stat.start_time }))
    }

    /// The process that we are.
    ///
    /// # Errors
    /// `/proc/PID/stat` cannot be read.
    pub fn of_self() -> Result<Self> {
        let pid = std::process::id();
        Self::of(pid)?.ok_or_else(|| Error::os(stat_path(pid), Errno::NOENT))
    }

    /// Whether it is there and has not ended. A process whose first thread has ended is alive while others run.
    ///
    /// # Errors
    /// `/proc/PID/stat` cannot be read.
    pub fn is_alive(&self) -> Result<bool> {
        match self.state()? {
            Some(b'Z') => Ok(self.pidfd()?.is_some()),
            state => Ok(state.is_some()),
        }
    }

    /// Whether it is on its way to its end, which it has not reached yet or has.
    ///
    /// # Errors
    /// `/proc/PID/stat` cannot be read.
    pub fn is_ending(&self) -> Result<bool> {
        let ours = |stat: &Stat| stat.start_time == self.start_time;
        Ok(stat(self.pid)?.filter(ours).is_none_or(|stat| stat.flags & EXITING != 0))
    }

    /// A descriptor of it; `None` if it has ended, waited for or not.
    ///
    /// # Errors
    /// pidfd_open(2), or `/proc/PID/stat` cannot be read.
    pub fn pidfd(&self) -> Result<Option<OwnedFd>> {
        let Some(pid) = i32::try_from(self.pid).ok().and_then(Pid::from_raw) else { return Ok(None) };
        let pidfd = match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(pidfd) => pidfd,
            // Older kernels say INVAL of one that is being reaped: its number no longer names a process.
            Err(Errno::SRCH | Errno::INVAL) => return Ok(None),
            Err(errno) => return Err(Error::os(format_args!("pidfd_open {}", self.pid), errno)),
        };
        // Only now: the pid cannot change hands any more between this look and the use of the descriptor.
        let ended = match self.state()? {
            None => true,
            Some(b'Z') => has_ended(&pidfd)?,
            Some(_) => false,
        };
        Ok((!ended).then_some(pidfd))
    }

    /// The letter of its state, unless it is another process, or none, or not even a zombie any more.
    fn state(&self) -> Result<Option<u8>> {
        let ours = |stat: &Stat| stat.start_time == self.start_time && !matches!(stat.state, b'X' | b'x');
        Ok(stat(self.pid)?.filter(ours).map(|stat| stat.state))
    }
}

/// What is of use in `/proc/PID/stat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stat {
    state: u8,
    flags: u32,
    start_time: u64,
}

/// `PF_EXITING`: set before a process that ends closes its descriptors.
const EXITING: u32 = 4;

fn stat(pid: u32) -> Result<Option<Stat>> {
    let path = stat_path(pid);
    let failed = |errno| Error::os(format_args!("open {path}"), errno);
    let mut text = [0; 1024];
    let length = openat(CWD, path.as_str(), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        .and_then(|file| retry_on_intr(|| read(&file, &mut text)));
    match length {
        Ok(length) => {
            let text = text.get(..length).unwrap_or_default();
            parse(text).map(Some).ok_or_else(|| failed(Errno::INVAL))
        }
        // ESRCH: it was waited for between open and read.
        Err(Errno::NOENT | Errno::SRCH) => Ok(None),
        Err(errno) => Err(failed(errno)),
    }
}

fn stat_path(pid: u32) -> String {
    format!("/proc/{pid}/stat")
}

/// The name stands in parentheses and may hold any byte, parentheses and spaces too: what counts is after the last one.
fn parse(text: &[u8]) -> Option<Stat> {
    let end = text.iter().rposition(|&byte| byte == b')')?;
    let mut fields = str::from_utf8(text.get(end + 1..)?).ok()?.split_ascii_whitespace();
    let state = *fields.next()?.as_bytes().first()?;
    // Fields 9 and 22; the state was field 3.
    let flags = fields.nth(5)?.parse().ok()?;
    let start_time = fields.nth(12)?.parse().ok()?;
    Some(Stat { state, flags, start_time })
}

/// Waits until the process of a pidfd has ended; false if the deadline passed first.
///
/// # Errors
/// poll(2).
pub fn wait_exit(pidfd: impl AsFd, deadline: Instant) -> Result<bool> {
    let mut fds = [PollFd::from_borrowed_fd(pidfd.as_fd(), PollFlags::IN)];
    poll_until(&mut fds, deadline).map_err(|errno| Error::os("poll pidfd", errno))
}

fn has_ended(pidfd: &OwnedFd) -> Result<bool> {
    wait_exit(pidfd, Instant::now())
}

/// poll(2) with a deadline; false if that passed first.
pub(crate) fn poll_until(fds: &mut [PollFd<'_>], deadline: Instant) -> Result<bool, Errno> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match poll(fds, Some(&timeout(left))) {
            Ok(ready) => return Ok(ready > 0),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}

/// For poll(2). What does not fit into its seconds is as good as for ever.
pub(crate) fn timeout(left: Duration) -> Timespec {
    Timespec::try_from(left).unwrap_or(Timespec { tv_sec: i64::MAX, tv_nsec: 0 })
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn line(comm: &str) -> String {
        format!("42 ({comm}) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 777 20 21\n")
    }

    #[test]
    fn a_name_with_spaces_parentheses_and_other_bytes_does_not_confuse_it() {
        for comm in ["sh", "a b", "a) S 1 (b", ")", "(((", "x) Z 0 0"] {
            assert_eq!(
                parse(line(comm).as_bytes()),
                Some(Stat { state: b'S', flags: 6, start_time: 777 }),
                "{comm}"
            );
        }
        let mut raw = line("?").into_bytes();
        raw[4] = 0xff;
        assert!(parse(&raw).is_some());
    }

    #[test]
    fn a_line_cut_short_is_none() {
        let line = line("a b");
        let field = line.find("777").unwrap();
        for end in 0..field {
            assert_eq!(parse(&line.as_bytes()[..end]), None, "{end}");
        }
    }

    #[test]
    fn a_pid_with_another_start_time_is_another_process() {
        let us = Identity::of_self().unwrap();
        let before = Identity { start_time: us.start_time - 1, ..us.clone() };
        assert!(us.is_alive().unwrap() && us.pidfd().unwrap().is_some());
        assert!(!before.is_alive().unwrap() && before.pidfd().unwrap().is_none());
    }

    #[test]
    fn a_zombie_and_one_waited_for_have_ended() {
        let mut child = Command::new("/bin/sh")
            .args(["-c", "read x"])
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let identity = Identity::of(child.id()).unwrap().unwrap();
        let pidfd = identity.pidfd().unwrap().unwrap();
        assert!(!wait_exit(&pidfd, Instant::now()).unwrap());
        drop(child.stdin.take());
        assert!(wait_exit(&pidfd, Instant::now() + Duration::from_secs(20)).unwrap());
        assert!(!identity.is_alive().unwrap() && identity.pidfd().unwrap().is_none());
        child.wait().unwrap();
        assert!(!identity.is_alive().unwrap() && identity.pidfd().unwrap().is_none());
    }

    #[test]
    fn numbers_that_are_no_pids_are_nobody() {
        for pid in [0, u32::MAX] {
            let identity = Identity { pid, start_time: 1 };
            assert!(!identity.is_alive().unwrap() && identity.pidfd().unwrap().is_none());
        }
    }
}
