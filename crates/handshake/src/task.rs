//! What `brig-init` is asked to become: the first process of a container, or one more process in it.

use alloc::vec::Vec;

use crate::hooks::InitHooks;
use crate::namespaces::Entry;
use crate::process::{Keyring, KeyringOf, Process};
use crate::rootfs::Rootfs;
use crate::wire::Text;
use crate::{wire_enum, wire_struct};

wire_enum! {
    #[allow(clippy::large_enum_variant, reason = "there is one, and it is encoded at once")]
    /// The whole of what the parent decided for one `brig-init`.
    pub enum Task<'a> {
        /// Become the container's first process.
        Init(task: InitTask<'a>) = 1,
        /// Become one more process of a running container.
        Exec(task: ExecTask<'a>) = 2,
    }
}

impl<'a> Task<'a> {
    /// The user's process.
    pub const fn process(&self) -> &Process<'a> {
        match self {
            Self::Init(task) => &task.process,
            Self::Exec(task) => &task.process,
        }
    }

    /// Whether a message follows without being asked for: the program of the filter. A container gets one in any case, empty
    /// where there is no filter, as it says that the record is written.
    pub const fn is_followed(&self) -> bool {
        match self {
            Self::Init(_) => true,
            Self::Exec(task) => task.process.seccomp.is_some(),
        }
    }
}

wire_struct! {
    /// The first process.
    pub struct InitTask<'a> {
        /// What arrives beside this message, in the order of [`Fds`].
        pub fds: Fds,
        /// Namespaces to join and to create.
        pub entry: Entry<'a>,
        /// Whether to unshare the cgroup namespace, once in the container's cgroup.
        pub cgroup_namespace: bool,
        /// Bring `lo` up (a network namespace of our own).
        pub loopback: bool,
        /// The parent has devices for the network namespace: [`Ask::SetUpNetwork`](crate::Ask::SetUpNetwork).
        pub network: bool,
        /// The session keyring to make.
        pub keyring: Option<Keyring<'a>>,
        /// `hostname`.
        pub hostname: Option<Text<'a>>,
        /// `domainname`.
        pub domainname: Option<Text<'a>>,
        /// The file system, or `None` where the mount namespace is the caller's own and only `chroot` is to be done.
        pub rootfs: Rootfs<'a>,
        /// `linux.sysctl`, in the order of the file.
        pub sysctls: Vec<Sysctl<'a>>,
        /// When the parent is to finish the walls of the cgroup: [`Ask::FinishWalls`](crate::Ask::FinishWalls).
        pub walls: Walls,
        /// The parent has something to do once the file system is built: [`Ask::RunHooks`](crate::Ask::RunHooks).
        pub runtime_hooks: bool,
        /// createContainer and startContainer hooks; the parent runs the others.
        pub hooks: InitHooks<'a>,
        /// The user's process.
        pub process: Process<'a>,
    }
}

wire_struct! {
    /// One more process.
    pub struct ExecTask<'a> {
        /// What arrives beside this message, in the order of [`Fds`].
        pub fds: Fds,
        /// Namespaces to join.
        pub entry: Entry<'a>,
        /// The capabilities that are kept when they are joined, of those that there are. `None`: all.
        pub kept: Option<u64>,
        /// The session keyring to join.
        pub keyring: Option<Keyring<'a>>,
        /// Whose it is.
        pub keyring_of: KeyringOf,
        /// The user's process.
        pub process: Process<'a>,
    }
}

wire_struct! {
    /// The descriptors sent with a task, in this order: stdio (three or none), the init's pidfd or one descriptor for
    /// each of [`Entry::join`], the gate.
    pub struct Fds {
        /// Standard input, output and error are sent; otherwise 0, 1 and 2 are inherited.
        pub stdio: bool,
        /// How many namespaces are sent: one pidfd where [`Entry::by_pidfd`] is not empty, else one for each of [`Entry::join`].
        pub namespaces: u32,
        /// The gate is sent: a FIFO on which to wait for one byte before going on to `execve`.
        pub gate: bool,
        /// Descriptors 3 to 3 + `preserved` - 1 are inherited by the user's process.
        pub preserved: u32,
    }
}

wire_enum! {
    /// When the cgroup's walls are finished. Nothing of the container's own runs before.
    pub enum Walls {
        /// They are finished before there is a process.
        Finished = 0,
        /// While the file system is built, in parallel: they come into force at a stroke, and it needs nothing that they forbid.
        AtOnce = 1,
        /// When it is built, and `brig-init` waits: a block device is mounted, which they might forbid.
        AfterMounts = 2,
    }
}

wire_struct! {
    /// One kernel parameter.
    pub struct Sysctl<'a> {
        /// Path below `/proc/sys`, with slashes, relative.
        pub path: Text<'a>,
        /// What to write.
        pub value: Text<'a>,
    }
}
