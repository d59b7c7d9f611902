//! What the parent does for a `brig-init` that carries out its task: one `match` is everything that can be asked.
//! Runs in: the parent, on the host.

use std::os::fd::{AsFd, OwnedFd};
use std::time::Instant;

use brig_handshake::timeline::Reading;
use brig_handshake::{Ask, Fault, Reply, Step};
use brig_sys::rlimit::prlimit;
use rustix::io::Errno;
use rustix::process::{Pid, PidfdGetfdFlags, WaitId, WaitIdOptions, pidfd_getfd, waitid};

use brig_plan::plan::Limits;

use crate::error::{Error, Kind, Result, best_effort};
use crate::patience::Patience;
use crate::pid::wait_exit;
use crate::spawn::{self, Started};
use crate::talk::{self, Heard};
use crate::timeline::{self, Teller, Timeline};

/// What differs between the first process and the others.
pub(crate) trait Desk {
    /// The process is this one: it has been cloned a second time, or it was the first all along.
    fn map_ids(&mut self, pid: Pid) -> Result<()>;

    /// The tree of a mount source, which `brig-init` may have `opened` itself.
    fn open_source(&mut self, mount: u32, opened: Option<OwnedFd>, pid: Pid) -> Result<OwnedFd, Errno>;

    /// Set up the network by way of this route socket in the container's namespace.
    fn set_up_network(&mut self, inside: OwnedFd, pid: Pid) -> Result<()>;

    /// prestart and createRuntime hooks.
    fn run_hooks(&mut self, pid: Pid) -> Result<()>;

    /// The terminal's master.
    fn take_terminal(&mut self, master: OwnedFd) -> Result<()>;

    /// Finish the walls of the cgroup.
    fn finish_walls(&mut self) -> Result<()>;

    /// The filter's listener.
    fn take_listener(&mut self, listener: OwnedFd, pid: Pid) -> Result<()>;

    /// Set the limits that only the parent may set.
    fn ready(&mut self, pid: Pid) -> Result<()>;

    /// This is the process now: write it down.
    fn prepare(&mut self, pid: Pid) -> Result<()>;

    /// Only the gate and execve are left: the container exists from now on.
    fn settle(&mut self, pidfd: &OwnedFd) -> Result<()>;

    /// How long all of it may take.
    fn patience(&self) -> &Patience;

    /// Where to note what takes how long.
    fn timeline(&self) -> Option<&Timeline>;

