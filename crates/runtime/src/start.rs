//! `start`: the gate of a created container is opened.
//! Runs in: the parent.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Instant;

use crate::error::{Error, Result, best_effort};
use crate::hooks::{self, Hooks};
use crate::patience::Patience;
use crate::pid::{Identity, wait_exit};
use crate::record::{Part, Record};
use crate::status::{self, Status};
use crate::store::{ContainerId, Store};
use crate::timeline::Timeline;
use crate::{gate, kill, state, timeline};

/// Starts a created container, and runs its poststart hooks.
///
/// # Errors
/// `NotFound`; `WrongStatus` in runc's words; `Hook`, after which the container is stopped; `Cancelled`, `Deadline` where there are
/// poststart hooks to wait for: the container runs, or is stopped if they had begun.
pub fn start(
    store: &Store,
    id: &ContainerId,
    patience: &Patience,
    timeline: Option<&Timeline>,
) -> Result<Identity> {
    timeline::begins(timeline, "read the record");
    let (place, file) = store.load(id, Part::Head)?;
    let record = file.ready()?;
    match status::of_record(&place, &record)? {
        Status::Created => {}
        Status::Stopped => return Err(Error::wrong_status("cannot start a container that has stopped")),
        Status::Running => return Err(Error::wrong_status("cannot start an already running container")),
        Status::Paused => return Err(Error::wrong_status("cannot start a container in the paused state")),
        Status::Creating => {
            return Err(Error::wrong_status("cannot start a container in the creating state"));
        }
    }
    timeline::begins(timeline, "open the gate");
    let opened = gate::open(&place).or_else(|error| match place.record(Part::Head)? {
        Some(_) => Err(error),
        // It was deleted this moment, and the gate with it.
        None => Err(Error::not_found()),
    })?;
    if !record.poststart.is_empty() {
        // They come behind the user's program, and so behind the startContainer hooks.
        timeline::waits(timeline, "wait for startContainer hooks and the program");
        gate::await_passed(&opened, patience)?;
        timeline::begins(timeline, "run poststart hooks");
    }
    // runtime-spec, runtime.md, "Lifecycle": a poststart hook that fails stops the container.
    poststart(&record, patience).inspect_err(|_| {
        best_effort(end(&record), "the hook's error is the one to report");
    })?;
    timeline::over(timeline, Ok(record.init))
}

/// Kills it and waits until it is dead: who hears of the failure finds a container that is stopped.
fn end(record: &Record<'_>) -> Result<()> {
    let init = record.init.pidfd()?;
    kill::record_kill(record, kill::SIGKILL, &Patience::ENDLESS)?;
    match init {
        Some(init) => wait_exit(init, Instant::now() + kill::DEADLINE).map(drop),
        None => Ok(()),
    }
}

/// Runs the poststart hooks of a container whose program has been started.
///
/// # Errors
/// `Hook`.
pub(crate) fn poststart(record: &Record<'_>, patience: &Patience) -> Result<()> {
    if record.poststart.is_empty() {
        return Ok(());
    }
    let document = state::document(&record.facts, Status::Running, Some(record.init.pid));
    let bundle = Path::new(OsStr::from_bytes(record.facts.bundle.to_bytes()));
    hooks::run_within(patience, Hooks::Poststart, &record.poststart, document.as_bytes(), Some(bundle))
}
