//! From a bundle to a container that waits for `start`, or runs.
//! Runs in: the parent. Read [`create`] from top to bottom.

mod cgroup;
mod class;
mod debug;
mod desk;
mod kept;
mod pid_file;
mod planned;
mod request;
mod restored;
mod streams;
mod unit;

use std::borrow::Cow;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use brig_cgroup::Cgroup;
use brig_handshake::{Step, Task};
use brig_plan::plan::{Plan, UnitKind, UnitPlan};
use brig_seccomp::Canonical;
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::process::geteuid;

use crate::delete::{self, Remains};
use crate::error::{Error, Result, best_effort};
use crate::hooks::{self, Hooks};
use crate::network::HostSide;
use crate::notify::{self, Notify};
use crate::parent::{self, Until};
use crate::pid::Identity;
use crate::probe::Probed;
use crate::record::{self, Intent, PidNamespace, RECORD, Timestamp};
use crate::restore::Images;
use crate::seccomp::Program;
use crate::spawn::{self, Entry, Parked, Started};
use crate::status::Status;
use crate::store::{ContainerId, Place, Store};
use crate::talk::Messages;
use crate::terminal::Terminals;
use crate::{gate, intel_rdt, oom, seccomp, state, timeline, words};

pub(crate) use cgroup::in_kernel;
use desk::InitDesk;
pub use pid_file::write_pid_file;
pub(crate) use planned::read_config;
pub use planned::with_plan;
pub use request::{Created, Request, Streams};

/// `CLONE_NEWPID`.
const PID: u32 = 0x2000_0000;

/// Creates a container.
///
/// # Errors
/// `AlreadyExists`, `Refused`, `Step`, `Hook`, `Cgroup`, `Deadline`, `Os`. Nothing is left behind.
pub fn create(store: &Store, id: &ContainerId, request: &Request<'_>) -> Result<Created> {
    make(store, id, request, None)
}

/// Makes a container of its program, or of `images`.
pub(crate) fn make(
    store: &Store,
    id: &ContainerId,
    request: &Request<'_>,
    images: Option<&Images<'_>>,
) -> Result<Created> {
    let made = with_plan(id, store, request, |plan, probed| {
        timeline::step(request.timeline, Step::Intent);
        for warning in &plan.warnings {
            log::warn!("{warning}");
        }
        let place = store.reserve(id)?;
        let mut making = Making::new(store, &place, plan, probed, request, images).inspect_err(|_| {
            best_effort(place.remove(RECORD), "the first error is the one to report");
        })?;
        match making.carry_out() {
            Ok(created) => Ok(created),
            Err(error) => {
                // Its cgroup knows, and goes next.
                let error = words::of_error(making.cgroup.iter().fold(error, oom::explain), plan);
                timeline::begins(request.timeline, "take back what was made");
                making.undo();
                Err(error)
            }
        }
    });
    timeline::over(request.timeline, made)
}

/// A container on its way.
struct Making<'m> {
    store: &'m Store,
    place: &'m Place,
    plan: &'m Plan<'m>,
    request: &'m Request<'m>,
    /// What it is made of; `None`: its program.
    images: Option<&'m Images<'m>>,
    cgroup_paths: brig_cgroup::Paths,
    cgroup: Option<Cgroup>,
    /// The unit, once it is there and ours.
    unit: Option<record::Unit<'static>>,
    joined: Vec<OwnedFd>,
    notify: Option<Notify>,
    has_cgroup: bool,
    intent: Intent<'m>,
    class_is_made: bool,
}

impl<'m> Making<'m> {
    fn new(
        store: &'m Store,
        place: &'m Place,
        plan: &'m Plan<'m>,
        probed: Probed,
        request: &'m Request<'m>,
        images: Option<&'m Images<'m>>,
    ) -> Result<Self> {
        let cgroup_paths = probed.cgroup.unwrap_or(brig_cgroup::Paths { places: Vec::new() });
        let intent = Intent {
            id: plan.facts.id.clone(),
            bundle: plan.facts.bundle.clone(),
            cgroup: record::keep_paths(&cgroup_paths),
            unit: plan.cgroup.unit.as_ref().and_then(unit_of_intent),
            intel_rdt: plan.intel_rdt.as_ref().map(intel_rdt::look).transpose()?,
            network: HostSide::choose(&plan.network)?,
            created: Timestamp::now(),
            creator: Identity::of_self()?,
            owner: geteuid().as_raw(),
        };
        log::debug!("{}: {}/{}", Step::Intent.name(), store.root().display(), place.id().as_str());
        place.write_intent(&intent)?;
        Ok(Self {
            store,
            place,
            plan,
            request,
            images,
            cgroup_paths,
            cgroup: None,
            unit: None,
            joined: Vec::new(),
            notify: None,
            has_cgroup: false,
            intent,
            class_is_made: false,
        })
    }

