//! From what the kernel returns to a `Result`, and the numbers of the calls that are made here.

use rustix::io::{Errno, Result};

use crate::arch;

/// Makes system call `number` and turns a negative answer into its [`Errno`].
///
/// # Safety
/// The call must be sound for these arguments: it may read and write memory that they point to.
pub(crate) unsafe fn call<const N: usize>(number: usize, arguments: [usize; N]) -> Result<usize> {
    let mut all = [0; 6];
    all[..N].copy_from_slice(&arguments);
    // SAFETY: the caller vouches for the call.
    answer(unsafe { arch::syscall(number, all) })
}

/// The kernel's convention: -4095 to -1 are errors.
pub(crate) fn answer(raw: isize) -> Result<usize> {
    match raw {
        -4095..=-1 => Err(Errno::from_raw_os_error(i32::try_from(-raw).unwrap_or(i32::MAX))),
        _ => Ok(raw.cast_unsigned()),
    }
}

/// Numbers that differ between architectures; those above 423 do not.
#[cfg(target_arch = "x86_64")]
pub(crate) mod number {
    pub(crate) const CLOSE: usize = 3;
    pub(crate) const RT_SIGACTION: usize = 13;
    pub(crate) const RT_SIGPROCMASK: usize = 14;
    pub(crate) const IOCTL: usize = 16;
    pub(crate) const CLONE: usize = 56;
    pub(crate) const FCNTL: usize = 72;
    pub(crate) const GETRUSAGE: usize = 98;
    pub(crate) const PERSONALITY: usize = 135;
    pub(crate) const PRCTL: usize = 157;
    pub(crate) const SCHED_SETAFFINITY: usize = 203;
    pub(crate) const SET_MEMPOLICY: usize = 238;
    pub(crate) const KEYCTL: usize = 250;
    pub(crate) const IOPRIO_SET: usize = 251;
    pub(crate) const UNSHARE: usize = 272;
    pub(crate) const SETNS: usize = 308;
    pub(crate) const SCHED_SETATTR: usize = 314;
    pub(crate) const SECCOMP: usize = 317;
    pub(crate) const BPF: usize = 321;
    pub(crate) const EXECVE: usize = 59;
    pub(crate) const CLOCK_GETTIME: usize = 228;
    pub(crate) const EXIT_GROUP: usize = 231;
    pub(crate) const PRLIMIT64: usize = 302;
    pub(crate) const SIGNALFD4: usize = 289;
}

/// Numbers of the generic table (aarch64, riscv64).
#[cfg(not(target_arch = "x86_64"))]
pub(crate) mod number {
    pub(crate) const CLOSE: usize = 57;
    pub(crate) const RT_SIGACTION: usize = 134;
    pub(crate) const RT_SIGPROCMASK: usize = 135;
    pub(crate) const IOCTL: usize = 29;
    pub(crate) const CLONE: usize = 220;
    pub(crate) const FCNTL: usize = 25;
    pub(crate) const PERSONALITY: usize = 92;
    pub(crate) const PRCTL: usize = 167;
    pub(crate) const SCHED_SETAFFINITY: usize = 122;
    pub(crate) const SET_MEMPOLICY: usize = 237;
    pub(crate) const KEYCTL: usize = 219;
    pub(crate) const IOPRIO_SET: usize = 30;
    pub(crate) const UNSHARE: usize = 97;
    pub(crate) const SETNS: usize = 268;
    pub(crate) const SCHED_SETATTR: usize = 274;
    pub(crate) const SECCOMP: usize = 277;
    pub(crate) const BPF: usize = 280;
    pub(crate) const EXECVE: usize = 221;
    pub(crate) const CLOCK_GETTIME: usize = 113;
    pub(crate) const EXIT_GROUP: usize = 94;
    pub(crate) const GETRUSAGE: usize = 165;
    pub(crate) const PRLIMIT64: usize = 261;
    pub(crate) const SIGNALFD4: usize = 74;
}

/// Numbers common to all architectures.
pub(crate) mod common {
    pub(crate) const PIDFD_SEND_SIGNAL: usize = 424;
    pub(crate) const CLONE3: usize = 435;
    pub(crate) const CLOSE_RANGE: usize = 436;
    pub(crate) const MOUNT_SETATTR: usize = 442;
}
