//! The store: `<root>/<id>/` of each container, and the files in it. One directory descriptor, everything beneath it.
//! Runs in: the parent.
//!
//! `mkdir` decides who gets an id. The creator then holds a lock (flock(2)) on the directory for as long as it creates, so that
//! others can tell a container that is being created from what a killed creator left behind.
//!
//! Modes given here can be narrowed by the caller's umask; nothing relies on the bits that this may take away.

mod bytes;
mod rests;

use std::ffi::CString;
use std::fs::DirBuilder;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{
    AtFlags, CWD, Dir, FileType, FlockOperation, Mode, OFlags, flock, fstat, mkdir, openat, renameat, rmdir,
    unlinkat,
};
use rustix::io::{Errno, retry_on_intr};

use crate::error::{Error, Result, best_effort};
use crate::patience::Patience;
pub(crate) use bytes::{read_least, write_all};
use rests::{DEPTH, enter, remove_below};

/// The name of a container, found valid: not empty, of letters, digits and `_+.-`, and neither `.` nor `..`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContainerId(String);

impl ContainerId {
    /// Takes `id` if it is one.
    ///
    /// # Errors
    /// `InvalidId`.
    pub fn new(id: &str) -> Result<Self> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_+.-".contains(&byte);
        match id {
            "" => Err(Error::empty_id()),
            "." | ".." => Err(Error::invalid_id()),
            _ if id.bytes().all(allowed) => Ok(Self(id.to_owned())),
            _ => Err(Error::invalid_id()),
        }
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for ContainerId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// All containers of one `--root`.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
}

impl Store {
    /// Nothing is looked at or made before it is needed.
    pub fn open(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Where it is.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Takes an id for a container to be created, and the creator's lock with it. On a store that is there: mkdir, open, flock.
    /// What a killed `create` or `delete` left of one that is no container (any more) is in nobody's way.
    ///
    /// # Errors
    /// `AlreadyExists`, or `Os`.
    pub fn reserve(&self, id: &ContainerId) -> Result<Place> {
        for _ in 0..TURNS {
            if let Some(place) = self.take(id)? {
                return Ok(place);
            }
        }
        Err(Error::already_exists())
    }

    /// Makes its directory and locks it. `None`: somebody found that empty and took it for a leftover, or still looks at it; by
    /// now it may be his.
    fn take(&self, id: &ContainerId) -> Result<Option<Place>> {
        let path = self.path(id);
        match mkdir(&path, OTHERS_MAY_PASS) {
            Err(Errno::NOENT) => {
                self.make_root()?;
                mkdir(&path, OTHERS_MAY_PASS)
            }
            Err(Errno::EXIST) if self.clear(id)? => mkdir(&path, OTHERS_MAY_PASS),
            result => result,
        }
        .map_err(|errno| match errno {
            Errno::EXIST => Error::already_exists().because(Some(format!(
                "brig state {id} tells of it, and brig delete {id} removes it once it has stopped"
            ))),
            Errno::ACCESS if !rustix::process::geteuid().is_root() => {
                let hint = "this store is another user's: set XDG_RUNTIME_DIR, or name one with --root";
                Error::os(format_args!("mkdir {}", path.display()), errno).because(Some(hint.to_owned()))
            }
            _ => Error::os(format_args!("mkdir {}", path.display()), errno),
        })?;
        self.enter(id, path)
    }

    fn make_root(&self) -> Result<()> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&self.root);
        made.map_err(|error| Error::io(format_args!("mkdir {}", self.root.display()), &error))
    }

    fn enter(&self, id: &ContainerId, path: PathBuf) -> Result<Option<Place>> {
        match enter(&path) {
            Ok((dir, is_ours)) => {
                let place = Place { id: id.clone(), path, dir, held: Held::Yes };
                Ok(is_ours.then_some(place))
            }
            Err((_, Errno::NOENT | Errno::WOULDBLOCK)) => Ok(None),
            Err((doing, errno)) => {
                best_effort(rmdir(&path), "the first error is the one to report");
                Err(Error::os(format_args!("{doing} {}", path.display()), errno))
            }
        }
    }

    /// The directory of a container that exists, whatever is in it.
    ///
    /// # Errors
    /// `NotFound`, or `Os`.
    pub fn find(&self, id: &ContainerId) -> Result<Place> {
        let path = self.path(id);
        match open_directory(CWD, &path) {
            Ok(dir) => Ok(Place { id: id.clone(), path, dir, held: Held::No }),
            Err(Errno::NOENT) => {
                let hint = format!("there is none of this name in {}", self.root.display());
                Err(Error::not_found().because(Some(hint)))
            }
            Err(errno) => Err(Error::os(format_args!("open {}", path.display()), errno)),
        }
    }

    /// The names of all directories in the store but [`PROGRAMS`], sorted; not all need be ids of ours.
    ///
    /// # Errors
    /// `Os`; NOENT if there is no store.
    pub fn ids(&self) -> Result<Vec<String>> {
        let failed = |errno| Error::os(format_args!("open {}", self.root.display()), errno);
        let dir = openat(CWD, &self.root, DIRECTORY, Mode::empty()).map_err(failed)?;
        let mut names = entries(&dir, |kind| kind == FileType::Directory).map_err(failed)?;
        names.retain(|name| name.to_bytes() != PROGRAMS.as_bytes());
        names.sort_unstable();
        Ok(names.iter().map(|name| name.to_string_lossy().into_owned()).collect())
    }

    fn path(&self, id: &ContainerId) -> PathBuf {
        self.root.join(id.as_str())
    }
}

