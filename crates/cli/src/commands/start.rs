//! `start`. Runs in: parent.

use brig_runtime::{start, store::ContainerId};

use super::{Outcome, store};
use crate::{
    args::{Global, command::IdArgs},
    exit::Exit,
};

pub(super) fn run(global: &Global, args: IdArgs) -> Outcome {
    start::start(&store::open(global)?, &ContainerId::new(&args.id)?)?;
    Ok(Exit::Success)
}
