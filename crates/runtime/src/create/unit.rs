//! The container's cgroup as systemd makes it: a unit with all its limits, before there is a process of the container.
//! Runs in: the parent, on the host.
//!
//! A scope has to begin with a process. It gets one that does nothing: a `brig-init` without a task, parked. When the scope is
//! there, and its walls are finished, the container's own `brig-init` is cloned right into it, and the parked one ends.
//!
//! ```text
//!  brig ── clone ─▶ parked                                                    ┌─ clone3(CLONE_INTO_CGROUP) ─▶ brig-init
//!    └─ StartTransientUnit(PIDs=parked) ─ namespaces, gate, device program ─ JobRemoved ─ limits ┴─ kill ─▶ parked ends
//! ```

use std::time::Duration;

use brig_cgroup::{Began, Cgroup, DeviceProgram, Failure, Scope, Starting, SystemdError, Until};
use brig_handshake::Step;
use brig_handshake::task::Walls;
use brig_plan::plan::{UnitKind, UnitPlan};
use rustix::process::Pid;

use super::cgroup::{in_cgroup, in_kernel, set};
use super::{Created, Making};
use crate::error::{Error, Result, best_effort};
use crate::spawn::{self, Parked};
use crate::{record, systemd, timeline};

impl Making<'_> {
    /// Makes the unit, and in it the container. What can be prepared is, while systemd works.
    pub(super) fn in_unit(&mut self, unit: &UnitPlan) -> Result<Created> {
        match unit.kind {
            UnitKind::Scope => {
                Cgroup::refuse_used(&self.cgroup_paths).map_err(in_cgroup)?;
                spawn::park(|parked| self.begin(unit, Some(parked)))
            }
            UnitKind::Slice => {
                Cgroup::refuse_frozen(&self.cgroup_paths).map_err(in_cgroup)?;
                self.begin(unit, None)
            }
        }
    }

    fn begin(&mut self, unit: &UnitPlan, parked: Option<&Parked>) -> Result<Created> {
        let pids: Vec<u32> = parked.map(|parked| number(parked.pid)).into_iter().collect();
        let wanted = brig_cgroup::Unit { name: &unit.name, properties: &unit.properties, pids: &pids };
        let until = self.request.patience.at_most(systemd::PATIENCE);
        let starting = systemd::connect(unit.whose, until).map_err(in_systemd)?;
        let starting = starting.start(wanted).map_err(Error::from).map_err(in_systemd)?;
        let prepared = self.prepare().and_then(|gate| Ok((gate, self.load_devices()?)));
        // Also where that failed: who ends just before systemd moves him leaves a unit that is never populated, and stays.
        let finished = self.finish(unit, starting, parked);
        let (gate, program) = prepared?;
        finished?;
        timeline::step(self.request.timeline, Step::Walls);
        self.finish_walls(program.as_ref())?;
        self.spawn(gate.as_ref(), parked)
    }

    /// Waits for the unit. From then on it is ours to stop.
    fn finish(&mut self, unit: &UnitPlan, starting: Starting<'_>, parked: Option<&Parked>) -> Result<()> {
        timeline::waits(self.request.timeline, "wait for systemd");
        match starting.finish() {
            Ok(began) => {
                if unit.kind == UnitKind::Scope || began == Began::Anew {
                    self.unit = Some(record::Unit { name: unit.name.clone().into(), whose: unit.whose });
                }
                let taken = Cgroup::take(&self.cgroup_paths, &self.controllers());
                self.cgroup = Some(taken.map_err(in_cgroup)?);
                self.has_cgroup = true;
                Ok(())
            }
            Err(error) => {
                self.abandon(unit, &error, parked);
                self.request.patience.ended("start the unit", Err(in_systemd(error.into())))
            }
        }
    }

    /// There may be a unit by now or not. It is ours if nobody but our own process is in it.
    fn abandon(&self, unit: &UnitPlan, error: &SystemdError, parked: Option<&Parked>) {
        let Some(parked) = parked.filter(|_| !matches!(error.failure, Failure::Refused { .. })) else {
            return;
        };
        let there = Cgroup::open(&self.cgroup_paths).pids(Scope::Tree).unwrap_or_default();
        if there.iter().all(|pid| *pid == parked.pid) {
            parked.dismiss();
            let unit = record::Unit { name: unit.name.clone().into(), whose: unit.whose };
            best_effort(systemd::stop(&unit, Until::within(LAST)), "the first error is the one to report");
        }
    }

    /// The same limits as the unit's properties, and what systemd has no property for; device rules; whose it is.
    fn finish_walls(&self, program: Option<&DeviceProgram>) -> Result<()> {
        let Some(cgroup) = &self.cgroup else { return Ok(()) };
        set(cgroup, &self.plan.cgroup.limits)?;
        if let Some(program) = program {
            cgroup.attach_devices(program).map_err(in_cgroup)?;
        }
        match self.plan.cgroup.delegate {
            Some(uid) => cgroup.delegate(uid).map_err(in_cgroup),
            None => Ok(()),
        }
    }

    /// The kernel checks the program while systemd makes the cgroup that it will be attached to.
    fn load_devices(&self) -> Result<Option<DeviceProgram>> {
        match &self.plan.cgroup.devices {
            Some(rules) if self.plan.task.walls == Walls::Finished => {
                DeviceProgram::load(&in_kernel(rules)).map(Some).map_err(in_cgroup)
            }
            Some(_) | None => Ok(None),
        }
    }
}

fn number(pid: Pid) -> u32 {
    pid.as_raw_nonzero().get().unsigned_abs()
}

fn in_systemd(error: Error) -> Error {
    let error = if error.is_unreachable() {
        error.within("systemd not running on this host, cannot use systemd cgroups manager")
    } else {
        error
    };
    error.within("unable to start container process: unable to apply cgroup configuration")
}

/// How long the end of a unit is waited for that did not begin well.
const LAST: Duration = Duration::from_secs(5);
