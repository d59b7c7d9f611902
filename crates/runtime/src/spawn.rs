//! The first clone, and everything that the parent does to a `brig-init` before it has its task.
//! Runs in: the parent, on the host.

use std::ffi::CString;
use std::io::PipeReader;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::{Command, Stdio};
use std::time::Instant;

use brig_cgroup::Cgroup;
use brig_handshake::Step;
use brig_plan::plan::{IdMap, IdMaps, MapWriter};
use brig_sys::clone::{Spawn, When};
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::{Errno, write};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::container::gather;
use crate::error::{Error, Kind, Result, best_effort};
use crate::patience::Patience;
use crate::record::Unit;
use crate::talk::{self, Line, Messages};
use crate::timeline::Timeline;
use crate::{executable, systemd, timeline};

/// `CLONE_NEWUSER`.
const USER: u32 = 0x1000_0000;

/// A `brig-init` that runs and waits for its task.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) pid: Pid,
    /// What was cloned first: the same, until there is a second clone.
    pub(crate) first: Pid,
    pub(crate) pidfd: OwnedFd,
    pub(crate) line: Line,
}

/// What the parent needs to know to start one.
#[derive(Debug)]
pub(crate) struct Request<'r> {
    /// `CLONE_NEW*` of the first clone.
    pub(crate) namespaces: u32,
    /// Written before it may execute, if the first clone makes the user namespace.
    pub(crate) id_maps: Option<&'r IdMaps>,
    /// Descriptors from 3 on that the user's program inherits.
    pub(crate) preserved: u32,
    /// How it gets into its cgroup, where both ways are there.
    pub(crate) entry: Entry,
    /// `process.oomScoreAdj`.
    pub(crate) oom_score_adj: Option<i32>,
    /// The unit of systemd to which the cgroup belongs.
    pub(crate) unit: Option<&'r Unit<'r>>,
    /// How long all of it may take.
    pub(crate) patience: &'r Patience,
    /// Where to note what takes how long.
    pub(crate) timeline: Option<&'r Timeline>,
}

/// A `brig-init` that never gets a task: the process that a scope of systemd has to begin with. It has memory of its own, so
/// that who is killed for want of memory in a narrow scope is not the caller.
#[derive(Debug)]
pub(crate) struct Parked {
    pub(crate) pid: Pid,
    pidfd: OwnedFd,
    _line: OwnedFd,
}

impl Parked {
    /// Ends it, without waiting until it has ended.
    pub(crate) fn dismiss(&self) {
        best_effort(pidfd_send_signal(&self.pidfd, Signal::KILL), "it ended by itself");
    }
}

/// Parks a `brig-init` where the caller is, for as long as `with` runs.
pub(crate) fn park<T>(with: impl FnOnce(&Parked) -> Result<T>) -> Result<T> {
    let failed = |errno| Error::step(Step::Clone, "", errno);
    let executable = executable::open()?;
    let (ours, theirs) = talk::pair(HANDSHAKE).map_err(failed)?;
    let argument = CString::new(format!("{}:0", std::os::fd::AsRawFd::as_raw_fd(&theirs)))
        .map_err(|_| failed(Errno::INVAL))?;
    let mut spawn =
        Spawn::new(executable.as_fd(), c"brig-init", &argument, theirs.as_fd(), ours.as_fd(), When::AtOnce);
    let child = spawn.start(0, None).map_err(failed)?;
    let parked = Parked { pid: child.pid, pidfd: child.pidfd, _line: ours };
    let done = with(&parked);
    // What it reads before it executes is here until it has ended.
    end(parked.pidfd.as_fd());
    done
}

/// How a `brig-init` gets into its cgroup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry {
    /// By the clone itself, so that it is never anywhere else.
    Cloned,
    /// After it has executed. For a frozen cgroup: what is cloned into that does not execute, and our thread waits until it has.
    Joined,
}

/// Clones a `brig-init` into `cgroup`, gives it its ids, and hands it to `with` while what it reads before it executes is
/// still there. `with` must not return before it was heard.
pub(crate) fn start<T>(
    request: &Request<'_>,
    cgroup: Option<&mut Cgroup>,
    with: impl FnOnce(Started) -> Result<T>,
) -> Result<T> {
    let failed = |errno| Error::step(Step::Clone, "", errno);
    timeline::step(request.timeline, Step::Clone);
    are_preserved(request.preserved)?;
    let executable = executable::open()?;
    let (ours, theirs) =
        talk::pair(if request.patience.is_endless() { LOOK } else { CLOSER_LOOK }).map_err(failed)?;
    let told = if log::log_enabled!(log::Level::Debug) { ":told" } else { "" };
    let timed = if request.timeline.is_some() { ":timed" } else { "" };
    let argument = CString::new(format!(
        "{}:{}{told}{timed}",
        std::os::fd::AsRawFd::as_raw_fd(&theirs),
        request.preserved
    ))
    .map_err(|_| failed(Errno::INVAL))?;
    let when = if request.namespaces & USER == 0 { When::AtOnce } else { When::WhenMapped };
    let mut spawn =
        Spawn::new(executable.as_fd(), c"brig-init", &argument, theirs.as_fd(), ours.as_fd(), when);
    let (pid, pidfd) = clone_into(&mut spawn, request, cgroup)?;
    drop(theirs);
    log::debug!("{}: pid {pid}, namespaces {:#x}", Step::Clone.name(), request.namespaces);
    let mut guard = Guard { pidfd: Some(pidfd) };
    let line = Line::new(ours);
    prepare(request, pid, &line)?;
    let Some(pidfd) = guard.pidfd.take() else { return Err(failed(Errno::BADF)) };
    with(Started { pid, first: pid, pidfd, line })
}

