//! The language of the two processes: what `brig` (the parent) tells `brig-init`, and what `brig-init` asks back.
//!
//! Runs in: both. The parent encodes a [`Task`] and sends it once, with file descriptors beside it, and behind it the program
//! of the filter; `brig-init` carries it out and talks back in [`Ask`]s, which the parent answers with a
//! [`Reply`]. Never the other way round.
//!
//! ```text
//! brig                                   brig-init
//!  │── Task, fds ───────────────────────▶│
//!  │  compiles, writes the record        │  namespaces, mounts, devices
//!  │── the filter's program, or nothing ▶│  read when it is wanted, at the latest before the first answer
//!  │◀──────────────── Ask::OpenSource ───│  only what the configuration gives a reason for:
//!  │── Reply::Done, fd ─────────────────▶│  an ordinary start asks nothing
//!  │                                     │  root switch, credentials, filter
//!  │◀──────────────── Ask::AtGate ───────│  (one way)
//!  │◀── end of file ─────────────────────│  execve
//! ```
//!
//! Everything here is data in the form the kernel wants it: no field needs to be interpreted again. Text is
//! NUL-terminated; flags are the kernel's numbers.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod wire;

pub mod task;

pub mod devices;
pub mod hooks;
pub mod mounts;
pub mod namespaces;
pub mod process;
pub mod rootfs;

pub mod step;
pub mod talk;
pub mod timeline;

pub use step::Step;
pub use talk::{Ask, Fault, Reply};
pub use task::Task;
pub use wire::{Malformed, Text};
