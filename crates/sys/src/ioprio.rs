//! ioprio_set(2).

use rustix::io::Result;

use crate::call::{call, number};

/// `int ioprio_set(IOPRIO_WHO_PROCESS, 0, int ioprio)`: the caller alone. Its process group may still be that of whoever
/// started it, on the host.
///
/// # Errors
/// The kernel's answer.
pub fn ioprio_set(priority: u32) -> Result<()> {
    const WHO_PROCESS: usize = 1;
    // SAFETY: no memory is passed.
    unsafe { call(number::IOPRIO_SET, [WHO_PROCESS, 0, priority as usize]) }.map(drop)
}
