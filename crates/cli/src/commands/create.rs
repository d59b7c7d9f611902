//! `create`. Runs in: parent.

use super::Outcome;
use crate::{
    args::{Global, command::CreateArgs},
    exit::Failure,
};

pub(super) fn run(_global: &Global, _args: CreateArgs) -> Outcome {
    Err(Failure::unavailable("create"))
}
