//! What the caller chose, beside the bundle.

use crate::network::Network;
use crate::plan::Whose;

/// The caller's choices for one container.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command line, independent of the others"
)]
pub struct Options<'a> {
    /// Container id, already found valid.
    pub id: &'a str,
    /// Absolute path of the bundle.
    pub bundle: &'a str,
    /// Absolute path of the state directory of this container, `<root>/<id>`.
    pub state_directory: &'a str,
    /// `--no-pivot`.
    pub no_pivot: bool,
    /// `--no-new-keyring`.
    pub no_new_keyring: bool,
    /// `--preserve-fds`.
    pub preserve_fds: u32,
    /// Descriptors passed by socket activation (`LISTEN_FDS`), before the preserved ones.
    pub listen_fds: u32,
    /// The caller has a `NOTIFY_SOCKET`: give the container one.
    pub notify_socket: bool,
    /// Who holds the other end of the process's standard streams.
    pub stdio: Stdio,
    /// Wait for `start`.
    pub gate: bool,
    /// What to set up in the container's network namespace, beside what annotations ask for.
    pub networks: &'a [Network],
    /// Rootless control groups: failures to make one are forgiven where nothing was asked of it.
    pub rootless_cgroups: bool,
    /// `--systemd-cgroup`: a unit of this systemd is made for it.
    pub systemd: Option<Whose>,
}

/// Standard streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stdio {
    /// The caller's own 0, 1 and 2.
    Inherited,
    /// Three descriptors sent with the task.
    Passed,
    /// A terminal whose master goes to the console socket.
    ConsoleSocket,
    /// A terminal whose master stays with the parent.
    Foreground,
}
