//! One entry of `mounts`.
//! Runs in: init, all namespaces entered; targets beneath the rootfs, sources in the host's tree.

use alloc::ffi::CString;
use alloc::format;
use alloc::vec::Vec;
use core::ffi::CStr;

use brig_handshake::Step;
use brig_handshake::mounts::{AttrChange, Extra, Filesystem, Mount, Target, What};
use brig_sys::mount_setattr::{MountAttr, Reach, mount_setattr};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{self, Mode, OFlags, XattrFlags};
use rustix::io::Errno;
use rustix::mount::MountFlags;
use rustix::process;

use crate::beneath::{self, Found, Kind};
use crate::fault::{At, Outcome, in_words};
use crate::parent::Parent;
use crate::rootfs::attach;
use crate::{bind, cgroup_mount, copy_up, detached, fds, procfs};

/// Mounts it. `place` is its place in the task's list, by which the parent knows its source. Returns a mount that has to
/// become read-only when `/dev` is complete.
pub(crate) fn mount(
    mount: &Mount<'_>,
    place: u32,
    root: BorrowedFd<'_>,
    parent: &Parent,
) -> Outcome<Option<OwnedFd>> {
    match &mount.what {
        What::Filesystem(filesystem) => new_filesystem(mount, filesystem, root),
        What::Bind(bind) => bind::mount(mount, bind, place, root, parent).map(|()| None),
        What::Cgroup2(cgroup) => cgroup_mount::unified(mount, cgroup, root).map(|()| None),
        What::Cgroup1(cgroup) => cgroup_mount::hierarchies(mount, cgroup, root),
    }
}

fn new_filesystem(
    mount: &Mount<'_>,
    filesystem: &Filesystem<'_>,
    root: BorrowedFd<'_>,
) -> Outcome<Option<OwnedFd>> {
    let target = match filesystem.target {
        Target::Directory | Target::DirectoryGivesMode => target(mount, root, Kind::Directory)?,
        Target::OrdinaryDirectory => {
            ordinary_directory(root, &mount.destination).at_entry(Step::MountTarget, mount.index)?
        }
    };
    let with_mode = if target.existed && filesystem.target == Target::DirectoryGivesMode {
        Some(mode_first(&target.fd, filesystem.data.as_deref()).at_entry(Step::MountTarget, mount.index)?)
    } else {
        None
    };
    let data = with_mode.as_deref().or(filesystem.data.as_deref());
    let (source, fs_type, flags) = (&filesystem.source, &filesystem.fs_type, filesystem.flags);
    if filesystem.extra == Extra::None && filesystem.remount.is_none() && !is_looked_at_again(mount) {
        mount_here(source, &target.fd, fs_type, flags, data).at_entry(Step::Mount, mount.index)?;
        fds::leave_to_execve(target.fd);
        return Ok(None);
    }
    let made = detached::new(source, fs_type, flags, data).at_entry(Step::Mount, mount.index)?;
    attach(&made, &target.fd).at_entry(Step::Mount, mount.index)?;
    match &filesystem.extra {
        Extra::CopyUp if target.existed => copy(&target.fd, &made).at_entry(Step::Mount, mount.index)?,
        Extra::Label(label) => set_label(&made, label).at_entry(Step::MountAttributes, mount.index)?,
        Extra::CopyUp | Extra::None => {}
    }
    fds::leave_to_execve(target.fd);
    finish(mount, &made)?;
    Ok(filesystem.remount.map(|_| made))
}

/// Whether more is done to the mount than to make it.
pub(crate) fn is_looked_at_again(mount: &Mount<'_>) -> bool {
    !mount.propagation.is_empty() || mount.recursive.is_some()
}

/// What the mount `made` covers, which `covered` still is.
fn copy(covered: &OwnedFd, made: &OwnedFd) -> Result<(), Errno> {
    copy_up::copy(&for_reading(covered)?, &for_reading(made)?)
}

fn set_label(made: &OwnedFd, label: &CStr) -> Result<(), Errno> {
    fs::fsetxattr(for_reading(made)?, c"security.selinux", label.to_bytes(), XattrFlags::empty())
}