    fn carry_out(&mut self) -> Result<Created> {
        if self.request.notify_socket {
            notify::make_directory(self.place)?;
            // Before the program runs, which may be ready at once.
            if !self.request.gate {
                self.notify = Some(Notify::bind(self.place)?);
            }
        }
        let plan = self.plan;
        timeline::step(self.request.timeline, Step::MakeCgroup);
        let created = match &plan.cgroup.unit {
            Some(unit) => {
                log::debug!("{}: unit {} of systemd", Step::MakeCgroup.name(), unit.name);
                self.in_unit(unit)?
            }
            None => {
                self.make_cgroup()?;
                let gate = self.prepare()?;
                self.spawn(gate.as_ref(), None)?
            }
        };
        Ok(Created { notify: self.notify.take(), ..created })
    }

    /// Class of service, namespaces to join, and the gate.
    fn prepare(&mut self) -> Result<Option<OwnedFd>> {
        if self.plan.intel_rdt.is_some() {
            timeline::step(self.request.timeline, Step::MakeClass);
        }
        self.make_class().map_err(in_context)?;
        if !self.plan.start.join.is_empty() {
            timeline::begins(self.request.timeline, "open the namespaces to join");
        }
        self.joined = self.open_namespaces()?;
        if !self.request.gate {
            return Ok(None);
        }
        timeline::begins(self.request.timeline, "make the gate");
        self.make_gate().map(Some)
    }

    /// Clones `brig-init` into the cgroup. What was parked there has then done its duty.
    fn spawn(&mut self, gate: Option<&OwnedFd>, parked: Option<&Parked>) -> Result<Created> {
        if let Some(images) = self.images {
            timeline::waits(self.request.timeline, "have CRIU make the processes");
            return self.restore(images, parked);
        }
        let wanted = spawn::Request {
            namespaces: self.plan.start.create,
            id_maps: self.plan.start.id_maps.as_ref(),
            preserved: self.plan.task.fds.preserved,
            entry: Entry::Cloned,
            oom_score_adj: self.plan.limits.oom_score_adj,
            unit: self.unit.as_ref(),
            patience: &self.request.patience,
            timeline: self.request.timeline,
        };
        let mut cgroup = self.cgroup.take();
        let started = spawn::start(&wanted, cgroup.as_mut(), |started| {
            if let Some(parked) = parked {
                parked.dismiss();
            }
            self.converse(started, gate)
        });
        self.cgroup = cgroup;
        started
    }

    /// Sends the task and answers until there is a container.
    fn converse(&self, started: Started, gate: Option<&OwnedFd>) -> Result<Created> {
        if self.plan.intel_rdt.is_some() {
            timeline::step(self.request.timeline, Step::JoinClass);
        }
        self.join_class(&started).map_err(in_context)?;
        let filter = self.send(&started, gate).inspect_err(|_| spawn::end(started.pidfd.as_fd()))?;
        let mut desk = InitDesk {
            making: self,
            filter,
            terminals: Terminals::new(&self.request.streams),
            terminal: None,
            network: None,
        };
        let until = if gate.is_some() { Until::Gate } else { Until::Exec };
        let attended = parent::attend(started, &mut desk, until).map_err(in_context);
        let (terminal, network) = (desk.terminal.take(), desk.network.take());
        let created = attended.and_then(|Started { pid, pidfd, .. }| {
            let created = Created { pid, pidfd, terminal, notify: None };
            if until == Until::Exec {
                self.poststart(&created)?;
            }
            Ok(created)
        });
        if let (Err(_), Some(network)) = (&created, network) {
            network.take_back();
        }
        created
    }

