//! The processes of a container.
//! Runs in: the parent.

use brig_cgroup::{Cgroup, Scope};

use crate::error::{Error, Result};
use crate::record::{self, Part};
use crate::store::{ContainerId, Store};

/// Their ids in the runtime's PID namespace, ascending. A container without a cgroup has none that are known.
///
/// # Errors
/// `NotFound`, `Record`, `Os`, `Cgroup`.
pub fn pids(store: &Store, id: &ContainerId) -> Result<Vec<u32>> {
    let (_, record) = store.load(id, Part::Head)?;
    let cgroup = Cgroup::open(&record::paths(record.stage()?.cgroup()));
    let pids = cgroup.pids(Scope::Tree);
    let pids = pids.map_err(|error| Error::from(error).within("unable to get all container pids"))?;
    Ok(pids.into_iter().map(|pid| pid.as_raw_nonzero().get().unsigned_abs()).collect())
}
