//! `restore`. Runs in: parent.

use std::cell::OnceCell;
use std::path::Path;

use brig_runtime::Timeline;
use brig_runtime::create::{self, Created, Request, Streams};
use brig_runtime::criu::Progress;
use brig_runtime::delete;
use brig_runtime::foreground::{self, Signals};
use brig_runtime::restore::{self, Images};
use brig_runtime::store::{ContainerId, Store};

use super::{
    Outcome,
    checkpoint::{images, options, warn_without_root},
    progress, store, watched,
};
use crate::{
    args::{Global, command::RestoreArgs},
    exit::{Exit, Failure},
};

pub(super) fn run(global: &Global, args: RestoreArgs, timeline: Option<&Timeline>) -> Outcome {
    foreground::keep_descriptors(3);
    warn_without_root("restore");
    let (store, id) = (store::open(global)?, ContainerId::new(&args.id)?);
    if args.detach {
        let streams = match &args.console_socket {
            Some(socket) => Streams::ConsoleSocket(socket),
            None => Streams::Inherited,
        };
        make(global, &args, (&store, &id), streams, timeline)?;
        return Ok(Exit::Success);
    }
    if args.console_socket.is_some() {
        return Err(Failure::new("cannot use console socket if brig will not detach or allocate tty"));
    }
    if !args.no_subreaper {
        foreground::become_subreaper()?;
    }
    let signals = Signals::block()?;
    let terminal = OnceCell::new();
    let created = make(global, &args, (&store, &id), Streams::Foreground(&terminal), timeline)?;
    watched::program_runs(timeline);
    let code = foreground::attend(&created, &signals, terminal.get()).map_err(store::failure);
    watched::delete_begins(timeline);
    if let Err(error) = delete::delete(&store, &id, delete::Mode::Force) {
        log::warn!("unable to destroy container: {error}");
    }
    code.map(Exit::Process)
}

/// Makes the container, and writes its pid file. One that has no pid file is not one: it is deleted again.
fn make(
    global: &Global,
    args: &RestoreArgs,
    (store, id): (&Store, &ContainerId),
    streams: Streams<'_>,
    timeline: Option<&Timeline>,
) -> Result<Created, Failure> {
    let bundle = store::absolute(args.bundle.as_deref().unwrap_or(Path::new(".")))?;
    let pid_file = args.pid_file.as_deref().map(store::absolute).transpose()?;
    let request = Request {
        streams,
        no_pivot: args.no_pivot,
        rootless_cgroups: store::rootless(global),
        in_user_namespace: store::in_user_namespace(),
        systemd: store::systemd(global),
        timeline,
        ..Request::of(&bundle)
    };
    let folder = images(&args.criu);
    let shown = progress::on_terminal("restore", &args.id);
    let tell = |phase| shown.iter().for_each(|shown| shown.tell(phase, folder));
    let images = Images {
        options: options(&args.criu, folder, shown.as_ref().map(|_| Progress(&tell))),
        lsm_profile: args.lsm_profile.as_deref(),
        lsm_mount_context: args.lsm_mount_context.as_deref(),
    };
    let created = restore::restore(store, id, &request, &images)?;
    if let Some(path) = &pid_file
        && let Err(error) = create::write_pid_file(path, created.pid)
    {
        delete::delete(store, id, delete::Mode::Force)?;
        return Err(error.into());
    }
    Ok(created)
}
