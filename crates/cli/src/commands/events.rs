//! `events`. Runs in: parent.

use super::Outcome;
use crate::{
    args::{Global, command::EventsArgs},
    exit::Failure,
};

pub(super) fn run(_global: &Global, _args: EventsArgs) -> Outcome {
    Err(Failure::unavailable("events"))
}