/// The directory of one container.
#[derive(Debug)]
pub struct Place {
    id: ContainerId,
    path: PathBuf,
    dir: OwnedFd,
    held: Held,
}

/// A child that another thread has just forked holds all our descriptors until it executes, and the lock with them: so it is
/// given back, not only closed.
impl Drop for Place {
    fn drop(&mut self) {
        if self.held == Held::Yes {
            best_effort(flock(&self.dir, FlockOperation::Unlock), "closing does the same, a little later");
        }
    }
}

/// Whether a lock is held through this descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Held {
    Yes,
    No,
}

impl Place {
    /// Whose it is.
    pub fn id(&self) -> &ContainerId {
        &self.id
    }

    /// Where it is, `<root>/<id>`.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The store that it is in.
    pub(crate) fn store(&self) -> &Path {
        self.path.parent().unwrap_or(&self.path)
    }

    /// Its descriptor.
    pub fn dir(&self) -> BorrowedFd<'_> {
        self.dir.as_fd()
    }

    /// Whether somebody holds the creator's lock: its creator, or who deletes it.
    ///
    /// # Errors
    /// flock(2).
    pub fn is_locked(&self) -> Result<bool> {
        if self.held == Held::Yes {
            return Ok(true);
        }
        match flock(&self.dir, FlockOperation::NonBlockingLockShared) {
            Ok(()) => {
                flock(&self.dir, FlockOperation::Unlock).map_err(|errno| self.failed("unlock", "", errno))?;
                Ok(false)
            }
            Err(Errno::WOULDBLOCK) => Ok(true),
            Err(errno) => Err(self.failed("lock", "", errno)),
        }
    }

    /// Takes the lock for as long as this value lives, unless somebody has it: then false.
    pub(crate) fn try_lock(&mut self) -> Result<bool> {
        if self.held == Held::No {
            match flock(&self.dir, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => self.held = Held::Yes,
                Err(Errno::WOULDBLOCK) => return Ok(false),
                Err(errno) => return Err(self.failed("lock", "", errno)),
            }
        }
        Ok(true)
    }

    /// Takes the lock for as long as this value lives, when those who have it before us are done. Nothing tells when that is but a
    /// wait that nobody can end: who has less patience asks again and again.
    pub(crate) fn lock(&mut self, patience: &Patience) -> Result<()> {
        if patience.is_endless() && self.held == Held::No {
            let lock = || flock(&self.dir, FlockOperation::LockExclusive);
            retry_on_intr(lock).map_err(|errno| self.failed("lock", "", errno))?;
            self.held = Held::Yes;
        }
        while !self.try_lock()? {
            patience.check("wait for the container's lock")?;
            patience.pause(TURN);
        }
        Ok(())
    }

    /// Opens one of its files; symbolic links are refused.
    pub(crate) fn open(&self, name: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
        openat(&self.dir, name, flags | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::from_raw_mode(0o600))
    }

    /// Puts a file there as a whole or not at all: written beside and renamed. For one writer at a time: the creator.
    ///
    /// # Errors
    /// `Os`.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.prepare(name, bytes)?;
        self.settle(name)
    }

    /// The first half of [`Place::write`].
    pub(crate) fn prepare(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let beside = beside(name);
        let put = || write_all(&self.open(&beside, OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC)?, bytes);
        put().map_err(|errno| {
            best_effort(
                unlinkat(&self.dir, &beside, AtFlags::empty()),
                "the first error is the one to report",
            );
            self.failed("write", name, errno)
        })
    }

    /// The second half of [`Place::write`].
    pub(crate) fn settle(&self, name: &str) -> Result<()> {
        renameat(&self.dir, beside(name), &self.dir, name).map_err(|errno| self.failed("write", name, errno))
    }

    /// Reads a file, at least its first `least` bytes if it has as many; `None` if it is not there.
    ///
    /// # Errors
    /// `Os`.
    pub fn read(&self, name: &str, least: usize) -> Result<Option<Vec<u8>>> {
        let mut bytes = Vec::new();
        match self.open(name, OFlags::RDONLY) {
            Ok(file) => match read_least(&file, &mut bytes, least) {
                Ok(()) => Ok(Some(bytes)),
                Err(errno) => Err(self.failed("read", name, errno)),
            },
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(self.failed("open", name, errno)),
        }
    }

    /// Removes one of its files: true if it was there.
    pub(crate) fn unlink(&self, name: &str) -> Result<bool> {
        match unlinkat(&self.dir, name, AtFlags::empty()) {
            Ok(()) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(errno) => Err(self.failed("remove", name, errno)),
        }
    }

    /// Removes the file `first`, then everything else in it, then the directory. Of several who do this at the same time the
    /// one who removed `first` is told [`Removal::Mine`], and the others that it is [`Removal::Anothers`].
    pub(crate) fn remove(&self, first: &str) -> Result<Removal> {
        let removal = if self.unlink(first)? { Removal::Mine } else { Removal::Anothers };
        // One that is removed has no links; by name there may be a new one of somebody else by now.
        if removal == Removal::Anothers && fstat(&self.dir).is_ok_and(|stat| stat.st_nlink == 0) {
            return Ok(removal);
        }
        let failed = |errno| self.failed("remove", "", errno);
        if self.rmdir().map_err(failed)? == Emptiness::Full {
            remove_below(&self.dir, DEPTH).map_err(failed)?;
            if self.rmdir().map_err(failed)? == Emptiness::Full && removal == Removal::Mine {
                return Err(failed(Errno::NOTEMPTY));
            }
        }
        Ok(removal)
    }

    fn rmdir(&self) -> Result<Emptiness, Errno> {
        match rmdir(&self.path) {
            Ok(()) | Err(Errno::NOENT) => Ok(Emptiness::Empty),
            Err(Errno::NOTEMPTY | Errno::EXIST) => Ok(Emptiness::Full),
            Err(errno) => Err(errno),
        }
    }

    /// An error about one of its files, or about itself where `name` is empty.
    pub(crate) fn failed(&self, call: &str, name: &str, errno: Errno) -> Error {
        Error::os(format_args!("{call} {}", self.path.join(name).display()), errno)
    }
}

