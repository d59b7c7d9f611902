//! Walking the sub-cgroups that a container made below its own, however many and however deep: two fds at a time, no
//! recursion, no path that could become too long.
//! Runs in: the parent.

use std::ffi::{CStr, CString};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, RawDir, fstat, openat, unlinkat};
use rustix::io::{Errno, Result};

use crate::beneath;
use crate::error::gone;
use crate::group::{Listing, PROCS, Scope};

/// The processes of the cgroup `dir`.
pub(crate) fn list(dir: BorrowedFd<'_>, scope: Scope) -> Result<Listing> {
    let mut listing = Listing::default();
    let file = match beneath::read_file(dir, PROCS) {
        // Threaded, which a container can make its own cgroup: each thread's id will do to kill its process.
        Err(Errno::OPNOTSUPP) => THREADS,
        Err(errno) => return Err(errno),
        Ok(text) => {
            listing.read(&text);
            PROCS
        }
    };
    if file == PROCS && (scope == Scope::Own || has_no_children(dir)) {
        return Ok(listing);
    }
    listing = Listing::default();
    let visit = |here: BorrowedFd<'_>| {
        match beneath::read_file(here, file) {
            Ok(text) => listing.read(&text),
            // A threaded cgroup below: its processes are listed by the domain above.
            Err(Errno::OPNOTSUPP) => {}
            Err(errno) if gone(errno) => {}
            Err(errno) => return Err(errno),
        }
        if scope == Scope::Own { Ok(Vec::new()) } else { children(here) }
    };
    walk(open_dir(dir, c".")?, visit, |_, _| Ok(()))?;
    Ok(listing)
}

/// Removes every cgroup below `dir`, deepest first, and says how many went. Those that are busy stay.
pub(crate) fn remove_below(dir: BorrowedFd<'_>) -> Result<usize> {
    let mut removed = 0;
    let remove = |parent: BorrowedFd<'_>, name: &CStr| match unlinkat(parent, name, AtFlags::REMOVEDIR) {
        Ok(()) => Ok(true),
        Err(Errno::BUSY | Errno::NOTEMPTY) => Ok(false),
        Err(errno) if gone(errno) => Ok(true),
        Err(errno) => Err(errno),
    };
    // Most have no children: they go at once, and only the others are entered.
    let mut at_once = 0;
    let visit = |here: BorrowedFd<'_>| {
        let mut busy = Vec::new();
        for name in children(here)? {
            match remove(here, &name)? {
                true => at_once += 1,
                false => busy.push(name),
            }
        }
        Ok(busy)
    };
    walk(open_dir(dir, c".")?, visit, |parent, name| {
        removed += usize::from(remove(parent, name)?);
        Ok(())
    })?;
    Ok(removed + at_once)
}

/// The path below `dir` of a cgroup that has none below itself, and so is what keeps those above from being removed; empty if
/// that is `dir`.
pub(crate) fn lowest(dir: BorrowedFd<'_>) -> Result<String> {
    let mut here = open_dir(dir, c".")?;
    let mut path = String::new();
    while let Some(name) = children(here.as_fd())?.pop() {
        here = open_dir(&here, &name)?;
        path = format!("{path}/{}", name.to_string_lossy());
        if path.len() > LEGIBLE {
            break;
        }
    }
    Ok(path)
}

/// Enters every directory that `visit` names in the one above, and calls `leave` with parent and name when all below it is
/// done. Not for `top` itself. A directory that vanishes meanwhile is passed over.
fn walk(
    top: OwnedFd,
    mut visit: impl FnMut(BorrowedFd<'_>) -> Result<Vec<CString>>,
    mut leave: impl FnMut(BorrowedFd<'_>, &CStr) -> Result<()>,
) -> Result<()> {
    let mut waiting = vec![visit(top.as_fd())?];
    let mut names: Vec<CString> = Vec::new();
    let mut here = top;
    while let Some(level) = waiting.last_mut() {
        let Some(name) = level.pop() else {
            waiting.pop();
            let Some(name) = names.pop() else { break };
            // A cgroup cannot be moved to another parent, so `..` is where we came from.
            let parent = open_dir(&here, c"..")?;
            leave(parent.as_fd(), &name)?;
            here = parent;
            continue;
        };
        match open_dir(&here, &name) {
            Ok(child) => {
                waiting.push(visit(child.as_fd())?);
                names.push(name);
                here = child;
            }
            Err(errno) if gone(errno) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

fn open_dir(dir: impl AsFd, name: &CStr) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(dir, name, flags, Mode::empty())
}

/// Names of the directories in `dir`, which is open for reading.
fn children(dir: BorrowedFd<'_>) -> Result<Vec<CString>> {
    if has_no_children(dir) {
        return Ok(Vec::new());
    }
    entries(dir, FileType::Directory)
}

/// Names of the files of the cgroup `dir`, which need not be open for reading.
pub(crate) fn files(dir: BorrowedFd<'_>) -> Result<Vec<String>> {
    let names = entries(open_dir(dir, c".")?.as_fd(), FileType::RegularFile)?;
    Ok(names.into_iter().filter_map(|name| name.into_string().ok()).collect())
}

fn entries(dir: BorrowedFd<'_>, kind: FileType) -> Result<Vec<CString>> {
    let mut names = Vec::new();
    let mut buffer = [MaybeUninit::<u8>::uninit(); 8192];
    let mut entries = RawDir::new(dir, &mut buffer);
    while let Some(entry) = entries.next() {
        match entry {
            Ok(entry) if entry.file_type() == kind => {
                let name = entry.file_name();
                if name != c"." && name != c".." {
                    names.push(name.to_owned());
                }
            }
            Ok(_) => {}
            Err(errno) if gone(errno) => break,
            Err(errno) => return Err(errno),
        }
    }
    Ok(names)
}

/// A directory of cgroupfs has two links and one more for each child (kernfs): cheaper to ask than a listing.
fn has_no_children(dir: BorrowedFd<'_>) -> bool {
    fstat(dir).is_ok_and(|stat| stat.st_nlink == 2)
}

/// No path is longer for the kernel; one in an error need not be either.
const LEGIBLE: usize = 4096;

const THREADS: &str = "cgroup.threads";

#[cfg(test)]
mod tests {
    use std::fs;

    use rustix::fs::CWD;

    use super::*;

    #[test]
    fn a_tree_deeper_than_a_path_can_be_long_is_removed_with_few_fds() {
        let path = std::env::temp_dir().join(format!("brig-cgroup-tree-{}", std::process::id()));
        fs::create_dir_all(path.join("x/y/z")).unwrap();
        fs::create_dir_all(path.join("x/flat")).unwrap();
        let top = openat(CWD, &path, OFlags::PATH | OFlags::DIRECTORY, Mode::empty()).unwrap();
        let mut here = open_dir(&top, c".").unwrap();
        let name = CString::new("n".repeat(200)).unwrap();
        for _ in 0..1500 {
            rustix::fs::mkdirat(&here, &name, Mode::RWXU).unwrap();
            here = open_dir(&here, &name).unwrap();
        }
        assert_eq!(remove_below(top.as_fd()).unwrap(), 1504);
        fs::remove_dir(&path).unwrap();
    }
}
