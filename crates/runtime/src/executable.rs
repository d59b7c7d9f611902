//! The executable that runs inside: `brig-init`, carried in this library, run from a copy that nobody can change.
//! Runs in: the parent.
//!
//! What a container's processes can reach through `/proc/PID/exe` must not be a file of the host (CVE-2019-5736). So it is a
//! sealed memfd; where `vm.memfd_noexec` forbids those, a file on a detached tmpfs, made read-only; and where that is
//! forbidden too, an installed file that only root can write and that is, byte for byte, what this library carries.

use std::os::fd::OwnedFd;

use brig_sys::mount_setattr::{self, MountAttr, Reach};
use rustix::fs::{self, CWD, MemfdFlags, Mode, OFlags, SealFlags};
use rustix::io::{self, Errno};
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsconfig_set_string, fsmount, fsopen,
};

use crate::error::{Error, Result};
use crate::missing;

/// The program.
static BRIG_INIT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/brig-init"));

/// Where an installed copy may be.
const INSTALLED: &str = "/usr/libexec/brig/brig-init";

/// A descriptor to execute.
///
/// # Errors
/// `Os`: the kernel forbids all three ways; the words name each.
pub(crate) fn open() -> Result<OwnedFd> {
    let memfd = match sealed_memfd() {
        Ok(fd) => return Ok(fd),
        Err(errno) => errno,
    };
    let tmpfs = match readonly_tmpfs() {
        Ok(fd) => return Ok(fd),
        Err(errno) => errno,
    };
    installed().map_err(|errno| {
        let [memfd, tmpfs] = [memfd, tmpfs].map(|errno| missing::words(errno.raw_os_error()));
        let words = format!("brig-init cannot be run from a memfd ({memfd}), nor from a detached tmpfs ({tmpfs}), nor from {INSTALLED}");
        Error::os(words, errno)
    })
}

/// In which of the three ways it is opened here.
///
/// # Errors
/// As [`open`].
pub(crate) fn way() -> Result<&'static str> {
    open()?;
    Ok(match (sealed_memfd(), readonly_tmpfs()) {
        (Ok(_), _) => "a sealed memfd",
        (Err(_), Ok(_)) => "a detached read-only tmpfs, for memfds may not be executed",
        (Err(_), Err(_)) => INSTALLED,
    })
}

fn sealed_memfd() -> Result<OwnedFd, Errno> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let fd = match fs::memfd_create(c"brig-init", flags | MemfdFlags::EXEC) {
        // Before Linux 6.3, where every memfd can be executed.
        Err(Errno::INVAL) => fs::memfd_create(c"brig-init", flags)?,
        other => other?,
    };
    write_all(&fd)?;
    fs::fcntl_add_seals(&fd, SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE)?;
    Ok(fd)
}

fn readonly_tmpfs() -> Result<OwnedFd, Errno> {
    const NAME: &str = "brig-init";
    let context = fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_set_string(&context, "mode", "0700")?;
    fsconfig_create(&context)?;
    let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV;
    let mount = fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes)?;
    let create = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let file = fs::openat(&mount, NAME, create, ANYBODY)?;
    // The caller's umask may have taken something away.
    fs::fchmod(&file, ANYBODY)?;
    write_all(&file)?;
    drop(file);
    let attr = MountAttr { set: mount_setattr::RDONLY, ..MountAttr::default() };
    mount_setattr::mount_setattr(&mount, Reach::One, &attr)?;
    fs::openat(&mount, NAME, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
}

/// The root of a user namespace is not its owner, and executes it all the same.
const ANYBODY: Mode = Mode::from_raw_mode(0o555);

fn installed() -> Result<OwnedFd, Errno> {
    let file =
        fs::openat(CWD, INSTALLED, OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
    let stat = fs::fstat(&file)?;
    let others_may_write = stat.st_mode & 0o022 != 0;
    if stat.st_uid != 0 || others_may_write || usize::try_from(stat.st_size) != Ok(BRIG_INIT.len()) {
        return Err(Errno::PERM);
    }
    let mut there = Vec::with_capacity(BRIG_INIT.len() + 1);
    while io::read(&file, rustix::buffer::spare_capacity(&mut there))? > 0 {
        there.reserve(1);
    }
    if there == BRIG_INIT { Ok(file) } else { Err(Errno::STALE) }
}

fn write_all(file: &OwnedFd) -> Result<(), Errno> {
    let mut rest = BRIG_INIT;
    while !rest.is_empty() {
        let written = io::retry_on_intr(|| io::write(file, rest))?;
        rest = rest.get(written..).unwrap_or_default();
    }
    Ok(())
}
