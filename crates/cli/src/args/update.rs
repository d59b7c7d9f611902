//! The typed words of `update`. Runs in: parent.

use std::path::PathBuf;

/// `update`.
#[derive(Debug, PartialEq, Eq)]
pub struct UpdateArgs {
    /// The container.
    pub id: String,
    /// From where the limits come.
    pub limits: UpdateLimits,
    /// Intel RDT schema of the L3 cache.
    pub l3_cache_schema: Option<String>,
    /// Intel RDT schema of memory bandwidth.
    pub mem_bw_schema: Option<String>,
}

/// The limits of `update`.
#[derive(Debug, PartialEq, Eq)]
pub enum UpdateLimits {
    /// An OCI `linux.resources` object in a file; all flags on limits are ignored.
    File(PathBuf),
    /// The same on standard input.
    Stdin,
    /// From flags.
    Words(Box<LimitWords>),
}

/// Limits as typed; `None` for what was not. Times in microseconds, sizes in bytes, -1 for no limit.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct LimitWords {
    /// `--blkio-weight`
    pub blkio_weight: Option<u16>,
    /// `--cpu-period`
    pub cpu_period: Option<u64>,
    /// `--cpu-quota`
    pub cpu_quota: Option<i64>,
    /// `--cpu-burst`
    pub cpu_burst: Option<u64>,
    /// `--cpu-share`
    pub cpu_shares: Option<u64>,
    /// `--cpu-rt-period`
    pub cpu_rt_period: Option<u64>,
    /// `--cpu-rt-runtime`
    pub cpu_rt_runtime: Option<i64>,
    /// `--cpuset-cpus`
    pub cpuset_cpus: Option<String>,
    /// `--cpuset-mems`
    pub cpuset_mems: Option<String>,
    /// `--cpu-idle`
    pub cpu_idle: Option<i64>,
    /// `--memory`
    pub memory: Option<i64>,
    /// `--memory-reservation`
    pub memory_reservation: Option<i64>,
    /// `--memory-swap`
    pub memory_swap: Option<i64>,
    /// `--pids-limit`
    pub pids_limit: Option<i64>,
    /// `--kernel-memory` or `--kernel-memory-tcp` was given: warn that it is ignored.
    pub kernel_memory: bool,
}
