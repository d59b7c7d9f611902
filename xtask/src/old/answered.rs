//! Features that are no system call of their own: a filter hands the calls that may need one to this process
//! (seccomp_unotify(2)), which looks at what their arguments point to, and answers in the kernel's place.
//!
//! Who is asked sees memory that may change before the kernel reads it: good enough for a test, and no protection.
//! A kernel lets a process have one listener: under this one no container gets another.

use std::fs::File;
use std::io::PipeReader;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::process::{Command, ExitStatus};
use std::sync::mpsc::{self, Sender};
use std::thread;

use brig_sys::seccomp::NEW_LISTENER;
use brig_sys::seccomp_notify::{CONTINUE, Notification, Response, receive, send};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::{Errno, retry_on_intr};

use super::feature::{self, How};

/// In `flags`, the first field of `struct clone_args`.
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// The calls that may need it.
const fn calls(how: How) -> &'static [&'static str] {
    match how {
        How::Calls(calls) => calls,
        How::IntoCgroup => &["clone3"],
        How::File(_) => &["openat", "openat2"],
    }
}

/// Runs `program` to its end on what seems to be a kernel without it.
///
/// # Errors
/// The program cannot be started, or the kernel refuses the filter, as it does where there is a listener already.
pub(super) fn run(how: How, program: &str, words: &[String]) -> Result<ExitStatus, String> {
    let (to_us, from_there) = mpsc::channel();
    let (program, words) = (program.to_owned(), words.to_owned());
    let (end, until) = std::io::pipe().map_err(|error| format!("pipe: {error}"))?;
    // A filter is a thread's own: what it starts is under it, and this one is not.
    let filtered = thread::spawn(move || {
        let status = start(how, &program, &words, &to_us);
        drop((to_us, until));
        status
    });
    if let Ok(listener) = from_there.recv() {
        attend(how, &listener, &end)?;
    }
    filtered.join().map_err(|_| "the thread under the filter panicked".to_owned())?
}

fn start(how: How, program: &str, words: &[String], to_us: &Sender<OwnedFd>) -> Result<ExitStatus, String> {
    let mut command = Command::new(program);
    command.args(words);
    let listener = feature::load(calls(how), feature::Instead::Ask, NEW_LISTENER)?;
    to_us.send(listener.ok_or("seccomp: no listener")?).map_err(|error| error.to_string())?;
    command.status().map_err(|error| format!("{program}: {error}"))
}

/// Answers until the program has ended. What it may have left must not open or clone any more: its calls fail.
fn attend(how: How, listener: &OwnedFd, end: &PipeReader) -> Result<(), String> {
    loop {
        let mut polled = [PollFd::new(listener, PollFlags::IN), PollFd::new(end, PollFlags::IN)];
        retry_on_intr(|| poll(&mut polled, None)).map_err(|errno| format!("poll: {errno}"))?;
        if !polled[1].revents().is_empty() {
            return Ok(());
        }
        if !polled[0].revents().contains(PollFlags::IN) {
            continue;
        }
        // Whoever made the call may have been killed meanwhile: then nobody waits for an answer.
        let call = match receive(listener) {
            Err(Errno::NOENT | Errno::INTR) => continue,
            call => call.map_err(|errno| format!("SECCOMP_IOCTL_NOTIF_RECV: {errno}"))?,
        };
        let answer = match refusal(how, &call) {
            Some(errno) => Response { id: call.id, error: -errno.raw_os_error(), ..Response::default() },
            None => Response { id: call.id, flags: CONTINUE, ..Response::default() },
        };
        match send(listener, &answer) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(errno) => return Err(format!("SECCOMP_IOCTL_NOTIF_SEND: {errno}")),
        }
    }
}

/// What a kernel without the feature answers, if this call needs it.
fn refusal(how: How, call: &Notification) -> Option<Errno> {
    match how {
        How::Calls(_) => Some(Errno::NOSYS),
        How::IntoCgroup => {
            let flags = memory(call.pid, call.arguments[0], 8).try_into().map(u64::from_ne_bytes).ok()?;
            (flags & CLONE_INTO_CGROUP != 0).then_some(Errno::TOOBIG)
        }
        How::File(hidden) => {
            let path = text(call.pid, call.arguments[1]);
            (path.rsplit(|byte| *byte == b'/').next()? == hidden.as_bytes()).then_some(Errno::NOENT)
        }
    }
}

/// So many bytes of its memory, or none.
fn memory(pid: u32, address: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    let file = File::open(format!("/proc/{pid}/mem"));
    match file.and_then(|file| file.read_exact_at(&mut bytes, address)) {
        Ok(()) => bytes,
        Err(_) => Vec::new(),
    }
}

/// The text there, up to its zero or to the end of its memory, at most as long as a path may be.
fn text(pid: u32, address: u64) -> Vec<u8> {
    const PAGE: u64 = 4096;
    let mut text = Vec::new();
    while text.len() < 4096 {
        let at = address + text.len() as u64;
        let page = memory(pid, at, usize::try_from(PAGE - at % PAGE).unwrap_or(0));
        let zero = page.iter().position(|byte| *byte == 0);
        text.extend_from_slice(&page[..zero.unwrap_or(page.len())]);
        if zero.is_some() || page.is_empty() {
            break;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_is_not_there_has_no_text() {
        let (pid, words) = (std::process::id(), *b"/a/cgroup.kill\0more");
        assert_eq!(text(pid, words.as_ptr().addr() as u64), b"/a/cgroup.kill");
        assert_eq!(text(pid, 0), b"");
        assert_eq!(memory(pid, 16, 8), b"");
    }

    #[test]
    fn a_file_is_hidden_by_its_name_alone() {
        let open = |path: &[u8]| {
            let arguments = [0, path.as_ptr().addr() as u64, 0, 0, 0, 0];
            let pid = std::process::id();
            refusal(How::File("cgroup.kill"), &Notification { pid, arguments, ..Notification::default() })
        };
        assert_eq!(open(b"cgroup.kill\0"), Some(Errno::NOENT));
        assert_eq!(open(b"/sys/fs/cgroup/x/cgroup.kill\0"), Some(Errno::NOENT));
        assert_eq!(open(b"/x/my-cgroup.kill\0"), None);
        assert_eq!(open(b"cgroup.kill/x\0"), None);
    }

    #[test]
    fn a_clone_is_refused_for_its_flag() {
        let clone = |flags: u64| {
            let arguments = [(&raw const flags).addr() as u64, 88, 0, 0, 0, 0];
            let pid = std::process::id();
            refusal(How::IntoCgroup, &Notification { pid, arguments, ..Notification::default() })
        };
        assert_eq!(clone(CLONE_INTO_CGROUP | 17), Some(Errno::TOOBIG));
        assert_eq!(clone(17), None);
    }
}
