//! Stepping through a command with ptrace(2).

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::Write;
use std::process::{Command, Stdio};

use nix::errno::Errno;
use nix::libc::PTRACE_EVENT_EXEC;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::faults::registers;

/// Waits until it is traced.
const STARTER: &str = r#"read _; exec "$@" </dev/null"#;

/// The addresses within the executable that a command comes to. What it starts is not looked at.
///
/// # Errors
/// ptrace(2) is not possible here, or the command fails.
pub(super) fn of(words: impl Iterator<Item = OsString>) -> Result<BTreeSet<u64>, String> {
    let words: Vec<_> = words.collect();
    let mut sh = Command::new("sh");
    let child =
        sh.args(["-c", STARTER, "sh"]).args(&words).stdin(Stdio::piped()).stdout(Stdio::null()).spawn();
    let mut child = child.map_err(|error| format!("sh: {error}"))?;
    let pid = Pid::from_raw(child.id().cast_signed());
    let failed = |errno| format!("ptrace: {errno}");
    ptrace::seize(pid, Options::PTRACE_O_TRACEEXEC | Options::PTRACE_O_EXITKILL).map_err(failed)?;
    let go = child.stdin.take().ok_or("sh: no standard input")?.write_all(b"\n");
    go.map_err(|error| format!("sh: {error}"))?;
    let (addresses, code) = walk(pid).map_err(failed)?;
    if code == 0 { Ok(addresses) } else { Err(format!("{words:?}: it ends with {code}")) }
}

fn walk(pid: Pid) -> Result<(BTreeSet<u64>, i32), Errno> {
    let mut addresses = BTreeSet::new();
    let mut base = None;
    loop {
        let signal = match waitpid(pid, None)? {
            WaitStatus::Exited(_, code) => return Ok((addresses, code)),
            WaitStatus::Signaled(_, signal, _) => return Ok((addresses, 128 + signal as i32)),
            WaitStatus::PtraceEvent(_, _, PTRACE_EVENT_EXEC) => {
                base = lowest(pid);
                None
            }
            WaitStatus::Stopped(_, Signal::SIGTRAP) => None,
            WaitStatus::Stopped(_, signal) => Some(signal),
            WaitStatus::PtraceEvent(..)
            | WaitStatus::PtraceSyscall(_)
            | WaitStatus::Continued(_)
            | WaitStatus::StillAlive => None,
        };
        let Some(base) = base else {
            ptrace::cont(pid, signal)?;
            continue;
        };
        addresses.extend(registers::place(pid)?.checked_sub(base));
        ptrace::step(pid, signal)?;
    }
}

/// Where the executable begins.
fn lowest(pid: Pid) -> Option<u64> {
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).ok()?;
    u64::from_str_radix(maps.split_once('-')?.0, 16).ok()
}
