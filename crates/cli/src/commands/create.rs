//! `create`. Runs in: parent.

use brig_runtime::create::Streams;

use super::{Outcome, setup::Setup};
use crate::{
    args::{Global, command::CreateArgs},
    exit::Exit,
};

pub(super) fn run(global: &Global, args: CreateArgs) -> Outcome {
    let setup = Setup::new(global, &args)?;
    let streams = match &args.console_socket {
        Some(socket) => Streams::ConsoleSocket(socket),
        None => Streams::Inherited,
    };
    setup.create(&args, streams, true)?;
    Ok(Exit::Success)
}
