//! A resctrl of our own, for machines without the hardware: a file system in user space that answers like the kernel's
//! (fs/resctrl of Linux 6.18), with its errors and its words. What it simulates, and what not, is in docs/intel-rdt.md.
//!
//! [`tree`] knows what resctrl does; [`fuse`] carries the kernel's questions to it.
#![allow(dead_code, reason = "each test file uses its part")]

mod fuse;
mod tree;

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use rustix::mount::{UnmountFlags, unmount};

pub(crate) use tree::Tree;

/// A mounted one. Goes when the test ends.
pub(crate) struct ResctrlFs {
    path: PathBuf,
    tree: Arc<Mutex<Tree>>,
}

impl ResctrlFs {
    /// Mounts one, in the caller's mount namespace, which has to be a private one. `Err` says why that cannot be here.
    pub(crate) fn mount(name: &str) -> Result<Self, String> {
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let tree = Arc::new(Mutex::new(Tree::default()));
        match fuse::serve(&path, Arc::clone(&tree)) {
            Ok(()) => Ok(Self { path, tree }),
            Err(error) => {
                fs::remove_dir(&path).map_err(|error| error.to_string())?;
                Err(error)
            }
        }
    }

    /// Where it is mounted.
    pub(crate) fn path(&self) -> &str {
        self.path.to_str().unwrap()
    }

    /// Looks at it from the kernel's side, or changes it.
    pub(crate) fn tree<T>(&self, with: impl FnOnce(&mut Tree) -> T) -> T {
        with(&mut self.tree.lock().unwrap())
    }

    /// What a file of it says.
    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path.join(path)).unwrap()
    }
}

impl Drop for ResctrlFs {
    fn drop(&mut self) {
        unmount(&self.path, UnmountFlags::DETACH).unwrap();
        fs::remove_dir(&self.path).unwrap();
    }
}
