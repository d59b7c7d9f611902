//! `delete`. Runs in: parent.

use brig_runtime::{
    delete::{self, Mode},
    store::ContainerId,
};

use super::{Outcome, store};
use crate::{
    args::{Global, command::DeleteArgs},
    exit::Exit,
};

pub(super) fn run(global: &Global, args: DeleteArgs) -> Outcome {
    brig_runtime::foreground::keep_descriptors(3);
    let mode = if args.force { Mode::Force } else { Mode::Stopped };
    delete::delete(&store::open(global)?, &ContainerId::new(&args.id)?, mode)?;
    Ok(Exit::Success)
}
