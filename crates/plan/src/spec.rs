//! What config.json says: the types of runtime-spec 1.3 for Linux, named as the specification names them.
//! Runs in: the parent, before anything is decided; after the plan is made nobody reads them.
//!
//! The types borrow from the text they were read from. Their rules of reading are those of the Go types that callers
//! write with, where it matters:
//!
//! - an absent key and a `null` are the same; both give the zero value, or `None` where Go has a pointer;
//! - unknown keys are ignored, and with them the sections of other systems (`windows`, `vm`, `zos`, ...);
//! - words with a fixed vocabulary (capabilities, seccomp actions, rlimit types, ...) stay text until they are used, so
//!   that an unknown one can be warned about or refused by name;
//! - integers have Go's widths, and a number that does not fit is refused.
//!
//! Three deliberate differences: Go matches keys without regard to case, here only the specified spelling counts; a key
//! given twice in one object is refused, except in maps, where the last one wins as in Go; and serde lets an object be
//! written as the array of its values, which nobody does.

mod devices;
mod hooks;
mod linux;
mod memory_policy;
mod mounts;
mod namespaces;
pub mod network;
mod nil;
mod process;
mod rdt;
mod resources;
mod seccomp;
mod text;
mod written;

pub use devices::{LinuxDevice, LinuxDeviceCgroup, LinuxNetDevice};
pub use hooks::{Hook, Hooks};
pub use linux::{Linux, LinuxPersonality};
pub use memory_policy::LinuxMemoryPolicy;
pub use mounts::Mount;
pub use namespaces::{LinuxIdMapping, LinuxNamespace, LinuxTimeOffset};
pub use process::{
    ConsoleSize, CpuAffinity, LinuxCapabilities, LinuxIoPriority, PosixRlimit, Process, Scheduler, User,
};
pub use rdt::LinuxIntelRdt;
pub use resources::{
    LinuxBlockIo, LinuxCpu, LinuxHugepageLimit, LinuxInterfacePriority, LinuxMemory, LinuxNetwork, LinuxPids,
    LinuxRdma, LinuxResources, LinuxThrottleDevice, LinuxWeightDevice,
};
pub use seccomp::{LinuxSeccomp, LinuxSeccompArg, LinuxSyscall};
pub use text::Str;

use serde::{Deserialize, Serialize};

/// The whole of config.json.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default, bound(deserialize = "'de: 'a"))]
pub struct Spec<'a> {
    /// The version of the specification that the bundle claims to follow; runc does not look at it.
    pub oci_version: Str<'a>,
    /// The container's process.
    pub process: Option<Process<'a>>,
    /// The container's root filesystem.
    pub root: Option<Root<'a>>,
    /// The hostname inside the container; empty: not set.
    pub hostname: Str<'a>,
    /// The NIS domain name inside the container; empty: not set.
    pub domainname: Str<'a>,
    /// Mounts on top of the root filesystem, in the order they are made.
    #[serde(deserialize_with = "nil::or_zero")]
    pub mounts: Vec<Mount<'a>>,
    /// Programs to run at points of the container's life.
    pub hooks: Option<Hooks<'a>>,
    /// Free text about the container, in file order.
    #[serde(deserialize_with = "nil::map", serialize_with = "nil::as_map")]
    pub annotations: Vec<(Str<'a>, Str<'a>)>,
    /// What only Linux has.
    pub linux: Option<Linux<'a>>,
}

/// `root`: the container's root filesystem.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default, bound(deserialize = "'de: 'a"))]
pub struct Root<'a> {
    /// Directory on the host, absolute or relative to the bundle.
    pub path: Str<'a>,
    /// Make it read-only before the process starts.
    #[serde(deserialize_with = "nil::or_zero")]
    pub readonly: bool,
}
