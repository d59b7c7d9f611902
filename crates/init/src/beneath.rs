//! Paths below the rootfs: resolved once, beneath it, to a descriptor; made where they are missing.
//!
//! The tree may belong to an attacker, and another container may be changing it while we look (CVE-2021-30465,
//! CVE-2024-45310). So the kernel resolves (openat2(2), RESOLVE_IN_ROOT), and what is made is made by a single name in a
//! directory that is already open.

use alloc::ffi::CString;
use alloc::vec::Vec;
use core::ffi::CStr;

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{self, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use crate::fds;

/// Links that may be followed while missing directories are made, as in the kernel (path_resolution(7)).
const MOST_LINKS: usize = 40;
/// How often a look-up is tried again that a rename elsewhere disturbed (openat2(2), EAGAIN).
const MOST_TRIES: usize = 128;

/// What a target must be, and is made as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Directory,
    File,
}

/// What was found, or made.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) fd: OwnedFd,
    pub(crate) existed: bool,
}

/// `path` as a process would see it whose root is `root`: an O_PATH descriptor.
pub(crate) fn resolve(root: impl AsFd, path: &CStr) -> Result<OwnedFd, Errno> {
    open(root.as_fd(), path, OFlags::PATH, ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS)
}

/// As [`resolve`], but a last component that is a symbolic link is what is meant.
pub(crate) fn resolve_link(root: impl AsFd, path: &CStr) -> Result<OwnedFd, Errno> {
    let flags = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    open(root.as_fd(), path, OFlags::PATH | OFlags::NOFOLLOW, flags)
}

/// As [`resolve`], where no component may be a symbolic link.
pub(crate) fn resolve_plain(root: impl AsFd, path: &CStr) -> Result<OwnedFd, Errno> {
    let flags = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_SYMLINKS;
    open(root.as_fd(), path, OFlags::PATH, flags)
}

/// As [`resolve_plain`], and opens what is there.
pub(crate) fn open_plain(root: impl AsFd, path: &CStr, flags: OFlags) -> Result<OwnedFd, Errno> {
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_SYMLINKS;
    open(root.as_fd(), path, flags, resolve)
}

/// As [`resolve_plain`], and a directory.
pub(crate) fn resolve_plain_directory(root: impl AsFd, path: &CStr) -> Result<OwnedFd, Errno> {
    let flags = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_SYMLINKS;
    open(root.as_fd(), path, OFlags::PATH | OFlags::DIRECTORY, flags)
}

/// `path`, or a new directory or empty file there, with the directories on the way to it.
pub(crate) fn resolve_or_make(root: impl AsFd, path: &CStr, kind: Kind) -> Result<Found, Errno> {
    match resolve(&root, path) {
        Err(Errno::NOENT) => make(root.as_fd(), path.to_bytes(), kind).map(|fd| Found { fd, existed: false }),
        other => other.map(|fd| Found { fd, existed: true }),
    }
}

/// Opens by a single name in an open directory; a symbolic link is not followed.
pub(crate) fn open_name(directory: impl AsFd, name: &CStr, flags: OFlags) -> Result<OwnedFd, Errno> {
    fs::openat(directory, name, flags | OFlags::CLOEXEC | OFlags::NOFOLLOW, Mode::empty())
}

/// The open directory that holds `path`, made if missing, and the last component.
pub(crate) fn parent_of(root: impl AsFd, path: &CStr) -> Result<(OwnedFd, CString), Errno> {
    let (parent, name) = split(path.to_bytes());
    let name = CString::new(name).map_err(|_| Errno::INVAL)?;
    let parent = CString::new(parent).map_err(|_| Errno::INVAL)?;
    Ok((resolve_or_make(root, &parent, Kind::Directory)?.fd, name))
}

fn open(root: BorrowedFd<'_>, path: &CStr, flags: OFlags, resolve: ResolveFlags) -> Result<OwnedFd, Errno> {
    let mut tries = 0;
    loop {
        match fs::openat2(root, path, flags | OFlags::CLOEXEC, Mode::empty(), resolve) {
            Err(Errno::AGAIN) if tries < MOST_TRIES => tries += 1,
            other => return other,
        }
    }
}

