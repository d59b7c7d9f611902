//! mount_setattr(2), Linux 5.12.

use core::ffi::CStr;

use rustix::fd::{AsFd, AsRawFd};
use rustix::io::Result;

use crate::call::{call, common};

/// `MOUNT_ATTR_RDONLY`.
pub const RDONLY: u64 = 0x1;
/// `MOUNT_ATTR_NOSUID`.
pub const NOSUID: u64 = 0x2;
/// `MOUNT_ATTR_NODEV`.
pub const NODEV: u64 = 0x4;
/// `MOUNT_ATTR_NOEXEC`.
pub const NOEXEC: u64 = 0x8;
/// `MOUNT_ATTR_IDMAP`.
pub const IDMAP: u64 = 0x10_0000;

/// struct mount_attr.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct MountAttr {
    /// `MOUNT_ATTR_*` to set.
    pub set: u64,
    /// `MOUNT_ATTR_*` to clear.
    pub clear: u64,
    /// `MS_SHARED`, `MS_SLAVE`, `MS_PRIVATE`, `MS_UNBINDABLE` or 0.
    pub propagation: u64,
    /// The user namespace of [`IDMAP`].
    pub user_namespace: u64,
}

/// How far it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// This mount.
    One,
    /// This mount and all below it.
    Recursive,
}

/// `int mount_setattr(int dirfd, const char *path, unsigned int flags, struct mount_attr *attr, size_t size)` on the mount
/// that `mount` refers to.
///
/// # Errors
/// The kernel's answer; `NOSYS` before Linux 5.12.
pub fn mount_setattr(mount: impl AsFd, reach: Reach, attr: &MountAttr) -> Result<()> {
    const AT_EMPTY_PATH: usize = 0x1000;
    const AT_RECURSIVE: usize = 0x8000;
    let path: &CStr = c"";
    let flags = match reach {
        Reach::One => AT_EMPTY_PATH,
        Reach::Recursive => AT_EMPTY_PATH | AT_RECURSIVE,
    };
    let fd = mount.as_fd().as_raw_fd().cast_unsigned() as usize;
    let arguments = [fd, path.as_ptr().addr(), flags, (&raw const *attr).addr(), size_of::<MountAttr>()];
    // SAFETY: `path` and `attr` are valid for reading across the call, and the kernel writes neither.
    unsafe { call(common::MOUNT_SETATTR, arguments) }.map(drop)
}
