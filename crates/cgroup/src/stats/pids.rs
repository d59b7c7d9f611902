//! Processes and threads: `pids.*`, the same on both versions.

use super::files::Files;
use crate::error::Error;

/// Processes and threads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pids {
    /// How many there are.
    pub current: u64,
    /// The most at any moment; 0 before Linux 6.1.
    pub peak: u64,
    /// How many there may be; `None` if there is no limit.
    pub limit: Option<u64>,
    /// How many could not be made because of a limit.
    pub refused: u64,
}

pub(super) fn read(files: &Files<'_>) -> Result<Pids, Error> {
    Ok(Pids {
        current: files.number("pids.current")?,
        peak: files.number("pids.peak")?,
        limit: files.number_if_any("pids.max")?.filter(|limit| *limit != u64::MAX),
        refused: files.pairs("pids.events")?.count("max"),
    })
}
