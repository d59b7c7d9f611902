//! `features`. Runs in: parent.

use super::Outcome;
use crate::exit::Failure;

pub(super) fn run() -> Outcome {
    Err(Failure::unavailable("features"))
}
