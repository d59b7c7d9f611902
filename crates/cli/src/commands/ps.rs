//! `ps`. Runs in: parent.

use super::Outcome;
use crate::{
    args::{Global, command::PsArgs},
    exit::Failure,
};

pub(super) fn run(_global: &Global, _args: PsArgs) -> Outcome {
    Err(Failure::unavailable("ps"))
}
