//! `hooks`: programs to run at points of the container's life.
//! Runs in: the parent, while config.json is read.

use super::{Str, nil};
use serde::{Deserialize, Serialize};

/// `hooks`: lists of programs, each run in its order.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default, bound(deserialize = "'de: 'a"))]
pub struct Hooks<'a> {
    /// In the runtime namespaces, before `create_runtime`; deprecated, and in use.
    #[serde(deserialize_with = "nil::or_zero")]
    pub prestart: Vec<Hook<'a>>,
    /// In the runtime namespaces, before the root is switched.
    #[serde(deserialize_with = "nil::or_zero")]
    pub create_runtime: Vec<Hook<'a>>,
    /// In the container namespaces, before the root is switched.
    #[serde(deserialize_with = "nil::or_zero")]
    pub create_container: Vec<Hook<'a>>,
    /// In the container, just before its process.
    #[serde(deserialize_with = "nil::or_zero")]
    pub start_container: Vec<Hook<'a>>,
    /// In the runtime namespaces, after the process started.
    #[serde(deserialize_with = "nil::or_zero")]
    pub poststart: Vec<Hook<'a>>,
    /// In the runtime namespaces, after the container is deleted.
    #[serde(deserialize_with = "nil::or_zero")]
    pub poststop: Vec<Hook<'a>>,
}

/// One program of a hook list.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default, bound(deserialize = "'de: 'a"))]
pub struct Hook<'a> {
    /// The program, absolute.
    pub path: Str<'a>,
    /// Its argv, the program's name included.
    #[serde(deserialize_with = "nil::or_zero")]
    pub args: Vec<Str<'a>>,
    /// Its environment.
    #[serde(deserialize_with = "nil::or_zero")]
    pub env: Vec<Str<'a>>,
    /// Seconds until it is killed; absent: never.
    pub timeout: Option<i64>,
}
