//! `exec`: one more process in a running container.
//! Runs in: the parent, on the host.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use brig_cgroup::{Cgroup, Membership, Paths, SubPaths};
use brig_handshake::process::Process;
use brig_handshake::{Fault, Step, Task};
use brig_plan::exec::{ExecPlan, ExecRequest, Requested};
use brig_plan::options::Stdio;
use brig_plan::plan::ExecTemplate;
use rustix::io::Errno;
use rustix::process::Pid;

use crate::create::{Created, Streams};
use crate::error::{Error, Result};
use crate::parent::{self, Desk, Until};
use crate::patience::Patience;
use crate::record::{self, Part, Record};
use crate::spawn::{self, Entry, Started};
use crate::status::{self, Status};
use crate::store::{ContainerId, Store};
use crate::talk::Messages;
use crate::terminal::{self, Terminals};
use crate::timeline::Timeline;
use crate::{intel_rdt, listener, oom, state, timeline, words};

/// What the caller of exec chose.
#[derive(Debug)]
pub struct Request<'r> {
    /// The process.
    pub process: Requested<'r>,
    /// Who holds the standard streams.
    pub streams: Streams<'r>,
    /// `--preserve-fds`.
    pub preserve_fds: u32,
    /// `--cgroup`.
    pub cgroups: &'r [String],
    /// `--ignore-paused`.
    pub paused: Paused,
    /// Send the pidfd there.
    pub pidfd_socket: Option<&'r Path>,
    /// How long it may take. At its end the process is killed.
    pub patience: Patience,
    /// Where to note what takes how long.
    pub timeline: Option<&'r Timeline>,
}

/// What to do about a container that is paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paused {
    /// Refuse.
    Refuse,
    /// The process waits until it is resumed.
    Allow,
}

/// Starts a process in a container.
///
/// # Errors
/// `NotFound`, `WrongStatus`, `Paused`, `Refused`, `Step`, `Cgroup`, `Deadline`, `Os`.
pub fn exec(store: &Store, id: &ContainerId, request: Request<'_>) -> Result<Created> {
    timeline::begins(request.timeline, "read the record");
    let (place, file) = store.load(id, Part::Whole)?;
    let record = file.ready()?;
    let entry = match status::of_record(&place, &record)? {
        Status::Created | Status::Running => Entry::Cloned,
        Status::Paused if request.paused == Paused::Allow => Entry::Joined,
        Status::Paused => {
            let words = "cannot exec in a paused container (use --ignore-paused to override)";
            return Err(Error::new(crate::Kind::Paused, words));
        }
        Status::Stopped | Status::Creating => {
            return Err(Error::wrong_status("cannot exec in a stopped container"));
        }
    };
    let init =
        record.init.pidfd()?.ok_or_else(|| Error::wrong_status("cannot exec in a stopped container"))?;
    let template = file.exec_template()?;
    let wanted = ExecRequest {
        stdio: match request.streams {
            Streams::Inherited => Stdio::Inherited,
            Streams::Passed(_) => Stdio::Passed,
            Streams::Foreground(_) | Streams::Terminal { .. } => Stdio::Foreground,
            Streams::ConsoleSocket(_) => Stdio::ConsoleSocket,
        },
        process: request.process.clone(),
        preserve_fds: request.preserve_fds,
        filter: file.filter()?,
    };
    timeline::begins(request.timeline, "plan");
    let plan = brig_plan::exec::exec(&template, &wanted)?;
    for warning in &plan.warnings {
        log::warn!("{warning}");
    }
    log::debug!("exec into the namespaces of pid {}: {:#x}", record.init.pid, record.namespaces);
    let running = Running {
        entry,
        record: &record,
        template: &template,
        filter: wanted.filter,
        plan: &plan,
        request: &request,
        init: &init,
    };
    let started = running.start().map_err(|error| oom::explain_further(error, &record));
    timeline::over(request.timeline, started)
}

struct Running<'x> {
    entry: Entry,
    record: &'x Record<'x>,
    template: &'x ExecTemplate<'x>,
    /// The filter's program, if it has one.
    filter: &'x [u8],
    plan: &'x ExecPlan<'x>,
    request: &'x Request<'x>,
    init: &'x OwnedFd,
}

