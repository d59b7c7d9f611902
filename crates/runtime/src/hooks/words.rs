//! How a program ended, in the words of Go programs.
//! Runs in: the parent.

use std::time::Duration;

use rustix::io::Errno;
use rustix::process::WaitIdStatus;

use crate::errno::errno_text;

/// `None` for success.
pub(super) fn failure(status: &Result<Option<WaitIdStatus>, Errno>) -> Option<String> {
    match status {
        Ok(Some(status)) => match (status.exit_status(), status.terminating_signal()) {
            (Some(0), _) => None,
            (Some(code), _) => Some(format!("exit status {code}")),
            (None, Some(signal)) => {
                let core = if status.dumped() { " (core dumped)" } else { "" };
                Some(format!("signal: {}{core}", signal_text(signal)))
            }
            (None, None) => Some("exit status unknown".to_owned()),
        },
        Ok(None) => Some("wait: still running".to_owned()),
        Err(errno) => Some(format!("wait: {}", errno_text(errno.raw_os_error()))),
    }
}

pub(super) fn ran_past(specified: bool, limit: Duration) -> String {
    let whose = if specified { "specified" } else { "default" };
    format!("hook ran past {whose} timeout of {:.1}s", limit.as_secs_f64())
}

/// Numbers as on x86, arm and riscv (signal(7)).
fn signal_text(signal: i32) -> String {
    let words =
        usize::try_from(signal).ok().and_then(|index| SIGNALS.get(index)).filter(|words| !words.is_empty());
    words.map_or_else(|| format!("signal {signal}"), |words| (*words).to_owned())
}

const SIGNALS: [&str; 32] = [
    "",
    "hangup",
    "interrupt",
    "quit",
    "illegal instruction",
    "trace/breakpoint trap",
    "aborted",
    "bus error",
    "floating point exception",
    "killed",
    "user defined signal 1",
    "segmentation fault",
    "user defined signal 2",
    "broken pipe",
    "alarm clock",
    "terminated",
    "stack fault",
    "child exited",
    "continued",
    "stopped (signal)",
    "stopped",
    "stopped (tty input)",
    "stopped (tty output)",
    "urgent I/O condition",
    "CPU time limit exceeded",
    "file size limit exceeded",
    "virtual timer expired",
    "profiling timer expired",
    "window changed",
    "I/O possible",
    "power failure",
    "bad system call",
];
