//! `linux.resources`: limits of the cgroup. It is also the whole of what `update --resources` reads.
//! Runs in: the parent, while config.json is read.
//!
//! An absent limit is left alone; a zero is a value.

use super::{LinuxDeviceCgroup, Str, nil};
use serde::{Deserialize, Serialize};

/// `linux.resources`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default, bound(deserialize = "'de: 'a"))]
pub struct LinuxResources<'a> {
    /// Rules of the device cgroup, the last match decides.
    #[serde(deserialize_with = "nil::or_zero")]
    pub devices: Vec<LinuxDeviceCgroup<'a>>,
    /// Memory.
    pub memory: Option<LinuxMemory>,
    /// CPU time and sets.
    pub cpu: Option<LinuxCpu<'a>>,
    /// Number of tasks.
    pub pids: Option<LinuxPids>,
    /// Disks.
    #[serde(rename = "blockIO")]
    pub block_io: Option<LinuxBlockIo>,
    /// Huge pages.
    #[serde(deserialize_with = "nil::or_zero")]
    pub hugepage_limits: Vec<LinuxHugepageLimit<'a>>,
    /// Class and priority of network traffic (cgroup v1).
    pub network: Option<LinuxNetwork<'a>>,
    /// RDMA, by device, in file order.
    #[serde(deserialize_with = "nil::map", serialize_with = "nil::as_map")]
    pub rdma: Vec<(Str<'a>, LinuxRdma)>,
    /// Files of the cgroup v2 directory and what to write to them, in file order.
    #[serde(deserialize_with = "nil::map", serialize_with = "nil::as_map")]
    pub unified: Vec<(Str<'a>, Str<'a>)>,
}

/// `linux.resources.memory`, in bytes; -1 is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LinuxMemory {
    /// Memory.
    pub limit: Option<i64>,
    /// Soft limit.
    pub reservation: Option<i64>,
    /// Memory and swap together.
    pub swap: Option<i64>,
    /// Kernel memory; deprecated.
    pub kernel: Option<i64>,
    /// TCP buffers.
    #[serde(rename = "kernelTCP")]
    pub kernel_tcp: Option<i64>,
    /// How eagerly to swap, 0..=100.
    pub swappiness: Option<u64>,
    /// Let tasks wait instead of killing one.
    #[serde(rename = "disableOOMKiller")]
    pub disable_oom_killer: Option<bool>,
    /// Count child groups (cgroup v1).
    pub use_hierarchy: Option<bool>,
    /// Refuse an update below the present usage.
    pub check_before_update: Option<bool>,
}

/// `linux.resources.cpu`, times in microseconds.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default, bound(deserialize = "'de: 'a"))]
pub struct LinuxCpu<'a> {
    /// Relative weight, 1024 is usual.
    pub shares: Option<u64>,
    /// Time in each period; -1 is no limit.
    pub quota: Option<i64>,
    /// Unused time that may be saved up.
    pub burst: Option<u64>,
    /// Length of the period.
    pub period: Option<u64>,
    /// Realtime tasks' time in each realtime period.
    pub realtime_runtime: Option<i64>,
    /// Length of the realtime period.
    pub realtime_period: Option<u64>,
    /// CPUs, such as `0-3,7`; empty: unchanged.
    pub cpus: Str<'a>,
    /// Memory nodes, such as `0-1`; empty: unchanged.
    pub mems: Str<'a>,
    /// 1: SCHED_IDLE for the group.
    pub idle: Option<i64>,
}

/// `linux.resources.pids`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LinuxPids {
    /// Number of tasks; -1 is no limit.
    pub limit: Option<i64>,
}

/// `linux.resources.blockIO`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LinuxBlockIo {
    /// Relative weight, 10..=1000.
    pub weight: Option<u16>,
    /// Weight of the group's own tasks against its child groups (CFQ).
    pub leaf_weight: Option<u16>,
    /// Weights by device.
    #[serde(deserialize_with = "nil::or_zero")]
    pub weight_device: Vec<LinuxWeightDevice>,
    /// Reads, bytes per second.
    #[serde(deserialize_with = "nil::or_zero")]
    pub throttle_read_bps_device: Vec<LinuxThrottleDevice>,
    /// Writes, bytes per second.
    #[serde(deserialize_with = "nil::or_zero")]
    pub throttle_write_bps_device: Vec<LinuxThrottleDevice>,
    /// Reads per second.
    #[serde(rename = "throttleReadIOPSDevice", deserialize_with = "nil::or_zero")]
    pub throttle_read_iops_device: Vec<LinuxThrottleDevice>,
    /// Writes per second.
    #[serde(rename = "throttleWriteIOPSDevice", deserialize_with = "nil::or_zero")]
    pub throttle_write_iops_device: Vec<LinuxThrottleDevice>,
}

/// `linux.resources.blockIO.weightDevice[]`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LinuxWeightDevice {
    /// Major number.
    #[serde(deserialize_with = "nil::or_zero")]
    pub major: i64,
    /// Minor number.
    #[serde(deserialize_with = "nil::or_zero")]
    pub minor: i64,
    /// Relative weight, 10..=1000.
    pub weight: Option<u16>,
    /// Weight of the group's own tasks against its child groups (CFQ).
    pub leaf_weight: Option<u16>,
}

/// An entry of the four throttle lists of `linux.resources.blockIO`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LinuxThrottleDevice {
    /// Major number.
    #[serde(deserialize_with = "nil::or_zero")]
    pub major: i64,
    /// Minor number.
    #[serde(deserialize_with = "nil::or_zero")]
    pub minor: i64,
    /// Bytes or operations per second.
    #[serde(deserialize_with = "nil::or_zero")]
    pub rate: u64,
}

/// `linux.resources.hugepageLimits[]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default, bound(deserialize = "'de: 'a"))]
pub struct LinuxHugepageLimit<'a> {
    /// Size of the pages, such as `2MB`. Programs in Go may also write `pagesize`, of which runc makes the same.
    #[serde(alias = "pagesize")]
    pub page_size: Str<'a>,
    /// Bytes.
    #[serde(deserialize_with = "nil::or_zero")]
    pub limit: u64,
}

/// `linux.resources.network` (cgroup v1: net_cls and net_prio).
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default, bound(deserialize = "'de: 'a"))]
pub struct LinuxNetwork<'a> {
    /// Class of its packets.
    #[serde(rename = "classID")]
    pub class_id: Option<u32>,
    /// Priorities by interface.
    #[serde(deserialize_with = "nil::or_zero")]
    pub priorities: Vec<LinuxInterfacePriority<'a>>,
}

/// `linux.resources.network.priorities[]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default, bound(deserialize = "'de: 'a"))]
pub struct LinuxInterfacePriority<'a> {
    /// Interface.
    pub name: Str<'a>,
    /// Priority.
    #[serde(deserialize_with = "nil::or_zero")]
    pub priority: u32,
}

/// A value of `linux.resources.rdma`, whose keys are devices.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LinuxRdma {
    /// Handles that may be open.
    pub hca_handles: Option<u32>,
    /// Objects that may exist.
    pub hca_objects: Option<u32>,
}
