//! setns(2), unshare(2).

use rustix::fd::{AsFd, AsRawFd};
use rustix::io::Result;

use crate::call::{call, number};

/// `int setns(int fd, int nstype)`: `kinds` is one `CLONE_NEW*` for a namespace's own descriptor, or several for a pidfd.
///
/// # Errors
/// The kernel's answer.
pub fn setns(namespace: impl AsFd, kinds: u32) -> Result<()> {
    let fd = namespace.as_fd().as_raw_fd().cast_unsigned() as usize;
    // SAFETY: no memory is passed.
    unsafe { call(number::SETNS, [fd, kinds as usize]) }.map(drop)
}

/// `int unshare(int flags)` for the namespaces `kinds` (`CLONE_NEW*`) and nothing else: other bits are not passed on, so
/// that no descriptor table or memory is unshared behind the back of safe code.
///
/// # Errors
/// The kernel's answer.
pub fn unshare(kinds: u32) -> Result<()> {
    const NAMESPACES: u32 = 0x7e02_0080;
    // SAFETY: no memory is passed, and namespaces do not affect memory safety.
    unsafe { call(number::UNSHARE, [(kinds & NAMESPACES) as usize]) }.map(drop)
}