/// Refuses to preserve what our caller did not leave to us: `brig-init`'s own descriptors would take its place. Ours are all
/// close-on-exec.
fn are_preserved(count: u32) -> Result<()> {
    const CLOEXEC: u32 = 0o2_000_000;
    for place in 0..count {
        let number = place + 3;
        let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{number}")).unwrap_or_default();
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
        let flags = flags.and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok());
        if flags.is_none_or(|flags| flags & CLOEXEC != 0) {
            let subject =
                format!("unable to stat preserved-fd {place} (of {count}): stat /proc/self/fd/{number}");
            return Err(Error::os(subject, Errno::NOENT));
        }
    }
    Ok(())
}

/// Kills a `brig-init` that nobody will talk to.
struct Guard {
    pidfd: Option<OwnedFd>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(pidfd) = &self.pidfd {
            end(pidfd.as_fd());
        }
    }
}

/// Kills and reaps.
pub(crate) fn end(pidfd: BorrowedFd<'_>) {
    use rustix::process::{WaitId, WaitIdOptions, waitid};
    best_effort(pidfd_send_signal(pidfd, Signal::KILL), "it ended by itself");
    best_effort(waitid(WaitId::PidFd(pidfd), WaitIdOptions::EXITED), "it is another's child");
}

fn clone_into(
    spawn: &mut Spawn<'_>,
    request: &Request<'_>,
    cgroup: Option<&mut Cgroup>,
) -> Result<(Pid, OwnedFd)> {
    let namespaces = request.namespaces;
    let failed = |errno| Error::step(Step::Clone, "", errno);
    let Some(cgroup) = cgroup else {
        return spawn.start(namespaces, None).map(|child| (child.pid, child.pidfd)).map_err(failed);
    };
    let directory = if request.entry == Entry::Cloned { cgroup.dir()? } else { None };
    let into = match directory {
        Some(directory) => spawn.start(namespaces, Some(directory)).map(|child| (child.pid, child.pidfd)),
        None => Err(Errno::NOSYS),
    };
    let refused = match into {
        Ok(child) => return Ok(child),
        Err(errno) => errno,
    };
    // A domain whose parent is threaded takes in nobody until it is threaded itself; others may not be cloned into, before
    // Linux 5.7 none: then it is joined after the clone.
    if refused == Errno::OPNOTSUPP {
        cgroup.settle_type()?;
    }
    if matches!(refused, Errno::AGAIN | Errno::NOMEM | Errno::NOSPC) {
        return Err(failed(refused));
    }
    let (pid, pidfd) = spawn.start(namespaces, None).map(|child| (child.pid, child.pidfd)).map_err(failed)?;
    log::debug!("{}: {refused}", Step::JoinCgroup.name());
    timeline::step(request.timeline, Step::JoinCgroup);
    let joined = match (cgroup.join(pid), request.unit) {
        (Err(error), Some(unit)) if error.is_permission() => systemd::attach(unit, pid, request.patience),
        (joined, _) => joined.map_err(Error::from),
    };
    joined
        .inspect_err(|_| end(pidfd.as_fd()))
        .map_err(|error| error.within(format_args!("error adding pid {pid} to cgroups")))?;
    Ok((pid, pidfd))
}

fn prepare(request: &Request<'_>, pid: Pid, line: &Line) -> Result<()> {
    if let Some(score) = request.oom_score_adj {
        set_oom_score(pid, score)?;
    }
    if request.namespaces & USER == 0 {
        return Ok(());
    }
    timeline::step(request.timeline, Step::MapIds);
    if let Some(maps) = request.id_maps {
        map_ids(pid, maps, request.patience)?;
    }
    line.ids_are_mapped().map_err(|errno| Error::step(Step::MapIds, "", errno))
}

fn set_oom_score(pid: Pid, score: i32) -> Result<()> {
    match write_file(pid, "oom_score_adj", score.to_string().as_bytes()) {
        // Lowering it is a privilege; without it the caller's own score stays.
        Err(Errno::ACCESS | Errno::PERM) if !rustix::process::geteuid().is_root() => Ok(()),
        other => other.map_err(|errno| {
            let words =
                format!("write oom_score_adj {score}: {}", crate::errno::errno_text(errno.raw_os_error()));
            Error::new(Kind::Os(errno), words)
        }),
    }
}

