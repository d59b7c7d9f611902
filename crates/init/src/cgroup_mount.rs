//! `cgroup` mounts: the unified hierarchy, or a tmpfs with one directory for each version 1 hierarchy.
//! Runs in: init, in its cgroup and, where it has one, its cgroup namespace.

use alloc::ffi::CString;
use core::ffi::CStr;

use brig_handshake::Step;
use brig_handshake::mounts::{Cgroup1, Cgroup2, Hierarchy, Instance, Mount};
use brig_sys::mount_setattr::{MountAttr, NODEV, NOEXEC, NOSUID, RDONLY, Reach, mount_setattr};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{self, CWD, Mode};
use rustix::io::Errno;
use rustix::mount::{OpenTreeFlags, open_tree};

use crate::beneath::{self, Kind};
use crate::fault::{At, Outcome};
use crate::mounts::{self, mount_here};
use crate::rootfs::attach;
use crate::{detached, fds};

const MS_RDONLY: u32 = 1;

/// A new instance; where that is forbidden the host's is bound, with the same flags (CVE-2023-25809).
pub(crate) fn unified(mount: &Mount<'_>, cgroup: &Cgroup2<'_>, root: BorrowedFd<'_>) -> Outcome<()> {
    let target = mounts::target(mount, root, Kind::Directory)?.fd;
    if mounts::is_looked_at_again(mount) {
        let made = held(cgroup).at_entry(Step::Mount, mount.index)?;
        attach(&made, &target).at_entry(Step::Mount, mount.index)?;
        return mounts::finish(mount, &made);
    }
    let mounted = match cgroup.instance {
        Instance::New => match mount_here(c"cgroup", &target, c"cgroup2", cgroup.flags, None) {
            Err(Errno::PERM | Errno::BUSY) => bind(&cgroup.source, &target, cgroup.flags),
            other => other,
        },
        Instance::Bound => bind(&cgroup.source, &target, cgroup.flags),
    };
    match mounted {
        Err(Errno::NOENT) => nothing(&target, cgroup.flags),
        other => other,
    }
    .at_entry(Step::Mount, mount.index)?;
    fds::leave_to_execve(target);
    Ok(())
}

/// The same three ways, attached nowhere yet.
fn held(cgroup: &Cgroup2<'_>) -> Result<OwnedFd, Errno> {
    let made = match cgroup.instance {
        Instance::New => match detached::new(c"cgroup", c"cgroup2", cgroup.flags, None) {
            Err(Errno::PERM | Errno::BUSY) => clone_of(&cgroup.source, cgroup.flags),
            other => other,
        },
        Instance::Bound => clone_of(&cgroup.source, cgroup.flags),
    };
    match made {
        Err(Errno::NOENT) => {
            detached::new(c"tmpfs", c"tmpfs", cgroup.flags | MS_RDONLY, Some(c"nr_inodes=2"))
        }
        other => other,
    }
}

/// The tmpfs, its directories and its links. Returns the tmpfs if it has to become read-only.
pub(crate) fn hierarchies(
    mount: &Mount<'_>,
    cgroup: &Cgroup1<'_>,
    root: BorrowedFd<'_>,
) -> Outcome<Option<OwnedFd>> {
    const NOTHING_SPECIAL: u32 = 0x2 | 0x4 | 0x8;
    let target = mounts::target(mount, root, Kind::Directory)?.fd;
    // New and ours alone: no link can be in it.
    let top = detached::new(c"tmpfs", c"tmpfs", NOTHING_SPECIAL, Some(c"mode=755"))
        .at_entry(Step::Mount, mount.index)?;
    attach(&top, &target).at_entry(Step::Mount, mount.index)?;
    fds::leave_to_execve(target);
    for hierarchy in &cgroup.hierarchies {
        one(&top, hierarchy, cgroup.flags).at_entry(Step::Mount, mount.index)?;
    }
    for link in &cgroup.links {
        fs::symlinkat(&*link.target, &top, &*link.path).at_entry(Step::Mount, mount.index)?;
    }
    mounts::finish(mount, &top)?;
    Ok(cgroup.remount.map(|_| top))
}

fn one(top: &OwnedFd, hierarchy: &Hierarchy<'_>, flags: u32) -> Result<(), Errno> {
    fs::mkdirat(top, &*hierarchy.name, Mode::from_raw_mode(0o755))?;
    let name: CString = hierarchy.name.clone().into_owned();
    let target = beneath::resolve_plain(top, &name)?;
    let mounted = match &hierarchy.data {
        Some(data) => match mount_here(c"cgroup", &target, c"cgroup", flags, Some(data)) {
            Err(Errno::PERM | Errno::BUSY) => bind(&hierarchy.source, &target, flags),
            other => other,
        },
        None => bind(&hierarchy.source, &target, flags),
    };
    match mounted {
        // An unprivileged caller may have been refused a group here, and was forgiven: we are still in his.
        Err(Errno::NOENT) => match &hierarchy.fallback {
            Some(fallback) => bind(fallback, &target, flags),
            None => nothing(&target, flags),
        },
        other => other,
    }
}

/// No such group for us: an empty directory, rather than whatever is there.
fn nothing(target: &OwnedFd, flags: u32) -> Result<(), Errno> {
    mount_here(c"tmpfs", target, c"tmpfs", flags | MS_RDONLY, Some(c"nr_inodes=2"))
}

fn bind(source: &CStr, target: impl AsFd, flags: u32) -> Result<(), Errno> {
    attach(&clone_of(source, flags)?, target)
}

/// What is there on the host, with these flags.
fn clone_of(source: &CStr, flags: u32) -> Result<OwnedFd, Errno> {
    let how = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_RECURSIVE;
    let tree = open_tree(CWD, source, how)?;
    // The first four flags of mount(2) and of mount_setattr(2) are the same bits.
    let set = u64::from(flags) & (RDONLY | NOSUID | NODEV | NOEXEC);
    mount_setattr(&tree, Reach::Recursive, &MountAttr { set, ..MountAttr::default() })?;
    Ok(tree)
}
