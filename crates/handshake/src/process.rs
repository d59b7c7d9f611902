//! The user's process: everything between a finished file system and `execve`.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use crate::wire::Text;
use crate::{wire_enum, wire_struct};

wire_struct! {
    /// One process, ready for the kernel.
    pub struct Process<'a> {
        /// `args`.
        pub args: Vec<Text<'a>>,
        /// `env`, the last of each name, `HOME` last where it must be found.
        pub env: Vec<Text<'a>>,
        /// Directories in which a bare command name is looked for (`PATH` of `env`), in order.
        pub search: Vec<Text<'a>>,
        /// `HOME` is missing or empty: take it from the container's own passwd file.
        pub find_home: bool,
        /// `cwd`.
        pub cwd: Text<'a>,
        /// File mode creation mask; `None` leaves the caller's.
        pub umask: Option<u32>,
        /// `user.uid`.
        pub uid: u32,
        /// `user.gid`.
        pub gid: u32,
        /// Supplementary groups; `None` where setgroups(2) may not be called.
        pub groups: Option<Vec<u32>>,
        /// The five sets, as bit masks; `None` leaves all as they are.
        pub capabilities: Option<Capabilities>,
        /// prctl(PR_SET_NO_NEW_PRIVS).
        pub no_new_privileges: bool,
        /// `rlimits`, where `brig-init` may set them itself.
        pub rlimits: Vec<Rlimit>,
        /// The limits are the parent's to set: [`Ask::Ready`](crate::Ask::Ready).
        pub limits_by_parent: bool,
        /// The terminal to make.
        pub terminal: Option<Terminal>,
        /// sched_setattr(2).
        pub scheduler: Option<Scheduler>,
        /// ioprio_set(2): class and data in one number.
        pub io_priority: Option<u32>,
        /// personality(2).
        pub personality: Option<u32>,
        /// set_mempolicy(2).
        pub memory_policy: Option<MemoryPolicy>,
        /// CPU sets for sched_setaffinity(2).
        pub affinity: Affinity<'a>,
        /// AppArmor profile for the next execve.
        pub apparmor_profile: Option<Text<'a>>,
        /// SELinux label for the next execve.
        pub selinux_label: Option<Text<'a>>,
        /// The filter.
        pub seccomp: Option<Seccomp>,
    }
}

wire_struct! {
    /// Capability sets, bit n for capability n (capabilities(7)).
    pub struct Capabilities {
        /// What may ever be gained.
        pub bounding: u64,
        /// In force.
        pub effective: u64,
        /// Kept across execve of a file that has them inheritable.
        pub inheritable: u64,
        /// May be put in force.
        pub permitted: u64,
        /// Kept across execve.
        pub ambient: u64,
        /// The highest capability that this kernel knows.
        pub last: u8,
    }
}

wire_struct! {
    /// One resource limit.
    pub struct Rlimit {
        /// `RLIMIT_*`.
        pub resource: u32,
        /// Soft limit; `u64::MAX` is infinity.
        pub soft: u64,
        /// Hard limit; `u64::MAX` is infinity.
        pub hard: u64,
    }
}

wire_struct! {
    /// Make a terminal, stand on it, hand its master to the parent.
    pub struct Terminal {
        /// Columns; 0 leaves the size alone.
        pub columns: u16,
        /// Rows; 0 leaves the size alone.
        pub rows: u16,
        /// Also bind it on `/dev/console`.
        pub console: bool,
    }
}

wire_struct! {
    /// struct sched_attr, sched_setattr(2).
    pub struct Scheduler {
        /// `SCHED_*`.
        pub policy: u32,
        /// `SCHED_FLAG_*`.
        pub flags: u64,
        /// Nice value.
        pub nice: i32,
        /// Real-time priority.
        pub priority: u32,
        /// Nanoseconds.
        pub runtime: u64,
        /// Nanoseconds.
        pub deadline: u64,
        /// Nanoseconds.
        pub period: u64,
    }
}

wire_struct! {
    /// set_mempolicy(2).
    pub struct MemoryPolicy {
        /// `MPOL_*` with `MPOL_F_*`.
        pub mode: u32,
        /// Node mask, 64 nodes a word.
        pub nodes: Vec<u64>,
    }
}

wire_struct! {
    /// CPU affinity.
    pub struct Affinity<'a> {
        /// Before the process is in its cgroup (`execCPUAffinity.initial`); empty: all CPUs.
        pub initial: Cow<'a, [u8]>,
        /// In the end (`execCPUAffinity.final`); empty: leave.
        pub last: Cow<'a, [u8]>,
    }
}

wire_struct! {
    /// When and how to load the seccomp filter. Its program, `struct sock_filter[]`, is the message behind the task's: the
    /// parent compiles it while `brig-init` works.
    pub struct Seccomp {
        /// `SECCOMP_FILTER_FLAG_*`.
        pub flags: u32,
        /// When.
        pub load: SeccompLoad,
    }
}

wire_enum! {
    /// When the filter is loaded.
    pub enum SeccompLoad {
        /// Without no_new_privileges loading needs CAP_SYS_ADMIN: before that is dropped.
        BeforeDrop = 1,
        /// As late as possible, so that the filter need not allow our own calls.
        JustBeforeExec = 2,
        /// With a listener: as late as the parent is there to take it.
        WithListener = 3,
        /// In `exec`, instead of [`SeccompLoad::BeforeDrop`]: before anybody inside sees the process, so that CAP_SYS_ADMIN is
        /// gone by then. It lets pass all that is still called.
        OutOfSight = 4,
    }
}

wire_struct! {
    /// keyctl(2): a session keyring.
    pub struct Keyring<'a> {
        /// `_ses.<id>`.
        pub name: Text<'a>,
        /// Permission bits to add; 0 when the keyring is only joined.
        pub permissions: u32,
        /// SELinux label of new keys.
        pub label: Option<Text<'a>>,
    }
}

wire_enum! {
    /// Whose keyring of this name is joined: a user namespace has keyrings of its own.
    pub enum KeyringOf {
        /// The namespace's in which `brig-init` starts, before there is a filter that denies keyctl(2).
        Starting = 1,
        /// The joined user namespace's.
        Joined = 2,
    }
}
