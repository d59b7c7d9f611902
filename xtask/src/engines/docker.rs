//! Docker: dockerd with its own containerd, from Debian's packages.
//! Runs on the developer's machine.

use crate::engines::engine::Engine;

/// Docker.
pub(super) const ENGINE: Engine = Engine {
    name: "docker",
    needed: &[
        ("dockerd", "docker.io"),
        ("docker", "docker.io"),
        ("containerd", "containerd"),
        ("runc", "runc"),
        ("busybox", "busybox-static"),
        ("ip", "iproute2"),
        ("socat", "socat"),
    ],
    library: include_str!("docker.sh"),
    subjects: &[("run", include_str!("docker/run.sh"))],
};
