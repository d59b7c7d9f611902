//! sigprocmask(2), sigaction(2): back to the defaults that a new program expects.

use rustix::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use rustix::io::{Errno, Result};

use crate::call::{call, common, number};

/// struct sigaction of the kernel; with nothing set, `SIG_DFL`.
#[repr(C)]
struct Action {
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

/// Blocks one more signal of the calling thread: `rt_sigprocmask(SIG_BLOCK, {signal}, NULL)`.
///
/// # Errors
/// The kernel's answer; `INVAL` for a number that is no signal.
pub fn block(signal: i32) -> Result<()> {
    const SIG_BLOCK: usize = 0;
    let bit = signal.checked_sub(1).and_then(|bit| 1_u64.checked_shl(bit.cast_unsigned()));
    let one = bit.ok_or(Errno::INVAL)?;
    // SAFETY: `one` is the kernel's 8-byte sigset, read only.
    unsafe { call(number::RT_SIGPROCMASK, [SIG_BLOCK, (&raw const one).addr(), 0, 8]) }.map(drop)
}

/// Gives `signal` its default action again: `rt_sigaction(signal, SIG_DFL, NULL)`.
///
/// # Errors
/// The kernel's answer.
pub fn reset(signal: i32) -> Result<()> {
    let action = Action { handler: 0, flags: 0, restorer: 0, mask: 0 };
    // SAFETY: `action` has the kernel's layout and is read only; SIG_DFL installs no code.
    unsafe { call(number::RT_SIGACTION, [signal.cast_unsigned() as usize, (&raw const action).addr(), 0, 8]) }
        .map(drop)
}

/// Lets `signal` end the calling process, with exit code 128 and its number, even where that is the first of a PID namespace:
/// to such a one the kernel does not deliver what has its default action (pid_namespaces(7)). execve(2) undoes it.
///
/// # Errors
/// The kernel's answer.
pub fn let_end(signal: i32) -> Result<()> {
    /// x86_64 wants a way back, although there is none: the handler is it. riscv64 reads the same word as signals to block
    /// meanwhile, which is as well.
    const SA_RESTORER: usize = 0x0400_0000;
    let handler = end as extern "C" fn(i32) as usize;
    let action = Action { handler, flags: SA_RESTORER, restorer: handler, mask: 0 };
    // SAFETY: `action` has the kernel's layout and is read only; `end` touches no memory and does not return.
    unsafe { call(number::RT_SIGACTION, [signal.cast_unsigned() as usize, (&raw const action).addr(), 0, 8]) }
        .map(drop)
}

extern "C" fn end(signal: i32) {
    crate::exit::exit_group(128 + signal)
}

/// Blocks all signals of the calling thread, so that they can be read from [`signalfd`].
///
/// # Errors
/// The kernel's answer.
pub fn block_all() -> Result<()> {
    const SIG_SETMASK: usize = 2;
    let all = u64::MAX;
    // SAFETY: `all` is the kernel's 8-byte sigset, read only.
    unsafe { call(number::RT_SIGPROCMASK, [SIG_SETMASK, (&raw const all).addr(), 0, 8]) }.map(drop)
}

/// `int signalfd(-1, all signals, SFD_CLOEXEC | SFD_NONBLOCK)`. Each read gives a `struct signalfd_siginfo` of
/// [`SIGINFO`] bytes that begins with the signal's number (u32).
///
/// # Errors
/// The kernel's answer.
pub fn signalfd() -> Result<OwnedFd> {
    const FLAGS: usize = 0o2_000_000 | 0o4000;
    let all = u64::MAX;
    // SAFETY: `all` is the kernel's 8-byte sigset, read only.
    let answer = unsafe { call(number::SIGNALFD4, [usize::MAX, (&raw const all).addr(), 8, FLAGS]) }?;
    let raw = RawFd::try_from(answer).map_err(|_| Errno::BADF)?;
    // SAFETY: the answer is a new descriptor that no one else has seen.
    Ok(unsafe { OwnedFd::from_raw_fd(raw) })
}

/// `sizeof(struct signalfd_siginfo)`.
pub const SIGINFO: usize = 128;

/// `int pidfd_send_signal(pidfd, signal, NULL, 0)` for any signal number, real-time ones and 0 included.
///
/// # Errors
/// The kernel's answer.
pub fn pidfd_send_signal(pidfd: impl AsFd, signal: i32) -> Result<()> {
    let fd = pidfd.as_fd().as_raw_fd().cast_unsigned() as usize;
    // SAFETY: no memory is passed.
    unsafe { call(common::PIDFD_SEND_SIGNAL, [fd, signal.cast_unsigned() as usize, 0, 0]) }.map(drop)
}
