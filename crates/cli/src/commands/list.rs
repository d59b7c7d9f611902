//! `list`. Runs in: parent.

use super::Outcome;
use crate::{
    args::{Global, command::ListArgs},
    exit::Failure,
};

pub(super) fn run(_global: &Global, _args: ListArgs) -> Outcome {
    Err(Failure::unavailable("list"))
}
