//! getrusage(2).

use rustix::io::Result;

use crate::call::{call, number};

const RUSAGE_THREAD: usize = 1;

/// Counts out of struct rusage. Its times are no use for what takes milliseconds: the kernel divides them by its ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// `ru_minflt`.
    pub minor: u64,
    /// `ru_majflt`.
    pub major: u64,
    /// `ru_nvcsw`.
    pub voluntary: u64,
    /// `ru_nivcsw`.
    pub involuntary: u64,
}

/// `int getrusage(RUSAGE_THREAD, struct rusage *usage)`.
///
/// # Errors
/// The kernel's answer.
pub fn of_thread() -> Result<Counts> {
    let mut usage = [0_u64; 18];
    // SAFETY: struct rusage is two struct timeval and 14 long integers: 18 words, for which `usage` has room.
    unsafe { call(number::GETRUSAGE, [RUSAGE_THREAD, usage.as_mut_ptr().addr()]) }?;
    let [.., minor, major, _, _, _, _, _, _, voluntary, involuntary] = usage;
    Ok(Counts { minor, major, voluntary, involuntary })
}