/// Writes the maps of the user namespace of `pid` (user_namespaces(7)).
pub(crate) fn map_ids(pid: Pid, maps: &IdMaps, patience: &Patience) -> Result<()> {
    let failed = |what: &str, errno| Error::step(Step::MapIds, what, errno);
    if maps.deny_setgroups {
        write_file(pid, "setgroups", b"deny").map_err(|errno| failed("setgroups", errno))?;
    }
    match maps.writer {
        MapWriter::Parent => {
            write_file(pid, "uid_map", lines(&maps.uid).as_bytes())
                .map_err(|errno| failed("uid_map", errno))?;
            write_file(pid, "gid_map", lines(&maps.gid).as_bytes()).map_err(|errno| failed("gid_map", errno))
        }
        MapWriter::Helpers => {
            run_helper("newuidmap", pid, &maps.uid, patience)?;
            run_helper("newgidmap", pid, &maps.gid, patience)
        }
    }
}

fn lines(maps: &[IdMap]) -> String {
    maps.iter().map(|map| format!("{} {} {}\n", map.container_id, map.host_id, map.size)).collect()
}

fn run_helper(program: &str, pid: Pid, maps: &[IdMap], patience: &Patience) -> Result<()> {
    let failed = |error: std::io::Error| {
        Error::step(Step::MapIds, program, Errno::from_io_error(&error).unwrap_or(Errno::IO))
    };
    let mut command = Command::new(program);
    command.arg(pid.as_raw_nonzero().to_string());
    for map in maps {
        command.args([map.container_id, map.host_id, map.size].map(|number| number.to_string()));
    }
    let (ours, theirs) = std::io::pipe().map_err(failed)?;
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(theirs);
    let mut child = command.spawn().map_err(failed)?;
    // It holds our copy of the other end.
    drop(command);
    let pidfd = pidfd_open(Pid::from_child(&child), PidfdFlags::empty());
    let pidfd = pidfd.map_err(|errno| Error::os("pidfd_open", errno))?;
    let heard = hear(&pidfd, ours, patience);
    if heard.is_err() {
        best_effort(pidfd_send_signal(&pidfd, Signal::KILL), "it has ended this moment");
    }
    let status = child.wait().map_err(failed)?;
    let said = heard.map_err(|error| error.within(program))?;
    if status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&said);
    let kind = Kind::Step { step: Step::MapIds, errno: None };
    let words = format!("{}: {program} failed: {}", Step::MapIds.name(), said.trim());
    Err(Error::new(kind, words).about(program))
}

/// What it says until it has ended.
fn hear(pidfd: &OwnedFd, said: PipeReader, patience: &Patience) -> Result<Vec<u8>> {
    let [said, _] = gather::both(Some(said), None, patience)?;
    patience.wait_exit("wait for its end", pidfd)?;
    Ok(said)
}

/// Writes a file of `/proc/PID`: the process is our child and not reaped, so the number is its own.
fn write_file(pid: Pid, name: &str, bytes: &[u8]) -> Result<(), Errno> {
    let path = format!("/proc/{}/{name}", pid.as_raw_nonzero());
    let file = openat(CWD, path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
    match write(&file, bytes)? {
        count if count == bytes.len() => Ok(()),
        _ => Err(Errno::IO),
    }
}

/// Sends what `step` is about. That `brig-init` has left meanwhile is no failure: why, is what is heard next.
pub(crate) fn send(
    started: &Started,
    step: Step,
    messages: Result<Messages, Errno>,
    descriptors: &[BorrowedFd<'_>],
) -> Result<()> {
    log::debug!("{}, {} descriptors beside it", step.name(), descriptors.len());
    match messages.and_then(|messages| started.line.send(&messages, descriptors, deadline())) {
        Ok(()) | Err(Errno::PIPE) => Ok(()),
        Err(errno) => Err(Error::step(step, "", errno)),
    }
}

/// Whether time is left.
pub(crate) fn deadline() -> Instant {
    Instant::now() + HANDSHAKE
}

/// How often the parent looks whether a `brig-init` that says nothing is still there. Its end closes the line at once, unless
/// a copy of it has the line too.
const LOOK: std::time::Duration = std::time::Duration::from_secs(1);

/// The same where the caller's patience has an end.
const CLOSER_LOOK: std::time::Duration = std::time::Duration::from_millis(20);

/// How long the parent waits for one word of `brig-init`. Hooks that run inside have a limit of their own, below this.
pub(crate) const HANDSHAKE: std::time::Duration = std::time::Duration::from_secs(660);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_helper_that_is_not_there_is_a_failed_step_about_it() {
        let missing = run_helper("no-newuidmap", Pid::INIT, &[], &Patience::ENDLESS).unwrap_err();
        assert_eq!(missing.kind(), &Kind::Step { step: Step::MapIds, errno: Some(Errno::NOENT) });
        assert_eq!(missing.subject(), Some("no-newuidmap"));
        assert_eq!(missing.to_string(), "write the id maps: no-newuidmap: no such file or directory");
        let failed = run_helper("false", Pid::INIT, &[], &Patience::ENDLESS).unwrap_err();
        assert_eq!((failed.failed_step(), failed.subject()), (Some(Step::MapIds), Some("false")));
    }
}
