//! The first moments: nothing inherited that nobody named, dead with the parent, task received.
//! Runs in: the namespaces of the clone, before anything of the task is done.

use alloc::vec::Vec;

use brig_handshake::{Step, Task, wire};
use brig_sys::signal;
use rustix::fd::{AsRawFd, OwnedFd};
use rustix::io::{Errno, FdFlags};
use rustix::process::{self, Signal};

use crate::fault::{At, Outcome};
use crate::fds;
use crate::parent::Parent;

/// A whole task rarely takes more.
const USUAL_TASK: usize = 16 << 10;

/// What the parent sent.
pub(crate) struct Arrival {
    pub(crate) message: Vec<u8>,
    pub(crate) descriptors: alloc::vec::IntoIter<OwnedFd>,
}

/// Makes this process ready to work, and receives its task.
pub(crate) fn arrive(parent: &mut Parent, preserved: u32) -> Outcome<Arrival> {
    die_with_parent()?;
    close_others(parent, preserved).at(Step::Arrive)?;
    parent.watch();
    // It had to survive our own execve, and must not survive the next.
    rustix::io::fcntl_setfd(parent.socket(), FdFlags::CLOEXEC).at(Step::Arrive)?;
    // An embedding program may block signals, and Rust programs ignore SIGPIPE; the user's program expects neither.
    signal::unblock_all().at(Step::Arrive)?;
    signal::reset(Signal::PIPE.as_raw()).at(Step::Arrive)?;
    let task = parent.waiting(Step::SendTask, || parent.receive(USUAL_TASK));
    let (message, descriptors) = task.at(Step::Arrive)?;
    Ok(Arrival { message, descriptors: descriptors.into_iter() })
}

/// Is killed when the parent dies. If it died before this, the next word with it fails.
pub(crate) fn die_with_parent() -> Outcome<()> {
    process::set_parent_process_death_signal(Some(Signal::KILL)).at(Step::Arrive)
}

/// The task in `message`.
pub(crate) fn read(message: &[u8]) -> Outcome<Task<'_>> {
    wire::decode(message).map_err(|_| Errno::PROTO).at(Step::Arrive)
}

/// Closes every descriptor but 0 to 2, the user's and the socket: an embedding program may have leaked some (CVE-2024-21626).
fn close_others(parent: &Parent, preserved: u32) -> Result<(), Errno> {
    let socket = parent.socket().as_raw_fd().cast_unsigned();
    let first = 3 + preserved;
    if first < socket {
        fds::close(first, socket - 1)?;
    }
    fds::close(socket.max(first - 1) + 1, u32::MAX)
}
