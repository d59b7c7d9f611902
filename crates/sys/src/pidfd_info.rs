//! `PIDFD_GET_INFO` of ioctl_pidfd(2).

use rustix::fd::{AsFd, AsRawFd};
use rustix::io::Result;

use crate::call::{call, number};

/// struct pidfd_info of linux/pidfd.h, in its first size.
#[repr(C)]
#[derive(Default)]
struct Info {
    mask: u64,
    cgroup: u64,
    pids: [u32; 3],
    ids: [u32; 8],
    exit_code: i32,
}

/// How the process of a pidfd ended, in the form of wait(2): `ioctl(pidfd, PIDFD_GET_INFO, {PIDFD_INFO_EXIT})`. `None` while nobody
/// has waited for it. Since Linux 6.15; whoever has the descriptor may ask, also one who is not the parent.
///
/// # Errors
/// The kernel's answer: `NOTTY`, `INVAL` or `SRCH` from one that cannot tell.
pub fn exit_code(pidfd: impl AsFd) -> Result<Option<i32>> {
    /// `_IOWR(0xff, 11, struct pidfd_info)`, 64 bytes.
    const PIDFD_GET_INFO: usize = 0xc040_ff0b;
    const PIDFD_INFO_EXIT: u64 = 1 << 3;
    let mut info = Info { mask: PIDFD_INFO_EXIT, ..Info::default() };
    let fd = pidfd.as_fd().as_raw_fd().cast_unsigned() as usize;
    // SAFETY: `info` has the 64 bytes that the number of the call names, and the kernel fills no more than those.
    unsafe { call(number::IOCTL, [fd, PIDFD_GET_INFO, (&raw mut info).addr()]) }?;
    Ok((info.mask & PIDFD_INFO_EXIT != 0).then_some(info.exit_code))
}
