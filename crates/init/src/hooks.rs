//! createContainer and startContainer hooks.
//! Runs in: init; the first kind before the root switch, the second just before the user's program.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::ffi::CStr;

use brig_handshake::hooks::{Hook, InitHooks};
use brig_handshake::{Fault, Step};
use brig_sys::clone::{self, Alone, Twin};
use brig_sys::execve::{Pointers, execve};
use brig_sys::{clock_gettime, close_range};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::{self, Errno};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{self, Signal, WaitId, WaitIdOptions, WaitIdStatus};
use rustix::stdio;

use crate::fault::{Outcome, in_words};

/// What a hook may say is kept up to this many bytes of each stream.
const MOST_OUTPUT: usize = 16 << 10;
/// A hook without a timeout of its own: ten minutes.
const LONGEST: u32 = 600_000;

/// When a hook runs.
#[derive(Clone, Copy)]
pub(crate) enum When {
    CreateContainer,
    StartContainer,
}

/// Runs the hooks of one kind, in order, up to the first that fails.
pub(crate) fn run(
    hooks: &InitHooks<'_>,
    when: When,
    environment: &[Cow<'_, CStr>],
    alone: Alone,
) -> Outcome<()> {
    let (list, status, step, name) = match when {
        When::CreateContainer => {
            (&hooks.create_container, &hooks.creating, Step::CreateContainerHook, "createContainer")
        }
        When::StartContainer => {
            (&hooks.start_container, &hooks.created, Step::StartContainerHook, "startContainer")
        }
    };
    for (index, hook) in (0_u32..).zip(list) {
        let pid = process::getpid().as_raw_nonzero();
        let state = [status.to_bytes(), format!("{pid}").as_bytes(), hooks.rest.to_bytes()].concat();
        let own = hook.env.iter().map(|entry| Cow::Borrowed(&**entry)).collect::<Vec<_>>();
        let environment = match when {
            When::StartContainer if own.is_empty() => environment,
            When::CreateContainer | When::StartContainer => &*own,
        };
        run_one(hook, &state, environment, alone).map_err(|problem| failed(step, name, index, &problem))?;
    }
    Ok(())
}

fn failed(step: Step, name: &str, index: u32, problem: &str) -> Box<Fault<'static>> {
    in_words(step, index, format!("error running {name} hook #{index}: {problem}"))
}

fn run_one(hook: &Hook<'_>, state: &[u8], environment: &[Cow<'_, CStr>], alone: Alone) -> Result<(), String> {
    let (state_out, state_in) = pipe()?;
    let (out_read, out_write) = pipe()?;
    let (err_read, err_write) = pipe()?;
    let (exec_read, exec_write) = pipe()?;
    match clone::child(alone).map_err(worded)? {
        Twin::Copy => become_hook(hook, environment, [&state_out, &out_write, &err_write], &exec_write),
        Twin::Original(_, child) => {
            drop((state_out, out_write, err_write, exec_write));
            let io = Streams {
                state_in: Some(state_in),
                state,
                out: (out_read, Vec::new()),
                err: (err_read, Vec::new()),
            };
            supervise(hook, &child, io, &exec_read)
        }
    }
}

fn pipe() -> Result<(OwnedFd, OwnedFd), String> {
    pipe_with(PipeFlags::CLOEXEC).map_err(worded)
}

fn worded(errno: Errno) -> String {
    crate::payload::in_short(errno).into_owned()
}

