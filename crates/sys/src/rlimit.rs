//! prlimit(2) by number: the task carries numbers, and any that the kernel knows will do.

use rustix::io::Result;
use rustix::process::Pid;

use crate::call::{call, number};

/// struct rlimit64.
#[repr(C)]
struct Limit {
    soft: u64,
    hard: u64,
}

/// `int prlimit(pid_t pid, int resource, const struct rlimit *new, NULL)`; `None` is the caller, `u64::MAX` no limit.
///
/// # Errors
/// The kernel's answer.
pub fn prlimit(pid: Option<Pid>, resource: u32, soft: u64, hard: u64) -> Result<()> {
    let limit = Limit { soft, hard };
    let pid = pid.map_or(0, |pid| pid.as_raw_nonzero().get().cast_unsigned() as usize);
    // SAFETY: `limit` is a whole struct rlimit64, read only; the old limit is not asked for.
    unsafe { call(number::PRLIMIT64, [pid, resource as usize, (&raw const limit).addr(), 0]) }.map(drop)
}
