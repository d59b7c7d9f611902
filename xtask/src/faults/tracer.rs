//! One command under ptrace(2): which system calls it and `brig-init` make, and what becomes of it when one of them is
//! its last, or fails.
//!
//! Counted is as strace(1) counts: so many calls of one name in one process. Unlike strace's, this count tells parent
//! and child apart. The user's program, hooks and helpers are let go as soon as they are executed: they are not brig.

#![allow(clippy::wildcard_enum_match_arm, reason = "what else waitpid(2) tells is let pass")]

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use super::errors;
use super::refusal::refusal;
use super::registers;
use crate::old::{Feature, How};

/// One system call of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Site {
    /// Whose: in the order in which processes were born, the command first.
    pub(crate) process: u32,
    /// Its number.
    pub(crate) call: i64,
    /// Which one of those that have this number in this process, from 1 on.
    pub(crate) nth: u32,
}

/// What happens instead of a system call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Blow {
    /// The process is killed.
    Kill,
    /// The call answers this errno, and does nothing.
    Fail(i32),
}

/// What is done to a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Harm {
    /// One call is struck.
    Strike(Site, Blow),
    /// Every call that needs this feature is refused.
    Without(Feature),
    /// The process that makes the call of this number, of all from 1 on, is killed before it.
    Kill(usize),
    /// The first from this number on that can fail does, with one of its errors: the one of the second number, in a circle.
    Fail(usize, usize),
}

impl Harm {
    /// What happens to `site`, which is the `count`th.
    fn blow(self, site: Site, count: usize) -> Option<Blow> {
        match self {
            Self::Strike(wanted, blow) => (wanted == site).then_some(blow),
            Self::Without(_) => None,
            Self::Kill(nth) => (count == nth).then_some(Blow::Kill),
            Self::Fail(nth, choice) => {
                let errors = errors::of(site.call);
                let errno = errors.get(choice.checked_rem(errors.len())?)?;
                (count >= nth).then_some(Blow::Fail(*errno))
            }
        }
    }
}

/// What became of a command.
#[derive(Debug, Default)]
pub(crate) struct Traced {
    /// Its exit code, or 128 and the signal that ended it.
    pub(crate) code: i32,
    /// The signal that ended it, and not just what it ran. Who kills a thread kills its process.
    pub(crate) signal: Option<i32>,
    /// All calls, in their order.
    pub(crate) sites: Vec<Site>,
    /// The call came, and what was wanted happened.
    pub(crate) struck: bool,
    /// What failed may have been its last words.
    pub(crate) could_not_say: bool,
    /// It had to be killed at the end of its time.
    pub(crate) hung: bool,
}

/// Waits until it is traced. The first word says where its standard input comes from.
const STARTER: &str = r#"read _; input=$1; shift; exec "$@" <>"$input""#;
const OPTIONS: Options = Options::PTRACE_O_TRACESYSGOOD
    .union(Options::PTRACE_O_TRACEFORK)
    .union(Options::PTRACE_O_TRACEVFORK)
    .union(Options::PTRACE_O_TRACECLONE)
    .union(Options::PTRACE_O_TRACEEXEC)
    .union(Options::PTRACE_O_EXITKILL);
/// `PTRACE_SYSCALL_INFO_ENTRY`, `PTRACE_SYSCALL_INFO_EXIT` (ptrace(2)).
const ENTRY: u8 = 1;
const EXIT: u8 = 2;

/// `words` to be run by [`trace`], with this standard input: its caller adds the other streams and the environment.
pub(crate) fn starter(words: &[String], input: &Path) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", STARTER, "sh"]).arg(input).args(words).stdin(Stdio::piped());
    command
}

/// Runs what [`starter`] made to its end, and `watched`, which is there already, beside it.
///
/// # Errors
/// ptrace(2) is not possible here.
pub(crate) fn trace(
    mut starter: Command,
    watched: Option<i32>,
    harm: Option<Harm>,
    limit: Duration,
) -> Result<Traced, String> {
    let mut child = starter.spawn().map_err(|error| format!("sh: {error}"))?;
    let root = Pid::from_raw(child.id().cast_signed());
    let mut tracer =
        Tracer { root, harm, people: BTreeMap::new(), early: Vec::new(), born: 0, seen: Traced::default() };
    let failed = |errno| format!("ptrace: {errno}");
    for pid in [Some(root), watched.map(Pid::from_raw)].into_iter().flatten() {
        ptrace::seize(pid, OPTIONS).map_err(failed)?;
        tracer.is_born(pid.as_raw());
        ptrace::interrupt(pid).map_err(failed)?;
    }
    let go = child.stdin.take().ok_or("sh: no standard input")?.write_all(b"\n");
    go.map_err(|error| format!("sh: {error}"))?;
    let watchdog = Watchdog::over(root, limit);
    let ended = tracer.attend().and_then(|()| tracer.release());
    tracer.seen.hung = watchdog.end();
    ended.map_err(failed)?;
    Ok(tracer.seen)
}

