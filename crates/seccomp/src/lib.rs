//! From an OCI seccomp profile to the BPF program that the kernel runs before every syscall, without libseccomp.
//! Runs in: the parent, which sends the program to brig-init. Pure: no I/O, no clock, no environment.
//!
//! ```text
//! Profile ──resolve──▶ per ABI: what each number gets ──ranges──▶ decision graph ──emit──▶ [Insn]
//!          names, rules,                        merged where        search tree,       jumps of
//!          precedence, -ENOSYS                  the same            argument tests     any length
//! ```
//!
//! ```
//! use brig_seccomp::{Action, Arch, Profile, Rule, compile};
//!
//! let action: Action = "SCMP_ACT_ERRNO".parse()?;
//! let mkdir = Rule { names: vec!["mkdir", "mkdirat"], action, errno_ret: Some(30), args: vec![] };
//! let profile = Profile {
//!     default_action: Action::Allow,
//!     default_errno_ret: None,
//!     architectures: vec![Arch::X86],
//!     flags: None,
//!     rules: vec![mkdir],
//! };
//! let compiled = compile(&profile, Arch::X86_64)?;
//! assert!(compiled.unknown.is_empty() && !compiled.uses_notify);
//! let filter_for_the_kernel: Vec<u8> = compiled.to_bytes();
//! # assert_eq!(filter_for_the_kernel.len(), 8 * compiled.program.len());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The modules follow that path; `interp` runs a program and `disasm` prints one, for tests and for people.
//! What differs from libseccomp on purpose is in `docs/decisions/0017-seccomp-compiler.md`.
//!
//! Not here, and where it is: loading the filter (brig-init); programs that are kept in files, and those that are compiled
//! with brig because engines send their profiles (`runtime`), which are found by a profile's [`Canonical`] bytes.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod arch;
mod profile;

mod canonical;

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
mod reason;

pub use arch::{Arch, is_syscall};
pub use canonical::{Canonical, hash};
pub use compile::{Compiled, compile};
pub use disasm::{Shape, action, disassemble, shape};
pub use error::Error;
pub use insn::Insn;
pub use profile::{Action, Condition, Flag, Operator, Profile, Rule, UnknownWord};
pub use reason::{Held, Match, Reason, reason};
