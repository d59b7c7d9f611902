//! `linux.memoryPolicy`: on which NUMA nodes memory comes from.
//! Runs in: the parent, while config.json is read.

use super::{Str, nil};
use serde::{Deserialize, Serialize};

/// `linux.memoryPolicy`: set_mempolicy(2).
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default, bound(deserialize = "'de: 'a"))]
pub struct LinuxMemoryPolicy<'a> {
    /// Mode, such as `MPOL_BIND`.
    pub mode: Str<'a>,
    /// Nodes, such as `0-3,7`.
    pub nodes: Str<'a>,
    /// Flags, such as `MPOL_F_STATIC_NODES`.
    #[serde(deserialize_with = "nil::or_zero")]
    pub flags: Vec<Str<'a>>,
}
