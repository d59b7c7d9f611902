//! `brig demo`: a container made of nothing but this machine's own `/usr`, and what a process finds inside of it.
//!
//! ```text
//! commands/demo ──Facts──▶ Bundle ──create──▶ /.brig demo --inside ──walls──▶ Report
//! ```
//! The process inside is brig itself, bound read-only: nothing is downloaded, and nothing of the machine is trusted to tell the
//! truth about the walls. Runs in: parent; [`inside`] runs in the container.

pub(crate) mod bundle;
pub(crate) mod config;
pub(crate) mod facts;

pub(crate) mod inside;
mod walls;

pub(crate) mod missing;
pub(crate) mod report;
