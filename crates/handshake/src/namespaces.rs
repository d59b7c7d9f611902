//! Namespaces: which are joined, which are created, and by which of the processes.

use alloc::vec::Vec;

use crate::wire::Text;
use crate::wire_struct;

wire_struct! {
    /// How `brig-init` gets into the container's namespaces. What the first `clone3` creates is the parent's business
    /// and not here; what is here happens in this order.
    pub struct Entry<'a> {
        /// `CLONE_NEW*` of all namespaces to join at once through the init's pidfd (setns(2), Linux 5.8). 0: none.
        pub by_pidfd: u32,
        /// `CLONE_NEW*` of each namespace to join through a descriptor of its own, in the order in which they arrive.
        pub join: Vec<u32>,
        /// `CLONE_NEWTIME`, to be unshared here, or 0.
        pub unshare: u32,
        /// Lines for `/proc/self/timens_offsets`.
        pub time_offsets: Option<Text<'a>>,
        /// Clone once more and leave: the namespaces for that second clone. Needed because a joined PID namespace, and a
        /// time namespace, only take in children (pid_namespaces(7), time_namespaces(7)).
        pub second: Option<u32>,
        /// `CLONE_NEWIPC`, to be unshared as root of the new user namespace, or 0: the message queues' own file system belongs
        /// to whoever makes the namespace, and the clone is still nobody in there.
        pub unshare_as_root: u32,
        /// The process must become root of a user namespace that it entered or that was made with it.
        pub become_root: bool,
    }
}
