//! `restore`. Runs in: parent.

use super::Outcome;
use crate::{
    args::{Global, command::RestoreArgs},
    exit::Failure,
};

pub(super) fn run(_global: &Global, _args: RestoreArgs) -> Outcome {
    Err(Failure::unavailable("restore"))
}
