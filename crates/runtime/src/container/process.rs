//! A process in a container, as who started it holds it.
//! Runs in: the parent.

use std::io::{PipeReader, PipeWriter, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::process::{ExitStatus, Output};
use std::sync::{Arc, Mutex};

use super::child::{Child, lock};
use super::stdio::{Pipes, Terminal};
use crate::error::{Error, Result};
use crate::kill;
use crate::patience::Patience;

/// A process in a container. It is readable, for poll(2) and its kin, when it has ended: what is borrowed is its pidfd.
///
/// Where it was started by this process it is its child, and [`Process::wait`] gets its exit status. No signal is needed for
/// that, no subreaper, and no thread that reaps; a program that reaps all its children (SIGCHLD, `waitpid(-1)`) may go on doing
/// so: since Linux 6.15 the status is found all the same, before that `wait` says `ECHILD`.
///
/// Dropping it leaves the process alone. Whoever waits for the [`Container`](super::Container) waits for its other processes
/// too, so that none becomes a zombie for good.
#[derive(Debug)]
pub struct Process {
    child: Arc<Child>,
    pipes: Mutex<Pipes>,
    terminal: Mutex<Option<Terminal>>,
}

impl Process {
    pub(super) fn new(child: Arc<Child>, pipes: Pipes, terminal: Option<Terminal>) -> Self {
        Self { child, pipes: Mutex::new(pipes), terminal: Mutex::new(terminal) }
    }

    /// Its id in the caller's PID namespace.
    pub fn pid(&self) -> u32 {
        self.child.pid
    }

    /// Our end of its standard input, where that is a pipe and was not taken before. Dropping it is the end of the file.
    pub fn take_stdin(&self) -> Option<PipeWriter> {
        lock(&self.pipes).stdin.take()
    }

    /// Our end of its standard output, where that is a pipe and was not taken before.
    pub fn take_stdout(&self) -> Option<PipeReader> {
        lock(&self.pipes).stdout.take()
    }

    /// Our end of its standard error, where that is a pipe and was not taken before.
    pub fn take_stderr(&self) -> Option<PipeReader> {
        lock(&self.pipes).stderr.take()
    }

    /// Its terminal's master, where it has a terminal and that was not taken before.
    pub fn take_terminal(&self) -> Option<Terminal> {
        lock(&self.terminal).take()
    }

    /// Waits until it has ended. May be called by several at once, and again.
    ///
    /// # Errors
    /// `Os`: `CHILD` where its parent is another process, or has had its status; see [`Process`].
    pub fn wait(&self) -> Result<ExitStatus> {
        self.wait_for(&Patience::ENDLESS)
    }

    /// As [`Process::wait`], not longer than this.
    ///
    /// # Errors
    /// As for [`Process::wait`]; `Deadline`, `Cancelled`.
    pub fn wait_for(&self, patience: &Patience) -> Result<ExitStatus> {
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            self.child.await_end(patience)?;
        }
    }

    /// How it ended, if it has.
    ///
    /// # Errors
    /// As for [`Process::wait`].
    pub fn try_wait(&self) -> Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// Waits until it has ended, whoever its parent is.
    ///
    /// # Errors
    /// `Deadline`, `Cancelled`, `Os`.
    pub fn await_end(&self, patience: &Patience) -> Result<()> {
        self.child.await_end(patience)
    }

    /// Sends it a signal, by number (signal(7)). It is never another process that gets it.
    ///
    /// # Errors
    /// `WrongStatus` if it has ended; `Os`: INVAL for a number that is no signal.
    pub fn signal(&self, number: i32) -> Result<()> {
        kill::send(&self.child.pidfd, number)
    }

    /// Closes standard input, reads both other streams to their ends, and waits. Streams that are not pipes, or were taken, count
    /// as empty.
    ///
    /// # Errors
    /// As for [`Process::wait_for`]; `Os`. When patience is at its end the process goes on.
    pub fn output(&self, patience: &Patience) -> Result<Output> {
        drop(self.take_stdin());
        let (stdout, stderr) = (self.take_stdout(), self.take_stderr());
        let [stdout, stderr] = super::gather::both(stdout, stderr, patience)?;
        Ok(Output { status: self.wait_for(patience)?, stdout, stderr })
    }
}

impl AsFd for Process {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.child.pidfd.as_fd()
    }
}

/// Reads a pipe to its end.
pub(super) fn read(pipe: &mut PipeReader, to: &mut Vec<u8>) -> Result<usize> {
    let mut chunk = [0; 16 << 10];
    let count = pipe.read(&mut chunk).map_err(|error| Error::io("read", &error))?;
    to.extend_from_slice(chunk.get(..count).unwrap_or_default());
    Ok(count)
}
