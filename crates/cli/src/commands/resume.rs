//! `resume`. Runs in: parent.

use brig_runtime::{Error, status::Status};

use super::{Outcome, pause, store};
use crate::{
    args::{Global, command::IdArgs},
    exit::Exit,
};

pub(super) fn run(global: &Global, args: IdArgs) -> Outcome {
    let (status, cgroup) = pause::find(global, &args)?;
    if status != Status::Paused {
        return Err(Error::not_paused().into());
    }
    cgroup.thaw().map_err(|error| store::cgroup_failure("resume", error.into()))?;
    Ok(Exit::Success)
}
