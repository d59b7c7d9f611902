//! The value of an annotation `brig.network.NAME`. Not of the specification: see docs/network.md.
//! Runs in: the parent, while a plan is made.

use super::{Str, nil};
use serde::Deserialize;

/// One interface of the container.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields, bound(deserialize = "'de: 'a"))]
pub struct AnnotatedNetwork<'a> {
    /// `veth` or `loopback`.
    #[serde(rename = "type")]
    pub kind: Str<'a>,
    /// Name of the host's end; empty: the runtime chooses.
    pub host_name: Str<'a>,
    /// Hardware address; empty: the kernel chooses.
    pub mac: Str<'a>,
    /// Longest packet.
    pub mtu: Option<u32>,
    /// Addresses with the bits of their networks.
    #[serde(deserialize_with = "nil::or_zero")]
    pub addresses: Vec<Str<'a>>,
    /// Where default routes lead.
    #[serde(deserialize_with = "nil::or_zero")]
    pub gateways: Vec<Str<'a>>,
    /// Further routes.
    #[serde(deserialize_with = "nil::or_zero")]
    pub routes: Vec<AnnotatedRoute<'a>>,
    /// Addresses of the host's end.
    #[serde(deserialize_with = "nil::or_zero")]
    pub host_addresses: Vec<Str<'a>>,
    /// The bridge of the host's end.
    pub bridge: Option<AnnotatedBridge<'a>>,
}

impl AnnotatedNetwork<'_> {
    /// The one without settings.
    pub(crate) fn loopback() -> Self {
        Self { kind: "loopback".into(), ..Self::default() }
    }
}

/// A route.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields, bound(deserialize = "'de: 'a"))]
pub struct AnnotatedRoute<'a> {
    /// A network.
    pub destination: Str<'a>,
    /// An address; empty: none.
    pub gateway: Str<'a>,
    /// Rank.
    pub metric: Option<u32>,
}

/// A bridge.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields, bound(deserialize = "'de: 'a"))]
pub struct AnnotatedBridge<'a> {
    /// Its name.
    pub name: Str<'a>,
    /// How to make it if it is missing; absent: it must be there.
    pub make: Option<AnnotatedMakeBridge<'a>>,
}

/// How to make a bridge.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields, bound(deserialize = "'de: 'a"))]
pub struct AnnotatedMakeBridge<'a> {
    /// Its addresses.
    #[serde(deserialize_with = "nil::or_zero")]
    pub addresses: Vec<Str<'a>>,
}
