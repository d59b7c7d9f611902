//! The waits and streams of a container for tokio (feature `tokio`). Dropping a future ends its wait, and nothing else.
//! Runs in: the parent, in a task of a tokio runtime with I/O enabled.
//!
//! What does not wait long (stats, signal, state …) can be called as it is; what does (create, start, exec, destroy) belongs on
//! `tokio::task::spawn_blocking`, which [`blocking`] is a word for.

use std::future::poll_fn;
use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::{AsFd, OwnedFd};
use std::pin::Pin;
use std::process::ExitStatus;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use rustix::io::ioctl_fionbio;
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::unix::pipe::{Receiver, Sender};

use super::{Container, Process, Terminal};
use crate::error::{Error, Result};
use crate::events::{Events, Next};

/// Carries out something that blocks on a thread that may.
///
/// # Errors
/// What `work` returns; `Os`: CANCELED if it panicked.
pub async fn blocking<C, T>(on: &Arc<C>, work: impl FnOnce(&C) -> Result<T> + Send + 'static) -> Result<T>
where
    C: Send + Sync + 'static,
    T: Send + 'static,
{
    let on = Arc::clone(on);
    let done = tokio::task::spawn_blocking(move || work(&on)).await;
    done.unwrap_or_else(|_| Err(Error::os("spawn_blocking", rustix::io::Errno::CANCELED)))
}

impl Process {
    /// As [`Process::wait`].
    ///
    /// # Errors
    /// As for [`Process::wait`].
    pub async fn wait_async(&self) -> Result<ExitStatus> {
        if let Some(status) = self.try_wait()? {
            return Ok(status);
        }
        let pidfd = watch(self)?;
        loop {
            if let Some(status) = self.try_wait()? {
                return Ok(status);
            }
            any([&pidfd]).await?;
        }
    }
}

impl Container {
    /// As [`Container::wait`].
    ///
    /// # Errors
    /// As for [`Container::wait`].
    pub async fn wait_async(&self) -> Result<ExitStatus> {
        let Some(init) = self.init() else { return self.wait() };
        let (pidfd, children) = (watch(init)?, watch(self)?);
        loop {
            self.reap();
            if let Some(status) = init.try_wait()? {
                return Ok(status);
            }
            any([&pidfd, &children]).await?;
        }
    }
}

impl Events {
    /// As [`Events::next`], without a deadline: dropping the future is one, and loses no event.
    ///
    /// # Errors
    /// As for [`Events::next`].
    pub async fn next_async(&mut self) -> Result<Next> {
        let ready = watch(self)?;
        loop {
            match self.next(Some(Instant::now()))? {
                Next::DeadlinePassed => any([&ready]).await?,
                next @ (Next::Event(_) | Next::Ended | Next::Cancelled) => return Ok(next),
            }
        }
    }
}

/// A pipe of [`Process::take_stdout`] or [`Process::take_stderr`].
///
/// # Errors
/// Outside of a tokio runtime.
pub fn receiver(pipe: PipeReader) -> io::Result<Receiver> {
    Receiver::from_owned_fd(pipe.into())
}

/// The pipe of [`Process::take_stdin`].
///
/// # Errors
/// Outside of a tokio runtime.
pub fn sender(pipe: PipeWriter) -> io::Result<Sender> {
    Sender::from_owned_fd(pipe.into())
}

/// A terminal's master as a stream in both directions.
#[derive(Debug)]
pub struct TerminalStream(AsyncFd<Terminal>);

/// For [`AsyncFd`], which wants a number.
impl std::os::fd::AsRawFd for Terminal {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.as_fd().as_raw_fd()
    }
}

impl TerminalStream {
    /// Takes it over.
    ///
    /// # Errors
    /// Outside of a tokio runtime.
    pub fn new(terminal: Terminal) -> io::Result<Self> {
        ioctl_fionbio(&terminal, true)?;
        #[allow(
            deprecated,
            reason = "what replaces it is unsafe; a terminal owns its descriptor, and never another"
        )]
        let registered = AsyncFd::new(terminal);
        registered.map(Self)
    }

    /// For its size.
    pub fn terminal(&self) -> &Terminal {
        self.0.get_ref()
    }
}

impl AsyncRead for TerminalStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let mut guard = ready!(self.0.poll_read_ready(context))?;
            let read = guard.try_io(|fd| io::Read::read(&mut fd.get_ref(), buffer.initialize_unfilled()));
            if let Ok(read) = read {
                return Poll::Ready(read.map(|count| buffer.advance(count)));
            }
        }
    }
}

impl AsyncWrite for TerminalStream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            let mut guard = ready!(self.0.poll_write_ready(context))?;
            if let Ok(written) = guard.try_io(|fd| io::Write::write(&mut fd.get_ref(), bytes)) {
                return Poll::Ready(written);
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// A copy of its own: epoll knows a descriptor once, and several may wait for one process.
fn watch(of: &impl AsFd) -> Result<AsyncFd<OwnedFd>> {
    let copy = of.as_fd().try_clone_to_owned().map_err(|error| Error::io("dup", &error))?;
    #[allow(deprecated, reason = "what replaces it is unsafe; an owned descriptor stays the same")]
    let registered = AsyncFd::with_interest(copy, Interest::READABLE);
    registered.map_err(|error| Error::io("epoll", &error))
}

async fn any<const N: usize>(of: [&AsyncFd<OwnedFd>; N]) -> Result<()> {
    poll_fn(|context| {
        for fd in of {
            if let Poll::Ready(ready) = fd.poll_read_ready(context) {
                return Poll::Ready(ready.map(|mut ready| ready.clear_ready()));
            }
        }
        Poll::Pending
    })
    .await
    .map_err(|error| Error::io("epoll", &error))
}