    /// A fault in words.
    fn words(&self, fault: &Fault<'_>) -> Error;

    /// Something that was left out.
    fn note(&self, fault: &Fault<'_>);
}

/// When the parent may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    /// It waits at the gate.
    Gate,
    /// It is the user's program.
    Exec,
}

/// Answers until `until`. On failure the process is ended and reaped.
pub(crate) fn attend(mut started: Started, desk: &mut dyn Desk, until: Until) -> Result<Started> {
    match converse(&mut started, desk, until) {
        Ok(()) => Ok(started),
        Err(error) => {
            spawn::end(started.pidfd.as_fd());
            Err(error)
        }
    }
}

fn converse(started: &mut Started, desk: &mut dyn Desk, until: Until) -> Result<()> {
    let mut last = None;
    let mut at_gate = false;
    loop {
        timeline::waits(desk.timeline(), "wait for brig-init");
        match hear(started, last, desk.patience())? {
            Said::Something => {}
            Said::Farewell if at_gate => {
                log::debug!("brig-init[{}] has become the program", started.pid.as_raw_nonzero());
                desk.timeline().iter().for_each(|timeline| timeline.has_executed());
                return Ok(());
            }
            Said::Farewell => return Err(died(started, last)),
        }
        let ask = started.line.ask().map_err(|errno| Error::step(Step::SendTask, "", errno))?;
        let step = step_of(&ask);
        last = Some(step);
        if log::log_enabled!(log::Level::Debug) {
            record(&ask, started.pid);
        }
        if let Some(work) = work_of(&ask) {
            timeline::step(desk.timeline(), work);
        }
        match ask {
            Ask::AtGate => {
                at_gate = true;
                desk.settle(&started.pidfd)?;
                if until == Until::Gate {
                    return Ok(());
                }
            }
            Ask::Failed(fault) => return Err(desk.words(&fault)),
            Ask::Note(fault) => desk.note(&fault),
            Ask::Begins(_) => {}
            Ask::Timeline(readings) => is_told(started, &readings, desk),
            Ask::Spawned(pid) => {
                adopt(started, pid)?;
                let prepared = desk.prepare(started.pid);
                answer(started, step, prepared)?;
            }
            Ask::OpenSource(mount) => open_source(started, mount, desk)?,
            Ask::MapIds => answer(started, step, desk.map_ids(started.pid))?,
            Ask::SetUpNetwork => {
                let done = set_up_network(started, desk);
                answer(started, step, done)?;
            }
            Ask::FinishWalls => answer(started, step, desk.finish_walls())?,
            Ask::RunHooks => answer(started, step, desk.run_hooks(started.pid))?,
            Ask::TakeTerminal => {
                let done = take_terminal(started, desk);
                answer(started, step, done)?;
            }
            Ask::TakeListener(fd) => answer(started, step, take_listener(started, fd, desk))?,
            Ask::Ready => answer(started, step, desk.ready(started.pid))?,
        }
    }
}

/// What is heard next.
enum Said {
    /// A message.
    Something,
    /// Nothing more will come.
    Farewell,
}

fn hear(started: &mut Started, last: Option<Step>, patience: &Patience) -> Result<Said> {
    let deadline = spawn::deadline();
    let mut is_dead = false;
    loop {
        let heard = started.line.hear();
        match heard.map_err(|errno| Error::step(last.unwrap_or(Step::SendTask), "", errno))? {
            Heard::Message => return Ok(Said::Something),
            Heard::Closed => return Ok(Said::Farewell),
            // Who was killed just after the second clone has not told of his copy, which holds the line and waits for us.
            Heard::Silence if is_dead => return Ok(Said::Farewell),
            Heard::Silence if Instant::now() < deadline => {
                if !patience.is_endless() {
                    patience.check(&talk::last_heard(last))?;
                }
                is_dead = wait_exit(&started.pidfd, Instant::now())?;
            }
            Heard::Silence => {
                let words = format!("brig-init does not answer ({})", talk::last_heard(last));
                return Err(Error::new(Kind::Deadline, words));
            }
        }
    }
}

/// What the parent does about it, if that takes time.
fn work_of(ask: &Ask<'_>) -> Option<Step> {
    match ask {
        Ask::Begins(_) | Ask::Timeline(_) | Ask::Note(_) | Ask::Failed(_) | Ask::Spawned(_) => None,
        Ask::AtGate => Some(Step::Record),
        Ask::MapIds => Some(Step::MapIds),
        Ask::OpenSource(_)
        | Ask::SetUpNetwork
        | Ask::FinishWalls
        | Ask::RunHooks
        | Ask::TakeTerminal
        | Ask::TakeListener(_)
        | Ask::Ready => Some(step_of(ask)),
    }
}

fn is_told(started: &Started, readings: &[Reading], desk: &dyn Desk) {
    let Some(timeline) = desk.timeline() else { return };
    let number = |pid: Pid| pid.as_raw_nonzero().get().cast_unsigned();
    let teller = Teller { first: number(started.first), now: number(started.pid) };
    timeline.is_told(readings, teller, &|step, index| {
        // Of other steps one phase is the whole list.
        let is_entry = step == Step::Mount;
        let words = is_entry.then(|| desk.words(&timeline::at_entry(step, index)));
        words.as_ref().map_or((None, None), timeline::subject_of)
    });
}

/// Says that something was done, or that it was not.
fn answer(started: &Started, step: Step, done: Result<()>) -> Result<()> {
    let reply = if done.is_ok() { Reply::Done } else { Reply::Failed };
    let sent = started.line.reply(&reply, None, spawn::deadline());
    done?;
    match sent {
        // It left meanwhile: why, is what we hear next.
        Ok(()) | Err(Errno::PIPE) => Ok(()),
        Err(errno) => Err(Error::step(step, "", errno)),
    }
}

fn open_source(started: &mut Started, mount: u32, desk: &mut dyn Desk) -> Result<()> {
    let beside = started.line.descriptors().into_iter().next();
    let opened = desk.open_source(mount, beside, started.pid);
    let reply = opened.as_ref().map_or_else(|errno| Reply::NoSource(errno.raw_os_error()), |_| Reply::Done);
    let tree = opened.as_ref().ok().map(AsFd::as_fd);
    let sent = started.line.reply(&reply, tree, spawn::deadline());
    sent.map_err(|errno| Error::step(Step::MountSource, "", errno))
}

fn set_up_network(started: &mut Started, desk: &mut dyn Desk) -> Result<()> {
    let missing = || Error::step(Step::Network, "", Errno::BADF);
    desk.set_up_network(started.line.descriptors().into_iter().next().ok_or_else(missing)?, started.pid)
}

fn take_terminal(started: &mut Started, desk: &mut dyn Desk) -> Result<()> {
    let missing = || Error::step(Step::Terminal, "", Errno::BADF);
    desk.take_terminal(started.line.descriptors().into_iter().next().ok_or_else(missing)?)
}

/// Out of the process that has it.
fn take_listener(started: &Started, fd: u32, desk: &mut dyn Desk) -> Result<()> {
    let failed = |errno| Error::step(Step::Seccomp, "", errno);
    let fd = i32::try_from(fd).map_err(|_| failed(Errno::BADF))?;
    let listener = pidfd_getfd(&started.pidfd, fd, PidfdGetfdFlags::empty()).map_err(failed)?;
    desk.take_listener(listener, started.pid)
}

/// What was heard, for `--debug`. Failures and notes are logged as such.
#[cold]
#[inline(never)]
fn record(ask: &Ask<'_>, pid: Pid) {
    let (pid, name) = (pid.as_raw_nonzero(), step_of(ask).name());
    match ask {
        Ask::Begins(_) => log::debug!("brig-init[{pid}]: {name}"),
        Ask::AtGate => log::debug!("brig-init[{pid}]: nothing is left but the gate and execve"),
        Ask::Failed(_) | Ask::Note(_) | Ask::Timeline(_) => {}
        Ask::Spawned(_)
        | Ask::MapIds
        | Ask::OpenSource(_)
        | Ask::RunHooks
        | Ask::TakeTerminal
        | Ask::TakeListener(_)
        | Ask::Ready
        | Ask::FinishWalls
        | Ask::SetUpNetwork => log::debug!("brig-init[{pid}] asks: {name}"),
    }
}

fn step_of(ask: &Ask<'_>) -> Step {
    match ask {
        Ask::Spawned(_) => Step::SecondClone,
        Ask::MapIds => Step::BecomeRoot,
        Ask::OpenSource(_) => Step::MountSource,
        Ask::SetUpNetwork => Step::Network,
        Ask::FinishWalls => Step::Walls,
        Ask::RunHooks => Step::RuntimeHooks,
        Ask::TakeTerminal => Step::Terminal,
        Ask::TakeListener(_) => Step::Seccomp,
        Ask::Ready => Step::Ready,
        Ask::AtGate | Ask::Timeline(_) => Step::Gate,
        Ask::Begins(step) => *step,
        Ask::Failed(fault) | Ask::Note(fault) => fault.step,
    }
}

/// From now on we talk to the copy; the original leaves, and is reaped here.
fn adopt(started: &mut Started, pid: u32) -> Result<()> {
    let failed = |errno| Error::step(Step::SecondClone, "", errno);
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or_else(|| failed(Errno::SRCH))?;
    let pidfd = started.line.descriptors().into_iter().next().ok_or_else(|| failed(Errno::BADF))?;
    let original = std::mem::replace(&mut started.pidfd, pidfd);
    started.pid = pid;
    best_effort(
        waitid(WaitId::PidFd(original.as_fd()), WaitIdOptions::EXITED),
        "another waits for all children",
    );
    Ok(())
}

/// Closed without a word of farewell.
fn died(started: &Started, last: Option<Step>) -> Error {
    let status = waitid(WaitId::PidFd(started.pidfd.as_fd()), WaitIdOptions::EXITED).ok().flatten();
    let after = talk::last_heard(last);
    let kind = Kind::Step { step: last.unwrap_or(Step::Arrive), errno: None };
    match status.map(|status| (status.exit_status(), status.terminating_signal())) {
        // Between clone and exec the exit code is execveat's errno.
        Some((Some(code), _)) if last.is_none() => {
            Error::step(Step::Clone, "execute brig-init", Errno::from_raw_os_error(code))
        }
        Some((Some(code), _)) => {
            Error::new(kind, format!("brig-init ended with exit status {code} ({after})"))
        }
        Some((None, Some(KILL))) => {
            Error::new(Kind::InitKilled, format!("brig-init was killed by signal {KILL} ({after})"))
        }
        Some((None, Some(signal))) => {
            Error::new(kind, format!("brig-init was killed by signal {signal} ({after})"))
        }
        Some((None, None)) | None => Error::new(kind, format!("brig-init is gone ({after})")),
    }
}

/// SIGKILL, which nobody sends by mistake: another one who ends the start, or the OOM killer.
const KILL: i32 = 9;

/// Sets the limits of a process that is ready.
pub(crate) fn set_limits(pid: Pid, limits: &Limits) -> Result<()> {
    for (index, limit) in limits.rlimits.iter().enumerate() {
        prlimit(Some(pid), limit.resource, limit.soft, limit.hard).map_err(|errno| {
            let entry = format!("process.rlimits[{index}]");
            Error::step(Step::Ready, &entry, errno).of_entry(entry)
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::Duration;

    use rustix::process::{PidfdFlags, pidfd_open};

    use super::*;
    use crate::talk::Line;

    #[test]
    fn the_end_of_who_talks_is_noticed_though_another_holds_the_line() {
        let (ours, theirs) = talk::pair(Duration::from_millis(10)).unwrap();
        let mut child = Command::new("true").spawn().unwrap();
        let pid = Pid::from_raw(child.id().cast_signed()).unwrap();
        let pidfd = pidfd_open(pid, PidfdFlags::empty()).unwrap();
        let mut started = Started { pid, first: pid, pidfd, line: Line::new(ours) };
        assert!(matches!(hear(&mut started, None, &Patience::ENDLESS), Ok(Said::Farewell)));
        drop(theirs);
        child.wait().unwrap();
    }
}
