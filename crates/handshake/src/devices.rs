//! `/dev`: nodes, links, and how nodes come to be.

use alloc::vec::Vec;

use crate::mounts::Link;
use crate::wire::Text;
use crate::{wire_enum, wire_struct};

wire_struct! {
    /// Device nodes and the usual links.
    pub struct Devices<'a> {
        /// Nodes: the defaults of the specification and `linux.devices`.
        pub nodes: Vec<Node<'a>>,
        /// Links such as `/dev/fd`.
        pub links: Vec<Link<'a>>,
        /// How nodes are made.
        pub making: Making,
    }
}

wire_enum! {
    /// How a device node is made.
    pub enum Making {
        /// mknod(2), and by binding the host's node where that is forbidden.
        Mknod = 1,
        /// By binding the host's node: a user namespace may not make nodes.
        Bind = 2,
    }
}

wire_struct! {
    /// One device node.
    pub struct Node<'a> {
        /// Place in `linux.devices`, or `u32::MAX` for a default device.
        pub index: u32,
        /// As seen from inside; absolute.
        pub path: Text<'a>,
        /// `S_IFCHR`, `S_IFBLK` or `S_IFIFO`, with permission bits.
        pub mode: u32,
        /// Major number.
        pub major: u32,
        /// Minor number.
        pub minor: u32,
        /// Owner.
        pub uid: u32,
        /// Group.
        pub gid: u32,
    }
}