fn for_reading(directory: &OwnedFd) -> Result<OwnedFd, Errno> {
    fs::openat(directory, c".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
}

/// The mount point, made if missing.
pub(crate) fn target(mount: &Mount<'_>, root: BorrowedFd<'_>, kind: Kind) -> Outcome<Found> {
    let found =
        beneath::resolve_or_make(root, &mount.destination, kind).at_entry(Step::MountTarget, mount.index)?;
    not_in_proc(mount, found)
}

/// No link of the image may lead a mount into a procfs (CVE-2019-16884); what the configuration itself names there was looked
/// at in the plan.
pub(crate) fn not_in_proc(mount: &Mount<'_>, found: Found) -> Outcome<Found> {
    let named =
        mount.destination.to_bytes() == b"/proc" || mount.destination.to_bytes().starts_with(b"/proc/");
    // What we made ourselves lies in no procfs: nothing can be made there.
    if !named && found.existed && procfs::is_procfs(&found.fd).at_entry(Step::MountTarget, mount.index)? {
        return Err(in_words(
            Step::MountTarget,
            mount.index,
            "a symbolic link of the image leads it into /proc",
        ));
    }
    Ok(found)
}

/// mount(2) on the directory `target`, which is made the working directory: its name is never looked up again.
pub(crate) fn mount_here(
    source: &CStr,
    target: impl AsFd,
    fs_type: &CStr,
    flags: u32,
    data: Option<&CStr>,
) -> Result<(), Errno> {
    process::fchdir(target)?;
    rustix::mount::mount(source, c".", fs_type, MountFlags::from_bits_retain(flags), data)
}

/// A directory that no symbolic link leads to: neither the image nor a neighbour decides where proc goes.
fn ordinary_directory(root: BorrowedFd<'_>, path: &CStr) -> Result<Found, Errno> {
    match beneath::resolve_plain_directory(root, path) {
        Ok(fd) => Ok(Found { fd, existed: true }),
        Err(Errno::NOENT) => {
            beneath::resolve_or_make(root, path, Kind::Directory)?;
            // What was made may stand behind a link that was there before.
            Ok(Found { fd: beneath::resolve_plain_directory(root, path)?, existed: false })
        }
        Err(errno) => Err(errno),
    }
}

/// "mode=…" of the covered directory, then the options that were asked for: a later one wins.
fn mode_first(directory: impl AsFd, data: Option<&CStr>) -> Result<CString, Errno> {
    let mode = fs::fstat(directory)?.st_mode & 0o7777;
    let mut text = format!("mode={mode:o}").into_bytes();
    if let Some(data) = data {
        text.push(b',');
        text.extend_from_slice(data.to_bytes());
    }
    CString::new(text).map_err(|_| Errno::INVAL)
}

/// Propagation and recursive attributes of a new mount.
pub(crate) fn finish(mount: &Mount<'_>, made: &OwnedFd) -> Outcome<()> {
    recursive_attributes(mount, made)?;
    propagate(mount, made)
}

/// Attributes of the mount and of all below it.
pub(crate) fn recursive_attributes(mount: &Mount<'_>, top: &OwnedFd) -> Outcome<()> {
    let Some(AttrChange { set, clear }) = mount.recursive else { return Ok(()) };
    let attr = MountAttr { set, clear, ..MountAttr::default() };
    mount_setattr(top, Reach::Recursive, &attr).at_entry(Step::MountAttributes, mount.index)
}

/// Propagation, in the order of the options.
pub(crate) fn propagate(mount: &Mount<'_>, top: &OwnedFd) -> Outcome<()> {
    const MS_REC: u32 = 0x4000;
    let changes = mount.propagation.iter().map(|flags| {
        let reach = if flags & MS_REC == 0 { Reach::One } else { Reach::Recursive };
        (reach, MountAttr { propagation: u64::from(flags & !MS_REC), ..MountAttr::default() })
    });
    for (reach, attr) in changes.collect::<Vec<_>>() {
        mount_setattr(top, reach, &attr).at_entry(Step::MountAttributes, mount.index)?;
    }
    Ok(())
}
