//! `delete`. Runs in: parent.

use super::Outcome;
use crate::{
    args::{Global, command::DeleteArgs},
    exit::Failure,
};

pub(super) fn run(_global: &Global, _args: DeleteArgs) -> Outcome {
    Err(Failure::unavailable("delete"))
}
