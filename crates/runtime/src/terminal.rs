//! Terminals and descriptors that go to somebody's socket.
//! Runs in: the parent.

use std::cell::OnceCell;
use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use brig_handshake::Step;
use rustix::io::Errno;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags,
    SocketType, connect, sendmsg, socket_with,
};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::create::Streams;
use crate::error::{Error, Result};
use crate::foreground::{self, HostTerminal};

/// Where a terminal's master goes.
#[derive(Debug)]
pub(crate) enum Terminals<'t> {
    Nowhere,
    Caller(Winsize),
    Foreground(&'t OnceCell<HostTerminal>),
    Socket(&'t Path),
}

impl<'t> Terminals<'t> {
    pub(crate) fn new(streams: &Streams<'t>) -> Self {
        match streams {
            Streams::ConsoleSocket(path) => Self::Socket(path),
            Streams::Foreground(host) => Self::Foreground(host),
            Streams::Terminal { rows, columns } => {
                Self::Caller(Winsize { ws_row: *rows, ws_col: *columns, ws_xpixel: 0, ws_ypixel: 0 })
            }
            Streams::Inherited | Streams::Passed(_) => Self::Nowhere,
        }
    }

    /// Keeps the master, or hands it on with the name that runc gives it.
    pub(crate) fn take(&self, master: OwnedFd) -> Result<Option<OwnedFd>> {
        match self {
            Self::Nowhere => Err(Error::step(Step::Terminal, "", Errno::NOTTY)),
            Self::Caller(size) => {
                // Before the process asks for it.
                tcsetwinsize(&master, *size).map_err(|errno| Error::os("tcsetwinsize", errno))?;
                Ok(Some(master))
            }
            Self::Foreground(host) => {
                let terminal = foreground::host_terminal()?;
                // Before the process asks for it.
                terminal.give_size_to(&master);
                foreground::end_lines_plainly(&master)?;
                // Set once: there is one terminal for each process.
                host.get_or_init(|| terminal);
                Ok(Some(master))
            }
            Self::Socket(path) => send_descriptor(path, b"/dev/pts/ptmx", &master).map(|()| None),
        }
    }
}

/// How long a peer has to accept.
const PATIENCE: Duration = Duration::from_secs(10);

/// Connects to a Unix socket and sends one message with one descriptor.
///
/// # Errors
/// `Os`.
pub(crate) fn send_descriptor(path: &Path, data: &[u8], descriptor: &OwnedFd) -> Result<()> {
    let failed = |errno: Errno| Error::os(format_args!("connect {}", path.display()), errno);
    let address = SocketAddrUnix::new(path).map_err(failed)?;
    let flags = SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).map_err(failed)?;
    // A peer that does not accept must not hold us for ever.
    set_socket_timeout(&socket, Timeout::Send, Some(PATIENCE)).map_err(failed)?;
    connect(&socket, &address).map_err(failed)?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let descriptors = [descriptor.as_fd()];
    control.push(SendAncillaryMessage::ScmRights(&descriptors));
    // Dontwait: a peer that does not read has room for one message, or is not our peer.
    let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
    sendmsg(&socket, &[IoSlice::new(data)], &mut control, flags).map(drop).map_err(failed)
}
