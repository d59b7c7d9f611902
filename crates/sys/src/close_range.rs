//! close_range(2), Linux 5.9, and what does its work without it.

use core::mem::MaybeUninit;

use rustix::fd::{AsRawFd, OwnedFd};
use rustix::fs::RawDir;
use rustix::io::{Errno, Result};

use crate::call::{call, common, number};

/// Closes descriptors `first` to `last`.
///
/// In a process that has just been executed nothing owns descriptors that it did not open. Rust's ownership of descriptors
/// must not be broken all the same, so this is for the very first moments, before anything was opened.
///
/// # Errors
/// The kernel's answer; `NOSYS` before Linux 5.9.
pub fn close(first: u32, last: u32) -> Result<()> {
    // SAFETY: no memory is passed; see above for ownership.
    unsafe { call(common::CLOSE_RANGE, [first as usize, last as usize, 0]) }.map(drop)
}

/// Marks descriptors `first` to `last` to be closed by the next execve: harmless to whoever owns them here.
///
/// # Errors
/// The kernel's answer; `NOSYS` before Linux 5.9, `INVAL` before 5.11.
pub fn mark(first: u32, last: u32) -> Result<()> {
    const CLOEXEC: usize = 4;
    // SAFETY: no memory is passed, and nothing is closed now.
    unsafe { call(common::CLOSE_RANGE, [first as usize, last as usize, CLOEXEC]) }.map(drop)
}

/// [`mark`] for one, which every kernel can: `int fcntl(int fd, F_SETFD, FD_CLOEXEC)`.
///
/// # Errors
/// `BADF`: it is not open.
pub fn mark_one(fd: u32) -> Result<()> {
    const F_SETFD: usize = 2;
    const FD_CLOEXEC: usize = 1;
    // SAFETY: no memory is passed, and the descriptor stays open for whoever owns it.
    unsafe { call(number::FCNTL, [fd as usize, F_SETFD, FD_CLOEXEC]) }.map(drop)
}

/// [`close`] for those of the range that `directory` lists, which is this process's `/proc/self/fd`; but not for itself.
///
/// # Errors
/// The directory cannot be read.
pub fn close_listed(directory: &OwnedFd, first: u32, last: u32) -> Result<()> {
    let own = directory.as_raw_fd().cast_unsigned();
    let mut buffer = [MaybeUninit::uninit(); 1024];
    // What is closed meanwhile moves nothing: the kernel counts from the last number that it listed.
    let mut entries = RawDir::new(directory, &mut buffer);
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let fd = entry.file_name().to_str().ok().and_then(|name| name.parse().ok());
        if let Some(fd) = fd.filter(|fd| (first..=last).contains(fd) && *fd != own) {
            close_one(fd)?;
        }
    }
    Ok(())
}

/// [`close`] one by one, up to the highest descriptor that the kernel's usual limit allows: a million calls.
///
/// # Errors
/// None that matters: a descriptor that is not open is skipped.
pub fn close_each(first: u32, last: u32) -> Result<()> {
    /// fs.nr_open of kernels that lack close_range.
    const HIGHEST: u32 = 1 << 20;
    (first..=last.min(HIGHEST)).try_for_each(close_one)
}

fn close_one(fd: u32) -> Result<()> {
    // SAFETY: no memory is passed; ownership as in `close`.
    match unsafe { call(number::CLOSE, [fd as usize]) } {
        Ok(_) | Err(Errno::BADF | Errno::INTR) => Ok(()),
        Err(errno) => Err(errno),
    }
}
