//! Standard streams: those that were sent, and `/dev/null`.

use brig_handshake::Step;
use brig_handshake::task::Fds;
use brig_sys::stdio::streams;
use rustix::fd::OwnedFd;
use rustix::fs::{self, OFlags};
use rustix::io::Errno;
use rustix::stdio;

use crate::beneath;
use crate::fault::{At, Outcome};
use crate::fds;
use crate::paths::{is_null, null_device};
use crate::pivot::Inside;

/// Puts the first three descriptors in their places, if they were sent.
pub(crate) fn take(fds: &Fds, descriptors: &mut impl Iterator<Item = OwnedFd>) -> Outcome<()> {
    if !fds.stdio {
        return Ok(());
    }
    let mut next = || descriptors.next().ok_or(Errno::BADF).at(Step::Arrive);
    stdio::dup2_stdin(next()?).at(Step::Arrive)?;
    stdio::dup2_stdout(next()?).at(Step::Arrive)?;
    stdio::dup2_stderr(next()?).at(Step::Arrive)
}

/// Replaces those that are the host's `/dev/null` by the container's, if that has one: a container that holds a file of a
/// file system that it does not have cannot be dumped (CRIU), and need not see the host's.
pub(crate) fn reopen_null(root: &OwnedFd, _: &Inside) {
    let replace = streams().map(|stream| fs::fstat(stream).is_ok_and(|stat| is_null(&stat)));
    if !replace.contains(&true) {
        return;
    }
    let Ok(null) = open_null(root) else { return };
    let dup2 = [stdio::dup2_stdin::<&OwnedFd>, stdio::dup2_stdout, stdio::dup2_stderr];
    for (dup2, _) in dup2.into_iter().zip(replace).filter(|(_, replace)| *replace) {
        // Where that fails the stream stays as it is, and as good.
        if dup2(&null).is_err() {
            break;
        }
    }
    fds::leave_to_execve(null);
}

/// Looked at before it is opened, for opening another device may do something.
fn open_null(root: &OwnedFd) -> Result<OwnedFd, Errno> {
    fds::leave_to_execve(null_device(root)?);
    let null = beneath::open_plain(root, c"/dev/null", OFlags::RDWR)?;
    if is_null(&fs::fstat(&null)?) { Ok(null) } else { Err(Errno::NODEV) }
}
