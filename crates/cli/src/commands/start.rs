//! `start`. Runs in: parent.

use brig_runtime::errno::errno_text;
use brig_runtime::notify::Notify;
use brig_runtime::{start, store::ContainerId};
use rustix::process::PidfdFlags;

use super::{Outcome, setup, store};
use crate::{
    args::{Global, command::IdArgs},
    exit::{Exit, Failure},
};

pub(super) fn run(global: &Global, args: IdArgs) -> Outcome {
    let (store, id) = (store::open(global)?, ContainerId::new(&args.id)?);
    let notify = setup::notify_socket().map(|manager| Notify::listen(&store, &id, manager)).transpose()?;
    let pid = start::start(&store, &id)?;
    if let Some(notify) = notify {
        let pidfd = rustix::process::pidfd_open(pid, PidfdFlags::empty()).map_err(|errno| {
            Failure::new(format!("pidfd_open {}: {}", pid.as_raw_nonzero(), errno_text(errno.raw_os_error())))
        })?;
        notify.relay(pidfd, pid)?;
    }
    Ok(Exit::Success)
}
