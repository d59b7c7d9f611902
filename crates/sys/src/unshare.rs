//! unshare(2) of what threads share. Namespaces: [`crate::setns`].

use rustix::io::Result;
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
