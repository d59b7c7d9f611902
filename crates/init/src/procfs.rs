//! Two ways to /proc that no container can get between: the host's, opened before anything of the container is mounted, and
//! a fresh instance that is mounted nowhere (CVE-2019-16884, CVE-2025-52881).

use alloc::vec::Vec;
use core::ffi::CStr;

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{self, AtFlags, CWD, Mode, OFlags, ResolveFlags};
use rustix::io::{self, Errno};
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsmount, fsopen};

/// `PROC_SUPER_MAGIC`.
const MAGIC: i64 = 0x9fa0;

/// The /proc of the root that we stand in, which must be the host's still: checked to be a procfs and its very root.
pub(crate) fn host() -> Result<OwnedFd, Errno> {
    let proc = fs::openat(
        CWD,
        c"/proc",
        OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW,
        Mode::empty(),
    )?;
    verify(&proc)?;
    Ok(proc)
}

/// A new instance for our own PID namespace, mounted nowhere; the host's where we may not make one.
pub(crate) fn own() -> Result<OwnedFd, Errno> {
    match detached() {
        Err(Errno::PERM | Errno::NOSYS | Errno::BUSY) => host(),
        other => other,
    }
}

fn detached() -> Result<OwnedFd, Errno> {
    let context = fsopen(c"proc", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_create(&context)?;
    fsmount(
        &context,
        FsMountFlags::FSMOUNT_CLOEXEC,
        MountAttrFlags::MOUNT_ATTR_NOSUID
            | MountAttrFlags::MOUNT_ATTR_NODEV
            | MountAttrFlags::MOUNT_ATTR_NOEXEC,
    )
}

/// Whether `directory` is on a procfs, at all.
pub(crate) fn is_procfs(directory: impl AsFd) -> Result<bool, Errno> {
    Ok(fs::fstatfs(directory)?.f_type == MAGIC)
}

fn verify(proc: &OwnedFd) -> Result<(), Errno> {
    const ROOT_INODE: u64 = 1;
    if is_procfs(proc)? && fs::fstat(proc)?.st_ino == ROOT_INODE { Ok(()) } else { Err(Errno::NODEV) }
}

/// Writes `value` to the file `path` of `proc`, which may not lead over another mount or a link.
pub(crate) fn write(proc: &OwnedFd, path: &CStr, value: &[u8]) -> Result<(), Errno> {
    put(open(proc, path, OFlags::WRONLY)?, value)
}

fn put(file: OwnedFd, value: &[u8]) -> Result<(), Errno> {
    match io::write(&file, value)? {
        count if count == value.len() => Ok(()),
        _ => Err(Errno::IO),
    }
}

fn open(proc: &OwnedFd, path: &CStr, access: OFlags) -> Result<OwnedFd, Errno> {
    let resolve = ResolveFlags::BENEATH
        | ResolveFlags::NO_XDEV
        | ResolveFlags::NO_SYMLINKS
        | ResolveFlags::NO_MAGICLINKS;
    fs::openat2(proc, path, access | OFlags::CLOEXEC, Mode::empty(), resolve)
}

/// Writes to a file of this process's own directory in `proc`.
pub(crate) fn write_own(proc: &OwnedFd, file: &CStr, value: &[u8]) -> Result<(), Errno> {
    put(open_own(proc, file, OFlags::WRONLY)?, value)
}

/// Opens a file of this process's own directory in `proc`.
pub(crate) fn open_own(proc: &OwnedFd, file: &CStr, access: OFlags) -> Result<OwnedFd, Errno> {
    // "self" is a link, and links are not followed: read it, and go where it says. The kernel writes it; it is a number.
    let own = fs::readlinkat(proc, c"self", Vec::new())?;
    let mut path = own.into_bytes();
    path.push(b'/');
    path.extend_from_slice(file.to_bytes_with_nul());
    let path = CStr::from_bytes_with_nul(&path).map_err(|_| Errno::INVAL)?;
    open(proc, path, access)
}

/// Whether `name` exists in `proc`.
pub(crate) fn exists(proc: &OwnedFd, name: &CStr) -> bool {
    fs::statat(proc, name, AtFlags::SYMLINK_NOFOLLOW).is_ok()
}
