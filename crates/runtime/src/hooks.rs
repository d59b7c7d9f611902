//! The hooks that run in the runtime's namespaces: prestart, createRuntime, poststart, poststop.
//! Runs in: the parent. One after the other; the first that fails ends it.
//!
//! A hook gets exactly the `argv` of config.json, its environment or the caller's, the state document on standard input
//! and nothing else. What it says is kept for the error message, up to [`KEPT`] bytes of each stream. When it has ended we do
//! not wait for what it left running in the background.

mod words;

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use brig_handshake::Text;
use brig_plan::plan::ParentHook;
use rustix::event::{PollFd, PollFlags};
use rustix::io::{Errno, ioctl_fionbio, read, write};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, pidfd_open, pidfd_send_signal, waitid,
};

use crate::error::{Error, Result, best_effort};
use crate::patience::{Canceller, Patience};
use crate::pid::{poll_until, wait_exit};

/// A list of config.json.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hooks {
    /// `hooks.prestart`.
    Prestart,
    /// `hooks.createRuntime`.
    CreateRuntime,
    /// `hooks.poststart`.
    Poststart,
    /// `hooks.poststop`.
    Poststop,
}

impl Hooks {
    /// Its name in config.json.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Prestart => "prestart",
            Self::CreateRuntime => "createRuntime",
            Self::Poststart => "poststart",
            Self::Poststop => "poststop",
        }
    }
}

/// Runs `hooks` in order, each with `document` on standard input, in directory `cwd` or the caller's.
///
/// # Errors
/// `Hook`, in runc's words: `error running createRuntime hook #0: exit status 3, stdout: …, stderr: …`.
pub fn run(list: Hooks, hooks: &[ParentHook<'_>], document: &[u8], cwd: Option<&Path>) -> Result<()> {
    run_within(&Patience::ENDLESS, list, hooks, document, cwd)
}

/// As [`run`], for who does not wait longer than this: then the hook that runs is killed, and has failed.
///
/// # Errors
/// `Hook`.
pub fn run_within(
    patience: &Patience,
    list: Hooks,
    hooks: &[ParentHook<'_>],
    document: &[u8],
    cwd: Option<&Path>,
) -> Result<()> {
    for (place, hook) in hooks.iter().enumerate() {
        log::debug!("{} hook #{place}: {}", list.name(), hook.path.to_string_lossy());
        run_one(hook, document, cwd, patience).map_err(|words| {
            let missing = words.starts_with("fork/exec") && words.ends_with("no such file or directory");
            Error::hook(format!("error running {} hook #{place}: {words}", list.name()))
                .about(hook.path.to_string_lossy())
                .of_entry(format!("hooks.{}[{place}]", list.name()))
                .because(missing.then(|| format!("{} hooks are programs of the host", list.name())))
        })?;
    }
    Ok(())
}

fn run_one(
    hook: &ParentHook<'_>,
    document: &[u8],
    cwd: Option<&Path>,
    patience: &Patience,
) -> Result<(), String> {
    let started = Instant::now();
    let limit = hook.timeout.map_or(DEFAULT_LIMIT, |timeout| Duration::from_millis(timeout.into()));
    let internal = |errno: Errno| Error::os("run", errno).to_string();
    let (mut running, child) = Running::start(hook, document, cwd)?;
    let deadline = patience.deadline().map_or(started + limit, |ours| ours.min(started + limit));
    let ended = running.attend(deadline, patience).map_err(internal)?;
    if !ended {
        best_effort(pidfd_send_signal(&running.pidfd, Signal::KILL), "it has ended this instant");
        best_effort(
            wait_exit(&running.pidfd, Instant::now() + GRACE),
            "stuck in the kernel: it is left to its fate",
        );
    }
    let status = waitid(WaitId::PidFd(running.pidfd.as_fd()), WaitIdOptions::EXITED | WaitIdOptions::NOHANG);
    drop(child);
    if !ended {
        patience.check("the hook was killed").map_err(|error| error.to_string())?;
        return Err(words::ran_past(hook.timeout.is_some(), limit));
    }
    running.out.drain().and_then(|()| running.err.drain()).map_err(internal)?;
    match words::failure(&status) {
        None => Ok(()),
        Some(how) => Err(format!("{how}, stdout: {}, stderr: {}", running.out.text(), running.err.text())),
    }
}

/// A hook at work, and our ends of its streams.
struct Running<'a> {
    pidfd: OwnedFd,
    input: Option<Input<'a>>,
    out: Output,
    err: Output,
}

impl<'a> Running<'a> {
    fn start(hook: &ParentHook<'_>, document: &'a [u8], cwd: Option<&Path>) -> Result<(Self, Child), String> {
        let pipes = || Ok::<_, Errno>((pipe_with(CLOEXEC)?, pipe_with(CLOEXEC)?, pipe_with(CLOEXEC)?));
        let own = |errno| Error::os("pipe", errno).to_string();
        let ((stdin, to), (out, stdout), (err, stderr)) = pipes().map_err(own)?;
        for end in [&to, &out, &err] {
            ioctl_fionbio(end, true).map_err(own)?;
        }
        let ours = stdin.try_clone().map_err(|error| Error::io("pipe", &error).to_string())?;
        let mut command = command(hook, cwd);
        let child = command.stdin(stdin).stdout(stdout).stderr(stderr).spawn();
        // It holds our copies of the child's ends, and would keep them open.
        drop(command);
        let mut child = child.map_err(|error| not_started(hook, cwd, &error))?;
        let pidfd = pidfd_open(Pid::from_child(&child), PidfdFlags::empty()).map_err(|errno| {
            best_effort(child.kill().and_then(|()| child.wait()), "the first error is the one to report");
            Error::os("pidfd_open", errno).to_string()
        })?;
        let input = Some(Input { to, _reader: ours, rest: document });
        let running = Running { pidfd, input, out: Output::new(out), err: Output::new(err) };
        Ok((running, child))
    }

    /// Feeds it and listens to it until it has ended; false if the deadline passed, or the caller's patience, first.
    fn attend(&mut self, deadline: Instant, patience: &Patience) -> Result<bool, Errno> {
        loop {
            self.feed()?;
            let mut fds = vec![PollFd::new(&self.pidfd, PollFlags::IN)];
            fds.extend(patience.canceller().map(|canceller| PollFd::new(canceller, PollFlags::IN)));
            fds.extend(self.input.as_ref().map(|input| PollFd::new(&input.to, PollFlags::OUT)));
            fds.extend(self.out.from.as_ref().map(|from| PollFd::new(from, PollFlags::IN)));
            fds.extend(self.err.from.as_ref().map(|from| PollFd::new(from, PollFlags::IN)));
            if !poll_until(&mut fds, deadline)? {
                return Ok(false);
            }
            if fds.first().is_some_and(|pidfd| !pidfd.revents().is_empty()) {
                return Ok(true);
            }
            self.out.drain()?;
            self.err.drain()?;
            if Instant::now() >= deadline || patience.canceller().is_some_and(Canceller::is_cancelled) {
                return Ok(false);
            }
        }
    }

    fn feed(&mut self) -> Result<(), Errno> {
        if let Some(input) = &mut self.input
            && input.feed()?
        {
            self.input = None;
        }
        Ok(())
    }
}

/// Standard input of a hook: a pipe, as with runc, for `/dev/stdin` of a socket cannot be opened.
struct Input<'a> {
    to: OwnedFd,
    /// A pipe with a reader never answers a write with SIGPIPE, which the program that embeds us may not ignore.
    _reader: OwnedFd,
    rest: &'a [u8],
}

