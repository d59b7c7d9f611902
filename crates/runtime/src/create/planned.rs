//! What comes before the first side effect: config.json is read, the machine looked at, and both made into a plan.
//! Runs in: the parent.

use std::path::Path;

use brig_plan::options::{Options, Stdio};
use brig_plan::plan::Plan;
use brig_plan::{load, spec};
use rustix::fs::{CWD, Mode, OFlags, fstat, openat};
use rustix::io::{Errno, read};

use super::{Request, Streams, debug};
use crate::error::{Error, Result};
use crate::probe::{self, Probed};
use crate::store::{ContainerId, Store};
use crate::timeline;

/// Reads and plans a bundle without touching anything: what `explain` prints.
///
/// # Errors
/// `Refused`, `Os`, `Cgroup`.
pub fn with_plan<T>(
    id: &ContainerId,
    store: &Store,
    request: &Request<'_>,
    with: impl FnOnce(&Plan<'_>, Probed) -> Result<T>,
) -> Result<T> {
    let text;
    let read;
    timeline::begins(request.timeline, "read the configuration");
    let spec = match request.config {
        Some(spec) => spec,
        None => {
            text = read_config(request.bundle)?;
            read = load::config(&text)?;
            &read
        }
    };
    timeline::begins(request.timeline, "look at the machine");
    probe::rootfs(spec, request.bundle)?;
    let probed = probe::host(spec, id, request)?;
    timeline::begins(request.timeline, "plan");
    let plan = plan(spec, &probed, id, store, request)?;
    if log::log_enabled!(log::Level::Debug) {
        debug::log_plan(&plan);
    }
    with(&plan, probed)
}

fn plan<'a>(
    spec: &spec::Spec<'a>,
    probed: &Probed,
    id: &ContainerId,
    store: &Store,
    request: &Request<'_>,
) -> Result<Plan<'a>> {
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let (bundle, directory) = (text(request.bundle), text(&store.root().join(id.as_str())));
    let options = Options {
        id: id.as_str(),
        bundle: &bundle,
        state_directory: &directory,
        no_pivot: request.no_pivot,
        no_new_keyring: request.no_new_keyring,
        preserve_fds: request.preserve_fds,
        listen_fds: request.listen_fds,
        notify_socket: request.notify_socket,
        stdio: match request.streams {
            Streams::Inherited => Stdio::Inherited,
            Streams::Passed(_) => Stdio::Passed,
            Streams::Foreground(_) | Streams::Terminal { .. } => Stdio::Foreground,
            Streams::ConsoleSocket(_) => Stdio::ConsoleSocket,
        },
        gate: request.gate,
        networks: request.networks,
        rootless_cgroups: request.rootless_cgroups,
        systemd: request.systemd,
    };
    Ok(brig_plan::plan(spec, &probed.host, &options)?)
}

/// config.json of a bundle, whole.
pub(crate) fn read_config(bundle: &Path) -> Result<Vec<u8>> {
    let path = bundle.join("config.json");
    let failed = |errno| match errno {
        Errno::NOENT if !bundle.exists() => Error::os(format_args!("chdir {}", bundle.display()), errno),
        Errno::NOENT => Error::os("JSON specification file config.json not found", Errno::NOENT),
        errno => Error::os(format_args!("open {}", path.display()), errno),
    };
    let file = openat(CWD, &path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).map_err(failed)?;
    let size = usize::try_from(fstat(&file).map_err(failed)?.st_size).unwrap_or(0);
    let mut text = Vec::with_capacity(size + 1);
    while text.len() != size && read(&file, rustix::buffer::spare_capacity(&mut text)).map_err(failed)? > 0 {
        text.reserve(1);
    }
    Ok(text)
}
