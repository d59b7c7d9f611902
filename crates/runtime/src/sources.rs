//! Bind sources that `brig-init` may not open itself: behind directories closed to the container's root, or to be id-mapped.
//! Runs in: the parent. What is opened is a detached copy of the tree; the host's mount namespace is not touched.

use std::os::fd::{AsFd, OwnedFd};

use brig_handshake::mounts::{SourceLink, What};
use brig_plan::plan::{IdMapping, IdMaps, MountMaps, Plan};
use brig_sys::clone::{Spawn, When};
use brig_sys::mount_setattr::{IDMAP, MountAttr, Reach, mount_setattr};
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;
use rustix::mount::{OpenTreeFlags, open_tree};
use rustix::process::Pid;

use crate::patience::Patience;
use crate::{executable, spawn, talk};

/// `CLONE_NEWUSER`.
const USER: u32 = 0x1000_0000;

/// The tree of the source of mount `place`, id-mapped where the plan says so: `opened`, if that was done already. `pid` is the
/// process that asks, `None` before there is one; `joined` are the namespaces that it joined.
pub(crate) fn open(
    plan: &Plan<'_>,
    place: u32,
    opened: Option<OwnedFd>,
    pid: Option<Pid>,
    joined: &[OwnedFd],
) -> Result<OwnedFd, Errno> {
    let source = plan.sources.iter().find(|source| source.mount == place).ok_or(Errno::INVAL)?;
    let index = usize::try_from(place).map_err(|_| Errno::INVAL)?;
    let Some(What::Bind(bind)) = plan.task.rootfs.mounts.get(index).map(|mount| &mount.what) else {
        return Err(Errno::INVAL);
    };
    let recursive = if bind.recursive { OpenTreeFlags::AT_RECURSIVE } else { OpenTreeFlags::empty() };
    let link = match bind.source_link {
        SourceLink::Followed => OpenTreeFlags::empty(),
        SourceLink::Mounted | SourceLink::Copied => OpenTreeFlags::AT_SYMLINK_NOFOLLOW,
    };
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | recursive | link;
    let tree = opened.map_or_else(|| open_tree(CWD, &*bind.source, flags), Ok)?;
    if let Some(mapping) = &source.id_map {
        map(&tree, mapping, plan, pid, joined)?;
    }
    Ok(tree)
}

fn map(
    tree: &OwnedFd,
    mapping: &IdMapping,
    plan: &Plan<'_>,
    pid: Option<Pid>,
    joined: &[OwnedFd],
) -> Result<(), Errno> {
    let namespace = match &mapping.maps {
        MountMaps::Own(maps) => namespace_with(maps)?,
        MountMaps::Container => container_namespace(plan, pid, joined)?,
    };
    let number = u64::try_from(std::os::fd::AsRawFd::as_raw_fd(&namespace)).map_err(|_| Errno::BADF)?;
    let attr = MountAttr { set: IDMAP, user_namespace: number, ..MountAttr::default() };
    let reach = if mapping.recursive { Reach::Recursive } else { Reach::One };
    mount_setattr(tree, reach, &attr)
}

fn container_namespace(plan: &Plan<'_>, pid: Option<Pid>, joined: &[OwnedFd]) -> Result<OwnedFd, Errno> {
    match plan.start.join.iter().zip(joined).find(|(join, _)| join.kind == USER) {
        Some((_, namespace)) => namespace.try_clone().map_err(|_| Errno::MFILE),
        // Without a process one that has the same maps does as well.
        None => match (pid, &plan.start.id_maps) {
            (Some(pid), _) => user_namespace_of(pid),
            (None, Some(maps)) => namespace_with(maps),
            (None, None) => Err(Errno::INVAL),
        },
    }
}

fn user_namespace_of(pid: Pid) -> Result<OwnedFd, Errno> {
    let path = format!("/proc/{}/ns/user", pid.as_raw_nonzero());
    openat(CWD, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
}

/// A user namespace with these maps, in which nobody lives: a clone that waits for its ids, and is ended when its namespace
/// has been opened.
fn namespace_with(maps: &IdMaps) -> Result<OwnedFd, Errno> {
    let executable = executable::open().map_err(|error| error.errno().unwrap_or(Errno::ACCESS))?;
    let (ours, theirs) = talk::pair(spawn::HANDSHAKE)?;
    let mut spawn =
        Spawn::new(executable.as_fd(), c"brig-init", c"", theirs.as_fd(), ours.as_fd(), When::WhenMapped);
    let child = spawn.start(USER, None)?;
    let mapped = spawn::map_ids(child.pid, maps, &Patience::ENDLESS)
        .map_err(|error| error.errno().unwrap_or(Errno::INVAL));
    let namespace = mapped.and_then(|()| user_namespace_of(child.pid));
    spawn::end(child.pidfd.as_fd());
    namespace
}
