//! Every step of a container's start, in order: which process takes it, what surrounds it, and why it stands where it stands.
//!
//! `docs/order.md` is generated from here, and a test compares it with what strace sees.

use alloc::vec::Vec;

use crate::wire::{Malformed, Wire};

/// Who takes a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    /// `brig`, or the program that embeds the library; on the host throughout.
    Parent,
    /// `brig-init` before its second clone, where there is one.
    Intermediate,
    /// `brig-init`, which becomes the user's process.
    Init,
}

impl Actor {
    /// Its name in the documents.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Parent => "brig",
            Self::Intermediate => "intermediate",
            Self::Init => "brig-init",
        }
    }
}

macro_rules! steps {
    ($($(#[$doc:meta])* $step:ident = $number:literal, $actor:ident, $name:literal, $around:literal, $why:literal;)*) => {
        /// One step.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Step { $(#[doc = $name] $step = $number,)* }

        impl Step {
            /// All of them, in order.
            pub const ALL: &'static [Self] = &[$(Self::$step,)*];

            /// What it does, in a few words: the subject of error messages.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$step => $name,)* }
            }

            /// Who takes it.
            pub const fn actor(self) -> Actor {
                match self { $(Self::$step => Actor::$actor,)* }
            }

            /// Where it happens: namespaces, root, privileges.
            pub const fn namespaces(self) -> &'static str {
                match self { $(Self::$step => $around,)* }
            }

            /// Why here: what would break if it moved.
            pub const fn why(self) -> &'static str {
                match self { $(Self::$step => $why,)* }
            }

            const fn from_number(number: u8) -> Option<Self> {
                match number { $($number => Some(Self::$step),)* _ => None }
            }
        }
    };
}

