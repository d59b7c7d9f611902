//! `start`. Runs in: parent.

use brig_runtime::notify::Notify;
use brig_runtime::{Patience, Timeline, start, store::ContainerId};

use super::{Outcome, setup, store};
use crate::{
    args::{Global, command::StartArgs},
    exit::Exit,
};

pub(super) fn run(global: &Global, args: StartArgs, timeline: Option<&Timeline>) -> Outcome {
    brig_runtime::foreground::keep_descriptors(3);
    let (store, id) = (store::open(global)?, ContainerId::new(&args.id)?);
    let manager = setup::notify_socket();
    let notify = manager.as_ref().map(|_| Notify::listen(&store, &id)).transpose()?;
    let init = start::start(&store, &id, &Patience::ENDLESS, timeline)?;
    if let (Some(notify), Some(manager)) = (notify, manager)
        && let Some(pidfd) = init.pidfd()?
    {
        notify.relay(&manager, pidfd, init.pid)?;
    }
    Ok(Exit::Success)
}
