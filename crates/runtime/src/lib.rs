//! The container runtime as a library: order across processes and commands, and the record on disk.
//!
//! Runs in: the parent, on the host; never enters a container's namespaces. A container is a program: config.json is loaded,
//! planned (crate `brig-plan`), and carried out by `brig-init` (crate `brig-init`), to which this crate talks.
//!
//! ```
//! # mod rootfs { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/rootfs.in")); }
//! # fn main() -> brig_runtime::Result<()> {
//! # let Some(folder) = rootfs::Rootfs::new() else { return Ok(()) };
//! # let (store, rootfs) = (folder.store(), folder.path());
//! use brig_runtime::Container;
//!
//! let jail = Container::builder(rootfs).command(["sh", "-c", "echo $A; exit 3"]).env("A", "jailed").read_only();
//! let output = jail.output(&store, "jail-1")?;
//! assert_eq!((output.status.code(), &*output.stdout), (Some(3), &b"jailed\n"[..]));
//! # Ok(())
//! # }
//! ```
//!
//! The guide is docs/library.md.
//!
//! Safe in a program with many threads: no global state, no change of directory, environment, umask or signal handlers, every
//! descriptor close-on-exec, every wait with a deadline. The exception says so: [`foreground`].
#![forbid(unsafe_code)]

pub mod errno;
pub mod error;
mod missing;

pub mod patience;
pub mod pid;
pub mod probe;
pub mod record;
pub mod seccomp;
pub mod store;
pub mod timeline;

pub mod container;

pub mod create;
mod executable;
pub mod intel_rdt;
mod limits;
pub mod listener;
pub mod network;
mod parent;
mod sources;
mod spawn;
mod systemd;
mod talk;
mod terminal;
mod words;

pub mod exec;
pub mod foreground;
pub mod gate;
pub mod hooks;
pub mod notify;
pub mod start;

pub mod checkpoint;
pub mod criu;
pub mod restore;

pub mod delete;
pub mod events;
pub mod kill;
pub mod list;
pub mod oom;
pub mod ps;
pub mod state;
pub mod stats;
pub mod status;
pub mod update;

#[cfg(feature = "tokio")]
pub use container::asynchronous;
pub use container::{Builder, Container, Exec, Launch, Process, Stdio};
pub use error::{Error, Kind, Result};
pub use patience::{Canceller, Patience};
pub use timeline::Timeline;
