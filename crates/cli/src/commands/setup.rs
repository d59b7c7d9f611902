//! What `create` and `run` share: from typed words to the library's request.
//! Runs in: parent.

use std::env;
use std::path::{Path, PathBuf};

use brig_plan::plan::Whose;
use brig_runtime::create::{self, Created, Request, Streams};
use brig_runtime::store::ContainerId;
use brig_runtime::{Timeline, delete, foreground, oom};

use super::store;
use crate::{
    args::{Global, command::CreateArgs},
    exit::Failure,
};

/// Everything about a container to be created that needs a look at the caller's surroundings.
pub(super) struct Setup<'t> {
    pub(super) id: ContainerId,
    pub(super) store: brig_runtime::store::Store,
    bundle: PathBuf,
    pid_file: Option<PathBuf>,
    listen_fds: u32,
    rootless: bool,
    systemd: Option<Whose>,
    timeline: Option<&'t Timeline>,
}

impl<'t> Setup<'t> {
    pub(super) fn new(
        global: &Global,
        args: &CreateArgs,
        timeline: Option<&'t Timeline>,
    ) -> Result<Self, Failure> {
        let listen_fds = listen_fds();
        foreground::keep_descriptors(3_u32.saturating_add(listen_fds).saturating_add(args.preserve_fds));
        Ok(Self {
            id: ContainerId::new(&args.id).map_err(store::failure)?,
            store: store::open(global)?,
            bundle: store::absolute(args.bundle.as_deref().unwrap_or(Path::new(".")))?,
            pid_file: args.pid_file.as_deref().map(store::absolute).transpose()?,
            listen_fds,
            rootless: store::rootless(global),
            systemd: store::systemd(global),
            timeline,
        })
    }

    /// Creates the container, and writes its pid file. One that has no pid file is not one: it is deleted again.
    pub(super) fn create(
        &self,
        args: &CreateArgs,
        streams: Streams<'_>,
        gate: bool,
    ) -> Result<Created, Failure> {
        let created = create::create(&self.store, &self.id, &self.request(args, streams, gate))
            .map_err(store::failure)?;
        let Some(path) = &self.pid_file else { return Ok(created) };
        match create::write_pid_file(path, created.pid) {
            Ok(()) => Ok(created),
            Err(error) => {
                self.delete()?;
                Err(store::failure(error))
            }
        }
    }

    /// Removes the container with everything that is left of it.
    pub(super) fn delete(&self) -> Result<(), Failure> {
        delete::delete(&self.store, &self.id, delete::Mode::Force).map_err(store::failure)
    }

    /// Says so if the OOM killer was at work in the container. For one that has ended and did not end well.
    pub(super) fn report_oom(&self) {
        match oom::out_of_memory(&self.store, &self.id) {
            Ok(Some(found)) => log::warn!("{found}"),
            Ok(None) => {}
            Err(error) => log::debug!("{error}"),
        }
    }

    pub(super) fn request<'r>(
        &'r self,
        args: &'r CreateArgs,
        streams: Streams<'r>,
        gate: bool,
    ) -> Request<'r> {
        Request {
            streams,
            gate,
            no_pivot: args.no_pivot,
            no_new_keyring: args.no_new_keyring,
            preserve_fds: args.preserve_fds,
            listen_fds: self.listen_fds,
            notify_socket: notify_socket().is_some(),
            pidfd_socket: args.pidfd_socket.as_deref(),
            rootless_cgroups: self.rootless,
            in_user_namespace: store::in_user_namespace(),
            systemd: self.systemd,
            timeline: self.timeline,
            ..Request::of(&self.bundle)
        }
    }
}

/// The socket of the caller's service manager (sd_notify(3)).
pub(super) fn notify_socket() -> Option<PathBuf> {
    env::var_os("NOTIFY_SOCKET").filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// sd_listen_fds(3): descriptors from 3 on, if they are meant for us.
fn listen_fds() -> u32 {
    let number = |name| env::var(name).ok().and_then(|text| text.parse::<u32>().ok());
    match number("LISTEN_PID") {
        Some(pid) if pid == std::process::id() => number("LISTEN_FDS").unwrap_or(0),
        _ => 0,
    }
}
