//! `run`. Runs in: parent.

use std::cell::OnceCell;

use brig_runtime::create::Streams;
use brig_runtime::foreground::{self, Signals};

use super::{Outcome, setup::Setup, store};
use crate::{
    args::{Global, command::RunArgs},
    exit::Exit,
};

pub(super) fn run(global: &Global, args: RunArgs) -> Outcome {
    let setup = Setup::new(global, &args.create)?;
    if args.detach {
        let streams = match &args.create.console_socket {
            Some(socket) => Streams::ConsoleSocket(socket),
            None => Streams::Inherited,
        };
        setup.create(&args.create, streams, false)?;
        return Ok(Exit::Success);
    }
    if !args.no_subreaper {
        foreground::become_subreaper().map_err(store::failure)?;
    }
    let signals = Signals::block().map_err(store::failure)?;
    let terminal = OnceCell::new();
    let created = setup.create(&args.create, Streams::Foreground(&terminal), false)?;
    let code = foreground::attend(&created, &signals, terminal.get()).map_err(store::failure);
    if !args.keep
        && let Err(failure) = setup.delete()
    {
        log::warn!("unable to destroy container: {}", failure.message);
    }
    code.map(Exit::Process)
}
