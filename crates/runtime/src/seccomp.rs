//! The program of a seccomp profile: what the plan has as bytes that say all of it becomes what the kernel loads.
//! Runs in: the parent, while brig-init builds the root file system.
//!
//! Engines send the same few profiles for nearly all containers: those are compiled when brig is built. Of the others the
//! programs that took long to compile are kept in the store.

mod engines;
mod kept;

use std::borrow::Cow;
use std::collections::BTreeSet;

use brig_plan::refusal::Refusal;
use brig_seccomp::{Arch, Canonical, compile};

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
    /// An engine sends this profile by default: compiled when brig was built.
    Engine,
    /// Compiled for an earlier container.
    Kept,
    /// Compiled just now.
    Compiled,
}

/// The program of `profile`.
///
/// # Errors
/// `Refused`: rules that contradict each other, a program longer than the kernel takes.
pub fn program(store: &Store, profile: &Canonical) -> Result<Program> {
    if log::log_enabled!(log::Level::Debug) {
        report_unknown(profile);
    }
    if let Some(bytes) = engines::find(profile) {
        return Ok(Program { bytes: Cow::Borrowed(bytes), origin: Origin::Engine });
    }
    if let Some(bytes) = kept::find(store, profile) {
        return Ok(Program { bytes: Cow::Owned(bytes), origin: Origin::Kept });
    }
    let (read, native) = Canonical::read(profile.bytes()).ok_or_else(unreadable)?;
    let compiled = compile(&read, native).map_err(|error| refused(&error))?;
    Ok(Program { bytes: Cow::Owned(compiled.to_bytes()), origin: Origin::Compiled })
}

/// Names of the profile that no architecture knows: whether the program is compiled now or was before.
fn report_unknown(profile: &Canonical) {
    let Some((profile, _)) = Canonical::read(profile.bytes()) else { return };
    let is_unknown = |name: &&str| Arch::ALL.iter().all(|arch| arch.number(name).is_none());
    let names: BTreeSet<&str> = profile.rules.iter().flat_map(|rule| rule.names.iter().copied()).collect();
    for name in names.into_iter().filter(is_unknown) {
        log::debug!("seccomp: no system call is called {name}: skipped");
    }
}

/// Keeps a program that was compiled just now for the next container with this profile. To be called when nobody waits for
/// this process. What cannot be kept is compiled again.
pub fn keep(store: &Store, profile: &Canonical, program: &Program) {
    if program.origin == Origin::Compiled
        && let Err(error) = kept::keep(store, profile, &program.bytes)
    {
        log::debug!("seccomp: the program is not kept: {error}");
    }
}

fn refused(error: &brig_seccomp::Error) -> Error {
    Error::from(Refusal::runc("linux.seccomp", error.to_string()))
}

fn unreadable() -> Error {
    Error::from(Refusal::at("linux.seccomp", "the plan holds no profile"))
}

#[cfg(test)]
mod tests;