impl Input<'_> {
    /// True when everything is written.
    fn feed(&mut self) -> Result<bool, Errno> {
        while !self.rest.is_empty() {
            match write(&self.to, self.rest) {
                Ok(written) => self.rest = self.rest.get(written..).unwrap_or_default(),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Ok(false),
                Err(errno) => return Err(errno),
            }
        }
        Ok(true)
    }
}

/// Standard output or error of a hook.
struct Output {
    /// `None` after its end.
    from: Option<OwnedFd>,
    kept: Vec<u8>,
}

impl Output {
    fn new(from: OwnedFd) -> Self {
        Self { from: Some(from), kept: Vec::new() }
    }

    /// Reads what is there, a bounded amount at a time: a hook that never stops talking must not keep us from the clock.
    fn drain(&mut self) -> Result<(), Errno> {
        let Some(from) = &self.from else { return Ok(()) };
        let mut chunk = [0; 8192];
        for _ in 0..READS {
            match read(from, &mut chunk) {
                Ok(0) => {
                    self.from = None;
                    break;
                }
                Ok(length) => {
                    let room = KEPT.saturating_sub(self.kept.len());
                    self.kept.extend_from_slice(chunk.get(..length.min(room)).unwrap_or_default());
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => break,
                Err(errno) => return Err(errno),
            }
        }
        Ok(())
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.kept).into_owned()
    }
}

fn command(hook: &ParentHook<'_>, cwd: Option<&Path>) -> Command {
    let mut command = Command::new(program(hook));
    let mut args = hook.args.iter().map(os_str);
    command.arg0(args.next().unwrap_or_else(|| os_str(&hook.path))).args(args);
    if let Some(env) = &hook.env {
        command.env_clear().envs(env.iter().filter_map(variable));
    }
    if let Some(cwd) = cwd {
        command.current_dir(cwd);
    }
    command
}

/// A path without a slash is one in the working directory, and never looked for in `PATH`.
fn program(hook: &ParentHook<'_>) -> std::ffi::OsString {
    let path = os_str(&hook.path);
    if path.as_bytes().contains(&b'/') { path.to_owned() } else { Path::new(".").join(path).into_os_string() }
}

fn variable<'h>(entry: &'h Text<'_>) -> Option<(&'h OsStr, &'h OsStr)> {
    let entry = entry.to_bytes();
    let end = entry.iter().position(|&byte| byte == b'=')?;
    let (name, value) = entry.split_at_checked(end)?;
    Some((OsStr::from_bytes(name), OsStr::from_bytes(value.get(1..)?)))
}

fn os_str<'h>(text: &'h Text<'_>) -> &'h OsStr {
    OsStr::from_bytes(text.to_bytes())
}

fn not_started(hook: &ParentHook<'_>, cwd: Option<&Path>, error: &io::Error) -> String {
    let (call, path) = match cwd.filter(|cwd| !cwd.is_dir()) {
        Some(cwd) => ("chdir", cwd.display().to_string()),
        None => ("fork/exec", hook.path.to_string_lossy().into_owned()),
    };
    Error::io(format_args!("{call} {path}"), error).to_string()
}

/// How much of each stream is kept.
const KEPT: usize = 64 * 1024;

/// How often a stream is read before the other one has its turn.
const READS: usize = 16;

/// How long a hook without `timeout` may run.
const DEFAULT_LIMIT: Duration = Duration::from_secs(600);

/// How long the kernel may take to end a killed hook.
const GRACE: Duration = Duration::from_secs(5);

const CLOEXEC: PipeFlags = PipeFlags::CLOEXEC;

#[cfg(test)]
mod tests;
