//! seccomp_unotify(2): what an agent does with a listener.

use rustix::fd::{AsFd, AsRawFd};
use rustix::io::Result;

use crate::call::{call, number};

/// struct seccomp_notif: a system call that waits for its answer.
#[repr(C)]
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Notification {
    /// Names it in the answer.
    pub id: u64,
    /// The thread that made it, in the agent's PID namespace; 0 where it has no id there.
    pub pid: u32,
    /// None are defined.
    pub flags: u32,
    /// struct seccomp_data: the call's number.
    pub number: i32,
    /// Its architecture, `AUDIT_ARCH_*`.
    pub architecture: u32,
    /// Where it was made.
    pub instruction_pointer: u64,
    /// Its arguments.
    pub arguments: [u64; 6],
}

/// struct seccomp_notif_resp.
#[repr(C)]
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Response {
    /// That of the notification.
    pub id: u64,
    /// What the call returns, where `error` is 0.
    pub value: i64,
    /// Minus an errno, or 0.
    pub error: i32,
    /// [`CONTINUE`], or 0.
    pub flags: u32,
}

/// `SECCOMP_USER_NOTIF_FLAG_CONTINUE`: the kernel carries the call out.
pub const CONTINUE: u32 = 1;

/// `ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV)`: waits for the next.
///
/// # Errors
/// The kernel's answer: `NOENT` where the call was interrupted meanwhile, or nobody is left under the filter.
pub fn receive(listener: impl AsFd) -> Result<Notification> {
    /// `_IOWR('!', 0, struct seccomp_notif)`, 80 bytes.
    const RECV: usize = 0xc050_2100;
    let mut notification = Notification::default();
    let fd = listener.as_fd().as_raw_fd().cast_unsigned() as usize;
    // SAFETY: `notification` is the whole struct, all zero as the kernel asks for, and any bits are a value of it.
    unsafe { call(number::IOCTL, [fd, RECV, (&raw mut notification).addr()]) }?;
    Ok(notification)
}

/// `ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND)`: answers.
///
/// # Errors
/// The kernel's answer: `NOENT` where who made the call no longer waits.
pub fn send(listener: impl AsFd, response: &Response) -> Result<()> {
    /// `_IOWR('!', 1, struct seccomp_notif_resp)`, 24 bytes.
    const SEND: usize = 0xc018_2101;
    let mut response = *response;
    let fd = listener.as_fd().as_raw_fd().cast_unsigned() as usize;
    // SAFETY: `response` is the whole struct, a copy of our own.
    unsafe { call(number::IOCTL, [fd, SEND, (&raw mut response).addr()]) }.map(drop)
}

/// `ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID)`: whether who made the call still waits. To be asked after opening something of
/// that process, whose id may have become another's.
///
/// # Errors
/// `NOENT`: no longer.
pub fn is_valid(listener: impl AsFd, id: u64) -> Result<()> {
    /// `_IOW('!', 2, __u64)`.
    const ID_VALID: usize = 0x4008_2102;
    let fd = listener.as_fd().as_raw_fd().cast_unsigned() as usize;
    // SAFETY: the kernel reads eight bytes from `id`.
    unsafe { call(number::IOCTL, [fd, ID_VALID, (&raw const id).addr()]) }.map(drop)
}
