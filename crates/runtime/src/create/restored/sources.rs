//! Where the host's files that a container shows are, as CRIU is told: their places in the container, and their sources.
//! Runs in: the parent; but for `open` in the thread whose mount namespace CRIU inherits.
//!
//! CRIU knows nothing of id-mapped mounts. What is bound from one is one again, so CRIU finds one where it looks for the source.
//! And it binds one mount at a time: mounts that came along with another are named one by one.

use std::fs::{DirBuilder, Permissions, set_permissions};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use brig_plan::checkpoint::External;
use brig_plan::plan::Plan;
use rustix::fs::{CWD, FileType, Mode, OFlags, fstat, mkdirat, openat, readlinkat};
use rustix::io::Errno;
use rustix::mount::{MountFlags, MoveMountFlags, mount, move_mount};

use super::root::Resolved;
use crate::criu::mountinfo;
use crate::error::{Error, Result};
use crate::sources;

/// A mount: its place in the container, and what is bound there.
pub(super) type Bound = (Vec<u8>, Vec<u8>);

/// The sources that are id-mapped.
pub(super) struct Mapped {
    sources: Vec<Source>,
}

struct Source {
    /// In `task.rootfs.mounts`.
    place: u32,
    tree: OwnedFd,
    path: PathBuf,
}

impl Mapped {
    /// Detached copies, mapped, that will be mounted in `directory`.
    pub(super) fn open(plan: &Plan<'_>, joined: &[OwnedFd], directory: &Path) -> Result<Self> {
        let mapped = plan.sources.iter().filter(|source| source.id_map.is_some());
        let open = |place: u32| {
            let tree = sources::open(plan, place, None, None, joined).map_err(|errno| {
                let mounts = &plan.task.rootfs.mounts;
                let index = usize::try_from(place).ok().and_then(|place| mounts.get(place));
                let index = index.map_or(place, |mount| mount.index);
                Error::os(format_args!("map the ids of mounts[{index}]"), errno)
            })?;
            Ok(Source { place, tree, path: directory.join(place.to_string()) })
        };
        Ok(Self { sources: mapped.map(|source| open(source.mount)).collect::<Result<_>>()? })
    }

    /// Mounts them. Where there are any, `stands`, which are directories of a container in a store, are made anew in a file system
    /// that lies over the store: in a user namespace CRIU has to come that far, and nobody else may look into the store.
    pub(super) fn mount(&self, store: &Path, stands: [&Path; 2]) -> Result<()> {
        if self.sources.is_empty() {
            return Ok(());
        }
        let failed = |errno| Error::os("mount id-mapped sources for criu", errno);
        mount("tmpfs", store, "tmpfs", MountFlags::NOSUID | MountFlags::NODEV, c"mode=0711")
            .map_err(failed)?;
        for stand in stands {
            open_to_all(stand)
                .map_err(|error| Error::io(format_args!("mkdir {}", stand.display()), &error))?;
        }
        self.sources.iter().try_for_each(Source::mount).map_err(failed)
    }

    fn path(&self, place: Option<u32>) -> Option<&Path> {
        let source = self.sources.iter().find(|source| Some(source.place) == place);
        source.map(|source| source.path.as_path())
    }
}

impl Source {
    fn mount(&self) -> Result<(), Errno> {
        if FileType::from_raw_mode(fstat(&self.tree)?.st_mode) == FileType::Directory {
            mkdirat(CWD, &self.path, Mode::from_raw_mode(0o755))?;
        } else {
            let flags = OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
            openat(CWD, &self.path, flags, Mode::from_raw_mode(0o644))?;
        }
        move_mount(&self.tree, c"", CWD, &self.path, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
    }
}

/// Makes a directory of a container, whatever the umask, so that everybody may come to it.
fn open_to_all(stand: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).create(stand)?;
    for directory in stand.ancestors().take(2) {
        set_permissions(directory, Permissions::from_mode(0o711))?;
    }
    Ok(())
}

/// All mounts that CRIU may ask for. It looks for the places that the images say: links in the rootfs followed.
pub(super) fn all(external: &[External<'_>], mapped: &Mapped, resolved: &[Resolved]) -> Result<Vec<Bound>> {
    let mut all: Vec<Bound> = Vec::with_capacity(external.len());
    for mount in external {
        let written = mount.destination.to_bytes();
        let found = resolved.iter().find(|resolved| resolved.destination == written);
        let source =
            mapped.path(mount.bind).map_or(mount.source.to_bytes(), |path| path.as_os_str().as_bytes());
        all.push((found.map_or(written, |resolved| &resolved.target).to_vec(), source.to_vec()));
    }
    let recursive: Vec<Bound> = external
        .iter()
        .zip(&all)
        .filter(|(mount, _)| mount.recursive)
        .map(|(_, bound)| bound.clone())
        .collect();
    if recursive.is_empty() {
        return Ok(all);
    }
    let host = mountinfo::of("thread-self")?;
    for (target, source) in recursive {
        let source = real_path(&source)
            .map_err(|errno| Error::os(format_args!("open {}", String::from_utf8_lossy(&source)), errno))?;
        for mount in &host {
            let Some(inside) = mountinfo::below(&mount.point, &source) else { continue };
            let place = [&target, inside].concat();
            if all.iter().all(|(known, _)| *known != place) {
                all.push((place, mount.point.clone()));
            }
        }
    }
    Ok(all)
}

/// As the kernel lists it.
fn real_path(path: &[u8]) -> Result<Vec<u8>, Errno> {
    let open = openat(CWD, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    let link = format!("/proc/thread-self/fd/{}", open.as_raw_fd());
    readlinkat(CWD, link, Vec::new()).map(std::ffi::CString::into_bytes)
}
