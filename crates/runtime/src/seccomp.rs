//! The program of a seccomp profile: what the plan names as bytes that say all of it becomes what the kernel loads.
//! Runs in: the parent, while brig-init builds the root file system.

use std::borrow::Cow;

use brig_plan::refusal::Refusal;
use brig_seccomp::{Canonical, compile};

use crate::error::{Error, Result};
use crate::store::Store;

/// A program to load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// `struct sock_filter[]`.
    pub bytes: Cow<'static, [u8]>,
    /// Where it is from.
    pub origin: Origin,
}

/// Where a program is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Compiled just now.
    Compiled,
}

/// The program of `profile`.
///
/// # Errors
/// `Refused`: rules that contradict each other, a program longer than the kernel takes.
pub fn program(_store: &Store, profile: &Canonical) -> Result<Program> {
    let (read, native) = Canonical::read(profile.bytes()).ok_or_else(unreadable)?;
    let compiled = compile(&read, native).map_err(|error| refused(&error))?;
    for name in &compiled.unknown {
        log::debug!("seccomp: no system call is called {name}: skipped");
    }
    Ok(Program { bytes: Cow::Owned(compiled.to_bytes()), origin: Origin::Compiled })
}

fn refused(error: &brig_seccomp::Error) -> Error {
    Error::from(Refusal::runc("linux.seccomp", error.to_string()))
}

fn unreadable() -> Error {
    Error::from(Refusal::at("linux.seccomp", "the plan holds no profile"))
}
