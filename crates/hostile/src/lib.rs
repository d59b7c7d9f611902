//! What holds whatever the input is: the body of every fuzz target.
//! Runs in: fuzzers (`fuzz/`), and a test that goes through `fuzz/corpus`; never shipped.
//!
//! Each function takes any bytes and panics if something does not hold that must: that nothing panics is the least of it.
//! What somebody outside of brig writes has a target here: the author of a bundle, whoever could write to the store, the other
//! end of a socket, the image, the kernel.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a target panics where something does not hold")]

mod bundle;

mod handshake;
mod record;

mod seccomp;

mod container;
mod machine;

mod peers;

mod words;

mod folder;

pub use bundle::{config, process, resources};
pub use container::passwd;
pub use handshake::handshake;
pub use machine::{cgroup_files, mountinfo};
pub use peers::{criu_reply, dbus, netlink};
pub use record::record;
pub use seccomp::{seccomp_profile, seccomp_verdict};
pub use words::arguments;

/// What takes any bytes.
pub type Target = fn(&[u8]);

/// Every target, by the name of its folder in `fuzz/corpus`.
pub const TARGETS: [(&str, Target); 14] = [
    ("config", config),
    ("process", process),
    ("resources", resources),
    ("record", record),
    ("seccomp_profile", seccomp_profile),
    ("seccomp_verdict", seccomp_verdict),
    ("handshake", handshake),
    ("mountinfo", mountinfo),
    ("cgroup_files", cgroup_files),
    ("passwd", passwd),
    ("arguments", arguments),
    ("criu_reply", criu_reply),
    ("dbus", dbus),
    ("netlink", netlink),
];