/// A traced process.
#[derive(Debug, Default)]
struct Person {
    process: u32,
    /// It is brig, or `brig-init`, and not yet about to be.
    counts: bool,
    so_far: BTreeMap<i64, u32>,
    /// What the call that it is in has to answer.
    answer: Option<i32>,
}

#[derive(Debug)]
struct Tracer {
    root: Pid,
    harm: Option<Harm>,
    people: BTreeMap<i32, Person>,
    /// Children that stopped before their birth was told.
    early: Vec<i32>,
    born: u32,
    seen: Traced,
}

impl Tracer {
    fn is_born(&mut self, pid: i32) {
        let counts = self.born > 0;
        self.people.insert(pid, Person { process: self.born, counts, ..Person::default() });
        self.born += 1;
    }

    /// Until the command has ended.
    fn attend(&mut self) -> Result<(), Errno> {
        loop {
            let status = match waitpid(None, Some(WaitPidFlag::__WALL)) {
                Err(Errno::EINTR) => continue,
                status => status?,
            };
            match status {
                WaitStatus::Exited(pid, code) if pid == self.root => {
                    self.seen.code = code;
                    self.people.remove(&pid.as_raw());
                    return Ok(());
                }
                WaitStatus::Signaled(pid, signal, _) if pid == self.root => {
                    self.seen.code = 128 + signal as i32;
                    self.seen.signal = Some(signal as i32);
                    self.people.remove(&pid.as_raw());
                    return Ok(());
                }
                WaitStatus::Exited(pid, _) | WaitStatus::Signaled(pid, ..) => {
                    self.people.remove(&pid.as_raw());
                }
                status => gone(self.go_on(status))?,
            }
        }
    }

    /// Once the blow has fallen nothing is counted any more.
    fn run(&self, pid: Pid, signal: impl Into<Option<Signal>>) -> Result<(), Errno> {
        let waits = self.people.values().any(|person| person.answer.is_some());
        let over = match self.harm {
            Some(Harm::Strike(..) | Harm::Kill(_) | Harm::Fail(..)) => self.seen.struck && !waits,
            // A filter does the rest.
            Some(Harm::Without(Feature { how: How::Calls(_), .. })) => true,
            Some(Harm::Without(_)) | None => false,
        };
        if over { ptrace::cont(pid, signal) } else { ptrace::syscall(pid, signal) }
    }

    fn go_on(&mut self, status: WaitStatus) -> Result<(), Errno> {
        match status {
            WaitStatus::PtraceEvent(pid, _, event) => self.event(pid, event),
            WaitStatus::PtraceSyscall(pid) => {
                self.syscall(pid)?;
                self.run(pid, None)
            }
            WaitStatus::Stopped(pid, signal) => self.run(pid, signal),
            _ => Ok(()),
        }
    }

    fn event(&mut self, pid: Pid, event: i32) -> Result<(), Errno> {
        match event {
            libc::PTRACE_EVENT_FORK | libc::PTRACE_EVENT_VFORK | libc::PTRACE_EVENT_CLONE => {
                let child = i32::try_from(ptrace::getevent(pid)?).map_err(|_| Errno::ERANGE)?;
                self.is_born(child);
                if let Some(place) = self.early.iter().position(|early| *early == child) {
                    self.early.remove(place);
                    gone(self.run(Pid::from_raw(child), None))?;
                }
            }
            // The shell's own may still be told.
            libc::PTRACE_EVENT_EXEC if pid == self.root && executable(pid).ends_with("sh") => {}
            libc::PTRACE_EVENT_EXEC if pid == self.root => {
                self.people.entry(pid.as_raw()).and_modify(|person| person.counts = true);
            }
            libc::PTRACE_EVENT_EXEC if !is_brig_init(pid) => {
                self.people.remove(&pid.as_raw());
                return ptrace::detach(pid, None);
            }
            libc::PTRACE_EVENT_STOP if !self.people.contains_key(&pid.as_raw()) => {
                self.early.push(pid.as_raw());
                return Ok(());
            }
            _ => {}
        }
        self.run(pid, None)
    }

