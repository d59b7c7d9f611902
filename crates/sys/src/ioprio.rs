//! ioprio_set(2).

use rustix::io::Result;

use crate::call::{call, number};

/// `int ioprio_set(IOPRIO_WHO_PGRP, 0, int ioprio)`: the caller's process group.
///
/// # Errors
/// The kernel's answer.
pub fn ioprio_set(priority: u32) -> Result<()> {
    const WHO_PROCESS_GROUP: usize = 2;
    // SAFETY: no memory is passed.
    unsafe { call(number::IOPRIO_SET, [WHO_PROCESS_GROUP, 0, priority as usize]) }.map(drop)
}
