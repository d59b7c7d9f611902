//! `demo`. Runs in: parent.

use super::Outcome;
use crate::{
    args::{Global, command::DemoArgs},
    exit::Failure,
};

pub(super) fn run(_global: &Global, _args: DemoArgs) -> Outcome {
    Err(Failure::unavailable("demo"))
}