    fn syscall(&mut self, pid: Pid) -> Result<(), Errno> {
        let Some(person) = self.people.get_mut(&pid.as_raw()) else { return Ok(()) };
        match ptrace::syscall_info(pid)?.op {
            ENTRY if person.counts => {
                let call = registers::call(pid)?;
                let nth = person.so_far.entry(call).and_modify(|count| *count += 1).or_insert(1);
                let site = Site { process: person.process, call, nth: *nth };
                self.seen.sites.push(site);
                if let Some(Harm::Without(feature)) = self.harm {
                    let Some(errno) = refusal(feature.how, pid, call)? else { return Ok(()) };
                    self.seen.struck = true;
                    person.answer = Some(errno);
                    return registers::skip(pid);
                }
                let harm = self.harm.filter(|_| !self.seen.struck);
                match harm.and_then(|harm| harm.blow(site, self.seen.sites.len())) {
                    Some(Blow::Kill) => {
                        self.seen.struck = true;
                        kill(pid, Signal::SIGKILL)
                    }
                    Some(Blow::Fail(errno)) => {
                        self.seen.struck = true;
                        self.seen.could_not_say = errors::is_said_with(site.call);
                        person.answer = Some(errno);
                        registers::skip(pid)
                    }
                    None => Ok(()),
                }
            }
            EXIT => person.answer.take().map_or(Ok(()), |errno| registers::answer(pid, errno)),
            _ => Ok(()),
        }
    }

    /// Lets everybody go who is left.
    fn release(&mut self) -> Result<(), Errno> {
        for pid in std::mem::take(&mut self.early) {
            self.is_born(pid);
            gone(ptrace::syscall(Pid::from_raw(pid), None))?;
        }
        for pid in self.people.keys() {
            gone(ptrace::interrupt(Pid::from_raw(*pid)))?;
        }
        // Also who was born just now, and of whom nobody has told: while we do not let him go, his namespace cannot end.
        loop {
            let status = match waitpid(None, Some(WaitPidFlag::__WALL)) {
                Err(Errno::EINTR) => continue,
                Err(Errno::ECHILD) => return Ok(()),
                status => status?,
            };
            let Some(pid) = status.pid() else { continue };
            match status {
                WaitStatus::Exited(..) | WaitStatus::Signaled(..) => {}
                WaitStatus::PtraceEvent(_, _, event) if is_birth(event) => {
                    let child = i32::try_from(ptrace::getevent(pid)?).map_err(|_| Errno::ERANGE)?;
                    self.is_born(child);
                    gone(ptrace::detach(pid, None))?;
                }
                WaitStatus::Stopped(_, signal) => gone(ptrace::detach(pid, signal))?,
                WaitStatus::PtraceSyscall(_) => {
                    let answer = self.people.get_mut(&pid.as_raw()).and_then(|person| person.answer.take());
                    if let Some(errno) = answer {
                        gone(registers::answer(pid, errno))?;
                    }
                    gone(ptrace::detach(pid, None))?;
                }
                _ => gone(ptrace::detach(pid, None))?,
            }
            self.people.remove(&pid.as_raw());
        }
    }
}

fn is_birth(event: i32) -> bool {
    matches!(event, libc::PTRACE_EVENT_FORK | libc::PTRACE_EVENT_VFORK | libc::PTRACE_EVENT_CLONE)
}

/// Somebody may have been killed meanwhile.
fn gone(result: Result<(), Errno>) -> Result<(), Errno> {
    match result {
        Err(Errno::ESRCH) => Ok(()),
        result => result,
    }
}

fn executable(pid: Pid) -> String {
    let exe = std::fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
    exe.to_string_lossy().into_owned()
}

fn is_brig_init(pid: Pid) -> bool {
    executable(pid).contains("brig-init")
}

/// Kills a command at the end of its time.
#[derive(Debug)]
struct Watchdog {
    over: Sender<()>,
    barked: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Watchdog {
    fn over(pid: Pid, limit: Duration) -> Self {
        let (over, ended) = mpsc::channel();
        let barked = Arc::new(AtomicBool::new(false));
        let bark = Arc::clone(&barked);
        let thread = thread::spawn(move || {
            if ended.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
                bark.store(true, Ordering::Relaxed);
                if let Err(errno) = kill(pid, Signal::SIGKILL) {
                    eprintln!("xtask: kill {pid}: {errno}");
                }
            }
        });
        Self { over, barked, thread }
    }

    /// Whether it had to.
    fn end(self) -> bool {
        drop(self.over);
        self.thread.join().is_err() || self.barked.load(Ordering::Relaxed)
    }
}
