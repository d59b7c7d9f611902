//! A machine and a caller's choices to plan for, where it does not matter which. Also of crates/hostile and of the command `features`.

use brig_plan::host::{Cgroups, Host};
use brig_plan::options::{Options, Stdio};

/// Root on a machine with control groups version 2 alone.
pub(crate) fn host() -> Host {
    Host {
        euid: 0,
        egid: 0,
        in_user_namespace: false,
        last_capability: 40,
        cgroups: Cgroups::V2 { container: "/sys/fs/cgroup/brig/c".to_owned() },
        resctrl: None,
        apparmor: false,
        selinux: false,
        seccomp_flags: 0x3f,
        host_network: true,
    }
}

/// Nothing chosen.
pub(crate) fn options() -> Options<'static> {
    Options {
        id: "c",
        bundle: "/bundle",
        state_directory: "/run/brig/c",
        no_pivot: false,
        no_new_keyring: false,
        preserve_fds: 0,
        listen_fds: 0,
        notify_socket: false,
        stdio: Stdio::Inherited,
        gate: false,
        networks: &[],
        rootless_cgroups: false,
        systemd: None,
    }
}
