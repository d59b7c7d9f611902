//! `kill`. Runs in: parent.

use brig_runtime::{Kind, kill, store::ContainerId};

use super::{Outcome, store};
use crate::{
    args::{Global, command::KillArgs},
    exit::Exit,
};

pub(super) fn run(global: &Global, args: KillArgs) -> Outcome {
    match kill::kill(&store::open(global)?, &ContainerId::new(&args.id)?, args.signal) {
        Ok(()) => Ok(Exit::Success),
        // Callers of `--all` want nothing to be left, and nothing is.
        Err(error) if args.all && *error.kind() == Kind::WrongStatus => Ok(Exit::Success),
        Err(error) => Err(error.into()),
    }
}
