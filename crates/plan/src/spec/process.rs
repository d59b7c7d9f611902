//! `process`: the program that runs in the container, and as whom. It is also the whole of `exec`'s process.json.
//! Runs in: the parent, while config.json is read.

use super::{Str, nil};
use serde::{Deserialize, Serialize};

/// `process`: the container's process.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default, bound(deserialize = "'de: 'a"))]
pub struct Process<'a> {
    /// Whether the process gets a terminal.
    #[serde(deserialize_with = "nil::or_zero")]
    pub terminal: bool,
    /// The terminal's first size.
    pub console_size: Option<ConsoleSize>,
    /// Whom it runs as.
    #[serde(deserialize_with = "nil::or_zero")]
    pub user: User<'a>,
    /// The program and its arguments.
    #[serde(deserialize_with = "nil::or_zero")]
    pub args: Vec<Str<'a>>,
    /// The environment, `NAME=value` each.
    #[serde(deserialize_with = "nil::or_zero")]
    pub env: Vec<Str<'a>>,
    /// Working directory inside the container, absolute.
    pub cwd: Str<'a>,
    /// Capability sets; absent: none is kept.
    pub capabilities: Option<LinuxCapabilities<'a>>,
    /// Resource limits of setrlimit(2).
    #[serde(deserialize_with = "nil::or_zero")]
    pub rlimits: Vec<PosixRlimit<'a>>,
    /// Whether execve may no longer grant privileges.
    #[serde(deserialize_with = "nil::or_zero")]
    pub no_new_privileges: bool,
    /// AppArmor profile to run under; empty: none.
    pub apparmor_profile: Str<'a>,
    /// Value of `/proc/self/oom_score_adj`; absent: inherited.
    pub oom_score_adj: Option<i64>,
    /// CPU scheduling of sched_setattr(2).
    pub scheduler: Option<Scheduler<'a>>,
    /// SELinux context to run in; empty: none.
    pub selinux_label: Str<'a>,
    /// I/O scheduling of ioprio_set(2).
    pub io_priority: Option<LinuxIoPriority<'a>>,
    /// CPUs for `exec` processes.
    #[serde(rename = "execCPUAffinity")]
    pub exec_cpu_affinity: Option<CpuAffinity<'a>>,
}

/// `process.consoleSize`, in characters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConsoleSize {
    /// Rows.
    #[serde(deserialize_with = "nil::or_zero")]
    pub height: u64,
    /// Columns.
    #[serde(deserialize_with = "nil::or_zero")]
    pub width: u64,
}

/// `process.user`: ids inside the container.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default, bound(deserialize = "'de: 'a"))]
pub struct User<'a> {
    /// User id.
    #[serde(deserialize_with = "nil::or_zero")]
    pub uid: u32,
    /// Group id.
    #[serde(deserialize_with = "nil::or_zero")]
    pub gid: u32,
    /// File mode creation mask; absent: 0022 for init.
    pub umask: Option<u32>,
    /// Further groups.
    #[serde(deserialize_with = "nil::or_zero")]
    pub additional_gids: Vec<u32>,
    /// User name; Windows only, kept because callers send it.
    pub username: Str<'a>,
}

/// `process.capabilities`: names such as `CAP_CHOWN`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default, bound(deserialize = "'de: 'a"))]
pub struct LinuxCapabilities<'a> {
    /// The limit of what execve can grant.
    #[serde(deserialize_with = "nil::or_zero")]
    pub bounding: Vec<Str<'a>>,
    /// What the kernel checks.
    #[serde(deserialize_with = "nil::or_zero")]
    pub effective: Vec<Str<'a>>,
    /// What execve hands on to a file that has it too.
    #[serde(deserialize_with = "nil::or_zero")]
    pub inheritable: Vec<Str<'a>>,
    /// What may become effective.
    #[serde(deserialize_with = "nil::or_zero")]
    pub permitted: Vec<Str<'a>>,
    /// What execve hands on to any file.
    #[serde(deserialize_with = "nil::or_zero")]
    pub ambient: Vec<Str<'a>>,
}

/// `process.rlimits[]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default, bound(deserialize = "'de: 'a"))]
pub struct PosixRlimit<'a> {
    /// Which one, such as `RLIMIT_NOFILE`.
    #[serde(rename = "type")]
    pub kind: Str<'a>,
    /// Ceiling for the soft limit.
    #[serde(deserialize_with = "nil::or_zero")]
    pub hard: u64,
    /// What the kernel enforces.
    #[serde(deserialize_with = "nil::or_zero")]
    pub soft: u64,
}

/// `process.scheduler`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default, bound(deserialize = "'de: 'a"))]
pub struct Scheduler<'a> {
    /// Policy, such as `SCHED_FIFO`.
    pub policy: Str<'a>,
    /// Nice value, -20..=19.
    #[serde(deserialize_with = "nil::or_zero")]
    pub nice: i32,
    /// Static priority, for `SCHED_FIFO` and `SCHED_RR`.
    #[serde(deserialize_with = "nil::or_zero")]
    pub priority: i32,
    /// Flags, such as `SCHED_FLAG_RESET_ON_FORK`.
    #[serde(deserialize_with = "nil::or_zero")]
    pub flags: Vec<Str<'a>>,
    /// Nanoseconds of run time in each period, for `SCHED_DEADLINE`.
    #[serde(deserialize_with = "nil::or_zero")]
    pub runtime: u64,
    /// Nanoseconds until the run time has to be had, for `SCHED_DEADLINE`.
    #[serde(deserialize_with = "nil::or_zero")]
    pub deadline: u64,
    /// Length of the period in nanoseconds, for `SCHED_DEADLINE`.
    #[serde(deserialize_with = "nil::or_zero")]
    pub period: u64,
}

/// `process.ioPriority`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default, bound(deserialize = "'de: 'a"))]
pub struct LinuxIoPriority<'a> {
    /// Class, such as `IOPRIO_CLASS_BE`.
    pub class: Str<'a>,
    /// Level inside the class, 0 (first) ..=7.
    #[serde(deserialize_with = "nil::or_zero")]
    pub priority: i64,
}

/// `process.execCPUAffinity`: CPU lists such as `0-3,7`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default, bound(deserialize = "'de: 'a"))]
pub struct CpuAffinity<'a> {
    /// CPUs before the process enters the container's cgroup; empty: unchanged.
    pub initial: Str<'a>,
    /// CPUs after that; empty: unchanged.
    #[serde(rename = "final")]
    pub last: Str<'a>,
}
