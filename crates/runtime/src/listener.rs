//! The seccomp listener on its way to the agent (`linux.seccomp.listenerPath`), and what the agent does with it.
//! Runs in: the parent; the agent's part in whichever process that is.

use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::path::Path;

use brig_plan::OCI_VERSION;
use brig_plan::plan::ExecTemplate;
use brig_sys::seccomp_notify::{self, Response};
use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

use crate::error::{Error, Kind, Result};
use crate::patience::Patience;
use crate::state;
use crate::terminal::send_descriptor;

/// Sends it with the container process state (runtime-spec, config-linux.md, "containerProcessState"). `pid` is the process
/// whose filter it is; `document` the container's state.
///
/// # Errors
/// `Os`: nobody listens there.
pub(crate) fn hand_over(
    listener: OwnedFd,
    pid: u32,
    template: &ExecTemplate<'_>,
    document: &str,
) -> Result<()> {
    let Some(agent) = &template.listener else {
        return Err(Error::new(Kind::Os(rustix::io::Errno::INVAL), "seccomp listenerPath is not set"));
    };
    let mut json =
        format!("{{\"ociVersion\":\"{OCI_VERSION}\",\"fds\":[\"seccompFd\"],\"pid\":{pid},\"metadata\":");
    state::quote(&mut json, &agent.metadata);
    json.push_str(",\"state\":");
    json.push_str(document);
    json.push('}');
    let path = agent.path.to_string_lossy();
    send_descriptor(Path::new(&*path), json.as_bytes(), &listener).map_err(|error| {
        error.within("failed to connect with seccomp agent specified in the seccomp profile")
    })
}

/// A filter's listener, as the agent holds it that answers `SCMP_ACT_NOTIFY` (seccomp_unotify(2)). Readable, for poll(2) and its
/// kin, when a call waits; hung up when nobody is left under the filter.
#[derive(Debug)]
pub struct Listener(OwnedFd);

/// A system call that waits for its answer.
pub use brig_sys::seccomp_notify::Notification;

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It fails with this.
    Fail(Errno),
    /// It returns this, and the kernel does nothing.
    Return(i64),
    /// The kernel carries it out: with what its arguments point to then, which another thread may have changed since. Never a
    /// decision about security (seccomp_unotify(2), "NOTES").
    Continue,
}

impl Listener {
    /// Takes the listener of one more process from a socket that is `linux.seccomp.listenerPath`, and the state document that
    /// comes with it: OCI's container process state, as JSON.
    ///
    /// # Errors
    /// `Deadline`, `Cancelled`; `Os`: BADMSG where there is no listener.
    pub fn accept(socket: &UnixListener, patience: &Patience) -> Result<(Self, String)> {
        const WHAT: &str = "accept a seccomp listener";
        let failed = |errno| Error::os(WHAT, errno);
        patience.wait(WHAT, vec![PollFd::new(socket, PollFlags::IN)])?;
        let (stream, _) = socket.accept().map_err(|error| Error::io(WHAT, &error))?;
        let (mut text, mut listener) = (Vec::new(), None);
        loop {
            patience.wait(WHAT, vec![PollFd::new(&stream, PollFlags::IN)])?;
            let mut room = [0; 4096];
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut control = RecvAncillaryBuffer::new(&mut space);
            let flags = RecvFlags::CMSG_CLOEXEC;
            let count = recvmsg(&stream, &mut [IoSliceMut::new(&mut room)], &mut control, flags)
                .map_err(failed)?
                .bytes;
            for message in control.drain() {
                if let RecvAncillaryMessage::ScmRights(rights) = message {
                    listener = rights.last().or(listener);
                }
            }
            if count == 0 {
                break;
            }
            text.extend_from_slice(room.get(..count).unwrap_or_default());
        }
        let listener = listener.ok_or_else(|| failed(Errno::BADMSG))?;
        Ok((Self(listener), String::from_utf8_lossy(&text).into_owned()))
    }

    /// The next call; `None` when nobody is left under the filter.
    ///
    /// # Errors
    /// `Deadline`, `Cancelled`, `Os`.
    pub fn next(&self, patience: &Patience) -> Result<Option<Notification>> {
        loop {
            let ready = patience.wait("wait for a system call", vec![PollFd::new(&self.0, PollFlags::IN)])?;
            if !ready.first().is_some_and(|events| events.contains(PollFlags::IN)) {
                return Ok(None);
            }
            match seccomp_notify::receive(&self.0) {
                Ok(notification) => return Ok(Some(notification)),
                // Who made it was killed, or interrupted, meanwhile.
                Err(Errno::NOENT | Errno::INTR) => {}
                Err(errno) => return Err(Error::os("receive a seccomp notification", errno)),
            }
        }
    }

    /// Whether who made the call still waits: to be asked after looking at something of `pid`, which may be another's by then.
    pub fn is_waiting(&self, notification: &Notification) -> bool {
        seccomp_notify::is_valid(&self.0, notification.id).is_ok()
    }

    /// Answers; false if nobody waits for that any more.
    ///
    /// # Errors
    /// `Os`.
    pub fn answer(&self, notification: &Notification, answer: Answer) -> Result<bool> {
        let mut response = Response { id: notification.id, ..Response::default() };
        match answer {
            Answer::Fail(errno) => response.error = -errno.raw_os_error(),
            Answer::Return(value) => response.value = value,
            Answer::Continue => response.flags = seccomp_notify::CONTINUE,
        }
        match seccomp_notify::send(&self.0, &response) {
            Ok(()) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(errno) => Err(Error::os("answer a seccomp notification", errno)),
        }
    }
}

impl From<OwnedFd> for Listener {
    fn from(listener: OwnedFd) -> Self {
        Self(listener)
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