steps! {
    Intent = 1, Parent, "write the intent record", "host",
        "before the first side effect, so that whatever is killed later can be cleaned up from it";
    MakeCgroup = 2, Parent, "make the cgroup", "host",
        "before the process exists, so that it starts inside finished walls";
    MakeClass = 3, Parent, "make the class of service", "host",
        "with `linux.intelRdt` only; before the process exists, so that its schemata hold from the first instruction on";
    Clone = 4, Parent, "clone brig-init", "host; the child is in its new namespaces and, on cgroup v2, in its cgroup",
        "between clone and exec there is only the exec, so the caller may have threads";
    JoinCgroup = 5, Parent, "put brig-init into its cgroup", "host",
        "only where clone3 could not; before the task is sent, so that nothing of it runs outside";
    MapIds = 6, Parent, "write the id maps", "host, into the new user namespace",
        "before brig-init may exec: with unmapped ids it would lose its capabilities";
    JoinClass = 7, Parent, "put brig-init into its class of service", "host",
        "while it is one thread: only a thread is moved, and what it clones is in the class too";
    SendTask = 8, Parent, "send the task", "host",
        "its arrival tells brig-init that ids are mapped and the cgroup is joined";
    CompileFilter = 9, Parent, "compile the seccomp filter", "host",
        "while brig-init works, since it takes time; before the record, which keeps it for exec, and before anything is answered";

    Arrive = 10, Init, "receive the task", "those of the clone",
        "dies with the parent from here on; closes every descriptor that nobody named";
    Affinity = 11, Init, "set the CPU affinity", "those of the clone",
        "the caller's own affinity must not be inherited; before the cgroup's cpuset has to be obeyed";
    JoinNamespaces = 12, Init, "join namespaces", "one more with each",
        "not dumpable before the first (CVE-2016-9962); user namespaces in the middle: those owned by the host need its privilege, the others need its own";
    TimeNamespace = 13, Intermediate, "make the time namespace", "all joined ones",
        "offsets can be written until the first process is in it";
    SecondClone = 14, Intermediate, "clone the container's process", "all joined ones",
        "PID and time namespaces only take in children; the intermediate leaves at once";
    BecomeRoot = 15, Init, "become root of the user namespace", "all but cgroup",
        "everything below needs the capabilities that come with it";
    CgroupNamespace = 16, Init, "unshare the cgroup namespace", "all",
        "its root is the cgroup in which we stand now";
    Keyring = 17, Init, "join a new session keyring", "all",
        "the caller's keys must not be readable inside";
    Loopback = 18, Init, "bring lo up", "all",
        "needs CAP_NET_ADMIN over the new network namespace";
    Network = 19, Parent, "set up the network", "host; the container's through a socket of brig-init's",
        "while brig-init builds the file system; before hooks and kernel parameters, which may be about the devices";

    Walls = 20, Parent, "finish the walls of the cgroup", "host",
        "while brig-init works, since it takes time; brig-init waits for it before anything of the container's own runs";

    Propagation = 21, Init, "stop mounts from reaching the host", "all; host's tree",
        "before the first mount, or it would be seen outside";
    BindRootfs = 22, Init, "make the rootfs a mount", "all; host's tree",
        "pivot_root wants a mount point; everything later is resolved beneath it";
    MountSource = 23, Init, "open the mount source", "all; host's tree",
        "host paths end at the root switch";
    MountTarget = 24, Init, "open the mount target", "all; beneath the rootfs",
        "the image's own links must not lead outside: resolved once, beneath the rootfs, to a descriptor";
    Mount = 25, Init, "mount", "all; beneath the rootfs", "in the order of the file";
    MountAttributes = 26, Init, "set mount attributes", "all; beneath the rootfs",
        "on the mount itself, by descriptor";
    DeviceNode = 27, Init, "make a device node", "all; beneath the rootfs", "after the mounts: /dev is one of them";
    DeviceLink = 28, Init, "make a link in /dev", "all; beneath the rootfs", "as above";
    MakeCwd = 29, Init, "make the working directory", "all; beneath the rootfs", "while the root is still writable";
    RuntimeHooks = 30, Parent, "run prestart and createRuntime hooks", "host",
        "the specification: after the namespaces, before the root switch";
    CreateContainerHook = 31, Init, "run a createContainer hook", "all; host's tree",
        "the specification: in the container's namespaces, before the root switch";
    PivotRoot = 32, Init, "switch the root", "all", "from here on no host path exists";
    Terminal = 33, Init, "make the terminal", "all; inside",
        "from the container's own devpts; the host opens nothing of it (CVE-2025-52565)";
    Remount = 34, Init, "make a mount read-only", "all; inside", "devices, links and the console had to be made first";
    ReadonlyRoot = 35, Init, "make the root read-only", "all; inside", "as above";
    Hostname = 36, Init, "set the hostname", "all; inside", "needs CAP_SYS_ADMIN over the UTS namespace";
    Domainname = 37, Init, "set the domainname", "all; inside", "as above";
    Sysctl = 38, Init, "set a kernel parameter", "all; inside",
        "through a proc of our own, never the container's (CVE-2025-52881); before paths in it become read-only";
    ReadonlyPath = 39, Init, "make a path read-only", "all; inside", "after everything that writes there";
    MaskedPath = 40, Init, "mask a path", "all; inside",
        "after the read-only paths, which may contain it; from a verified /dev/null or an empty read-only directory (CVE-2025-31133)";

    NoNewPrivileges = 41, Init, "set no_new_privs", "all; inside", "cannot be taken back";
    Scheduler = 42, Init, "set the scheduler", "all; inside", "needs CAP_SYS_NICE";
    IoPriority = 43, Init, "set the I/O priority", "all; inside", "needs CAP_SYS_ADMIN for real time";
    Personality = 44, Init, "set the personality", "all; inside", "inherited over execve";
    MemoryPolicy = 45, Init, "set the memory policy", "all; inside", "inherited over execve";
    Limits = 46, Init, "set the resource limits", "all; inside",
        "as late as possible: our own work shall not run into them; before the capability to raise them goes";
    Ready = 47, Parent, "set the limits from outside", "host",
        "only where brig-init may not: raising a hard limit needs a privilege that a user namespace does not give";
    Label = 48, Init, "set the security label", "all; inside", "takes effect at execve; through a proc of our own (CVE-2019-16884)";
    Seccomp = 49, Init, "load the seccomp filter", "all; inside",
        "before privileges drop where loading needs one of them, otherwise behind the gate";
    Bounding = 50, Init, "drop capabilities from the bounding set", "all; inside", "needs CAP_SETPCAP";
    Groups = 51, Init, "set the groups", "all; inside", "before the user: afterwards it may not";
    User = 52, Init, "set the user", "all; inside", "keeps its capabilities for one more step";
    Cwd = 53, Init, "change to the working directory", "all; inside; user's ids",
        "as the user, who must be able to reach it; checked to lie inside the root (CVE-2024-21626)";
    Capabilities = 54, Init, "set the capabilities", "all; inside; user's ids", "last of the credentials: everything above needed more";
    FindExecutable = 55, Init, "find the executable", "all; inside; user's rights", "with the user's own eyes, and while create can still report it";
    Record = 56, Parent, "write the record", "host",
        "beside the intent before brig-init can come to the gate, so that nobody lives unknown; here it is put in place";
    Gate = 57, Init, "wait for start", "all; inside; user's rights", "everything is done; what waits is as small as it gets";
    StartContainerHook = 58, Init, "run a startContainer hook", "all; inside; user's rights", "the specification: after start, before the user's program";
    Exec = 59, Init, "execute the user's program", "all; inside; user's rights", "the end of brig-init";
}

impl<'a> Wire<'a> for Step {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(*self as u8);
    }

    fn take(input: &mut &'a [u8]) -> Result<Self, Malformed> {
        Self::from_number(u8::take(input)?).ok_or(Malformed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_numbered_in_their_order() {
        assert!(Step::ALL.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