impl Running<'_> {
    fn start(&self) -> Result<Created> {
        let mut cgroup = self.cgroup()?;
        let wanted = spawn::Request {
            namespaces: 0,
            id_maps: None,
            preserved: self.plan.task.fds.preserved,
            entry: self.entry,
            oom_score_adj: self.plan.limits.oom_score_adj,
            unit: self.record.unit.as_ref(),
            patience: &self.request.patience,
            timeline: self.request.timeline,
        };
        match spawn::start(&wanted, cgroup.as_mut(), |started| self.converse(started)) {
            // Its cgroup refuses processes, because the container moved its own further down: join them there.
            Err(error) if self.may_look_elsewhere(&error) => {
                let mut current = self.current_cgroup()?;
                match spawn::start(&wanted, Some(&mut current), |started| self.converse(started)) {
                    // An unprivileged caller may not be let into any: then the caller's own has to do.
                    Err(error) if self.record.rootless_cgroups && self.may_look_elsewhere(&error) => {
                        spawn::start(&wanted, None, |started| self.converse(started))
                    }
                    other => other,
                }
            }
            other => other,
        }
    }

    fn cgroup(&self) -> Result<Option<Cgroup>> {
        let paths = record::paths(&self.record.cgroup);
        if paths.places.is_empty() {
            return Ok(None);
        }
        let sub = SubPaths::parse(self.request.cgroups)?;
        let paths = if sub.is_empty() { paths } else { paths.with_sub(&sub)? };
        Ok(Some(Cgroup::open(&paths)))
    }

    fn may_look_elsewhere(&self, error: &Error) -> bool {
        self.request.cgroups.is_empty() && matches!(error.kind(), crate::Kind::Cgroup(_))
    }

    fn current_cgroup(&self) -> Result<Cgroup> {
        let pid = i32::try_from(self.record.init.pid)
            .ok()
            .and_then(Pid::from_raw)
            .ok_or_else(Error::not_running)?;
        let layout = brig_cgroup::Layout::probe()?;
        Ok(Cgroup::open(&Paths::of(&layout, &Membership::of(pid)?)?))
    }

    fn converse(&self, started: Started) -> Result<Created> {
        self.join_class(&started)?;
        timeline::step(self.request.timeline, Step::SendTask);
        let mut descriptors: Vec<BorrowedFd<'_>> = Vec::new();
        if let Streams::Passed(streams) = &self.request.streams {
            descriptors.extend(streams);
        }
        if self.plan.task.fds.namespaces > 0 {
            descriptors.push(self.init.as_fd());
        }
        let task = Messages::one(&Task::Exec(self.plan.task.clone()));
        let messages = match &self.plan.task.process.seccomp {
            Some(_) => task.and_then(|task| task.program(self.filter)),
            None => task,
        };
        spawn::send(&started, Step::SendTask, messages, &descriptors)
            .inspect_err(|_| spawn::end(started.pidfd.as_fd()))?;
        let mut desk =
            ExecDesk { running: self, terminals: Terminals::new(&self.request.streams), terminal: None };
        let started = parent::attend(started, &mut desk, Until::Exec)
            .map_err(|error| error.within("unable to start container process"))?;
        let terminal = desk.terminal.take();
        Ok(Created { pid: started.pid, pidfd: started.pidfd, terminal, notify: None })
    }
}

impl Running<'_> {
    fn join_class(&self, started: &Started) -> Result<()> {
        let Some(rdt) = &self.record.intel_rdt else { return Ok(()) };
        match intel_rdt::join(rdt, started.pid) {
            // Somebody removed the class: the container's processes are in the root's by now.
            Err(error) if error.errno() == Some(Errno::NOENT) => {
                log::warn!("{error}");
                Ok(())
            }
            joined => joined
                .map_err(|error| error.within("unable to start container process"))
                .inspect_err(|_| spawn::end(started.pidfd.as_fd())),
        }
    }
}

struct ExecDesk<'d> {
    running: &'d Running<'d>,
    terminals: Terminals<'d>,
    terminal: Option<OwnedFd>,
}

impl ExecDesk<'_> {
    fn process(&self) -> &Process<'_> {
        &self.running.plan.task.process
    }
}

impl Desk for ExecDesk<'_> {
    fn map_ids(&mut self, _: Pid) -> Result<()> {
        Err(Error::step(Step::MapIds, "", Errno::INVAL))
    }

    fn open_source(&mut self, _: u32, _: Option<OwnedFd>, _: Pid) -> Result<OwnedFd, Errno> {
        Err(Errno::INVAL)
    }

    fn set_up_network(&mut self, _: OwnedFd, _: Pid) -> Result<()> {
        Ok(())
    }

    fn finish_walls(&mut self) -> Result<()> {
        Ok(())
    }

    fn run_hooks(&mut self, _: Pid) -> Result<()> {
        Ok(())
    }

    fn take_terminal(&mut self, master: OwnedFd) -> Result<()> {
        self.terminal = self.terminals.take(master)?;
        Ok(())
    }

    fn take_listener(&mut self, fd: OwnedFd, pid: Pid) -> Result<()> {
        let record = self.running.record;
        let document = state::document(&record.facts, Status::Running, Some(record.init.pid));
        listener::hand_over(fd, pid.as_raw_nonzero().get().cast_unsigned(), self.running.template, &document)
    }

    fn ready(&mut self, pid: Pid) -> Result<()> {
        parent::set_limits(pid, &self.running.plan.limits)
    }

    fn prepare(&mut self, _: Pid) -> Result<()> {
        Ok(())
    }

    fn settle(&mut self, pidfd: &OwnedFd) -> Result<()> {
        if let Some(socket) = self.running.request.pidfd_socket {
            terminal::send_descriptor(socket, b"setns", pidfd)?;
        }
        Ok(())
    }

    fn patience(&self) -> &Patience {
        &self.running.request.patience
    }

    fn timeline(&self) -> Option<&Timeline> {
        self.running.request.timeline
    }

    fn words(&self, fault: &Fault<'_>) -> Error {
        words::of_exec(self.process(), fault)
    }

    fn note(&self, fault: &Fault<'_>) {
        words::note(fault);
    }
}