/// Who removed a container's directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Removal {
    Mine,
    Anothers,
}

/// Whether a directory could be removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Emptiness {
    Empty,
    Full,
}

/// Where a file lies until it is whole.
pub(crate) fn beside(name: &str) -> String {
    format!(".{name}.new")
}

fn open_directory(at: BorrowedFd<'_>, path: impl rustix::path::Arg) -> Result<OwnedFd, Errno> {
    openat(at, path, DIRECTORY | OFlags::NOFOLLOW, Mode::empty())
}

fn entries(dir: &OwnedFd, wanted: impl Fn(FileType) -> bool) -> Result<Vec<CString>, Errno> {
    let mut names = Vec::new();
    for entry in Dir::read_from(dir)? {
        let entry = entry?;
        if wanted(entry.file_type()) && entry.file_name() != c"." && entry.file_name() != c".." {
            names.push(entry.file_name().to_owned());
        }
    }
    Ok(names)
}

/// How long a lock is left alone before it is asked for again.
const TURN: Duration = Duration::from_millis(5);

/// How often a directory that was just made may be taken for a leftover.
const TURNS: usize = 8;

/// `drwx--x--x`: the container's user may have to pass on its way to a socket in there.
const OTHERS_MAY_PASS: Mode = Mode::from_raw_mode(0o711);

/// Compiled seccomp programs, in the store beside the containers. No id has this character.
pub(crate) const PROGRAMS: &str = "@seccomp";

const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

#[cfg(test)]
pub(crate) mod tests;
