//! `exec`. Runs in: parent.

use super::Outcome;
use crate::{
    args::{Global, command::ExecArgs},
    exit::Failure,
};

pub(super) fn run(_global: &Global, _args: ExecArgs) -> Outcome {
    Err(Failure::unavailable("exec"))
}
