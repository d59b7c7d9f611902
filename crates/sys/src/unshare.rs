//! unshare(2) of what threads share, and of the namespaces that a single thread may leave. Joining: [`crate::setns`].

use rustix::io::{Errno, Result};
use rustix::thread::{UnshareFlags, unshare_unsafe};

/// `unshare(CLONE_FILES)`: the calling thread gets a copy of the process's descriptor table, and what it opens or closes from
/// now on is seen by itself alone, and by who is forked from it. For a thread that was started for this, owns no descriptor that
/// was opened before, and hands on none that it opens.
///
/// # Errors
/// The kernel's answer.
pub fn descriptors() -> Result<()> {
    // SAFETY: no memory is passed. In the copy every number stands for what it stood for before, so that values borrowed from
    // other threads stay good.
    unsafe { unshare_unsafe(UnshareFlags::FILES) }
}

/// `unshare(CLONE_NEW…)`: the calling thread gets namespaces of its own, and no other thread does. For a thread that was started
/// for this and ends soon. Not for those that a thread may not leave alone (user, mount with its file system attributes).
///
/// # Errors
/// The kernel's answer; `INVAL` for anything but `CLONE_NEWNET`, `CLONE_NEWIPC`, `CLONE_NEWUTS` and `CLONE_NEWCGROUP`.
pub fn namespaces(flags: u32) -> Result<()> {
    let flags = UnshareFlags::from_bits(flags).ok_or(Errno::INVAL)?;
    let may_be = UnshareFlags::NEWNET | UnshareFlags::NEWIPC | UnshareFlags::NEWUTS | UnshareFlags::NEWCGROUP;
    if !may_be.contains(flags) {
        return Err(Errno::INVAL);
    }
    // SAFETY: none of these flags has to do with memory or with descriptors, which threads go on sharing.
    unsafe { unshare_unsafe(flags) }
}
