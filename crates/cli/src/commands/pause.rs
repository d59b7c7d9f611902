//! `pause`. Runs in: parent.

use std::time::{Duration, Instant};

use brig_cgroup::Cgroup;
use brig_runtime::{
    Error,
    record::{self, Part},
    status::{self, Status},
    store::ContainerId,
};

use super::{Outcome, store};
use crate::{
    args::{Global, command::IdArgs},
    exit::{Exit, Failure},
};

/// How long the kernel may take to stop every process.
const DEADLINE: Duration = Duration::from_secs(10);

pub(super) fn run(global: &Global, args: IdArgs) -> Outcome {
    let (status, cgroup) = find(global, &args)?;
    match status {
        Status::Created | Status::Running => {}
        Status::Creating | Status::Paused | Status::Stopped => return Err(Error::not_running().into()),
    }
    let frozen = cgroup.freeze(Instant::now() + DEADLINE);
    frozen.map_err(|error| store::cgroup_failure("pause", error.into()))?;
    Ok(Exit::Success)
}

/// A container's status, and its cgroup.
pub(super) fn find(global: &Global, args: &IdArgs) -> Result<(Status, Cgroup), Failure> {
    let (place, file) = store::open(global)?.load(&ContainerId::new(&args.id)?, Part::Head)?;
    let record = file.ready()?;
    Ok((status::of_record(&place, &record)?, Cgroup::open(&record::paths(&record.cgroup))))
}
