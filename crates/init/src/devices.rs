//! `/dev`: nodes and links.
//! Runs in: init, after the mounts, beneath the rootfs.

use core::ffi::CStr;

use brig_handshake::Step;
use brig_handshake::devices::{Devices, Making, Node};
use brig_handshake::mounts::Link;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{self, AtFlags, CWD, FileType, Gid, Mode, OFlags, Uid};
use rustix::io::Errno;
use rustix::mount::{OpenTreeFlags, open_tree};

use crate::beneath;
use crate::fault::{At, Outcome};
use crate::fds;
use crate::rootfs::attach;

/// Makes all of them. The directory that most of them share is resolved once.
pub(crate) fn make(devices: &Devices<'_>, root: BorrowedFd<'_>) -> Outcome<()> {
    let mut dev = Dev { root, open: None };
    for (place, node) in (0..).zip(&devices.nodes) {
        make_node(&mut dev, node, devices.making).at_entry(Step::DeviceNode, place)?;
    }
    for (place, link) in (0..).zip(&devices.links) {
        make_link(&mut dev, link).at_entry(Step::DeviceLink, place)?;
    }
    fds::leave_any_to_execve(dev.open);
    Ok(())
}

/// `/dev` as resolved beneath the rootfs.
struct Dev<'r> {
    root: BorrowedFd<'r>,
    open: Option<OwnedFd>,
}

impl Dev<'_> {
    /// Runs `make` with the directory that holds `path`, and the last name of it.
    fn within<T>(
        &mut self,
        path: &CStr,
        make: impl FnOnce(BorrowedFd<'_>, &CStr) -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        let name = path.to_bytes().strip_prefix(b"/dev/").filter(|name| !name.contains(&b'/'));
        if name.is_none() {
            let (directory, name) = beneath::parent_of(self.root, path)?;
            return make(directory.as_fd(), &name);
        }
        let directory = match self.open.take() {
            Some(open) => open,
            None => beneath::parent_of(self.root, path)?.0,
        };
        // The text after "/dev/" keeps its NUL.
        let name = CStr::from_bytes_with_nul(&path.to_bytes_with_nul()[b"/dev/".len()..])
            .map_err(|_| Errno::INVAL)?;
        let made = make(directory.as_fd(), name);
        self.open = Some(directory);
        made
    }
}

fn make_node(dev: &mut Dev<'_>, node: &Node<'_>, making: Making) -> Result<(), Errno> {
    dev.within(&node.path, |directory, name| match making {
        Making::Bind => bind_node(directory, name, node),
        Making::Mknod => match mknod(directory, name, node) {
            Err(Errno::PERM) => bind_node(directory, name, node),
            other => other,
        },
    })
}

fn mknod(directory: BorrowedFd<'_>, name: &CStr, node: &Node<'_>) -> Result<(), Errno> {
    let kind = FileType::from_raw_mode(node.mode);
    let device = fs::makedev(node.major, node.minor);
    match fs::mknodat(directory, name, kind, Mode::from_raw_mode(node.mode & 0o7777), device) {
        // The image brought its own: it must be the same device, and gets our mode.
        Err(Errno::EXIST) => {
            let there = beneath::open_name(directory, name, OFlags::PATH)?;
            let stat = fs::fstat(&there)?;
            if FileType::from_raw_mode(stat.st_mode) != kind || stat.st_rdev != device {
                return Err(Errno::EXIST);
            }
            if stat.st_mode & 0o7777 != node.mode & 0o7777 {
                fs::chmodat(directory, name, Mode::from_raw_mode(node.mode & 0o7777), AtFlags::empty())?;
            }
            own(directory, name, node, (stat.st_uid, stat.st_gid))
        }
        other => other.and_then(|()| own(directory, name, node, (0, 0))),
    }
}

fn own(directory: BorrowedFd<'_>, name: &CStr, node: &Node<'_>, is: (u32, u32)) -> Result<(), Errno> {
    if is == (node.uid, node.gid) {
        return Ok(());
    }
    let (uid, gid) = (Uid::from_raw(node.uid), Gid::from_raw(node.gid));
    fs::chownat(directory, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)
}

/// The host's node of the same path, on an empty file of ours.
fn bind_node(directory: BorrowedFd<'_>, name: &CStr, node: &Node<'_>) -> Result<(), Errno> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    let tree = open_tree(CWD, &*node.path, flags)?;
    let create = OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::WRONLY | OFlags::NONBLOCK;
    match fs::openat(directory, name, create, Mode::from_raw_mode(0o666)) {
        Ok(_) | Err(Errno::NXIO) => {}
        Err(errno) => return Err(errno),
    }
    attach(&tree, beneath::open_name(directory, name, OFlags::PATH)?)
}

/// An image's own link stays, except `ptmx`: it must lead to the container's own devpts.
fn make_link(dev: &mut Dev<'_>, link: &Link<'_>) -> Result<(), Errno> {
    dev.within(&link.path, |directory, name| match fs::symlinkat(&*link.target, directory, name) {
        Err(Errno::EXIST) if name == c"ptmx" => {
            fs::unlinkat(directory, name, AtFlags::empty())?;
            fs::symlinkat(&*link.target, directory, name)
        }
        Err(Errno::EXIST) => Ok(()),
        other => other,
    })
}
