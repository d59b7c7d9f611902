//! The doctor: what this machine lets this user do, found out by doing it. Runs in: parent.
//!
//! ```text
//! checks (by name) ──▶ [containers] of a temporary bundle, up to the gate ──▶ Finding ──▶ report: text or JSON
//!                  └─▶ [host]: single calls and programs
//! ```

pub(crate) mod checks;
mod config;
mod containers;
mod host;
pub(crate) mod report;

/// One feature, and whether it can be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    /// Which.
    pub(crate) check: &'static checks::Check,
    /// What was found: a detail if it works (may be empty), why not if it does not.
    pub(crate) outcome: Result<String, String>,
}

/// Tries what `names` ask for, or everything.
pub(crate) fn examine(names: &[String]) -> Result<Vec<Finding>, crate::exit::Failure> {
    let wanted = |check: &&checks::Check| names.is_empty() || names.iter().any(|name| name == check.name);
    let ward = containers::Ward::new()?;
    let found = checks::ALL.iter().filter(wanted).map(|check| {
        let outcome = match check.way {
            checks::Way::Container(change) => ward.created(change),
            checks::Way::Run => ward.ran(),
            checks::Way::Host(look) => look(),
        };
        Finding { check, outcome }
    });
    Ok(found.collect())
}
