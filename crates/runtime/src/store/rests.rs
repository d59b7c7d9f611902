//! Removing what there is of a container that is not there any more, or what commands that were killed leave of one that is not
//! there yet.
//! Runs in: the parent.

use std::ffi::CString;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, FlockOperation, RawDir, flock, fstat, unlinkat};
use rustix::io::Errno;

use super::{ContainerId, Emptiness, Place, Store, entries, open_directory};
use crate::error::Result;
use crate::gate::GATE;

impl Store {
    /// Removes the directory of an id that is no container's: nobody holds it, and there is no record in it, nor anything
    /// that did not belong to one. True if it is gone.
    pub(super) fn clear(&self, id: &ContainerId) -> Result<bool> {
        match self.find(id) {
            Err(error) if error.is_not_found() => Ok(true),
            Err(error) if error.errno() == Some(Errno::NOTDIR) => Ok(false),
            place => place?.clear(),
        }
    }
}

impl Place {
    pub(super) fn clear(mut self) -> Result<bool> {
        if !self.try_lock()? {
            return Ok(false);
        }
        let is_rest = |name: &CString| RESTS.iter().any(|rest| name.to_bytes() == rest.as_bytes());
        match entries(&self.dir, |_| true) {
            // Another has cleared it, between our opening and our locking it.
            Err(Errno::NOENT) => return Ok(true),
            Ok(names) if names.iter().all(is_rest) => {}
            Ok(_) => return Ok(false),
            Err(errno) => return Err(self.failed("remove", "", errno)),
        }
        for rest in RESTS {
            self.unlink(rest)?;
        }
        Ok(self.rmdir().map_err(|errno| self.failed("remove", "", errno))? == Emptiness::Empty)
    }
}

/// Opens and locks a directory that was just made, and whether it is that still. On failure, what was being done.
pub(super) fn enter(path: &Path) -> Result<(OwnedFd, bool), (&'static str, Errno)> {
    let dir = open_directory(CWD, path).map_err(|errno| ("open", errno))?;
    let dir = hold(dir).map_err(|errno| ("lock", errno))?;
    let is_ours = is_empty(&dir).map_err(|errno| ("read", errno))?;
    Ok((dir, is_ours))
}

/// Locks a directory that is still there: once it is locked nobody takes it for a leftover any more.
pub(super) fn hold(dir: OwnedFd) -> Result<OwnedFd, Errno> {
    flock(&dir, FlockOperation::NonBlockingLockExclusive)?;
    if fstat(&dir)?.st_nlink == 0 { Err(Errno::NOENT) } else { Ok(dir) }
}

/// Whether nothing is in it: what is not empty when it was just made was made by another, after he had cleared ours.
/// Of every start: two calls, where [`entries`] makes a descriptor and a list of its own.
fn is_empty(dir: &OwnedFd) -> Result<bool, Errno> {
    let mut buffer = [MaybeUninit::uninit(); 256];
    let mut names = RawDir::new(dir, &mut buffer);
    while let Some(entry) = names.next() {
        let entry = entry?;
        if entry.file_name() != c"." && entry.file_name() != c".." {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Nothing here is followed, and nothing here can be written to from inside a container; the depth is bounded all the same.
pub(super) fn remove_below(dir: &OwnedFd, depth: usize) -> Result<(), Errno> {
    for name in &entries(dir, |_| true)? {
        match unlinkat(dir, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(errno @ (Errno::ISDIR | Errno::PERM)) if depth > 0 => {
                match remove_directory(dir, name, depth - 1) {
                    Err(Errno::NOTDIR) => return Err(errno),
                    removed => removed?,
                }
            }
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

fn remove_directory(dir: &OwnedFd, name: &std::ffi::CStr, depth: usize) -> Result<(), Errno> {
    let emptied = open_directory(dir.as_fd(), name).and_then(|below| remove_below(&below, depth));
    match emptied.and_then(|()| unlinkat(dir, name, AtFlags::REMOVEDIR)) {
        Err(Errno::NOENT) => Ok(()),
        result => result,
    }
}

/// How deep a container's directory may be: `notify/notify.sock`, and images of a checkpoint.
pub(super) const DEPTH: usize = 16;

/// What may be in a container's directory when its record is not there yet, or not any more.
const RESTS: [&str; 2] = [GATE, ".record.new"];
