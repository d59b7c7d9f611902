//! sigprocmask(2), sigaction(2): back to the defaults that a new program expects.

use rustix::io::Result;

use crate::call::{call, number};

/// struct sigaction of the kernel, with nothing set: `SIG_DFL`.
#[repr(C)]
struct Default {
    handler: usize,
    flags: usize,
    restorer: usize,
    mask: u64,
}

/// Blocks no signal: `rt_sigprocmask(SIG_SETMASK, {}, NULL)`.
///
/// # Errors
/// The kernel's answer.
pub fn unblock_all() -> Result<()> {
    const SIG_SETMASK: usize = 2;
    let none = 0_u64;
    // SAFETY: `none` is the kernel's 8-byte sigset, read only.
    unsafe { call(number::RT_SIGPROCMASK, [SIG_SETMASK, (&raw const none).addr(), 0, 8]) }.map(drop)
}

/// Gives `signal` its default action again: `rt_sigaction(signal, SIG_DFL, NULL)`.
///
/// # Errors
/// The kernel's answer.
pub fn reset(signal: i32) -> Result<()> {
    let action = Default { handler: 0, flags: 0, restorer: 0, mask: 0 };
    // SAFETY: `action` has the kernel's layout and is read only; SIG_DFL installs no code.
    unsafe { call(number::RT_SIGACTION, [signal.cast_unsigned() as usize, (&raw const action).addr(), 0, 8]) }.map(drop)
}
