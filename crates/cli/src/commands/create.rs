//! `create`. Runs in: parent.

use brig_runtime::Timeline;
use brig_runtime::create::Streams;

use super::{Outcome, setup::Setup};
use crate::{
    args::{Global, command::CreateArgs},
    exit::Exit,
};

pub(super) fn run(global: &Global, args: CreateArgs, timeline: Option<&Timeline>) -> Outcome {
    let setup = Setup::new(global, &args, timeline)?;
    let streams = match &args.console_socket {
        Some(socket) => Streams::ConsoleSocket(socket),
        None => Streams::Inherited,
    };
    setup.create(&args, streams, true)?;
    Ok(Exit::Success)
}
