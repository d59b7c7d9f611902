//! The three architectures: how a system call is made, and what a cloned child does between clone3 and execveat.
//!
//! x86_64 is built and tested everywhere; aarch64 and riscv64 are kept in step with it by hand.

#[cfg(target_arch = "aarch64")]
mod aarch64;
#[cfg(target_arch = "riscv64")]
mod riscv64;
#[cfg(target_arch = "x86_64")]
mod x86_64;

#[cfg(target_arch = "aarch64")]
pub(crate) use aarch64::{spawn, syscall};
#[cfg(target_arch = "riscv64")]
pub(crate) use riscv64::{spawn, syscall};
#[cfg(target_arch = "x86_64")]
pub(crate) use x86_64::{spawn, syscall};
