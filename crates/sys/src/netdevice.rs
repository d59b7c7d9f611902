//! netdevice(7).

use rustix::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use rustix::io::Result;

use crate::call::{call, number};

/// struct ifreq as SIOCSIFFLAGS reads it.
#[repr(C)]
struct InterfaceFlags {
    name: [u8; 16],
    flags: i16,
    rest: [u8; 22],
}

/// Brings the loopback interface of the caller's network namespace up: `ioctl(socket, SIOCSIFFLAGS, {"lo", IFF_UP})`.
///
/// # Errors
/// The kernel's answer.
pub fn loopback_up(socket: impl AsFd) -> Result<()> {
    const SIOCSIFFLAGS: usize = 0x8914;
    const IFF_UP: i16 = 1;
    let mut name = [0; 16];
    name[..2].copy_from_slice(b"lo");
    let request = InterfaceFlags { name, flags: IFF_UP, rest: [0; 22] };
    let fd = socket.as_fd().as_raw_fd().cast_unsigned() as usize;
    // SAFETY: `request` is a whole struct ifreq (40 bytes), which SIOCSIFFLAGS only reads.
    unsafe { call(number::IOCTL, [fd, SIOCSIFFLAGS, (&raw const request).addr()]) }.map(drop)
}

/// The network namespace that a socket belongs to, to whichever process it came since: `ioctl(socket, SIOCGSKNS)`.
///
/// # Errors
/// The kernel's answer: `PERM` without CAP_NET_ADMIN over that namespace.
pub fn namespace_of(socket: impl AsFd) -> Result<OwnedFd> {
    const SIOCGSKNS: usize = 0x894c;
    let fd = socket.as_fd().as_raw_fd().cast_unsigned() as usize;
    // SAFETY: SIOCGSKNS has no argument; it reads and writes no memory of ours.
    let namespace = unsafe { call(number::IOCTL, [fd, SIOCGSKNS, 0]) }?;
    let namespace = i32::try_from(namespace).map_err(|_| rustix::io::Errno::BADF)?;
    // SAFETY: the kernel has just opened this descriptor for us, close-on-exec, and no one else has seen it.
    Ok(unsafe { OwnedFd::from_raw_fd(namespace) })
}
