//! `kill`. Runs in: parent.

use super::Outcome;
use crate::{
    args::{Global, command::KillArgs},
    exit::Failure,
};

pub(super) fn run(_global: &Global, _args: KillArgs) -> Outcome {
    Err(Failure::unavailable("kill"))
}
