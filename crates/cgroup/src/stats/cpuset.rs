//! Which processors and memory nodes: `cpuset.*`.

use super::files::Files;
use super::text;
use crate::error::Error;

/// Which processors and memory nodes the cgroup may use. The flags are of version 1 alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cpuset {
    /// Processors: on version 1 those that were set, on version 2 those in effect.
    pub cpus: Vec<u16>,
    /// Memory nodes, likewise.
    pub mems: Vec<u16>,
    /// No other cpuset shares its processors.
    pub cpu_exclusive: u64,
    /// Kernel memory comes from its nodes only.
    pub mem_hardwall: u64,
    /// No other cpuset shares its nodes.
    pub mem_exclusive: u64,
    /// Pages move with processes.
    pub memory_migrate: u64,
    /// Page cache is spread over its nodes.
    pub memory_spread_page: u64,
    /// Inodes and directory entries are spread over its nodes.
    pub memory_spread_slab: u64,
    /// Rate of reclaim: attempts per second times 1000, where `memory_pressure_enabled` is set.
    pub memory_pressure: u64,
    /// The scheduler balances load among its processors.
    pub sched_load_balance: u64,
    /// How far it looks for idle processors: -1 to 5 (cpuset(7)).
    pub sched_relax_domain_level: i64,
}

pub(super) fn v1(files: &Files<'_>) -> Result<Cpuset, Error> {
    let flag = |name: &str| files.number(&format!("cpuset.{name}"));
    let level = |text: &str| text.trim().parse().ok();
    Ok(Cpuset {
        cpus: files.parsed("cpuset.cpus", text::list)?.unwrap_or_default(),
        mems: files.parsed("cpuset.mems", text::list)?.unwrap_or_default(),
        cpu_exclusive: flag("cpu_exclusive")?,
        mem_hardwall: flag("mem_hardwall")?,
        mem_exclusive: flag("mem_exclusive")?,
        memory_migrate: flag("memory_migrate")?,
        memory_spread_page: flag("memory_spread_page")?,
        memory_spread_slab: flag("memory_spread_slab")?,
        memory_pressure: flag("memory_pressure")?,
        sched_load_balance: flag("sched_load_balance")?,
        sched_relax_domain_level: files.parsed("cpuset.sched_relax_domain_level", level)?.unwrap_or(0),
    })
}

pub(super) fn v2(files: &Files<'_>) -> Result<Cpuset, Error> {
    Ok(Cpuset {
        cpus: files.parsed("cpuset.cpus.effective", text::list)?.unwrap_or_default(),
        mems: files.parsed("cpuset.mems.effective", text::list)?.unwrap_or_default(),
        ..Cpuset::default()
    })
}
