//! Standard streams that were sent.

use brig_handshake::Step;
use brig_handshake::task::Fds;
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::stdio;

use crate::fault::{At, Outcome};

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
