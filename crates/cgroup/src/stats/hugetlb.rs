//! Huge pages: `hugetlb.SIZE.*`.

use std::collections::BTreeMap;

use super::files::Files;
use crate::error::Error;

/// Huge pages of one size.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hugetlb {
    /// Pages that are in use.
    pub used: HugetlbUsage,
    /// Pages that are reserved, in use or not; `None` before Linux 5.7.
    pub reserved: Option<HugetlbUsage>,
}

/// How much of one size.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HugetlbUsage {
    /// Bytes at this moment.
    pub current: u64,
    /// The most bytes at any moment: version 1.
    pub peak: u64,
    /// How often the limit was met. Version 2 counts that of use alone.
    pub failures: u64,
}

pub(super) fn v1(files: &Files<'_>) -> Result<BTreeMap<String, Hugetlb>, Error> {
    let usage = |of: &str| -> Result<Option<HugetlbUsage>, Error> {
        let number = |what: &str| files.number_if_any(&format!("hugetlb.{of}.{what}"));
        let Some(current) = number("usage_in_bytes")? else { return Ok(None) };
        let (peak, failures) = (number("max_usage_in_bytes")?, number("failcnt")?);
        Ok(Some(HugetlbUsage { current, peak: peak.unwrap_or(0), failures: failures.unwrap_or(0) }))
    };
    sizes(files, ".usage_in_bytes", usage)
}

pub(super) fn v2(files: &Files<'_>) -> Result<BTreeMap<String, Hugetlb>, Error> {
    let usage = |of: &str| -> Result<Option<HugetlbUsage>, Error> {
        let Some(current) = files.number_if_any(&format!("hugetlb.{of}.current"))? else { return Ok(None) };
        let failures = files.pairs(&format!("hugetlb.{of}.events"))?.count("max");
        Ok(Some(HugetlbUsage { current, peak: 0, failures }))
    };
    sizes(files, ".current", usage)
}

fn sizes(
    files: &Files<'_>,
    suffix: &str,
    usage: impl Fn(&str) -> Result<Option<HugetlbUsage>, Error>,
) -> Result<BTreeMap<String, Hugetlb>, Error> {
    let one = |size: String| {
        let used = usage(&size)?.unwrap_or_default();
        let reserved = usage(&format!("{size}.rsvd"))?;
        Ok((size, Hugetlb { used, reserved }))
    };
    files.names_between("hugetlb.", suffix)?.into_iter().map(one).collect()
}
