//! sched_setattr(2), sched_setaffinity(2).

use rustix::io::Result;

use crate::call::{call, number};

/// struct sched_attr, first version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct SchedAttr {
    size: u32,
    policy: u32,
    flags: u64,
    nice: i32,
    priority: u32,
    runtime: u64,
    deadline: u64,
    period: u64,
}

impl SchedAttr {
    /// All of it; `runtime`, `deadline` and `period` in nanoseconds, for `SCHED_DEADLINE`.
    pub const fn new(policy: u32, flags: u64, nice: i32, priority: u32, times: [u64; 3]) -> Self {
        let [runtime, deadline, period] = times;
        Self { size: 48, policy, flags, nice, priority, runtime, deadline, period }
    }
}

/// `int sched_setattr(pid_t pid, struct sched_attr *attr, unsigned int flags)` for the caller.
///
/// # Errors
/// The kernel's answer.
pub fn sched_setattr(attr: &SchedAttr) -> Result<()> {
    // SAFETY: `attr` has the layout and size that it names; the kernel writes to it only to report a larger size of its own.
    unsafe { call(number::SCHED_SETATTR, [0, (&raw const *attr).addr(), 0]) }.map(drop)
}

/// `int sched_setaffinity(pid_t pid, size_t size, const cpu_set_t *mask)` for the caller; bit n of `mask` is CPU n.
///
/// # Errors
/// The kernel's answer.
pub fn sched_setaffinity(mask: &[u8]) -> Result<()> {
    // SAFETY: the kernel reads at most `mask.len()` bytes of `mask`.
    unsafe { call(number::SCHED_SETAFFINITY, [0, mask.len(), mask.as_ptr().addr()]) }.map(drop)
}
