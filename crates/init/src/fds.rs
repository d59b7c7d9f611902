//! Descriptors that nobody needs any more, and that the next execve closes together.
//!
//! Each close(2) of its own would be a fifth of all system calls of a start. A process that has to wait before it executes
//! closes them first ([`close_all_but`]): what lies below a mask must not be found in `/proc/1/fd`.

use core::ffi::CStr;
use core::sync::atomic::{AtomicU32, Ordering};

use brig_sys::close_range;
use rustix::fd::{AsRawFd, BorrowedFd, OwnedFd};
use rustix::fs::{self, CWD, Mode, OFlags};
use rustix::io::Errno;

use crate::procfs;

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
///
/// The kernel itself has no EPERM here: that is a filter, such as CRI-O's for the first container of a privileged pod.
pub(crate) fn close(first: u32, last: u32) -> Result<(), Errno> {
    match close_range::close(first, last) {
        Err(Errno::NOSYS | Errno::PERM) => close_without_range(c"/proc/self/fd", first, last),
        other => other,
    }
}

/// [`close`] without close_range(2): what `path` lists, or every number if the kernel does not vouch for that list.
fn close_without_range(path: &CStr, first: u32, last: u32) -> Result<(), Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    match fs::openat(CWD, path, flags, Mode::empty()) {
        Ok(directory) if procfs::is_procfs(&directory)? => close_range::close_listed(&directory, first, last),
        _ => close_range::close_each(first, last),
    }
}

#[cfg(test)]
mod tests {
    use rustix::fd::IntoRawFd;
    use rustix::io::fcntl_dupfd_cloexec;

    use super::*;

    /// A descriptor from `lowest` on that nothing owns.
    fn number(lowest: i32) -> u32 {
        let file = fs::openat(CWD, c"/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).unwrap();
        fcntl_dupfd_cloexec(&file, lowest).unwrap().into_raw_fd().cast_unsigned()
    }

    /// Whether nothing is open there: another may become what is closed.
    fn is_closed(number: u32) -> bool {
        close_range::mark_one(number) == Err(Errno::BADF)
    }

    #[test]
    fn without_close_range_what_proc_lists_is_closed_and_nothing_beside_it() {
        let [below, first, last, above] = [700, 701, 740, 741].map(number);
        close_without_range(c"/proc/self/fd", first, last).unwrap();
        assert!(is_closed(first) && is_closed(last));
        assert!(!is_closed(below) && !is_closed(above));
        close_without_range(c"/proc/self/fd", below, above).unwrap();
    }

    #[test]
    fn a_list_that_is_not_the_kernels_is_not_believed() {
        let [first, last] = [800, 801].map(number);
        for (path, number) in [(c"/tmp", first), (c"/proc/nothing", last)] {
            close_without_range(path, number, number).unwrap();
            assert!(is_closed(number), "{path:?}");
        }
    }
}
