//! `resume`. Runs in: parent.

use brig_runtime::{status, store::ContainerId};

use super::{Outcome, store};
use crate::{
    args::{Global, command::IdArgs},
    exit::Exit,
};

pub(super) fn run(global: &Global, args: IdArgs) -> Outcome {
    status::resume(&store::open(global)?, &ContainerId::new(&args.id)?)
        .map_err(|error| store::cgroup_failure("resume", error))?;
    Ok(Exit::Success)
}
