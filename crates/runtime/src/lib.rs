//! The container runtime as a library: order across processes and commands, and the record on disk.
//!
//! Runs in: the parent, on the host; never enters a container's namespaces. A container is a program: config.json is loaded,
//! planned (crate `brig-plan`), and carried out by `brig-init` (crate `brig-init`), to which this crate talks.
//!
//! Safe in a program with many threads: no global state, no change of directory, environment, umask or signal handlers, every
//! descriptor close-on-exec, every wait with a deadline. The exception says so: [`foreground`].
#![forbid(unsafe_code)]

pub mod errno;
pub mod error;

pub mod probe;
pub mod store;
pub mod record;
pub mod pid;

pub mod create;
mod executable;
mod spawn;
mod talk;
mod parent;
mod sources;
mod terminal;
mod listener;
mod words;

pub mod hooks;
pub mod gate;
pub mod start;
pub mod exec;
pub mod foreground;
pub mod notify;

pub mod status;
pub mod state;
pub mod list;
pub mod ps;
pub mod kill;
pub mod delete;

pub use error::{Error, Kind, Result};
