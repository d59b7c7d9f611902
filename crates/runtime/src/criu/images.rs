//! The directories that CRIU writes to and reads from, and the one file in them that is not CRIU's.
//! Runs in: the parent.

use std::fs::DirBuilder;
use std::io::ErrorKind;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use brig_handshake::Text;
use brig_plan::checkpoint;
use rustix::fs::{CWD, FileType, Mode, OFlags, fstat, openat};
use rustix::io::Errno;

use super::protobuf::Message;
use super::{Options, option};
use crate::error::{Error, Result};
use crate::store::{read_least, write_all};

/// Directories, open.
#[derive(Debug)]
pub(crate) struct Directories {
    pub(crate) images: OwnedFd,
    /// Where CRIU works, and its logs are.
    pub(crate) work: PathBuf,
}

impl Directories {
    /// Opens the directories of `options`, of which that for logs is made if it is missing.
    pub(crate) fn open(options: &Options<'_>) -> Result<Self> {
        if let Some(work) = options.work {
            make(work)?;
        }
        let work = options.work.unwrap_or(options.images).to_owned();
        Ok(Self { images: open_directory(options.images)?, work })
    }

    /// The same, for images that will be written.
    pub(crate) fn make(options: &Options<'_>) -> Result<Self> {
        make(options.images)?;
        Self::open(options)
    }

    /// CRIU finds them through our descriptors. `work` is that directory, opened in CRIU's mount namespace.
    pub(crate) fn name_in(&self, request: &mut Message, work: &OwnedFd) {
        request.signed(option::IMAGES_DIR_FD, self.images.as_raw_fd());
        request.signed(option::WORK_DIR_FD, work.as_raw_fd());
    }

    /// The working directory, opened in our mount namespace.
    pub(crate) fn open_work(&self) -> Result<OwnedFd> {
        open_directory(&self.work)
    }

    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.work.join(name)
    }
}

/// With all that are missing above it, as for everything that holds a container's memory: for nobody else's eyes.
fn make(path: &Path) -> Result<()> {
    match DirBuilder::new().recursive(true).mode(0o700).create(path) {
        // Something else, or what could not be looked at: who opens it says what is wrong.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => open_directory(path).map(drop),
        made => made.map_err(|error| Error::io(format_args!("mkdir {}", path.display()), &error)),
    }
}

pub(super) fn open_directory(path: &Path) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    openat(CWD, path, flags, Mode::empty())
        .map_err(|errno| Error::os(format_args!("open {}", path.display()), errno))
}

/// Writes what the standard streams are: runc's file, so that either restores what the other dumped.
pub(crate) fn write_descriptors(images: &OwnedFd, descriptors: &[Text<'_>]) -> Result<()> {
    // Neither a link is followed nor a pipe waited at.
    let ours = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | ours;
    openat(images, DESCRIPTORS, flags, Mode::from_raw_mode(0o600))
        .and_then(|file| write_all(&file, checkpoint::descriptors(descriptors).as_bytes()))
        .map_err(|errno| Error::os(format_args!("write {DESCRIPTORS}"), errno))
}

/// Reads it. Whoever supplies the images may have put a link or a pipe in its place.
pub(crate) fn read_descriptors(images: &OwnedFd, path: &Path) -> Result<Vec<String>> {
    let failed = |errno: Errno| Error::os(format_args!("open {}", path.join(DESCRIPTORS).display()), errno);
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = openat(images, DESCRIPTORS, flags, Mode::empty()).map_err(failed)?;
    let stat = fstat(&file).map_err(failed)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(failed(Errno::INVAL));
    }
    if stat.st_size > LONGEST {
        return Err(failed(Errno::FBIG));
    }
    let mut text = Vec::new();
    read_least(&file, &mut text, usize::MAX).map_err(failed)?;
    Ok(checkpoint::read_descriptors(&text)?)
}

const DESCRIPTORS: &str = "descriptors.json";

/// Bytes in it: three paths, in JSON.
const LONGEST: i64 = 128 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_is_there_is_taken_and_what_is_none_is_told() {
        let folder = std::env::temp_dir().join(format!("brig-images-{}", std::process::id()));
        make(&folder.join("a/b")).unwrap();
        make(&folder.join("a/b")).unwrap();
        std::fs::write(folder.join("file"), "").unwrap();
        let error = make(&folder.join("file")).unwrap_err();
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(error.to_string(), format!("open {}/file: not a directory", folder.display()));
    }
}
