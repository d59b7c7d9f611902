//! Device nodes, the rules of the device cgroup, and network devices.
//! Runs in: the parent, while config.json is read.

use super::{Str, nil};
use serde::{Deserialize, Serialize};

/// `linux.devices[]`: a node to make.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default, bound(deserialize = "'de: 'a"))]
pub struct LinuxDevice<'a> {
    /// Where, in the container.
    pub path: Str<'a>,
    /// `c`, `u`, `b` or `p`.
    #[serde(rename = "type")]
    pub kind: Str<'a>,
    /// Major number.
    #[serde(deserialize_with = "nil::or_zero")]
    pub major: i64,
    /// Minor number.
    #[serde(deserialize_with = "nil::or_zero")]
    pub minor: i64,
    /// Permission bits.
    pub file_mode: Option<u32>,
    /// Owner inside the container.
    pub uid: Option<u32>,
    /// Group inside the container.
    pub gid: Option<u32>,
}

/// `linux.resources.devices[]`: a rule of the device cgroup.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default, bound(deserialize = "'de: 'a"))]
pub struct LinuxDeviceCgroup<'a> {
    /// Whether it allows or denies.
    #[serde(deserialize_with = "nil::or_zero")]
    pub allow: bool,
    /// `a`, `c` or `b`; empty is `a`.
    #[serde(rename = "type")]
    pub kind: Str<'a>,
    /// Major number; absent: all.
    pub major: Option<i64>,
    /// Minor number; absent: all.
    pub minor: Option<i64>,
    /// Letters of `rwm`.
    pub access: Str<'a>,
}

/// A value of `linux.netDevices`, whose keys are names of devices on the host.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default, bound(deserialize = "'de: 'a"))]
pub struct LinuxNetDevice<'a> {
    /// Name in the container; empty: the same.
    pub name: Str<'a>,
}
