//! `linux.seccomp`: which system calls the container may make.
//! Runs in: the parent, while config.json is read.

use super::{Str, nil};
use serde::{Deserialize, Serialize};

/// `linux.seccomp`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default, bound(deserialize = "'de: 'a"))]
pub struct LinuxSeccomp<'a> {
    /// Action for calls that no rule names, such as `SCMP_ACT_ERRNO`.
    pub default_action: Str<'a>,
    /// Errno of that action; absent: EPERM.
    pub default_errno_ret: Option<u64>,
    /// Architectures besides the native one, such as `SCMP_ARCH_X86`.
    #[serde(deserialize_with = "nil::or_zero")]
    pub architectures: Vec<Str<'a>>,
    /// Flags of seccomp(2). Absent is not empty: runc then takes its own default.
    pub flags: Option<Vec<Str<'a>>>,
    /// Socket of the agent that answers `SCMP_ACT_NOTIFY`.
    pub listener_path: Str<'a>,
    /// Text handed to that agent.
    pub listener_metadata: Str<'a>,
    /// The rules.
    #[serde(deserialize_with = "nil::or_zero")]
    pub syscalls: Vec<LinuxSyscall<'a>>,
}

/// `linux.seccomp.syscalls[]`: one action for some calls.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default, bound(deserialize = "'de: 'a"))]
pub struct LinuxSyscall<'a> {
    /// Names of the calls.
    #[serde(deserialize_with = "nil::or_zero")]
    pub names: Vec<Str<'a>>,
    /// What happens, such as `SCMP_ACT_ALLOW`.
    pub action: Str<'a>,
    /// Errno, or the trace message; absent: EPERM.
    pub errno_ret: Option<u64>,
    /// Conditions on the arguments.
    #[serde(deserialize_with = "nil::or_zero")]
    pub args: Vec<LinuxSeccompArg<'a>>,
}

/// `linux.seccomp.syscalls[].args[]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default, bound(deserialize = "'de: 'a"))]
pub struct LinuxSeccompArg<'a> {
    /// Which argument, from 0.
    #[serde(deserialize_with = "nil::or_zero")]
    pub index: u64,
    /// What it is compared with; the mask of `SCMP_CMP_MASKED_EQ`.
    #[serde(deserialize_with = "nil::or_zero")]
    pub value: u64,
    /// The value under the mask of `SCMP_CMP_MASKED_EQ`.
    #[serde(deserialize_with = "nil::or_zero")]
    pub value_two: u64,
    /// How, such as `SCMP_CMP_EQ`.
    pub op: Str<'a>,
}
