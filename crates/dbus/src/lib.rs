//! D-Bus, as far as one unit of systemd needs it: values, their bytes in messages, and their text in annotations
//! (D-Bus Specification, "Message Protocol"; GLib, "GVariant Text Format").
//! Runs in: the parent. Pure: who connects, sends and waits is the crate `brig-cgroup`.
//!
//! ```text
//! "uint64 5" ──text──▶ Value ──Call──▶ bytes ─ ─ ─▶ systemd ─ ─ ─▶ bytes ──frame, Message──▶ Reader ──▶ Value
//! ```
//!
//! What comes in is not trusted: every length is checked against the bytes that are there, nesting is bounded, and no input
//! makes it panic or allocate more than a small multiple of the input's own length.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod signature;
mod value;

mod text;

mod message;
mod read;
mod write;

pub use message::{Call, Kind, LONGEST, Message, frame};
pub use read::Reader;
pub use text::{TextError, parse};
pub use value::{Malformed, Property, Value};
