//! Bind mounts.
//! Runs in: init, all namespaces entered; the source is taken from the host's tree, by us or by the parent.

use alloc::string::String;
use alloc::vec::Vec;

use brig_handshake::Step;
use brig_handshake::mounts::{AttrChange, Bind, Mount, Opener, SourceLink, TargetLink};
use brig_sys::mount_setattr::{MountAttr, NODEV, NOEXEC, NOSUID, RDONLY, Reach, mount_setattr};
use rustix::fd::{AsFd as _, BorrowedFd, OwnedFd};
use rustix::fs::{self, CWD};
use rustix::io::Errno;
use rustix::mount::{OpenTreeFlags, open_tree};

use crate::beneath::{self, Found, Kind};
use crate::fault::{At, Outcome, about, in_words};
use crate::fds;
use crate::mounts;
use crate::parent::Parent;
use crate::procfs;
use crate::rootfs::attach;

/// MOUNT_ATTR__ATIME: the bits of all access time attributes.
const ATIME: u64 = 0x70;
/// MOUNT_ATTR_NOATIME.
const NOATIME: u64 = 0x10;
/// MOUNT_ATTR_STRICTATIME.
const STRICTATIME: u64 = 0x20;
/// MOUNT_ATTR_NODIRATIME.
const NODIRATIME: u64 = 0x80;

/// Opens the source as a detached tree, gives it its attributes, and only then mounts it: no one ever sees a read-only bind
/// mount that can be written.
pub(crate) fn mount(
    mount: &Mount<'_>,
    bind: &Bind<'_>,
    place: u32,
    root: BorrowedFd<'_>,
    parent: &Parent,
) -> Outcome<()> {
    let tree = source(mount, bind, place, parent)?;
    let file_type = beneath::file_type(&tree).at_entry(Step::MountSource, mount.index)?;
    if bind.source_link == SourceLink::Copied && file_type.is_symlink() {
        return copy_link(mount, &tree, root);
    }
    let directory = file_type.is_dir();
    let kind = if directory { Kind::Directory } else { Kind::File };
    check_over_proc(mount, &tree)?;
    let target = match bind.target_link {
        TargetLink::Followed => mounts::target(mount, root, kind)?,
        TargetLink::Covered => mounts::not_in_proc(mount, over_link(mount, root)?)?,
    };
    if let Some(attrs) = &bind.attrs {
        set_attributes(&tree, attrs, mount.index)?;
    }
    mounts::recursive_attributes(mount, &tree)?;
    attach(&tree, &target.fd)
        .map_err(|errno| of_attaching(errno, directory, &target.fd))
        .at_entry(Step::Mount, mount.index)?;
    mounts::propagate(mount, &tree)?;
    fds::leave_to_execve(tree);
    fds::leave_to_execve(target.fd);
    Ok(())
}

/// The destination as it is there, be it a link.
fn over_link(mount: &Mount<'_>, root: BorrowedFd<'_>) -> Outcome<Found> {
    let fd = beneath::resolve_link(root, &mount.destination).at_entry(Step::MountTarget, mount.index)?;
    Ok(Found { fd, existed: true })
}

/// A link that says what the source says. One that is there already must say the same.
fn copy_link(mount: &Mount<'_>, link: &OwnedFd, root: BorrowedFd<'_>) -> Outcome<()> {
    let says = fs::readlinkat(link, c"", Vec::new()).at_entry(Step::MountSource, mount.index)?;
    let (parent, name) =
        beneath::parent_of(root, &mount.destination).at_entry(Step::MountTarget, mount.index)?;
    match fs::symlinkat(&*says, &parent, &name) {
        Err(Errno::EXIST) if fs::readlinkat(&parent, &name, Vec::new()).is_ok_and(|there| there == says) => {
            Ok(())
        }
        made => made,
    }
    .at_entry(Step::MountTarget, mount.index)
}

/// move_mount(2) has one answer for many mistakes; this one has an answer of its own in mount(2).
fn of_attaching(errno: Errno, directory: bool, target: &OwnedFd) -> Errno {
    match beneath::file_type(target) {
        Ok(found) if found.is_dir() != directory => Errno::NOTDIR,
        _ => errno,
    }
}

