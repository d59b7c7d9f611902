//! `run`. Runs in: parent.

use std::cell::OnceCell;

use brig_runtime::Timeline;
use brig_runtime::create::Streams;
use brig_runtime::foreground::{self, Signals};

use super::{
    Outcome,
    setup::{Setup, notify_socket},
    store, watched,
};
use crate::{
    args::{Global, command::RunArgs},
    exit::{Exit, Failure},
};

pub(super) fn run(global: &Global, args: RunArgs, timeline: Option<&Timeline>) -> Outcome {
    let setup = Setup::new(global, &args.create, timeline)?;
    if args.detach {
        let streams = match &args.create.console_socket {
            Some(socket) => Streams::ConsoleSocket(socket),
            None => Streams::Inherited,
        };
        let created = setup.create(&args.create, streams, false)?;
        if let (Some(notify), Some(manager)) = (&created.notify, notify_socket()) {
            notify.relay(&manager, &created.pidfd, created.pid.as_raw_nonzero().get().cast_unsigned())?;
        }
        return Ok(Exit::Success);
    }
    if args.create.console_socket.is_some() {
        return Err(Failure::new("cannot use console socket if runc will not detach or allocate tty"));
    }
    if !args.no_subreaper {
        foreground::become_subreaper().map_err(store::failure)?;
    }
    let signals = Signals::block().map_err(store::failure)?;
    let terminal = OnceCell::new();
    let mut created = setup.create(&args.create, Streams::Foreground(&terminal), false)?;
    if let (Some(notify), Some(manager)) = (created.notify.take(), notify_socket()) {
        let pidfd = created.pidfd.try_clone().map_err(|error| Failure::new(error.to_string()))?;
        // Beside us: what is said of being ready may come at any time, or never. It ends with the container.
        std::thread::spawn(move || {
            if let Err(error) = notify.relay(&manager, &pidfd, std::process::id()) {
                log::warn!("{error}");
            }
        });
    }
    watched::program_runs(timeline);
    let code = foreground::attend(&created, &signals, terminal.get()).map_err(store::failure);
    watched::delete_begins(timeline);
    if !matches!(code, Ok(0)) {
        setup.report_oom();
    }
    if !args.keep
        && let Err(failure) = setup.delete()
    {
        log::warn!("unable to destroy container: {}", failure.message);
    }
    code.map(Exit::Process)
}
