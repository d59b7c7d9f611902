//! The file system of the container, from the host's view of it to the inside.

use alloc::vec::Vec;
use core::ffi::CStr;

use crate::devices::Devices;
use crate::mounts::Mount;
use crate::wire::Text;
use crate::{wire_enum, wire_struct};

wire_struct! {
    /// Everything below `/`.
    pub struct Rootfs<'a> {
        /// `root.path`, absolute, on the host.
        pub path: Text<'a>,
        /// How the inside becomes the root.
        pub switch: RootSwitch,
        /// `MS_*` propagation, with `MS_REC`, given to the whole copied mount tree before anything else.
        pub propagation: u32,
        /// The mount that holds the rootfs must be made private first (only when `propagation` keeps it shared).
        pub private_parent: bool,
        /// `MS_*` propagation of the root, given when all is mounted (`linux.rootfsPropagation`). 0: leave.
        pub final_propagation: u32,
        /// `mounts`, in the order of the file.
        pub mounts: Vec<Mount<'a>>,
        /// `/dev`, unless the configuration brings its own.
        pub devices: Option<Devices<'a>>,
        /// `process.cwd` is made if it is missing.
        pub make_cwd: bool,
        /// `root.readonly`.
        pub readonly: bool,
        /// What is mounted on `/proc` and `/sys`, if paths below are read-only or masked: those are looked up beneath it.
        pub kernel: Vec<Kernel>,
        /// `linux.readonlyPaths`.
        pub readonly_paths: Vec<Text<'a>>,
        /// `linux.maskedPaths`, without repetitions.
        pub masked_paths: Vec<Text<'a>>,
    }
}

wire_enum! {
    /// A file system in which the kernel speaks.
    pub enum Kernel {
        /// A procfs on `/proc`.
        Proc = 1,
        /// A sysfs on `/sys`.
        Sysfs = 2,
    }
}

impl Kernel {
    /// Where it is mounted.
    pub const fn place(self) -> &'static CStr {
        match self {
            Self::Proc => c"/proc",
            Self::Sysfs => c"/sys",
        }
    }
}

wire_enum! {
    /// How the rootfs becomes `/`.
    pub enum RootSwitch {
        /// `pivot_root(2)`: the host's tree is gone afterwards.
        Pivot = 1,
        /// Move the rootfs over `/` and `chroot(2)` (`--no-pivot`: for a root on initramfs).
        MoveRoot = 2,
        /// Only `chroot(2)`: the mount namespace is shared or joined, nothing may be mounted.
        Chroot = 3,
        /// Nothing: the joined mount namespace's own root is the container's.
        Stay = 4,
    }
}
