//! Scalar resources, of the misc controller: `misc.*`, the same on both versions.

use std::collections::BTreeMap;

use super::files::Files;
use crate::error::Error;

/// One resource of the misc controller, in the unit of that resource.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Misc {
    /// How much is used.
    pub current: u64,
    /// How often its limit was met.
    pub failures: u64,
}

pub(super) fn read(files: &Files<'_>) -> Result<BTreeMap<String, Misc>, Error> {
    let events = files.pairs("misc.events")?;
    let one = |(name, current): (String, u64)| {
        let failures = events.count(&format!("{name}.max"));
        (name, Misc { current, failures })
    };
    Ok(files.pairs("misc.current")?.into_iter().map(one).collect())
}
