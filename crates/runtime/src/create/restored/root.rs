//! The rootfs as CRIU wants it: a mount, below which every mount point is there.
//! Runs in: a thread of the parent that has a mount namespace of its own, which CRIU inherits.
//!
//! The tree may belong to an attacker: what is looked for is resolved beneath its root by the kernel, and what is made is made by
//! a single name in a directory that is open.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;

use brig_handshake::Text;
use brig_plan::checkpoint::MountPoint;
use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, fstat, mkdirat, openat, openat2, readlinkat};
use rustix::io::Errno;
use rustix::mount::{
    MountPropagationFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags, mount_bind_recursive, mount_change,
    move_mount, open_tree, unmount,
};

use crate::error::{Error, Result};

/// A mount point, and where it is once links are followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Resolved {
    pub(super) destination: Vec<u8>,
    pub(super) target: Vec<u8>,
}

/// Nothing that is mounted from here on is seen by anybody else.
pub(super) fn keep_to_ourselves() -> Result<()> {
    mount_change("/", MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC)
        .map_err(|errno| Error::os("make mounts private for criu", errno))
}

/// Mounts `rootfs` at `stand` and makes what is missing of `points`.
pub(super) fn mount(rootfs: &Text<'_>, stand: &Path, points: &[MountPoint<'_>]) -> Result<Vec<Resolved>> {
    let failed = |errno| {
        let subject = format_args!("bind {} for criu", rootfs.to_string_lossy()).to_string();
        Error::os(subject, errno)
    };
    mount_bind_recursive(&**rootfs, stand).map_err(failed)?;
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = openat(CWD, stand, flags, Mode::empty()).map_err(failed)?;
    let at = link(&root).map_err(failed)?;
    let mut resolved = Vec::with_capacity(points.len());
    for point in points {
        let target = make(&root, point).map_err(|errno| {
            let path = point.destination.to_string_lossy();
            Error::os(format_args!("create mountpoint for {path} mount"), errno)
        })?;
        let target = link(&target).map_err(failed)?;
        let inside = target.strip_prefix(at.as_slice()).unwrap_or(&target).to_vec();
        resolved.push(Resolved { destination: point.destination.to_bytes().to_vec(), target: inside });
    }
    drop(root);
    // The same once more, without what was bound in it.
    unmount(stand, UnmountFlags::DETACH).map_err(failed)?;
    mount_bind_recursive(&**rootfs, stand).map_err(failed)?;
    Ok(resolved)
}

/// The mount point, made if it is missing, with what is bound there.
fn make(root: &OwnedFd, point: &MountPoint<'_>) -> Result<OwnedFd, Errno> {
    let Some(source) = &point.bound else {
        return target(root, &point.destination, FileType::Directory);
    };
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | RECURSIVE;
    let tree = open_tree(CWD, &**source, flags)?;
    let kind = FileType::from_raw_mode(fstat(&tree)?.st_mode);
    let target = target(root, &point.destination, kind)?;
    let empty = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    move_mount(&tree, c"", &target, c"", empty)?;
    Ok(target)
}

fn target(root: &OwnedFd, path: &Text<'_>, kind: FileType) -> Result<OwnedFd, Errno> {
    match resolve(root, path.to_bytes()) {
        Err(Errno::NOENT) => {}
        other => return other,
    }
    let names: Vec<&[u8]> =
        path.to_bytes().split(|byte| *byte == b'/').filter(|name| !name.is_empty()).collect();
    let mut directory = resolve(root, b"/")?;
    for end in 1..=names.len() {
        let above = names.get(..end).unwrap_or_default();
        let path = [b"/", above.join(&b'/').as_slice()].concat();
        directory = match resolve(root, &path) {
            Err(Errno::NOENT) => {
                let name = above.last().copied().unwrap_or_default();
                let last = end == names.len() && kind != FileType::Directory;
                make_name(&directory, name, if last { FileType::RegularFile } else { FileType::Directory })?
            }
            other => other?,
        };
    }
    Ok(directory)
}

fn resolve(root: &OwnedFd, path: &[u8]) -> Result<OwnedFd, Errno> {
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    openat2(root, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), resolve)
}

fn make_name(directory: impl AsFd, name: &[u8], kind: FileType) -> Result<OwnedFd, Errno> {
    if kind == FileType::Directory {
        mkdirat(&directory, name, Mode::from_raw_mode(0o755))?;
    } else {
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        openat(&directory, name, flags, Mode::from_raw_mode(0o644))?;
    }
    openat(&directory, name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
}

/// Where it is. `/proc/self` would be the process, whose descriptors are others than this thread's.
fn link(target: &OwnedFd) -> Result<Vec<u8>, Errno> {
    let path = format!("/proc/thread-self/fd/{}", target.as_raw_fd());
    readlinkat(CWD, path, Vec::new()).map(std::ffi::CString::into_bytes)
}

/// `AT_RECURSIVE`.
const RECURSIVE: OpenTreeFlags = OpenTreeFlags::AT_RECURSIVE;
