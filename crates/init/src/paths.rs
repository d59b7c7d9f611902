//! Masked and read-only paths (`linux.maskedPaths`, `linux.readonlyPaths`).
//! Runs in: init, inside, before privileges drop.

use alloc::vec::Vec;
use core::ffi::CStr;

use brig_handshake::Step;
use brig_handshake::rootfs::{Kernel, Rootfs};
use brig_handshake::wire::Text;
use brig_sys::mount_setattr::Reach;
use rustix::fd::OwnedFd;
use rustix::fs::{self, FileType, Stat};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsconfig_set_string, fsmount, fsopen,
};

use crate::beneath;
use crate::fault::{At, Outcome};
use crate::fds;
use crate::pivot::Inside;
use crate::rootfs::{attach, clone_tree, make_readonly};

/// What statfs(2) says of a procfs, and of a sysfs (linux/magic.h).
const PROC_SUPER_MAGIC: i64 = 0x9fa0;
const SYSFS_MAGIC: i64 = 0x6265_6572;

/// Where such paths are looked up: beneath the root, and those of the kernel's file systems beneath these. Nobody but the
/// kernel puts a name into them, while names in the rootfs may change as long as a neighbour shares it.
pub(crate) struct Tree<'t> {
    root: &'t OwnedFd,
    kernel: Vec<(Kernel, OwnedFd)>,
}

impl<'t> Tree<'t> {
    pub(crate) fn open(rootfs: &Rootfs<'_>, root: &'t OwnedFd, _: &Inside) -> Outcome<Self> {
        let open = |&kernel: &Kernel| {
            let mounted = beneath::resolve_plain_directory(root, kernel.place())?;
            let magic = match kernel {
                Kernel::Proc => PROC_SUPER_MAGIC,
                Kernel::Sysfs => SYSFS_MAGIC,
            };
            if fs::fstatfs(&mounted)?.f_type == magic { Ok((kernel, mounted)) } else { Err(Errno::NODEV) }
        };
        let kernel = rootfs.kernel.iter().map(open).collect::<Result<_, _>>();
        let step = if rootfs.readonly_paths.is_empty() { Step::MaskedPath } else { Step::ReadonlyPath };
        Ok(Self { root, kernel: kernel.at_entry(step, 0)? })
    }

    fn existing(&self, path: &CStr) -> Result<Option<OwnedFd>, Errno> {
        let beneath = self.kernel.iter().find_map(|(kernel, mounted)| {
            let below =
                path.to_bytes_with_nul().strip_prefix(kernel.place().to_bytes())?.strip_prefix(b"/")?;
            Some((mounted, CStr::from_bytes_with_nul(below).ok()?))
        });
        let (directory, path) = beneath.unwrap_or((self.root, path));
        match beneath::resolve(directory, path) {
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
            other => other.map(Some),
        }
    }

    pub(crate) fn close(self) {
        self.kernel.into_iter().for_each(|(_, mounted)| fds::leave_to_execve(mounted));
    }
}

/// Makes paths read-only where they exist: each becomes a mount of itself.
pub(crate) fn protect(paths: &[Text<'_>], tree: &Tree<'_>) -> Outcome<()> {
    for (index, path) in (0..).zip(paths) {
        protect_one(path, tree).at_entry(Step::ReadonlyPath, index)?;
    }
    Ok(())
}

fn protect_one(path: &CStr, tree: &Tree<'_>) -> Result<(), Errno> {
    let Some(target) = tree.existing(path)? else { return Ok(()) };
    let tree = clone_tree(&target, Reach::Recursive)?;
    make_readonly(&tree)?;
    attach(&tree, &target)?;
    fds::leave_to_execve(tree);
    fds::leave_to_execve(target);
    Ok(())
}

/// Hides paths where they exist: a file behind /dev/null, a directory behind one empty directory that all share.
pub(crate) fn mask(paths: &[Text<'_>], tree: &Tree<'_>) -> Outcome<()> {
    let mut masks = Masks { null: None, empty: None };
    for (index, path) in (0..).zip(paths) {
        mask_one(path, tree, &mut masks).at_entry(Step::MaskedPath, index)?;
    }
    fds::leave_any_to_execve(masks.null);
    fds::leave_any_to_execve(masks.empty);
    Ok(())
}

/// What lies over masked paths, made when first needed.
struct Masks {
    null: Option<OwnedFd>,
    empty: Option<OwnedFd>,
}

fn mask_one(path: &CStr, tree: &Tree<'_>, masks: &mut Masks) -> Result<(), Errno> {
    let Some(target) = tree.existing(path)? else { return Ok(()) };
    let directory = beneath::file_type(&target)?.is_dir();
    let cover = if directory { over_directory(masks)? } else { over_file(tree.root, masks)? };
    attach(&cover, &target)?;
    fds::leave_to_execve(target);
    if directory && masks.empty.is_none() {
        // Clones can be taken only of what is mounted somewhere: the first is mounted itself, and is their source.
        masks.empty = Some(cover);
    } else {
        fds::leave_to_execve(cover);
    }
    Ok(())
}

fn over_directory(masks: &Masks) -> Result<OwnedFd, Errno> {
    match &masks.empty {
        Some(empty) => clone_tree(empty, Reach::One),
        None => empty_directory(),
    }
}

fn over_file(root: &OwnedFd, masks: &mut Masks) -> Result<OwnedFd, Errno> {
    let null = match masks.null.take() {
        Some(null) => null,
        None => null_device(root)?,
    };
    let cover = clone_tree(&null, Reach::One)?;
    masks.null = Some(null);
    Ok(cover)
}

/// The container's /dev/null, checked to be that device: anything else could be read, or written (CVE-2025-31133).
pub(crate) fn null_device(root: &OwnedFd) -> Result<OwnedFd, Errno> {
    let null = beneath::resolve_plain(root, c"/dev/null")?;
    if is_null(&fs::fstat(&null)?) { Ok(null) } else { Err(Errno::NODEV) }
}

/// Whether that is a file of this device, in whichever file system.
pub(crate) fn is_null(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice && stat.st_rdev == fs::makedev(1, 3)
}

/// A tmpfs that was never writable.
fn empty_directory() -> Result<OwnedFd, Errno> {
    let context = fsopen(c"tmpfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_set_string(&context, c"source", c"tmpfs")?;
    fsconfig_set_string(&context, c"mode", c"755")?;
    fsconfig_create(&context)?;
    let attributes = MountAttrFlags::MOUNT_ATTR_RDONLY
        | MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NODEV
        | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    let mounted = fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes)?;
    fds::leave_to_execve(context);
    Ok(mounted)
}
