//! `mounts`: what is mounted over the root filesystem.
//! Runs in: the parent, while config.json is read.

use super::{LinuxIdMapping, Str, nil};
use serde::{Deserialize, Serialize};

/// `mounts[]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default, bound(deserialize = "'de: 'a"))]
pub struct Mount<'a> {
    /// Where it goes, below the root filesystem.
    pub destination: Str<'a>,
    /// Filesystem type; empty or `bind` for a bind mount.
    #[serde(rename = "type")]
    pub fs_type: Str<'a>,
    /// Device, directory or word that the filesystem understands.
    pub source: Str<'a>,
    /// Options of fstab(5).
    #[serde(deserialize_with = "nil::or_zero")]
    pub options: Vec<Str<'a>>,
    /// User ids of an id-mapped mount.
    #[serde(deserialize_with = "nil::or_zero")]
    pub uid_mappings: Vec<LinuxIdMapping>,
    /// Group ids of an id-mapped mount.
    #[serde(deserialize_with = "nil::or_zero")]
    pub gid_mappings: Vec<LinuxIdMapping>,
}
