//! The rootfs, from the host's tree to one that only needs its root switched.
//! Runs in: init, all namespaces entered, the host's tree still around.

use alloc::vec::Vec;
use core::ffi::CStr;

use brig_handshake::Step;
use brig_handshake::rootfs::{RootSwitch, Rootfs};
use brig_sys::mount_setattr::{self, MountAttr, Reach};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::CWD;
use rustix::io::Errno;
use rustix::mount::{
    MountPropagationFlags, MoveMountFlags, OpenTreeFlags, mount_change, move_mount, open_tree,
};

use crate::beneath::{self, Kind};
use crate::devices;
use crate::fault::{At, Outcome};
use crate::mounts;
use crate::parent::Parent;

/// Mounts that the configuration wants read-only and that have to be written to until `/dev` is complete, each with its
/// place in `mounts`.
pub(crate) type Late = Vec<(u32, OwnedFd)>;

/// Mounts everything and makes `/dev`. Returns the rootfs: every later path is resolved beneath it.
pub(crate) fn build(rootfs: &Rootfs<'_>, parent: &Parent) -> Outcome<(OwnedFd, Late)> {
    let root = prepare(rootfs, parent)?;
    let mut late = Late::new();
    for (place, mount) in (0..).zip(&rootfs.mounts) {
        parent.enters(Step::Mount, mount.index);
        let made = mounts::mount(mount, place, root.as_fd(), parent)?;
        late.extend(made.map(|made| (mount.index, made)));
    }
    if let Some(devices) = &rootfs.devices {
        parent.enters(Step::DeviceNode, 0);
        devices::make(devices, root.as_fd())?;
    }
    Ok((root, late))
}

/// The working directory, made if it is missing, while the root can still be written.
pub(crate) fn make_cwd(root: BorrowedFd<'_>, cwd: &CStr) -> Outcome<()> {
    beneath::resolve_or_make(root, cwd, Kind::Directory).map(drop).at(Step::MakeCwd)
}

fn prepare(rootfs: &Rootfs<'_>, parent: &Parent) -> Outcome<OwnedFd> {
    if matches!(rootfs.switch, RootSwitch::Chroot | RootSwitch::Stay) {
        return open_tree(CWD, &*rootfs.path, OpenTreeFlags::OPEN_TREE_CLOEXEC).at(Step::BindRootfs);
    }
    mount_change(c"/", propagation(rootfs.propagation)).at(Step::Propagation)?;
    if rootfs.private_parent {
        // Only a shared tree needs this, since pivot_root(2) refuses a shared parent.
        change_holder(&rootfs.path, MountPropagationFlags::PRIVATE).at(Step::Propagation)?;
    }
    parent.enters(Step::BindRootfs, 0);
    bind_on_itself(&rootfs.path).at(Step::BindRootfs)
}

/// `MS_*` as rustix names them; they are the kernel's numbers.
pub(crate) fn propagation(flags: u32) -> MountPropagationFlags {
    MountPropagationFlags::from_bits_retain(flags)
}

/// Gives the mount that holds `path` this propagation: the innermost mount point at or above it.
pub(crate) fn change_holder(path: &CStr, propagation: MountPropagationFlags) -> Result<(), Errno> {
    let mut path = path.to_bytes().to_vec();
    loop {
        let text = alloc::ffi::CString::new(path.clone()).map_err(|_| Errno::INVAL)?;
        match mount_change(&*text, propagation) {
            Err(Errno::INVAL) if path.len() > 1 => {
                let slash = path.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
                path.truncate(slash.max(1));
            }
            other => return other,
        }
    }
}

/// pivot_root(2) wants a mount point that is not the current root.
fn bind_on_itself(path: &CStr) -> Result<OwnedFd, Errno> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_RECURSIVE
        | OpenTreeFlags::AT_SYMLINK_NOFOLLOW;
    let tree = open_tree(CWD, path, flags)?;
    move_mount(&tree, c"", CWD, path, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?;
    Ok(tree)
}

/// A tree of its own from what `fd` refers to, mounted nowhere.
pub(crate) fn clone_tree(fd: impl AsFd, reach: Reach) -> Result<OwnedFd, Errno> {
    let recursive = match reach {
        Reach::One => OpenTreeFlags::empty(),
        Reach::Recursive => OpenTreeFlags::AT_RECURSIVE,
    };
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_EMPTY_PATH
        | recursive;
    open_tree(fd, c"", flags)
}

/// Mounts a detached tree, or moves a mount, on what `target` refers to.
pub(crate) fn attach(tree: impl AsFd, target: impl AsFd) -> Result<(), Errno> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    move_mount(tree, c"", target, c"", flags)
}

/// Makes one mount read-only.
pub(crate) fn make_readonly(mount: impl AsFd) -> Result<(), Errno> {
    let attr = MountAttr { set: mount_setattr::RDONLY, ..MountAttr::default() };
    mount_setattr::mount_setattr(mount, Reach::One, &attr)
}
