//! What tests of the whole program share: a bundle made from the machine's busybox, a `brig` with a store of its own, and
//! cleaning up after both, also when a test fails.
//!
//! Only what a test file uses is compiled into it; what one leaves out another needs.
#![allow(
    dead_code,
    unused_imports,
    clippy::print_stdout,
    reason = "each test file uses a part of this, and says what it skips"
)]
#![allow(clippy::unwrap_used, reason = "a test ends where its preparation fails")]

pub(crate) mod agent;
pub(crate) mod apparmor;
pub(crate) mod attack;
mod brig;
mod bundle;
pub(crate) mod cgroup;
pub(crate) mod checkpoint;
mod host;
pub(crate) mod network;
pub(crate) mod shared;
pub(crate) mod terminal;
pub(crate) mod trace;

use std::path::PathBuf;

pub(crate) use brig::{Brig, Ended, brig_program, wait};
pub(crate) use bundle::{Bundle, Folder, drop_namespace, give_to, set_namespace};
pub(crate) use host::{HostMounts, Stranger, Witness, namespace_of};
pub(crate) use shared::{DEADLINE, POLL, cgroups_named, eventually, patiently, unique};

/// True, having said why, where no container can be made: `if common::cannot_run() { return; }`.
pub(crate) fn cannot_run() -> bool {
    let needed = match (rustix::process::geteuid().is_root(), busybox()) {
        (false, _) => "root",
        (true, None) => "busybox-static",
        (true, Some(_)) => return false,
    };
    println!("SKIPPED: needs {needed}");
    true
}

/// The machine's busybox.
pub(crate) fn busybox() -> Option<PathBuf> {
    ["/bin/busybox", "/usr/bin/busybox"].map(PathBuf::from).into_iter().find(|path| path.exists())
}
