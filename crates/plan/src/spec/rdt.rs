//! `linux.intelRdt`: cache and memory bandwidth through resctrl.
//! Runs in: the parent, while config.json is read.

use super::{Str, nil};
use serde::{Deserialize, Serialize};

/// `linux.intelRdt`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default, bound(deserialize = "'de: 'a"))]
pub struct LinuxIntelRdt<'a> {
    /// Class of service: a directory of resctrl; empty: the container's id.
    #[serde(rename = "closID")]
    pub clos_id: Str<'a>,
    /// Lines for the `schemata` file, as they are.
    #[serde(deserialize_with = "nil::or_zero")]
    pub schemata: Vec<Str<'a>>,
    /// L3 cache masks, `L3:0=ff;1=f0`.
    pub l3_cache_schema: Str<'a>,
    /// Memory bandwidth, `MB:0=20;1=70`.
    pub mem_bw_schema: Str<'a>,
    /// Whether to make a monitoring group.
    #[serde(deserialize_with = "nil::or_zero")]
    pub enable_monitoring: bool,
}
