//! What the caller of create chooses, and what it gets.
//! Runs in: the parent.

use std::cell::OnceCell;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;

use brig_plan::plan::Whose;
use rustix::process::Pid;

use brig_plan::network::Network;
use brig_plan::spec::Spec;

use crate::foreground::HostTerminal;
use crate::notify::Notify;
use crate::patience::Patience;
use crate::timeline::Timeline;

/// What the caller of create chose.
#[derive(Debug)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command line, independent of the others"
)]
pub struct Request<'r> {
    /// Absolute path of the bundle.
    pub bundle: &'r Path,
    /// What to carry out; `None`: the bundle's `config.json`.
    pub config: Option<&'r Spec<'r>>,
    /// Who holds the standard streams.
    pub streams: Streams<'r>,
    /// Wait for `start`.
    pub gate: bool,
    /// `--no-pivot`.
    pub no_pivot: bool,
    /// `--no-new-keyring`.
    pub no_new_keyring: bool,
    /// `--preserve-fds`.
    pub preserve_fds: u32,
    /// Descriptors passed by socket activation, before the preserved ones.
    pub listen_fds: u32,
    /// The caller has a `NOTIFY_SOCKET`.
    pub notify_socket: bool,
    /// Send the pidfd there.
    pub pidfd_socket: Option<&'r Path>,
    /// What to set up in the container's network namespace, beside what annotations in `config.json` ask for.
    pub networks: &'r [Network],
    /// Failures to make the cgroup are forgiven where nothing was asked of it.
    pub rootless_cgroups: bool,
    /// Where resctrl is mounted, for `linux.intelRdt`; `None`: look for it.
    pub resctrl: Option<&'r str>,
    /// Whether the caller is in another user namespace than the first; `None`: look it up.
    pub in_user_namespace: Option<bool>,
    /// `--systemd-cgroup`: the cgroup is a unit of this systemd.
    pub systemd: Option<Whose>,
    /// How long it may take. At its end what was begun is taken back.
    pub patience: Patience,
    /// Where to note what takes how long.
    pub timeline: Option<&'r Timeline>,
}

impl<'r> Request<'r> {
    /// The container of a bundle, which has the caller's streams and does not wait for `start`. Nothing else is asked for.
    pub fn of(bundle: &'r Path) -> Self {
        Self {
            bundle,
            config: None,
            streams: Streams::Inherited,
            gate: false,
            no_pivot: false,
            no_new_keyring: false,
            preserve_fds: 0,
            listen_fds: 0,
            notify_socket: false,
            pidfd_socket: None,
            networks: &[],
            rootless_cgroups: false,
            resctrl: None,
            in_user_namespace: None,
            systemd: None,
            patience: Patience::ENDLESS,
            timeline: None,
        }
    }
}

/// Who holds the standard streams.
#[derive(Debug)]
pub enum Streams<'r> {
    /// The caller's own 0, 1 and 2. A terminal is refused.
    Inherited,
    /// These three.
    Passed([BorrowedFd<'r>; 3]),
    /// The caller's own, or, where the configuration wants a terminal, one whose master comes back in
    /// [`Created::terminal`]; the caller's terminal is then put here.
    Foreground(&'r OnceCell<HostTerminal>),
    /// A terminal of this size whose master comes back in [`Created::terminal`]. Nobody looks whether the caller has one.
    Terminal {
        /// Lines.
        rows: u16,
        /// Characters of a line.
        columns: u16,
    },
    /// A terminal whose master goes to this socket.
    ConsoleSocket(&'r Path),
}

/// A container that is there.
#[derive(Debug)]
pub struct Created {
    /// Its first process, in the caller's PID namespace.
    pub pid: Pid,
    /// The same, for waiting and signalling.
    pub pidfd: OwnedFd,
    /// The terminal's master, of a foreground container.
    pub terminal: Option<OwnedFd>,
    /// Listens to the container, if its caller has a `NOTIFY_SOCKET` and it does not wait for `start`.
    pub notify: Option<Notify>,
}
