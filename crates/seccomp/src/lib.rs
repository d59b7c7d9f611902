//! From an OCI seccomp profile to the BPF program that the kernel runs before every syscall, without libseccomp.
//! Runs in: the parent, which sends the program to brig-init. Pure: no I/O, no clock, no environment.
//!
//! ```text
//! Profile ──resolve──▶ per ABI: what each number gets ──ranges──▶ decision graph ──emit──▶ [Insn]
//!          names, rules,                        merged where        search tree,       jumps of
//!          precedence, -ENOSYS                  the same            argument tests     any length
//! ```
//!
//! The modules follow that path; `interp` runs a program and `disasm` prints one, for tests and for people.
//! What differs from libseccomp on purpose is in `docs/decisions/seccomp-compiler.md`.
//!
//! Not here, and where it belongs: loading the filter (brig-init), the files of the cache of compiled programs
//! (`runtime`), the profiles that engines ship compiled at build time (a `defaults` module of this crate, found
//! by a hash over every field with its length; not written yet).

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod arch;
mod profile;
#[rustfmt::skip]
mod syscalls;

mod compile;
mod condition;
mod emit;
mod graph;
mod multiplex;
mod order;
mod ranges;
mod resolve;

mod disasm;
mod error;
mod insn;
pub mod interp;

pub use arch::Arch;
pub use compile::{Compiled, compile};
pub use disasm::{Shape, disassemble, shape};
pub use error::Error;
pub use insn::Insn;
pub use profile::{Action, Condition, Flag, Operator, Profile, Rule, UnknownWord};
