//! `checkpoint`. Runs in: parent.

use super::Outcome;
use crate::{
    args::{Global, command::CheckpointArgs},
    exit::Failure,
};

pub(super) fn run(_global: &Global, _args: CheckpointArgs) -> Outcome {
    Err(Failure::unavailable("checkpoint"))
}
