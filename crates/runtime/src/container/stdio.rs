//! Standard streams and terminals of a container's processes.
//! Runs in: the parent.

use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use brig_plan::spec::{ConsoleSize, Process};
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;
use rustix::termios::{Winsize, tcgetwinsize, tcsetwinsize};

use crate::create::Streams;
use crate::error::{Error, Result};

/// What a standard stream of a process is. Anything that owns a descriptor can be one: a pipe's end, a file, a socket, vsock too.
#[derive(Debug, Default)]
#[non_exhaustive]
pub enum Stdio {
    /// `/dev/null`.
    #[default]
    Null,
    /// The caller's own stream of the same number.
    Inherit,
    /// A pipe, whose other end is taken from the [`Process`](super::Process).
    Piped,
    /// This.
    Descriptor(OwnedFd),
}

impl<T: Into<OwnedFd>> From<T> for Stdio {
    fn from(owner: T) -> Self {
        Self::Descriptor(owner.into())
    }
}

/// The size of a terminal, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Lines.
    pub rows: u16,
    /// Characters of a line.
    pub columns: u16,
}

/// The master of a process's terminal. Dropping it hangs up: the process gets SIGHUP (pty(7)).
#[derive(Debug)]
pub struct Terminal(OwnedFd);

impl Terminal {
    pub(super) const fn new(master: OwnedFd) -> Self {
        Self(master)
    }

    /// Changes its size; who reads from it gets SIGWINCH (ioctl_tty(2), `TIOCSWINSZ`).
    ///
    /// # Errors
    /// `Os`.
    pub fn resize(&self, size: Size) -> Result<()> {
        let size = Winsize { ws_row: size.rows, ws_col: size.columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&self.0, size).map_err(|errno| Error::os("tcsetwinsize", errno))
    }

    /// Its size.
    ///
    /// # Errors
    /// `Os`.
    pub fn size(&self) -> Result<Size> {
        let size = tcgetwinsize(&self.0).map_err(|errno| Error::os("tcgetwinsize", errno))?;
        Ok(Size { rows: size.ws_row, columns: size.ws_col })
    }
}

impl AsFd for Terminal {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl From<Terminal> for OwnedFd {
    fn from(terminal: Terminal) -> Self {
        terminal.0
    }
}

impl Read for &Terminal {
    /// The end of the file is when no process has it any more.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match rustix::io::read(&self.0, buffer) {
            Err(Errno::IO) => Ok(0),
            result => Ok(result?),
        }
    }
}

impl Write for &Terminal {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::io::write(&self.0, bytes)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Our ends of a process's pipes.
#[derive(Debug, Default)]
pub(super) struct Pipes {
    pub(super) stdin: Option<PipeWriter>,
    pub(super) stdout: Option<PipeReader>,
    pub(super) stderr: Option<PipeReader>,
}

/// Its own ends, to be held until it has them.
#[derive(Debug)]
pub(super) enum Ends {
    Passed([OwnedFd; 3]),
    /// `brig-init` opens it.
    Terminal(Size),
}

impl Ends {
    /// Who holds the streams, for the request.
    pub(super) fn streams(&self) -> Streams<'_> {
        match self {
            Self::Passed(ends) => Streams::Passed(ends.each_ref().map(AsFd::as_fd)),
            Self::Terminal(Size { rows, columns }) => Streams::Terminal { rows: *rows, columns: *columns },
        }
    }
}

/// What a process is to have: three streams, or a terminal instead of them.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    pub(super) streams: [Stdio; 3],
    pub(super) terminal: Option<Size>,
}

impl Wanted {
    /// Pipes for what it writes, where nothing else was said.
    pub(super) fn pipe_output(&mut self) {
        let silent = self.streams[1..].iter_mut().filter(|stream| matches!(stream, Stdio::Null));
        silent.for_each(|stream| *stream = Stdio::Piped);
    }

    pub(super) const fn has_terminal(&self) -> bool {
        self.terminal.is_some()
    }

    /// `process` with a terminal exactly if one was asked for: who holds the streams decides.
    pub(super) fn terminal_of<'p>(&self, mut process: Process<'p>) -> Process<'p> {
        process.terminal = self.has_terminal();
        if let Some(Size { rows, columns }) = self.terminal {
            process.console_size = Some(ConsoleSize { height: rows.into(), width: columns.into() });
        }
        process
    }

    /// Opens the streams, once; of a terminal there is nothing yet to be opened.
    pub(super) fn open(&mut self) -> Result<(Ends, Pipes)> {
        match self.terminal {
            Some(size) => Ok((Ends::Terminal(size), Pipes::default())),
            None => open(std::mem::take(&mut self.streams)),
        }
    }
}

/// The methods with which one asks for them, for a type that has a [`Wanted`] as `streams`.
macro_rules! stream_setters {
    () => {
        /// Its standard input; `/dev/null` where nothing is said.
        pub fn stdin(mut self, stdio: impl Into<$crate::container::Stdio>) -> Self {
            self.streams.streams[0] = stdio.into();
            self
        }

        /// Its standard output; `/dev/null` where nothing is said.
        pub fn stdout(mut self, stdio: impl Into<$crate::container::Stdio>) -> Self {
            self.streams.streams[1] = stdio.into();
            self
        }

        /// Its standard error; `/dev/null` where nothing is said.
        pub fn stderr(mut self, stdio: impl Into<$crate::container::Stdio>) -> Self {
            self.streams.streams[2] = stdio.into();
            self
        }

        /// It gets a terminal of this size, on all three streams: [`Process::take_terminal`](crate::Process::take_terminal).
        /// Without this it gets none, whatever `process.terminal` says.
        pub fn terminal(mut self, size: $crate::container::Size) -> Self {
            self.streams.terminal = Some(size);
            self
        }
    };
}
pub(super) use stream_setters;

/// Opens what was asked for, in the order of the numbers.
fn open(wanted: [Stdio; 3]) -> Result<(Ends, Pipes)> {
    let mut pipes = Pipes::default();
    let [stdin, stdout, stderr] = wanted;
    let piped = || io::pipe().map_err(|error| Error::io("pipe", &error));
    let stdin = match stdin {
        Stdio::Piped => {
            let (theirs, ours) = piped()?;
            pipes.stdin = Some(ours);
            theirs.into()
        }
        other @ (Stdio::Null | Stdio::Inherit | Stdio::Descriptor(_)) => plain(other, 0)?,
    };
    let output = |wanted, number, ours: &mut Option<PipeReader>| match wanted {
        Stdio::Piped => {
            let (reader, theirs) = piped()?;
            *ours = Some(reader);
            Ok(theirs.into())
        }
        other @ (Stdio::Null | Stdio::Inherit | Stdio::Descriptor(_)) => plain(other, number),
    };
    let stdout = output(stdout, 1, &mut pipes.stdout)?;
    let stderr = output(stderr, 2, &mut pipes.stderr)?;
    Ok((Ends::Passed([stdin, stdout, stderr]), pipes))
}

fn plain(wanted: Stdio, number: usize) -> Result<OwnedFd> {
    match wanted {
        Stdio::Null | Stdio::Piped => openat(CWD, NULL, OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())
            .map_err(|errno| Error::os(format_args!("open {NULL}"), errno)),
        Stdio::Inherit => {
            let streams = brig_sys::stdio::streams();
            let stream = streams.get(number).copied().unwrap_or(streams[0]);
            stream.try_clone_to_owned().map_err(|error| Error::io("dup", &error))
        }
        Stdio::Descriptor(owned) => Ok(owned),
    }
}

const NULL: &str = "/dev/null";
