//! `explain`. Runs in: parent.

use super::Outcome;
use crate::{
    args::{Global, command::ExplainArgs},
    exit::Failure,
};

pub(super) fn run(_global: &Global, _args: ExplainArgs) -> Outcome {
    Err(Failure::unavailable("explain"))
}
