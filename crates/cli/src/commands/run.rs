//! `run`. Runs in: parent.

use super::Outcome;
use crate::{
    args::{Global, command::RunArgs},
    exit::Failure,
};

pub(super) fn run(_global: &Global, _args: RunArgs) -> Outcome {
    Err(Failure::unavailable("run"))
}
