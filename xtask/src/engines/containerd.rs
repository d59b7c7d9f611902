//! containerd by itself, as ctr and as the kubelet drive it, from Debian's packages.
//! Runs on the developer's machine.

use crate::engines::engine::Engine;

/// containerd with its CRI service.
pub(super) const ENGINE: Engine = Engine {
    name: "containerd",
    needed: &[
        ("containerd", "containerd"),
        ("runc", "runc"),
        ("busybox", "busybox-static"),
        ("ip", "iproute2"),
        ("socat", "socat"),
        ("curl", "curl"),
        ("protoc", "protobuf-compiler"),
    ],
    library: concat!(include_str!("containerd.sh"), include_str!("containerd/cri.sh")),
    subjects: &[
        ("run", include_str!("containerd/run.sh")),
        ("tasks", include_str!("containerd/tasks.sh")),
        ("pods", include_str!("containerd/pods.sh")),
    ],
};
