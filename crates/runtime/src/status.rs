//! A container's status, found out anew each time: from its record, its first process, its cgroup's freezer and its gate.
//! And pausing, which is a change of status and nothing else.
//! Runs in: the parent.
//!
//! ```text
//!            ┌──────────┐ create  ┌─────────┐ start  ┌─────────┐
//! intent ──▶ │ creating │ ──────▶ │ created │ ─────▶ │ running │
//!            └──────────┘         └─────────┘        └─────────┘
//!   creator killed │        frozen: paused │  ▲ thawed   │ init ends
//!                  ▼                       ▼  │          ▼
//!                  └─────────────────────────────▶ stopped
//! ```

use std::fmt;
use std::time::Duration;

use brig_cgroup::Cgroup;

use crate::error::{Error, Result};
use crate::gate::{self, Seen};
use crate::patience::Patience;
use crate::record::{self, Gate, Intent, Part, Record, Stage};
use crate::store::{ContainerId, Place, Store};

/// The lifecycle words of the specification, and runc's `paused`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// Its creator is at work.
    Creating,
    /// Its first process waits for `start`.
    Created,
    /// Its first process has been started and has not ended.
    Running,
    /// Its cgroup is frozen.
    Paused,
    /// Its first process has ended, or its creator left it half made.
    Stopped,
}

impl Status {
    /// The word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Creating => "creating",
            Self::Created => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Stopped => "stopped",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The status of a container whose record was read.
///
/// # Errors
/// `Os`, `Cgroup`.
pub fn status(place: &Place, stage: &Stage<'_>) -> Result<Status> {
    let intent = match stage {
        Stage::Ready(record) => return of_record(place, record),
        Stage::Intent(intent) => intent,
    };
    if is_creating(place, intent)? {
        return Ok(Status::Creating);
    }
    // It may have finished since the record was read.
    match place.record(Part::Head)?.ok_or_else(Error::not_found)?.stage()? {
        Stage::Ready(record) => of_record(place, &record),
        Stage::Intent(_) => Ok(Status::Stopped),
    }
}

/// Whether the creator is at work. The lock alone does not say so, as who deletes holds it too; nor does the creator's life,
/// as a program that embeds us outlives a creation that it gave up.
pub(crate) fn is_creating(place: &Place, intent: &Intent<'_>) -> Result<bool> {
    Ok(place.is_locked()? && intent.creator.is_alive()?)
}

/// As [`status`], for one whose creation came to its end.
///
/// # Errors
/// `Os`, `Cgroup`.
pub fn of_record(place: &Place, record: &Record<'_>) -> Result<Status> {
    // First the gate: a delete takes it away only when the process is dead, so that one who is alive after this look has passed it.
    let seen = match record.gate {
        Gate::Waits => gate::look(place)?,
        Gate::None => Seen::Gone,
    };
    if !record.init.is_alive()? {
        return Ok(Status::Stopped);
    }
    if is_frozen(record)? {
        return Ok(Status::Paused);
    }
    Ok(match seen {
        Seen::Waiting => Status::Created,
        // It closes its descriptors before it is dead for others.
        Seen::Deserted if record.init.is_ending()? => Status::Stopped,
        Seen::Deserted | Seen::Gone => Status::Running,
    })
}

/// Stops every process of a container that is created or running.
///
/// # Errors
/// `NotFound`; `WrongStatus`: `container not running`; `Cgroup`, after which it is not paused; `Record`, `Os`.
pub fn pause(store: &Store, id: &ContainerId) -> Result<()> {
    pause_within(store, id, &Patience::ENDLESS)
}

/// As [`pause`], which is given up when this is over: then everything goes on.
///
/// # Errors
/// As for [`pause`]; `Deadline`, `Cancelled`.
pub fn pause_within(store: &Store, id: &ContainerId, patience: &Patience) -> Result<()> {
    let (place, file) = store.load(id, Part::Head)?;
    let record = file.ready()?;
    match of_record(&place, &record)? {
        Status::Created | Status::Running => {}
        Status::Creating | Status::Paused | Status::Stopped => return Err(Error::not_running()),
    }
    let frozen = Cgroup::open(&record::paths(&record.cgroup)).freeze(patience.at_most(DEADLINE));
    patience.ended("pause", frozen.map_err(Error::from))
}

/// Lets the processes of a paused container go on.
///
/// # Errors
/// `NotFound`; `WrongStatus`: `container not paused`; `Cgroup`, `Record`, `Os`.
pub fn resume(store: &Store, id: &ContainerId) -> Result<()> {
    let (place, file) = store.load(id, Part::Head)?;
    let record = file.ready()?;
    if of_record(&place, &record)? != Status::Paused {
        return Err(Error::not_paused());
    }
    Ok(Cgroup::open(&record::paths(&record.cgroup)).thaw()?)
}

fn is_frozen(record: &Record<'_>) -> Result<bool> {
    let cgroup = Cgroup::open(&record::paths(&record.cgroup));
    match cgroup.is_frozen() {
        // Not ours to read: it was not we who froze it.
        Err(error) if error.is_permission() && record.rootless_cgroups => Ok(false),
        frozen => Ok(frozen?),
    }
}

/// How long the kernel may take to stop every process.
const DEADLINE: Duration = Duration::from_secs(10);
