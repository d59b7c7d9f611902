//! clock_gettime(2) as a system call. rustix would ask the vDSO, for which it reads the auxiliary vector from a `/proc` that may
//! be the container's.

use rustix::io::Result;

use crate::call::{call, number};

const CLOCK_REALTIME: usize = 0;
const CLOCK_MONOTONIC: usize = 1;
const CLOCK_THREAD_CPUTIME_ID: usize = 3;

/// `int clock_gettime(CLOCK_REALTIME, struct timespec *now)`, in nanoseconds: the one clock that a time namespace leaves alone.
///
/// # Errors
/// The kernel's answer.
pub fn realtime() -> Result<u64> {
    clock_gettime(CLOCK_REALTIME)
}

/// `int clock_gettime(CLOCK_MONOTONIC, struct timespec *now)`, in nanoseconds.
///
/// # Errors
/// The kernel's answer.
pub fn monotonic() -> Result<u64> {
    clock_gettime(CLOCK_MONOTONIC)
}

/// `int clock_gettime(CLOCK_THREAD_CPUTIME_ID, struct timespec *used)`, in nanoseconds.
///
/// # Errors
/// The kernel's answer.
pub fn thread_cpu() -> Result<u64> {
    clock_gettime(CLOCK_THREAD_CPUTIME_ID)
}

fn clock_gettime(clock: usize) -> Result<u64> {
    let mut time = [0_u64; 2];
    // SAFETY: struct timespec is two long integers, which is what `time` has room for.
    unsafe { call(number::CLOCK_GETTIME, [clock, time.as_mut_ptr().addr()]) }?;
    let [seconds, nanoseconds] = time;
    Ok(seconds * 1_000_000_000 + nanoseconds)
}
