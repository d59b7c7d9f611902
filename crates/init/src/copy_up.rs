//! `tmpcopyup`: the contents of the covered directory are copied into the tmpfs that covers it.
//! Runs in: init, the tmpfs just mounted and seen by nobody else.

use alloc::ffi::CString;
use alloc::vec::Vec;
use core::ffi::CStr;
use core::mem::MaybeUninit;

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{self, AtFlags, FileType, Gid, Mode, OFlags, RawDir, Stat, Uid};
use rustix::io::{self, Errno};

/// Directories within directories: deeper ones are not copied but refused.
const DEEPEST: u32 = 64;

/// Copies what is in `from` into `to`: directories, files, links and nodes, with owner and mode.
pub(crate) fn copy(from: &OwnedFd, to: &OwnedFd) -> Result<(), Errno> {
    copy_directory(from.as_fd(), to.as_fd(), DEEPEST)
}

fn copy_directory(from: BorrowedFd<'_>, to: BorrowedFd<'_>, depth: u32) -> Result<(), Errno> {
    let depth = depth.checked_sub(1).ok_or(Errno::LOOP)?;
    for name in names(from)? {
        let stat = fs::statat(from, &*name, AtFlags::SYMLINK_NOFOLLOW)?;
        copy_entry(from, to, &name, &stat, depth)?;
    }
    Ok(())
}

fn names(directory: BorrowedFd<'_>) -> Result<Vec<CString>, Errno> {
    let mut buffer = [MaybeUninit::uninit(); 4096];
    let mut names = Vec::new();
    let mut entries = RawDir::new(directory, &mut buffer);
    while let Some(entry) = entries.next() {
        let entry = entry?;
        if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
            names.push(CString::from(entry.file_name()));
        }
    }
    Ok(names)
}

fn copy_entry(
    from: BorrowedFd<'_>,
    to: BorrowedFd<'_>,
    name: &CStr,
    stat: &Stat,
    depth: u32,
) -> Result<(), Errno> {
    let mode = Mode::from_raw_mode(stat.st_mode & 0o7777);
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => {
            fs::mkdirat(to, name, mode)?;
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let below = fs::openat(from, name, flags, Mode::empty())?;
            let above = fs::openat(to, name, flags, Mode::empty())?;
            copy_directory(below.as_fd(), above.as_fd(), depth)?;
        }
        FileType::RegularFile => {
            let source =
                fs::openat(from, name, OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            copy_contents(&source, &fs::openat(to, name, flags, mode)?)?;
        }
        FileType::Symlink => {
            let target = fs::readlinkat(from, name, Vec::new())?;
            fs::symlinkat(&*target, to, name)?;
        }
        kind @ (FileType::Fifo
        | FileType::Socket
        | FileType::CharacterDevice
        | FileType::BlockDevice
        | FileType::Unknown) => fs::mknodat(to, name, kind, mode, stat.st_rdev)?,
    }
    let owner = (Uid::from_raw(stat.st_uid), Gid::from_raw(stat.st_gid));
    fs::chownat(to, name, Some(owner.0), Some(owner.1), AtFlags::SYMLINK_NOFOLLOW)?;
    // A new owner takes set-user-ID and set-group-ID away (chown(2)).
    match mode.intersects(Mode::SUID | Mode::SGID) && !FileType::from_raw_mode(stat.st_mode).is_symlink() {
        true => fs::chmodat(to, name, mode, AtFlags::empty()),
        false => Ok(()),
    }
}

fn copy_contents(from: &OwnedFd, to: &OwnedFd) -> Result<(), Errno> {
    let mut buffer = [0; 16 << 10];
    loop {
        let count = io::read(from, &mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        let mut left = &buffer[..count];
        while !left.is_empty() {
            let written = io::write(to, left)?;
            left = &left[written..];
        }
    }
}
