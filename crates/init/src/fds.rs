//! Descriptors that nobody needs any more, and that the next execve closes together.
//!
//! Each close(2) of its own would be a fifth of all system calls of a start. A process that has to wait before it executes
//! closes them first ([`close_all_but`]): what lies below a mask must not be found in `/proc/1/fd`.

use core::sync::atomic::{AtomicU32, Ordering};

use brig_sys::close_range;
use rustix::fd::{AsRawFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;

/// More are closed at once: a configuration may have a thousand mounts, and the limit on descriptors may be low.
const MOST: u32 = 64;

static LEFT: AtomicU32 = AtomicU32::new(0);

/// Gives up `fd` without closing it now. It must be close-on-exec.
pub(crate) fn leave_to_execve(fd: OwnedFd) {
    if LEFT.fetch_add(1, Ordering::Relaxed) < MOST {
        core::mem::forget(fd);
    }
}

/// As [`leave_to_execve`], where there is one.
pub(crate) fn leave_any_to_execve(fd: Option<OwnedFd>) {
    if let Some(fd) = fd {
        leave_to_execve(fd);
    }
}

/// Closes everything above the user's descriptors but `kept`. For a process that owns nothing else any more.
pub(crate) fn close_all_but(mut kept: [BorrowedFd<'_>; 2], preserved: u32) -> Result<(), Errno> {
    if kept[0].as_raw_fd() > kept[1].as_raw_fd() {
        kept.swap(0, 1);
    }
    let mut first = 3 + preserved;
    for fd in kept {
        let number = fd.as_raw_fd().cast_unsigned();
        if first < number {
            close(first, number - 1)?;
        }
        first = first.max(number + 1);
    }
    close(first, u32::MAX)
}

/// Closes descriptors `first` to `last`, which nothing owns.
pub(crate) fn close(first: u32, last: u32) -> Result<(), Errno> {
    match close_range::close(first, last) {
        Err(Errno::NOSYS) => close_range::close_each(first, last),
        other => other,
    }
}