fn become_hook(
    hook: &Hook<'_>,
    environment: &[Cow<'_, CStr>],
    streams: [&OwnedFd; 3],
    failure: &OwnedFd,
) -> ! {
    let errno = try_to_become(hook, environment, streams);
    let _unheard = io::write(failure, &errno.raw_os_error().to_le_bytes()).is_err();
    crate::leave(127)
}

fn try_to_become(
    hook: &Hook<'_>,
    environment: &[Cow<'_, CStr>],
    [input, output, error]: [&OwnedFd; 3],
) -> Errno {
    let prepared = stdio::dup2_stdin(input)
        .and_then(|()| stdio::dup2_stdout(output))
        .and_then(|()| stdio::dup2_stderr(error))
        .and_then(|()| match close_range::mark(3, u32::MAX) {
            // Before Linux 5.11 a hook sees what the user's program inherits; all else is close-on-exec from the start.
            Err(Errno::NOSYS | Errno::INVAL) => Ok(()),
            other => other,
        });
    if let Err(errno) = prepared {
        return errno;
    }
    let args: Vec<&CStr> = match hook.args.is_empty() {
        true => alloc::vec![&*hook.path],
        false => hook.args.iter().map(|text| &**text).collect(),
    };
    let mut argv = alloc::vec![core::ptr::null(); args.len() + 1];
    let mut envp = alloc::vec![core::ptr::null(); environment.len() + 1];
    match (Pointers::new(&args, &mut argv), Pointers::new(environment, &mut envp)) {
        (Some(argv), Some(envp)) => execve(&hook.path, &argv, &envp),
        _ => Errno::TOOBIG,
    }
}

struct Streams<'s> {
    state_in: Option<OwnedFd>,
    state: &'s [u8],
    out: (OwnedFd, Vec<u8>),
    err: (OwnedFd, Vec<u8>),
}

/// Feeds it, listens to it, and waits for its end or its time.
fn supervise(hook: &Hook<'_>, child: &OwnedFd, mut io: Streams<'_>, exec: &OwnedFd) -> Result<(), String> {
    for fd in [io.state_in.as_ref(), Some(&io.out.0), Some(&io.err.0)].into_iter().flatten() {
        rustix::io::ioctl_fionbio(fd, true).map_err(worded)?;
    }
    let timeout = hook.timeout.unwrap_or(LONGEST);
    let ended = exchange(child, &mut io, timeout).map_err(worded)?;
    if !ended {
        process::pidfd_send_signal(child, Signal::KILL).map_err(worded)?;
    }
    let wait = || process::waitid(WaitId::PidFd(child.as_fd()), WaitIdOptions::EXITED);
    let status = io::retry_on_intr(wait).map_err(worded)?;
    if !ended {
        return Err(format!("hook ran past specified timeout of {}", seconds(timeout)));
    }
    drain(&mut io.out);
    drain(&mut io.err);
    let mut errno = [0; 4];
    if rustix::io::retry_on_intr(|| io::read(exec, &mut errno)).map_err(worded)? == 4 {
        let path = hook.path.to_string_lossy();
        return Err(format!(
            "fork/exec {path}: {}",
            crate::payload::in_short(Errno::from_raw_os_error(i32::from_le_bytes(errno)))
        ));
    }
    match status.and_then(ending) {
        None => Ok(()),
        Some(ending) => {
            let (out, err) = (String::from_utf8_lossy(&io.out.1), String::from_utf8_lossy(&io.err.1));
            Err(format!("{ending}, stdout: {out}, stderr: {err}"))
        }
    }
}

/// How it ended, unless well.
fn ending(status: WaitIdStatus) -> Option<String> {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(0), _) => None,
        (Some(code), _) => Some(format!("exit status {code}")),
        (None, signal) => Some(format!("signal: {}", signal_text(signal.unwrap_or(0)))),
    }
}

/// What ends a hook as a rule, as Go words it; numbers as on x86, arm and riscv (signal(7)).
fn signal_text(signal: i32) -> Cow<'static, str> {
    Cow::Borrowed(match signal {
        6 => "aborted",
        9 => "killed",
        11 => "segmentation fault",
        15 => "terminated",
        // What a filter kills with.
        31 => "bad system call",
        other => return Cow::Owned(format!("{other}")),
    })
}

/// Go's way to write a duration of whole milliseconds, as far as hooks have them.
fn seconds(milliseconds: u32) -> String {
    format!("{}.{}s", milliseconds / 1000, milliseconds % 1000 / 100)
}

/// Until the child ends (true) or its time is up (false).
fn exchange(child: &OwnedFd, io: &mut Streams<'_>, timeout: u32) -> Result<bool, Errno> {
    let deadline = now() + i64::from(timeout);
    loop {
        let left = deadline - now();
        if left <= 0 {
            return Ok(false);
        }
        let wait = Timespec { tv_sec: left / 1000, tv_nsec: left % 1000 * 1_000_000 };
        let (ended, writable) = {
            let mut fds = alloc::vec![
                PollFd::new(child, PollFlags::IN),
                PollFd::new(&io.out.0, PollFlags::IN),
                PollFd::new(&io.err.0, PollFlags::IN),
            ];
            if let Some(state_in) = &io.state_in {
                fds.push(PollFd::new(state_in, PollFlags::OUT));
            }
            // A stream that its writer closed stays readable: do not spin on it.
            match poll(&mut fds, Some(&wait)) {
                Err(Errno::INTR) => continue,
                other => other?,
            };
            (!fds[0].revents().is_empty(), fds.get(3).is_some_and(|fd| !fd.revents().is_empty()))
        };
        if ended {
            return Ok(true);
        }
        if writable {
            feed(io);
        }
        drain(&mut io.out);
        drain(&mut io.err);
    }
}

/// Writes what fits of the state; closes when all is written, or when the hook does not want it.
fn feed(io: &mut Streams<'_>) {
    let Some(state_in) = io.state_in.take() else { return };
    match rustix::io::write(&state_in, io.state) {
        Ok(count) if count < io.state.len() => {
            io.state = &io.state[count..];
            io.state_in = Some(state_in);
        }
        Err(Errno::AGAIN | Errno::INTR) => io.state_in = Some(state_in),
        Ok(_) | Err(_) => {}
    }
}

fn drain((fd, kept): &mut (OwnedFd, Vec<u8>)) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = rustix::io::read(&*fd, &mut buffer) {
        let room = MOST_OUTPUT - kept.len().min(MOST_OUTPUT);
        kept.extend_from_slice(&buffer[..count.min(room)]);
    }
}

/// Milliseconds of a clock that only goes forward. Not rustix's, which looks for the vDSO first: inside, what it finds may be
/// the container's, and where there is none it panics. Under a filter that refuses the call time stands still, and a hook's
/// time starts again whenever it says something.
fn now() -> i64 {
    clock_gettime::monotonic().map_or(0, |now| (now / 1_000_000).cast_signed())
}
