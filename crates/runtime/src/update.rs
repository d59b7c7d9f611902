//! Changing the limits of a container that is there: in its cgroup and in its record, or in neither.
//! Runs in: the parent, on the host. Read [`update`] from top to bottom.

use std::fmt::Display;

use brig_cgroup::{Before, Cgroup};
use brig_dbus::Property;
use brig_plan::limits::{self as plan, Version};
use brig_plan::refusal::Refusal;
use brig_plan::resources::{self, Resources};
use brig_plan::rules;
use brig_plan::spec::{LinuxCpu, LinuxResources};
use brig_plan::systemd;

use crate::error::{Error, Result};
use crate::intel_rdt::{self, Change};
use crate::limits;
use crate::patience::Patience;
use crate::record::{self, Part, Record, Unit};
use crate::status::{self, Status};
use crate::store::{ContainerId, Store};

/// What is changed; what is not mentioned stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Update {
    /// Limits of the cgroup.
    pub resources: Resources<'static>,
    /// Schemata of the class of service.
    pub intel_rdt: intel_rdt::Update,
}

impl Update {
    /// What a `linux.resources` object asks for. Its device rules are passed over, as in runc: devices are settled at `create`.
    ///
    /// # Errors
    /// `Refused`, with the path below that object.
    pub fn of(spec: &LinuxResources<'_>) -> Result<Self> {
        for warning in rules::check_resources(spec, "")? {
            log::warn!("{warning}");
        }
        Ok(Self { resources: resources::settle(spec), ..Self::default() })
    }
}

/// Changes the limits of a container that is created, running or paused.
///
/// # Errors
/// `NotFound`; `WrongStatus`: `container not running`; `Refused`; `Cgroup`; `Record`, `Os`. Nothing is changed then, unless a
/// warning says what could not be taken back.
pub fn update(store: &Store, id: &ContainerId, update: &Update) -> Result<()> {
    update_within(store, id, update, &Patience::ENDLESS)
}

/// As [`update`], not longer than this. Others who change it, systemd and a lock on resctrl are waited for; what the kernel is
/// told it does at once.
///
/// # Errors
/// As for [`update`]; `Deadline`, `Cancelled`.
pub fn update_within(store: &Store, id: &ContainerId, update: &Update, patience: &Patience) -> Result<()> {
    patience.ended("update", change(store, id, update, patience))
}

fn change(store: &Store, id: &ContainerId, update: &Update, patience: &Patience) -> Result<()> {
    let mut place = store.find(id)?;
    // From here on nobody else changes the record.
    place.lock(patience)?;
    let file = place.record(Part::Whole)?.ok_or_else(Error::not_found)?;
    let record = file.ready()?;
    match status::of_record(&place, &record)? {
        Status::Created | Status::Running | Status::Paused => {}
        Status::Creating | Status::Stopped => return Err(Error::not_running()),
    }

    let paths = record::paths(&record.cgroup);
    let version = version(&paths);
    let merged = record.resources.merged(&update.resources, version);
    plan::check(&merged, version, "")?;
    warn(&update.resources, version);
    let change = update.intel_rdt.plan(record.intel_rdt.as_ref())?;

    let cgroup = Cgroup::open(&paths);
    is_above_usage(&cgroup, &merged, update)?;
    let mut writes = plan::writes(&merged.touched(&update.resources), version);
    let mut unit = None;
    if let Some(of) = record.unit.as_ref().filter(|_| !update.resources.is_empty()) {
        // systemd writes all that it knows once more with any change, so all that is asked for is written behind it.
        writes = plan::writes(&merged, version);
        systemd::round(&mut writes);
        unit = Some(InUnit::change(of, &cgroup, &writes, patience)?);
    }
    let before = cgroup.replace(&limits::borrowed(&writes)).map_err(|error| {
        unit.iter().for_each(InUnit::take_back);
        error.left.iter().for_each(could_not_restore);
        limits::not_set(&writes, "", *error.why)
    })?;
    let restore = || {
        unit.iter().for_each(InUnit::take_back);
        before.restore().err().iter().for_each(could_not_restore);
    };
    let carry_out = |change: Change| change.carry_out(patience);
    let class_before = change.map(carry_out).transpose().inspect_err(|_| restore())?;
    let changed = Record { resources: merged, ..record.clone() };
    place.rewrite_record(&changed, &file).inspect_err(|_| {
        restore();
        class_before
            .map(|class| class.carry_out(&Patience::ENDLESS))
            .transpose()
            .err()
            .iter()
            .for_each(could_not_restore);
    })
}

