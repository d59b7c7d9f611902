//! `update`. Runs in: parent.

use super::Outcome;
use crate::{
    args::{Global, command::UpdateArgs},
    exit::Failure,
};

pub(super) fn run(_global: &Global, _args: UpdateArgs) -> Outcome {
    Err(Failure::unavailable("update"))
}
