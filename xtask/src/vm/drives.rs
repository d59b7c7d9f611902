//! What goes into the machine and comes out of it: two drives, and a folder of the run's own for them.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{output, succeed};

/// The drives of one run. They and their folder go when it is over.
#[derive(Debug)]
pub(super) struct Drives {
    folder: PathBuf,
    /// Bound in the machine to where they lie here.
    places: Vec<PathBuf>,
}

/// Folders of a workspace that stay here.
const STAY: [&str; 2] = ["target", ".git"];
/// How much may come out.
const OUT: u64 = 512 << 20;
/// Free space for what the command writes into the workspace.
const SPARE: u64 = 512 << 20;

impl Drives {
    /// With nothing on them, in a folder below `target`.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub(super) fn new(target: &Path) -> Result<Self, String> {
        let folder = target.join(format!("xtask/vm-{}", std::process::id()));
        let drives = Self { folder, places: Vec::new() };
        let made = fs::create_dir_all(drives.files()).and_then(|()| fs::create_dir(drives.join("in/out")));
        made.map_err(|error| format!("{}: {error}", drives.folder.display()))?;
        Ok(drives)
    }

    /// `name` in the folder.
    pub(super) fn join(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Puts the folder `place` into the machine, where it lies here.
    ///
    /// # Errors
    /// It cannot be read.
    pub(super) fn add_folder(&mut self, place: &Path) -> Result<(), String> {
        let told = |error| format!("{}: {error}", place.display());
        copy(place, &self.within(place)).map_err(told)?;
        self.bind(place);
        Ok(())
    }

    /// Puts one file into the machine, where it lies here; `place` is a folder above it.
    ///
    /// # Errors
    /// It cannot be read.
    pub(super) fn add_file(&mut self, file: &Path, place: &Path) -> Result<(), String> {
        let to = self.within(file);
        let added = to.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| link(file, &to));
        added.map_err(|error| format!("{}: {error}", file.display()))?;
        self.bind(place);
        Ok(())
    }

    /// Puts a text into the machine, as `/brig/NAME`.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn add_text(&self, name: &str, text: &str) -> Result<(), String> {
        let path = self.join("in").join(name);
        fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// Lines of shell that bind what is on the drive, mounted on `/brig`, to where it lies here.
    pub(super) fn bindings(&self) -> String {
        let bind = |place: &PathBuf| {
            let (from, to) = (quote(&format!("/brig/files{}", place.display())), quote(&place.display()));
            format!("mkdir -p {to} && mount --bind {from} {to}\n")
        };
        self.places.iter().map(bind).collect()
    }

    /// Makes the drive of what was added.
    ///
    /// # Errors
    /// mke2fs(8) fails.
    pub(super) fn seal(&self) -> Result<PathBuf, String> {
        let (from, drive) = (self.join("in"), self.join("in.img"));
        let size = output(Command::new("du").args(["-s", "--block-size=1"]).arg(&from))?;
        let size: u64 = size.split_whitespace().next().and_then(|size| size.parse().ok()).unwrap_or(0);
        empty(&drive, size + size / 8 + SPARE)?;
        let mut command = Command::new("mke2fs");
        command.args(["-q", "-F", "-t", "ext4", "-O", "^has_journal", "-m", "0", "-d"]);
        succeed(command.arg(&from).arg(&drive))?;
        Ok(drive)
    }

    /// An empty drive for what comes out.
    ///
    /// # Errors
    /// It cannot be made.
    pub(super) fn out(&self) -> Result<PathBuf, String> {
        let drive = self.join("out.img");
        empty(&drive, OUT)?;
        Ok(drive)
    }

    /// Unpacks what came out into `folder`.
    ///
    /// # Errors
    /// It was not packed whole.
    pub(super) fn unpack(&self, folder: &Path) -> Result<(), String> {
        fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        succeed(Command::new("tar").arg("-xf").arg(self.join("out.img")).arg("-C").arg(folder))
    }

    fn bind(&mut self, place: &Path) {
        if !self.places.iter().any(|known| place.starts_with(known)) {
            self.places.push(place.to_owned());
        }
    }

    fn files(&self) -> PathBuf {
        self.join("in/files")
    }

    fn within(&self, path: &Path) -> PathBuf {
        self.files().join(path.strip_prefix("/").unwrap_or(path))
    }
}

impl Drop for Drives {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            eprintln!("xtask: {}: {error}", self.folder.display());
        }
    }
}

/// A word of the shell that is `text` and nothing else.
pub(super) fn quote(text: &impl ToString) -> String {
    format!("'{}'", text.to_string().replace('\'', r"'\''"))
}

/// A file of zeros that takes no room.
fn empty(path: &Path, size: u64) -> Result<(), String> {
    let made = File::create(path).and_then(|file| file.set_len(size));
    made.map_err(|error| format!("{}: {error}", path.display()))
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (kind, to) = (entry.file_type()?, to.join(entry.file_name()));
        if kind.is_symlink() {
            symlink(fs::read_link(entry.path())?, to)?;
        } else if kind.is_file() {
            link(&entry.path(), &to)?;
        } else if kind.is_dir() && !STAY.iter().any(|name| entry.file_name() == *name) {
            copy(&entry.path(), &to)?;
        }
    }
    Ok(())
}

/// The drive is made of it at once, so a second name is as good as a copy. A file that is there already may be just that,
/// and copying to it would empty both.
fn link(from: &Path, to: &Path) -> io::Result<()> {
    match fs::hard_link(from, to) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(_) => fs::copy(from, to).map(|_| ()),
        Ok(()) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drives(name: &str) -> (PathBuf, Drives) {
        let target = std::env::temp_dir().join(format!("brig-drives-{}-{name}", std::process::id()));
        let drives = Drives::new(&target).unwrap();
        (target, drives)
    }

    #[test]
    fn a_workspace_goes_in_without_its_target_folder_and_leaves_nothing() {
        let (target, mut drives) = drives("workspace");
        let workspace = target.join("it's");
        for folder in ["src", "target", ".git"] {
            fs::create_dir_all(workspace.join(folder)).unwrap();
            fs::write(workspace.join(folder).join("file"), "text").unwrap();
        }
        symlink("src/file", workspace.join("link")).unwrap();
        drives.add_folder(&workspace).unwrap();
        for _ in ["once", "and again"] {
            drives.add_file(&workspace.join("target/file"), &workspace).unwrap();
        }
        fs::create_dir(workspace.join("target/other")).unwrap();
        let inside = |name: &str| drives.within(&workspace).join(name);
        assert_eq!(fs::read_to_string(inside("link")).unwrap(), "text");
        assert_eq!(fs::read_to_string(inside("target/file")).unwrap(), "text");
        assert!(!inside("target/other").exists());
        assert!(!inside(".git").exists());
        let (folder, bindings) = (drives.folder.clone(), drives.bindings());
        assert_eq!(bindings.lines().count(), 1, "{bindings}");
        assert!(bindings.contains(r"/it'\''s'"), "{bindings}");
        drop(drives);
        assert!(!folder.exists());
        fs::remove_dir_all(target).unwrap();
    }
}
