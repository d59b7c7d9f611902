//! Opening, reading and writing files beneath a directory fd, so that no name can lead out of the hierarchy.
//! Runs in: the parent.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2};
use rustix::io::{Errno, Result, read, retry_on_intr, write};

/// Opens `path` beneath `dir` without following a symlink or crossing a mount. An empty path is `dir` itself.
pub(crate) fn open<Fd: AsFd>(dir: Fd, path: &str, flags: OFlags) -> Result<OwnedFd> {
    if OPENAT2_MISSING.load(Ordering::Relaxed) {
        return open_by_parts(dir, path, flags);
    }
    let name = if path.is_empty() { "." } else { path };
    for _ in 0..ATTEMPTS {
        match openat2(dir.as_fd(), name, flags | OFlags::CLOEXEC, Mode::empty(), RESOLVE) {
            // A directory was renamed meanwhile, and the kernel could not be sure (openat2(2)).
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(Errno::NOSYS) => {
                OPENAT2_MISSING.store(true, Ordering::Relaxed);
                return open_by_parts(dir, path, flags);
            }
            result => return result,
        }
    }
    Err(Errno::AGAIN)
}

/// What [`open`] does before Linux 5.6: one part after the other, none of them a symlink or `..`.
fn open_by_parts<Fd: AsFd>(dir: Fd, path: &str, flags: OFlags) -> Result<OwnedFd> {
    let mut parts = path.split('/').filter(|part| !part.is_empty() && *part != ".").peekable();
    let mut here: Option<OwnedFd> = None;
    while let Some(part) = parts.next() {
        if part == ".." {
            return Err(Errno::XDEV);
        }
        let through = OFlags::PATH | OFlags::DIRECTORY;
        let flags = if parts.peek().is_some() { through } else { flags };
        let at = here.as_ref().map_or(dir.as_fd(), AsFd::as_fd);
        here = Some(open_plain(at, part, flags)?);
    }
    here.map_or_else(|| open_plain(dir.as_fd(), ".", flags), Ok)
}

fn open_plain(dir: impl AsFd, name: &str, flags: OFlags) -> Result<OwnedFd> {
    retry_on_intr(|| openat(dir.as_fd(), name, flags | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty()))
}

/// The whole content of a small file.
pub(crate) fn read_file(dir: impl AsFd, path: &str) -> Result<Vec<u8>> {
    read_all(open(dir, path, OFlags::RDONLY)?)
}

/// The content of a file of one short line, which one read gets: for what every start reads.
pub(crate) fn read_line(dir: impl AsFd, path: &str) -> Result<Vec<u8>> {
    let file = open(dir, path, OFlags::RDONLY)?;
    let mut line = vec![0; 1024];
    let length = retry_on_intr(|| read(&file, &mut line))?;
    line.truncate(length);
    Ok(line)
}

/// The whole content of a file of procfs, by its absolute path.
pub(crate) fn read_proc(path: &str) -> Result<Vec<u8>> {
    read_all(retry_on_intr(|| openat(CWD, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()))?)
}

fn read_all(file: OwnedFd) -> Result<Vec<u8>> {
    let mut content = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        match retry_on_intr(|| read(&file, &mut chunk))? {
            0 => return Ok(content),
            length => content.extend_from_slice(chunk.get(..length).unwrap_or_default()),
        }
    }
}

/// Writes `value` in one call, as the kernel wants it for its files.
pub(crate) fn write_file(dir: impl AsFd, path: &str, value: &str) -> Result<()> {
    let file = open(dir, path, OFlags::WRONLY)?;
    match retry_on_intr(|| write(&file, value.as_bytes()))? {
        length if length == value.len() => Ok(()),
        _ => Err(Errno::IO),
    }
}

const RESOLVE: ResolveFlags = ResolveFlags::BENEATH
    .union(ResolveFlags::NO_MAGICLINKS)
    .union(ResolveFlags::NO_SYMLINKS)
    .union(ResolveFlags::NO_XDEV);

/// Renames that may come in our way before we give up.
const ATTEMPTS: u32 = 16;

/// Whether the kernel said ENOSYS once.
static OPENAT2_MISSING: AtomicBool = AtomicBool::new(false);

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;

    use super::*;

    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Scratch {
            let path = std::env::temp_dir().join(format!("brig-cgroup-{name}-{}", std::process::id()));
            fs::create_dir_all(path.join("a/b")).unwrap();
            fs::write(path.join("a/b/file"), "text").unwrap();
            symlink("b", path.join("a/link")).unwrap();
            symlink("/etc", path.join("out")).unwrap();
            Scratch(path)
        }

        fn fd(&self) -> OwnedFd {
            openat(CWD, &self.0, OFlags::PATH | OFlags::DIRECTORY, Mode::empty()).unwrap()
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    #[test]
    fn with_and_without_openat2_the_same_names_open_and_the_same_are_refused() {
        let scratch = Scratch::new("open");
        let dir = scratch.fd();
        for way in [open::<&OwnedFd>, open_by_parts::<&OwnedFd>] {
            assert_eq!(read_all(way(&dir, "a/b/file", OFlags::RDONLY).unwrap()).unwrap(), b"text");
            assert!(way(&dir, "", OFlags::PATH | OFlags::DIRECTORY).is_ok());
            assert_eq!(way(&dir, "a/none", OFlags::RDONLY).unwrap_err(), Errno::NOENT);
            for path in ["a/link/file", "a/link", "out", "out/passwd"] {
                let errno = way(&dir, path, OFlags::RDONLY).unwrap_err();
                assert!(matches!(errno, Errno::LOOP | Errno::NOTDIR), "{path}: {errno:?}");
            }
            assert_eq!(way(&dir, "../x", OFlags::RDONLY).unwrap_err(), Errno::XDEV);
        }
    }

    #[test]
    fn a_file_is_read_and_written_whole() {
        let scratch = Scratch::new("write");
        write_file(scratch.fd(), "a/b/file", "more").unwrap();
        assert_eq!(read_file(scratch.fd(), "a/b/file").unwrap(), b"more");
        fs::write(scratch.0.join("big"), vec![b'x'; 10_000]).unwrap();
        assert_eq!(read_file(scratch.fd(), "big").unwrap().len(), 10_000);
    }
}