    /// Sends the task, and behind the record the filter's program, which it returns: brig-init works meanwhile, and does not come
    /// to the gate without it.
    fn send(&self, started: &Started, gate: Option<&OwnedFd>) -> Result<Cow<'static, [u8]>> {
        self.send_task(started, gate)?;
        let filter = self.filter()?;
        let program = filter.as_ref().map_or(&[][..], |(_, program)| &program.bytes);
        self.prepare_record(started.pid, program).map_err(in_context)?;
        spawn::send(started, Step::SendTask, Messages::default().program(program), &[])?;
        let Some((profile, program)) = filter else { return Ok(Cow::Borrowed(&[])) };
        // brig-init has what it needs and goes on.
        seccomp::keep(self.store, profile, &program);
        Ok(program.bytes)
    }

    fn send_task(&self, started: &Started, gate: Option<&OwnedFd>) -> Result<()> {
        timeline::step(self.request.timeline, Step::SendTask);
        let mut descriptors: Vec<BorrowedFd<'_>> = Vec::new();
        if let Streams::Passed(streams) = &self.request.streams {
            descriptors.extend(streams);
        }
        descriptors.extend(self.joined.iter().map(AsFd::as_fd));
        descriptors.extend(gate.map(AsFd::as_fd));
        let task = Messages::one(&Task::Init(self.plan.task.clone()));
        spawn::send(started, Step::SendTask, task, &descriptors)
    }

    fn filter(&self) -> Result<Option<(&Canonical, Program)>> {
        let (Some(loading), Some(profile)) = (&self.plan.task.process.seccomp, &self.plan.filter) else {
            return Ok(None);
        };
        timeline::step(self.request.timeline, Step::CompileFilter);
        // runc's words, which its test suite looks for.
        log::debug!("seccomp filter flags: {}", loading.flags);
        Ok(Some((profile, seccomp::program(self.store, profile)?)))
    }

    /// The program runs: the hooks that wait for that. One that fails ends it.
    fn poststart(&self, created: &Created) -> Result<()> {
        let hooks = &self.plan.hooks.poststart;
        if hooks.is_empty() {
            return Ok(());
        }
        timeline::begins(self.request.timeline, "run poststart hooks");
        let number = created.pid.as_raw_nonzero().get().cast_unsigned();
        let document = state::document(&self.plan.facts, Status::Running, Some(number));
        let patience = &self.request.patience;
        hooks::run_within(patience, Hooks::Poststart, hooks, document.as_bytes(), Some(self.request.bundle))
            .inspect_err(|_| spawn::end(created.pidfd.as_fd()))
    }

    fn open_namespaces(&self) -> Result<Vec<OwnedFd>> {
        let open = |join: &brig_plan::plan::Join<'_>| {
            openat(CWD, &*join.path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).map_err(|errno| {
                let subject =
                    format!("linux.namespaces[{}].path: {}", join.index, join.path.to_string_lossy());
                Error::step(Step::JoinNamespaces, subject, errno)
                    .about(join.path.to_string_lossy())
                    .of_entry(format!("linux.namespaces[{}].path", join.index))
            })
        };
        self.plan.start.join.iter().map(open).collect()
    }

    fn make_gate(&self) -> Result<OwnedFd> {
        let root = |maps: &[brig_plan::plan::IdMap]| {
            maps.iter().find(|map| map.container_id == 0).map_or(0, |map| map.host_id)
        };
        match self.plan.start.id_maps.as_ref().filter(|_| geteuid().is_root()) {
            Some(maps) => gate::make(self.place, root(&maps.uid), root(&maps.gid)),
            None => gate::make(self.place, geteuid().as_raw(), rustix::process::getegid().as_raw()),
        }
    }

    /// Takes back what was made, whatever that is by now.
    fn undo(&mut self) {
        let remains = Remains {
            init: None,
            cgroup: self.cgroup.as_ref(),
            intel_rdt: self.made_class(),
            network: &self.intent.network,
            unit: self.unit.as_ref(),
            pid_namespace: PidNamespace::Shared,
            rootless_cgroups: self.request.rootless_cgroups,
            mode: delete::Mode::Force,
            poststop: &self.plan.hooks.poststop,
            facts: &self.plan.facts,
        };
        if let Err(error) = delete::destroy(self.place, &remains, &self.request.patience.to_undo()) {
            log::warn!("{error}");
        }
        if let Some(cgroup) = self.cgroup.take() {
            cgroup.undo();
        }
    }
}

/// Whoever stops a slice stops everything in it: only one that was found to be new is ours.
fn unit_of_intent(unit: &UnitPlan) -> Option<record::Unit<'static>> {
    let ours = unit.kind == UnitKind::Scope;
    ours.then(|| record::Unit { name: unit.name.clone().into(), whose: unit.whose })
}

/// What runc says before everything that goes wrong once there is a process.
fn in_context(error: Error) -> Error {
    if error.is_past_gate() {
        return error;
    }
    error.within("unable to start container process")
}