fn make(root: BorrowedFd<'_>, path: &[u8], kind: Kind) -> Result<OwnedFd, Errno> {
    if let Some(made) = make_last(root, path, kind)? {
        return Ok(made);
    }
    let mut path = path.to_vec();
    for _ in 0..MOST_LINKS {
        match make_without_links(root, &path, kind)? {
            Made::All(fd) => return Ok(fd),
            Made::LinkInTheWay(through) => path = through,
        }
    }
    Err(Errno::LOOP)
}

/// The usual case: only the last component is missing.
fn make_last(root: BorrowedFd<'_>, path: &[u8], kind: Kind) -> Result<Option<OwnedFd>, Errno> {
    let (parent, name) = split(path);
    if matches!(name, b"" | b"." | b"..") {
        return Ok(None);
    }
    let (parent, name) =
        (CString::new(parent).map_err(|_| Errno::INVAL)?, CString::new(name).map_err(|_| Errno::INVAL)?);
    let parent = match resolve(root, &parent) {
        Err(Errno::NOENT) => return Ok(None),
        other => other?,
    };
    let made = make_name(parent.as_fd(), &name, kind);
    fds::leave_to_execve(parent);
    match made {
        // A link that leads nowhere.
        Err(Errno::EXIST) => Ok(None),
        other => other.map(Some),
    }
}

enum Made {
    All(OwnedFd),
    /// A link that leads nowhere stands on the way; this is the path when it is followed.
    LinkInTheWay(Vec<u8>),
}

/// Walks down from `root`. What exists is resolved by the kernel from the root every time; from the first missing component
/// on everything is made here, one name at a time.
fn make_without_links(root: BorrowedFd<'_>, path: &[u8], kind: Kind) -> Result<Made, Errno> {
    let components =
        path.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".").collect::<Vec<_>>();
    let mut here = resolve(root, c".")?;
    let mut made_one = false;
    for (position, name) in components.iter().enumerate() {
        let is_last = position + 1 == components.len();
        let text = CString::new(*name).map_err(|_| Errno::INVAL)?;
        if !made_one {
            let so_far = joined(&components[..=position])?;
            match resolve(root, &so_far) {
                Ok(fd) => {
                    here = fd;
                    continue;
                }
                Err(Errno::NOENT) => {}
                Err(errno) => return Err(errno),
            }
        }
        if *name == b".." {
            // Above something that did not exist a moment ago: nobody honest writes this.
            return Err(Errno::NOENT);
        }
        match make_name(here.as_fd(), &text, if is_last { kind } else { Kind::Directory }) {
            Err(Errno::EXIST) if !made_one => {
                let link = fs::readlinkat(&here, &text, Vec::new())?;
                return followed(&components[..position], link.as_bytes(), &components[position + 1..])
                    .map(Made::LinkInTheWay);
            }
            other => here = other?,
        }
        made_one = true;
    }
    Ok(Made::All(here))
}

fn make_name(directory: BorrowedFd<'_>, name: &CStr, kind: Kind) -> Result<OwnedFd, Errno> {
    match kind {
        Kind::Directory => {
            fs::mkdirat(directory, name, Mode::from_raw_mode(0o755))?;
            open_name(directory, name, OFlags::PATH | OFlags::DIRECTORY)
        }
        Kind::File => {
            let flags = OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::WRONLY;
            fs::openat(directory, name, flags, Mode::from_raw_mode(0o644))?;
            open_name(directory, name, OFlags::PATH)
        }
    }
}

fn joined(components: &[&[u8]]) -> Result<CString, Errno> {
    CString::new(components.join(&b'/')).map_err(|_| Errno::INVAL)
}

fn followed(before: &[&[u8]], link: &[u8], after: &[&[u8]]) -> Result<Vec<u8>, Errno> {
    let mut path = if link.starts_with(b"/") { Vec::new() } else { before.join(&b'/') };
    path.push(b'/');
    path.extend_from_slice(link);
    path.push(b'/');
    path.extend_from_slice(&after.join(&b'/'));
    Ok(path)
}

fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(0) => (b"/", &path[1..]),
        Some(slash) => (&path[..slash], &path[slash + 1..]),
        None => (b".", path),
    }
}

/// What `fd` refers to.
pub(crate) fn file_type(fd: impl AsFd) -> Result<FileType, Errno> {
    Ok(FileType::from_raw_mode(fs::fstat(fd)?.st_mode))
}
