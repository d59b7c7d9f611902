//! `linux`: what only Linux has.
//! Runs in: the parent, while config.json is read.

use super::{
    LinuxDevice, LinuxIdMapping, LinuxIntelRdt, LinuxMemoryPolicy, LinuxNamespace, LinuxNetDevice,
    LinuxResources, LinuxSeccomp, LinuxTimeOffset, Str, nil,
};
use serde::{Deserialize, Serialize};

/// `linux`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default, bound(deserialize = "'de: 'a"))]
pub struct Linux<'a> {
    /// User ids of the container's user namespace.
    #[serde(deserialize_with = "nil::or_zero")]
    pub uid_mappings: Vec<LinuxIdMapping>,
    /// Group ids of the container's user namespace.
    #[serde(deserialize_with = "nil::or_zero")]
    pub gid_mappings: Vec<LinuxIdMapping>,
    /// Kernel parameters to set, in file order.
    #[serde(deserialize_with = "nil::map", serialize_with = "nil::as_map")]
    pub sysctl: Vec<(Str<'a>, Str<'a>)>,
    /// Limits of the cgroup.
    pub resources: Option<LinuxResources<'a>>,
    /// Where the cgroup is; empty: the runtime chooses.
    pub cgroups_path: Str<'a>,
    /// Namespaces to create or join.
    #[serde(deserialize_with = "nil::or_zero")]
    pub namespaces: Vec<LinuxNamespace<'a>>,
    /// Device nodes to make.
    #[serde(deserialize_with = "nil::or_zero")]
    pub devices: Vec<LinuxDevice<'a>>,
    /// Network devices to move into the container, by their name on the host, in file order.
    #[serde(deserialize_with = "nil::map", serialize_with = "nil::as_map")]
    pub net_devices: Vec<(Str<'a>, LinuxNetDevice<'a>)>,
    /// System calls it may make; absent: all.
    pub seccomp: Option<LinuxSeccomp<'a>>,
    /// Propagation of the root mount, such as `rslave`; empty: the runtime chooses.
    pub rootfs_propagation: Str<'a>,
    /// Paths to hide.
    #[serde(deserialize_with = "nil::or_zero")]
    pub masked_paths: Vec<Str<'a>>,
    /// Paths to make read-only.
    #[serde(deserialize_with = "nil::or_zero")]
    pub readonly_paths: Vec<Str<'a>>,
    /// SELinux context of the mounts; empty: none.
    pub mount_label: Str<'a>,
    /// Cache and memory bandwidth.
    pub intel_rdt: Option<LinuxIntelRdt<'a>>,
    /// NUMA policy.
    pub memory_policy: Option<LinuxMemoryPolicy<'a>>,
    /// Execution domain.
    pub personality: Option<LinuxPersonality<'a>>,
    /// Offsets of the time namespace's clocks, `monotonic` and `boottime`, in file order.
    #[serde(deserialize_with = "nil::map", serialize_with = "nil::as_map")]
    pub time_offsets: Vec<(Str<'a>, LinuxTimeOffset)>,
}

/// `linux.personality`: personality(2).
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default, bound(deserialize = "'de: 'a"))]
pub struct LinuxPersonality<'a> {
    /// `LINUX` or `LINUX32`.
    pub domain: Str<'a>,
    /// None is defined.
    #[serde(deserialize_with = "nil::or_zero")]
    pub flags: Vec<Str<'a>>,
}
