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
        ("docker-compose", "docker-compose"),
    ],
    library: include_str!("docker.sh"),
    subjects: &[
        ("run", include_str!("docker/run.sh")),
        ("exec", include_str!("docker/exec.sh")),
        ("life", include_str!("docker/life.sh")),
        ("limits", include_str!("docker/limits.sh")),
        ("rights", include_str!("docker/rights.sh")),
        ("storage", include_str!("docker/storage.sh")),
        ("namespaces", include_str!("docker/namespaces.sh")),
        ("failures", include_str!("docker/failures.sh")),
        ("build", include_str!("docker/build.sh")),
        ("restart", include_str!("docker/restart.sh")),
    ],
};
