//! Namespaces, id mappings and clock offsets.
//! Runs in: the parent, while config.json is read.

use super::{Str, nil};
use serde::{Deserialize, Serialize};

/// `linux.namespaces[]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default, bound(deserialize = "'de: 'a"))]
pub struct LinuxNamespace<'a> {
    /// `pid`, `network`, `mount`, `ipc`, `uts`, `user`, `cgroup` or `time`.
    #[serde(rename = "type")]
    pub kind: Str<'a>,
    /// The namespace to join; empty: create one.
    pub path: Str<'a>,
}

/// A line of uid_map or gid_map: of `linux.uidMappings[]`, `linux.gidMappings[]` and those of a mount.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct LinuxIdMapping {
    /// First id inside the container.
    #[serde(rename = "containerID", deserialize_with = "nil::or_zero")]
    pub container_id: u32,
    /// First id on the host.
    #[serde(rename = "hostID", deserialize_with = "nil::or_zero")]
    pub host_id: u32,
    /// How many ids.
    #[serde(deserialize_with = "nil::or_zero")]
    pub size: u32,
}

/// A value of `linux.timeOffsets`, whose keys are `monotonic` and `boottime`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct LinuxTimeOffset {
    /// Seconds.
    #[serde(deserialize_with = "nil::or_zero")]
    pub secs: i64,
    /// Nanoseconds on top of them.
    #[serde(deserialize_with = "nil::or_zero")]
    pub nanosecs: u32,
}
