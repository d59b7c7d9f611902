//! What the OOM killer has done to a container: for its exit, and in the words for a start that it ended.
//! Runs in: the parent.

use std::fmt;

use brig_cgroup::Cgroup;
use rustix::io::Errno;

use crate::error::{Error, Kind, Result, best_effort};
use crate::record::{self, Part, Record};
use crate::store::{ContainerId, Store};

/// The OOM killer was at work in a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutOfMemory {
    /// How many of its processes were killed, at least one.
    pub kills: u64,
    /// Its memory limit in bytes; without one it was the machine that ran out, or a cgroup above.
    pub limit: Option<u64>,
}

/// Whether the OOM killer was at work, until now or until the end. To be asked before the container is deleted: its cgroup knows.
///
/// # Errors
/// `NotFound`, `Cgroup`, `Record`, `Os`.
pub fn out_of_memory(store: &Store, id: &ContainerId) -> Result<Option<OutOfMemory>> {
    let (_, file) = store.load(id, Part::Head)?;
    let found = Cgroup::open(&record::paths(file.stage()?.cgroup())).out_of_memory()?;
    Ok((found.kills > 0).then_some(OutOfMemory { kills: found.kills, limit: found.limit }))
}

/// The error of a start that failed, in other words if memory was what it lacked.
pub(crate) fn explain(error: Error, cgroup: &Cgroup) -> Error {
    let killed = *error.kind() == Kind::InitKilled;
    if !killed && error.errno() != Some(Errno::NOMEM) {
        return error;
    }
    let found =
        best_effort(cgroup.out_of_memory(), "the first error is the one to report").unwrap_or_default();
    let limit = tail(found.limit);
    let words = match (killed, found.kills, found.limit) {
        // runc's words, and what it leaves to be guessed.
        (true, 1.., _) => format!(
            "unable to start container process: container init was OOM-killed (memory limit too low?){limit}"
        ),
        // While brig-init is cloned and not executed yet nobody may be killed for it.
        (false, _, Some(_)) => format!("{error} (memory limit too low?){limit}"),
        _ => return error,
    };
    Error::new(Kind::OutOfMemory { limit: found.limit }, words).of_entry(ENTRY)
}

/// The entry of config.json that limits memory.
const ENTRY: &str = "linux.resources.memory.limit";

/// The same for a further process. Whether it was this one that the OOM killer took nobody knows: the cgroup counts all.
pub(crate) fn explain_further(error: Error, record: &Record<'_>) -> Error {
    let killed = *error.kind() == Kind::InitKilled;
    if !killed && error.errno() != Some(Errno::NOMEM) {
        return error;
    }
    let looked = Cgroup::open(&record::paths(&record.cgroup)).out_of_memory();
    let found = best_effort(looked, "the first error is the one to report").unwrap_or_default();
    if found.limit.is_none() || (killed && found.kills == 0) {
        return error;
    }
    let words = format!("{error} (memory limit of the container too low?){}", tail(found.limit));
    Error::new(Kind::OutOfMemory { limit: found.limit }, words)
}

fn tail(limit: Option<u64>) -> String {
    limit.map(|limit| format!(": the limit is {limit} bytes")).unwrap_or_default()
}

impl fmt::Display for OutOfMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "container ran out of memory: {} process(es) OOM-killed", self.kills)?;
        match self.limit {
            Some(limit) => write!(f, ", the limit is {limit} bytes"),
            None => f.write_str(", though not by a limit of its own"),
        }
    }
}
