//! `checkpoint`. Runs in: parent.

use std::os::fd::AsFd as _;
use std::path::Path;

use brig_runtime::Patience;
use brig_runtime::checkpoint::{self, Request, What};
use brig_runtime::criu::{self, Progress};
use brig_runtime::foreground;
use brig_runtime::store::ContainerId;
use rustix::process::geteuid;

use super::{Outcome, progress, store};
use crate::{
    args::{
        Global,
        command::{CheckpointArgs, CriuArgs, CriuSwitch, ManageCgroups},
    },
    exit::{Exit, Failure},
};

pub(super) fn run(global: &Global, args: CheckpointArgs) -> Outcome {
    let ready = args.status_fd.map(|fd| {
        let invalid = |error| Failure::from(error).prefixed(&format!("invalid --status-fd argument {fd}"));
        foreground::callers_descriptor(fd).map_err(invalid)
    });
    let ready = ready.transpose()?;
    foreground::keep_descriptors(3);
    warn_without_root("checkpoint");
    let images = images(&args.criu);
    let shown = progress::on_terminal("checkpoint", &args.id);
    let tell = |phase| shown.iter().for_each(|shown| shown.tell(phase, images));
    let on = |switch| args.criu.switches.contains(&switch);
    let request = Request {
        patience: Patience::ENDLESS,
        options: options(&args.criu, images, shown.as_ref().map(|_| Progress(&tell))),
        what: match (on(CriuSwitch::PreDump), on(CriuSwitch::LeaveRunning)) {
            (true, _) => What::Memory,
            (false, true) => What::Running,
            (false, false) => What::Finally,
        },
        parent: args.parent_path.as_deref(),
        tcp_skip_in_flight: on(CriuSwitch::TcpSkipInFlight),
        link_remap: on(CriuSwitch::LinkRemap),
        page_server: args.page_server.as_ref().map(|(address, port)| (address.as_str(), *port)),
        ready: ready.as_ref().map(|ready| ready.as_fd()),
    };
    checkpoint::checkpoint(&store::open(global)?, &ContainerId::new(&args.id)?, &request)?;
    if let Some(shown) = &shown {
        shown.written(images);
    }
    Ok(Exit::Success)
}

/// The words of the command line for what `checkpoint` and `restore` have in common.
pub(super) fn options<'a>(
    args: &'a CriuArgs,
    images: &'a Path,
    progress: Option<Progress<'a>>,
) -> criu::Options<'a> {
    let on = |switch| args.switches.contains(&switch);
    criu::Options {
        program: Path::new("criu"),
        images,
        work: args.work_path.as_deref(),
        manage_cgroups: match args.manage_cgroups {
            None => criu::ManageCgroups::Default,
            Some(ManageCgroups::Soft) => criu::ManageCgroups::Soft,
            Some(ManageCgroups::Full) => criu::ManageCgroups::Full,
            Some(ManageCgroups::Strict) => criu::ManageCgroups::Strict,
            Some(ManageCgroups::Ignore) => criu::ManageCgroups::Ignore,
        },
        tcp_established: on(CriuSwitch::TcpEstablished),
        ext_unix_sk: on(CriuSwitch::ExtUnixSk),
        shell_job: on(CriuSwitch::ShellJob),
        file_locks: on(CriuSwitch::FileLocks),
        auto_dedup: on(CriuSwitch::AutoDedup),
        lazy_pages: on(CriuSwitch::LazyPages),
        progress,
    }
}

/// `--image-path`, or `checkpoint` in the working directory.
pub(super) fn images(args: &CriuArgs) -> &Path {
    args.image_path.as_deref().unwrap_or(Path::new("checkpoint"))
}

/// runc's words, with the name of the command.
pub(super) fn warn_without_root(command: &str) {
    if !geteuid().is_root() || store::in_user_namespace().unwrap_or(false) {
        log::warn!("brig {command} is untested with rootless containers");
    }
}
