//! Podman with conmon, netavark and buildah's library, from Debian's packages.
//! Runs on the developer's machine.

use crate::engines::engine::Engine;

/// Podman, by root and by an ordinary user.
pub(super) const ENGINE: Engine = Engine {
    name: "podman",
    needed: &[
        ("podman", "podman"),
        ("conmon", "conmon"),
        ("/usr/lib/podman/netavark", "netavark"),
        ("catatonit", "catatonit"),
        ("newuidmap", "uidmap"),
        ("runc", "runc"),
        ("busybox", "busybox-static"),
        ("ip", "iproute2"),
        ("iptables", "iptables"),
        ("socat", "socat"),
    ],
    library: include_str!("podman.sh"),
    subjects: &[
        ("run", include_str!("podman/run.sh")),
        ("exec", include_str!("podman/exec.sh")),
        ("life", include_str!("podman/life.sh")),
        ("limits", include_str!("podman/limits.sh")),
        ("security", include_str!("podman/security.sh")),
        ("mounts", include_str!("podman/mounts.sh")),
        ("namespaces", include_str!("podman/namespaces.sh")),
        ("pods", include_str!("podman/pods.sh")),
        ("build", include_str!("podman/build.sh")),
        ("user", include_str!("podman/user.sh")),
    ],
};