fn source(mount: &Mount<'_>, bind: &Bind<'_>, place: u32, parent: &Parent) -> Outcome<OwnedFd> {
    let recursive = if bind.recursive { OpenTreeFlags::AT_RECURSIVE } else { OpenTreeFlags::empty() };
    let link = match bind.source_link {
        SourceLink::Followed => OpenTreeFlags::empty(),
        SourceLink::Mounted | SourceLink::Copied => OpenTreeFlags::AT_SYMLINK_NOFOLLOW,
    };
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | recursive | link;
    let opened = match bind.opener {
        Opener::Init => open_tree(CWD, &*bind.source, flags),
        Opener::InitThenParent => match open_tree(CWD, &*bind.source, flags) {
            Err(Errno::ACCESS | Errno::PERM) => parent.ask_for_source(place, None)?,
            other => other,
        },
        Opener::Parent => parent.ask_for_source(place, None)?,
        Opener::InitForParent => match open_tree(CWD, &*bind.source, flags) {
            Ok(tree) => parent.ask_for_source(place, Some(tree.as_fd()))?,
            failed => failed,
        },
    };
    opened.at_entry(Step::MountSource, mount.index)
}

/// Over /proc itself only a procfs may be bound (CVE-2019-16884); what lies below is decided in the plan.
fn check_over_proc(mount: &Mount<'_>, tree: &OwnedFd) -> Outcome<()> {
    if mount.destination.to_bytes() == b"/proc"
        && !procfs::is_procfs(tree).at_entry(Step::MountSource, mount.index)?
    {
        let text = String::from("\"/proc\" cannot be mounted because it is not of type proc");
        return Err(in_words(Step::MountSource, mount.index, text));
    }
    Ok(())
}

/// Sets exactly what was asked for. Where flags of the source are locked (mount_namespaces(7)) and nobody asked to clear
/// them, they stay.
fn set_attributes(tree: &OwnedFd, attrs: &AttrChange, index: u32) -> Outcome<()> {
    let wanted = MountAttr { set: attrs.set, clear: attrs.clear, ..MountAttr::default() };
    match mount_setattr(tree, Reach::One, &wanted) {
        Err(Errno::PERM) => {
            let locked = locked_attributes(tree).at_entry(Step::MountAttributes, index)?;
            let cleared = attrs.clear & !ATIME & !attrs.set & locked;
            if cleared != 0 {
                let text = [&b"cannot clear locked flags"[..], &names(cleared)].concat();
                return Err(about(Step::MountAttributes, index, Errno::PERM, text));
            }
            if attrs.clear & ATIME != 0 && attrs.set & ATIME != locked & ATIME {
                let text = "cannot change locked atime flags";
                return Err(about(Step::MountAttributes, index, Errno::PERM, text));
            }
            let kept = MountAttr { set: attrs.set | locked & !ATIME, clear: 0, ..MountAttr::default() };
            mount_setattr(tree, Reach::One, &kept).at_entry(Step::MountAttributes, index)
        }
        other => other.at_entry(Step::MountAttributes, index),
    }
}

/// Flags of statfs(2), the same as attributes, and as mount(8) names them.
const FLAGS: [(i64, u64, &str); 6] = [
    (0x1, RDONLY, " ro"),
    (0x2, NOSUID, " nosuid"),
    (0x4, NODEV, " nodev"),
    (0x8, NOEXEC, " noexec"),
    (0x400, NOATIME, " noatime"),
    (0x800, NODIRATIME, " nodiratime"),
];

/// The attributes that the mount has, as statfs(2) tells them.
fn locked_attributes(tree: &OwnedFd) -> Result<u64, Errno> {
    /// Either of them; a mount that has neither is strictatime.
    const NOATIME_OR_RELATIME: i64 = 0x1400;
    let flags = fs::fstatfs(tree)?.f_flags;
    let strict = if flags & NOATIME_OR_RELATIME == 0 { STRICTATIME } else { 0 };
    Ok(strict | FLAGS.iter().filter(|(have, ..)| flags & have != 0).map(|(_, attr, _)| attr).sum::<u64>())
}

fn names(attributes: u64) -> Vec<u8> {
    let named = FLAGS.iter().filter(|(_, attr, _)| attributes & attr != 0);
    named.flat_map(|(.., name)| name.bytes()).collect()
}
