//! seccomp(2).

use rustix::fd::{FromRawFd, OwnedFd, RawFd};
use rustix::io::{Errno, Result};

use crate::call::{call, number};

/// `SECCOMP_FILTER_FLAG_NEW_LISTENER`.
pub const NEW_LISTENER: u32 = 8;

const SET_MODE_FILTER: usize = 1;

/// struct sock_fprog.
#[repr(C)]
struct Program {
    length: u16,
    filter: *const u8,
}

/// `int seccomp(SECCOMP_SET_MODE_FILTER, unsigned int flags, struct sock_fprog *)`: `program` is a list of
/// `struct sock_filter`, 8 bytes each. Returns the listener where [`NEW_LISTENER`] is among `flags`.
///
/// # Errors
/// The kernel's answer; `INVAL` for a program whose length is not one of whole instructions, or over 65535 of them.
pub fn set_mode_filter(flags: u32, program: &[u8]) -> Result<Option<OwnedFd>> {
    const INSTRUCTION: usize = 8;
    if !program.len().is_multiple_of(INSTRUCTION) {
        return Err(Errno::INVAL);
    }
    let length = u16::try_from(program.len() / INSTRUCTION).map_err(|_| Errno::INVAL)?;
    let program = Program { length, filter: program.as_ptr() };
    // SAFETY: the kernel copies `length` instructions from `filter`, which is exactly the slice.
    let answer =
        unsafe { call(number::SECCOMP, [SET_MODE_FILTER, flags as usize, (&raw const program).addr()]) }?;
    if flags & NEW_LISTENER == 0 {
        return Ok(None);
    }
    let raw = RawFd::try_from(answer).map_err(|_| Errno::BADF)?;
    // SAFETY: with NEW_LISTENER the answer is a new descriptor that no one else has seen.
    Ok(Some(unsafe { OwnedFd::from_raw_fd(raw) }))
}

/// `int seccomp(SECCOMP_SET_MODE_FILTER, unsigned int flags, NULL)`: whether the kernel takes these flags together. It looks at
/// them before it reads the program, which is not there, so that nothing is ever loaded.
pub fn takes_flags(flags: u32) -> bool {
    // SAFETY: no memory is passed: what is read from a null pointer is the error FAULT.
    let answer = unsafe { call(number::SECCOMP, [SET_MODE_FILTER, flags as usize, 0]) };
    answer == Err(Errno::FAULT)
}
