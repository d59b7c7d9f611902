//! `resume`. Runs in: parent.

use super::Outcome;
use crate::{
    args::{Global, command::IdArgs},
    exit::Failure,
};

pub(super) fn run(_global: &Global, _args: IdArgs) -> Outcome {
    Err(Failure::unavailable("resume"))
}
