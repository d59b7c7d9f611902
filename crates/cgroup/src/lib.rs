//! Control groups: where a container's cgroup is, making it, joining it, freezing, killing, emptying and removing it.
//! Runs in: the parent, on the host. Every file is opened beneath a directory fd of the hierarchy's own mount.
//!
//! ```text
//! Layout ──resolve──▶ Paths ──create──▶ Cgroup ──dir / join──▶ processes ──kill, wait_empty──▶ remove
//! (fact)              (kept in           ▲
//!                      the record) ─open─┘
//! ```
//!
//! Beside them, in the same manner, [`resctrl`]: the classes of service of Intel RDT.
//!
//! It knows nothing of the container's `Spec`, writes what limits it is given without asking what they mean, and never logs: it returns typed errors.
#![forbid(unsafe_code)]

mod hierarchy;
mod path;
mod sub;

mod along;
mod beneath;
mod controllers;
mod create;
mod devices;
mod group;
mod limits;
mod replace;
mod tree;

mod events;
mod freeze;
mod kill;
mod oom;
mod remove;
mod stats;
mod until;
mod wait;

mod systemd;

pub mod resctrl;

mod error;

pub use along::Above;
pub use devices::{DeviceDefault, DeviceProgram, DeviceRules};
pub use error::{Error, Step};
pub use events::{Event, PressureThreshold, PressureWatch, Resource, Waiting, Watch};
pub use group::{Cgroup, Denied, Scope};
pub use hierarchy::{Hierarchy, Layout, parse_mountinfo};
pub use limits::{NotSet, Refused, Shape, Write};
pub use oom::OutOfMemory;
pub use path::{Membership, Paths, Place};
pub use replace::{Before, NotReplaced};
pub use resctrl::Resctrl;
pub use stats::{
    BlockIo, Cpu, CpuUsage, Cpuset, DeviceCount, Hugetlb, HugetlbUsage, Limit, Memory, MemoryEvents,
    MemoryUsage, Misc, Pids, Pressure, Rdma, RdmaUse, Stall, Statistics, Throttling,
};
pub use sub::SubPaths;
pub use systemd::{
    Began, Doing, Environment, Failure, Manager, Peer, Server, Socket, Starting, SystemdError, Unit, Whose,
    servers,
};
pub use until::Until;
