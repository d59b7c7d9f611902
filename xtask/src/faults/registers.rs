//! Registers of a traced process: the only part that knows an architecture.

use nix::errno::Errno;
use nix::sys::ptrace;
use nix::unistd::Pid;

#[cfg(target_arch = "x86_64")]
pub(super) fn call(pid: Pid) -> Result<i64, Errno> {
    Ok(ptrace::getregs(pid)?.orig_rax.cast_signed())
}

/// Where it is: the address of its next instruction.
#[cfg(target_arch = "x86_64")]
pub(crate) fn place(pid: Pid) -> Result<u64, Errno> {
    Ok(ptrace::getregs(pid)?.rip)
}

/// Its first or second argument.
#[cfg(target_arch = "x86_64")]
pub(super) fn argument(pid: Pid, which: usize) -> Result<u64, Errno> {
    let registers = ptrace::getregs(pid)?;
    Ok(if which == 0 { registers.rdi } else { registers.rsi })
}

/// There is no such call: the kernel does nothing.
#[cfg(target_arch = "x86_64")]
pub(super) fn skip(pid: Pid) -> Result<(), Errno> {
    let registers = ptrace::getregs(pid)?;
    ptrace::setregs(pid, nix::libc::user_regs_struct { orig_rax: u64::MAX, ..registers })
}

#[cfg(target_arch = "x86_64")]
pub(super) fn answer(pid: Pid, errno: i32) -> Result<(), Errno> {
    let registers = ptrace::getregs(pid)?;
    ptrace::setregs(pid, nix::libc::user_regs_struct { rax: i64::from(-errno).cast_unsigned(), ..registers })
}

#[cfg(not(target_arch = "x86_64"))]
pub(super) fn call(_: Pid) -> Result<i64, Errno> {
    Err(Errno::ENOSYS)
}

#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn place(_: Pid) -> Result<u64, Errno> {
    Err(Errno::ENOSYS)
}

#[cfg(not(target_arch = "x86_64"))]
pub(super) fn argument(_: Pid, _: usize) -> Result<u64, Errno> {
    Err(Errno::ENOSYS)
}

#[cfg(not(target_arch = "x86_64"))]
pub(super) fn skip(_: Pid) -> Result<(), Errno> {
    Err(Errno::ENOSYS)
}

#[cfg(not(target_arch = "x86_64"))]
pub(super) fn answer(_: Pid, _: i32) -> Result<(), Errno> {
    Err(Errno::ENOSYS)
}
