//! sd_notify(3) across the container's wall: the container gets a socket of its own, and what it says of being ready is told
//! to the caller's service manager, with the container's pid.
//! Runs in: the parent.

use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{AtFlags, Mode, chmodat, mkdirat};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix,
    SocketFlags, SocketType, bind, connect, recv, send, sendmsg, socket_with,
};
use rustix::pipe::{PipeFlags, pipe_with};

use crate::error::{Error, Result, best_effort};
use crate::pid::poll_until;
use crate::store::{ContainerId, Place, Store};

/// The directory in the container's own, which is bound at `/run/notify`.
const DIRECTORY: &str = "notify";
/// The socket in it.
const SOCKET: &str = "notify.sock";
/// How long the service manager has to take note (sd_notify_barrier(3)).
const BARRIER: Duration = Duration::from_secs(30);

/// Makes the directory that will be bound; the socket in it comes when somebody listens.
pub(crate) fn make_directory(place: &Place) -> Result<()> {
    mkdirat(place.dir(), DIRECTORY, Mode::from_raw_mode(0o755))
        .map_err(|errno| place.failed("mkdir", DIRECTORY, errno))
}

/// A container's socket, and the service manager's.
#[derive(Debug)]
pub struct Notify {
    inside: OwnedFd,
}

impl Notify {
    /// Listens for the created container `id`. One that runs at once is listened for by its creator:
    /// [`Created::notify`](crate::create::Created::notify).
    ///
    /// # Errors
    /// `NotFound`, `Os`.
    pub fn listen(store: &Store, id: &ContainerId) -> Result<Self> {
        Self::bind(&store.find(id)?)
    }

    pub(crate) fn bind(place: &Place) -> Result<Self> {
        let failed = |errno| place.failed("bind", &format!("{DIRECTORY}/{SOCKET}"), errno);
        let inside = dgram().map_err(failed)?;
        // Through the descriptor: the path of a store can be longer than an address may be.
        let path = format!("/proc/self/fd/{}/{DIRECTORY}/{SOCKET}", place.dir().as_raw_fd());
        // The creator's own may still be there, with nobody behind it.
        best_effort(place.unlink(&format!("{DIRECTORY}/{SOCKET}")), "binding says what is wrong");
        bind(&inside, &SocketAddrUnix::new(path).map_err(failed)?).map_err(failed)?;
        let name = format!("{DIRECTORY}/{SOCKET}");
        chmodat(place.dir(), name, Mode::from_raw_mode(0o777), AtFlags::empty()).map_err(failed)?;
        Ok(Self { inside })
    }

    /// Waits until the container says that it is ready, and tells the service manager at `manager` (`NOTIFY_SOCKET`) that
    /// `pid` is. Ends without a word when the process of `pidfd` does.
    ///
    /// # Errors
    /// `Os`.
    pub fn relay(&self, manager: &Path, pidfd: impl AsFd, pid: u32) -> Result<()> {
        let mut message = [0; 4096];
        loop {
            let mut fds = [
                PollFd::new(&self.inside, PollFlags::IN),
                PollFd::from_borrowed_fd(pidfd.as_fd(), PollFlags::IN),
            ];
            match poll(&mut fds, None) {
                Err(Errno::INTR) => continue,
                other => other.map_err(|errno| Error::os("poll", errno))?,
            };
            let [said, ended] = fds.map(|fd| !fd.revents().is_empty());
            if said {
                let (count, _) = recv(&self.inside, &mut message, RecvFlags::DONTWAIT)
                    .map_err(|errno| Error::os("receive notification", errno))?;
                if let Some(line) = ready_line(message.get(..count).unwrap_or_default()) {
                    return tell(manager, line, pid);
                }
            } else if ended {
                return Ok(());
            }
        }
    }
}

fn tell(path: &Path, ready: &[u8], pid: u32) -> Result<()> {
    let failed = |errno| Error::os(format_args!("notify {}", path.display()), errno);
    let manager = dgram().map_err(failed)?;
    connect(&manager, &address(path).map_err(failed)?).map_err(failed)?;
    send(&manager, &[ready, b"\n"].concat(), SendFlags::NOSIGNAL).map_err(failed)?;
    let line = format!("MAINPID={pid}\n");
    send(&manager, line.as_bytes(), SendFlags::NOSIGNAL).map_err(failed)?;
    barrier(&manager).map_err(failed)
}

/// sd_notify_barrier(3): the manager closes the pipe when it has read everything before it.
fn barrier(manager: &OwnedFd) -> Result<(), Errno> {
    let (read_end, write_end) = pipe_with(PipeFlags::CLOEXEC)?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let descriptors = [write_end.as_fd()];
    control.push(SendAncillaryMessage::ScmRights(&descriptors));
    sendmsg(manager, &[IoSlice::new(b"BARRIER=1")], &mut control, SendFlags::NOSIGNAL)?;
    drop(write_end);
    let mut fds = [PollFd::new(&read_end, PollFlags::HUP)];
    if !poll_until(&mut fds, Instant::now() + BARRIER)? {
        log::warn!("Timeout after waiting 30s for barrier. Ignored.");
    }
    Ok(())
}

fn dgram() -> Result<OwnedFd, Errno> {
    socket_with(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None)
}

/// A path, or an abstract name written with `@` (sd_notify(3)).
fn address(manager: &Path) -> Result<SocketAddrUnix, Errno> {
    match manager.to_string_lossy().strip_prefix('@') {
        Some(name) => SocketAddrUnix::new_abstract_name(name.as_bytes()),
        None => SocketAddrUnix::new(manager),
    }
}

/// The line that says so.
fn ready_line(message: &[u8]) -> Option<&[u8]> {
    message.split(|byte| *byte == b'\n').find(|line| line.starts_with(b"READY="))
}

#[cfg(test)]
mod tests {
    use super::ready_line;

    #[test]
    fn the_ready_line_is_found_among_others() {
        assert_eq!(ready_line(b"STATUS=up\nREADY=1\nMAINPID=7"), Some(&b"READY=1"[..]));
        assert_eq!(ready_line(b"STATUS=READY=1"), None);
    }
}