/// Gives a container the processors `own`, and every cgroup above it those of `above`: all of it, or nothing.
///
/// # Errors
/// As for [`update`].
pub fn cpus_along(
    store: &Store,
    id: &ContainerId,
    above: &str,
    own: &str,
    patience: &Patience,
) -> Result<()> {
    let of = |cpus: &str| {
        let cpu = LinuxCpu { cpus: cpus.to_owned().into(), ..LinuxCpu::default() };
        Update::of(&LinuxResources { cpu: Some(cpu), ..LinuxResources::default() })
    };
    let own = of(own)?;
    // For its rules alone.
    of(above)?;
    let (place, file) = store.load(id, Part::Head)?;
    let record = file.ready()?;
    if matches!(status::of_record(&place, &record)?, Status::Creating | Status::Stopped) {
        return Err(Error::not_running());
    }
    let cgroup = Cgroup::open(&record::paths(&record.cgroup));
    let changed = cgroup.set_above("cpuset", "cpuset.cpus", above)?;
    update_within(store, id, &own, patience)
        .inspect_err(|_| changed.take_back().err().iter().for_each(could_not_restore))
}

/// The unit's properties, changed, and what it takes to have those before again.
struct InUnit<'u> {
    unit: &'u Unit<'u>,
    properties: Vec<Property>,
    before: Before<'u>,
}

impl<'u> InUnit<'u> {
    fn change(
        unit: &'u Unit<'u>,
        cgroup: &'u Cgroup,
        writes: &[plan::Write],
        patience: &Patience,
    ) -> Result<Self> {
        let before = cgroup
            .before(&limits::borrowed(writes))
            .map_err(|error| limits::not_set(writes, "", *error.why))?;
        let properties = before.lines().flat_map(|(file, line)| systemd::of_file(file, line)).collect();
        let in_unit = Self { unit, properties, before };
        // All or none: systemd looks at all of them before it applies one.
        if let Err(error) = crate::systemd::set(unit, &systemd::properties(writes), patience) {
            // Its answer may be lost, and not the change.
            if error.is_late() {
                in_unit.take_back();
            }
            return Err(error);
        }
        Ok(in_unit)
    }

    fn take_back(&self) {
        if let Err(error) = crate::systemd::set(self.unit, &self.properties, &Patience::ENDLESS) {
            log::warn!("a limit could not be set back to what it was: {error}");
        }
        self.before.restore().err().iter().for_each(could_not_restore);
    }
}

fn version(paths: &brig_cgroup::Paths) -> Version {
    if paths.v2_alone().is_some() { Version::V2 } else { Version::V1 }
}

fn warn(asked: &Resources<'_>, version: Version) {
    for field in plan::without_effect(asked, version) {
        log::warn!("{field}: has no effect on cgroup v2");
    }
    if let Some(words) = plan::weight_that_is_left_out(asked) {
        log::warn!("{words}");
    }
}

fn could_not_restore(error: &impl Display) {
    log::warn!("a limit could not be set back to what it was: {error}");
}

/// `checkBeforeUpdate`: on v2 a limit below what is in use is no error, but the end of somebody.
fn is_above_usage(cgroup: &Cgroup, merged: &Resources<'_>, update: &Update) -> Result<()> {
    let asked = &update.resources.memory;
    let mentioned = asked.limit.is_some() || asked.swap.is_some();
    if merged.memory.check_before_update != Some(true) || !mentioned {
        return Ok(());
    }
    let Some(usage) = cgroup.memory_in_use() else { return Ok(()) };
    let below =
        |limit: Option<i64>| limit.filter(|&limit| u64::try_from(limit).is_ok_and(|limit| limit <= usage));
    let reject = |field: &str, what: &str, limit| {
        Err(Refusal::runc(field, format!("rejecting {what} limit {limit} <= usage {usage}")).into())
    };
    if let Some(limit) = below(merged.memory.swap) {
        return reject("memory.swap", "memory+swap", limit);
    }
    match below(merged.memory.limit) {
        Some(limit) => reject("memory.limit", "memory", limit),
        None => Ok(()),
    }
}
