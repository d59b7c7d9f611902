//! Facts about this machine that a plan needs. The runtime's `probe` fills them in; nothing here looks at anything.

/// The machine and the caller's place on it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Host {
    /// Effective user id of the caller.
    pub euid: u32,
    /// Effective group id of the caller.
    pub egid: u32,
    /// The caller is in a user namespace that is not the first.
    pub in_user_namespace: bool,
    /// The highest capability this kernel knows (`/proc/sys/kernel/cap_last_cap`).
    pub last_capability: u8,
    /// Control groups as they are mounted.
    pub cgroups: Cgroups,
    /// resctrl, looked at where `linux.intelRdt` asks for it; `None` also where it is not mounted.
    pub resctrl: Option<Resctrl>,
    /// AppArmor is on.
    pub apparmor: bool,
    /// SELinux is on.
    pub selinux: bool,
    /// seccomp(2) flags that this kernel takes, `SECCOMP_FILTER_FLAG_*`.
    pub seccomp_flags: u32,
    /// `path` of the network namespace entry is the caller's own namespace, or there is no entry.
    pub host_network: bool,
}

/// Control groups as they are mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cgroups {
    /// None at `/sys/fs/cgroup`.
    None,
    /// Version 2 alone.
    V2 {
        /// Absolute path of the container's group below the mount point, e.g. `/sys/fs/cgroup/parent/id`.
        container: String,
    },
    /// Version 1, with or without version 2 beside it.
    V1 {
        /// The hierarchies.
        hierarchies: Vec<V1Hierarchy>,
    },
}

/// One version 1 hierarchy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct V1Hierarchy {
    /// Last component of its mount point: `memory`, `cpu,cpuacct`, `systemd`.
    pub directory: String,
    /// Its controllers, or `name=systemd`.
    pub controllers: Vec<String>,
    /// Absolute path of the container's group in it.
    pub container: String,
    /// That of the caller's own, where one of the container's may be refused to the caller and done without.
    pub caller: Option<String>,
}

/// The file system of Intel RDT, as it is mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resctrl {
    /// Where.
    pub mount: String,
    /// The L3 cache can be divided (CAT).
    pub cache: bool,
    /// Memory bandwidth can be limited (MBA).
    pub bandwidth: bool,
    /// Cache and bandwidth can be monitored (CMT, MBM).
    pub monitoring: bool,
}
