//! The bench's own folder, and C programs built in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::succeed;

/// A folder below the target folder that goes when the bench is over.
#[derive(Debug)]
pub(crate) struct Scratch {
    path: PathBuf,
    sources: PathBuf,
}

impl Scratch {
    /// A new folder.
    ///
    /// # Errors
    /// It cannot be made.
    pub(crate) fn new(root: &Path) -> Result<Self, String> {
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
        let path = target.join(format!("xtask/bench-{}", std::process::id()));
        fs::create_dir_all(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self { path, sources: root.join("tests/bench") })
    }

    /// `name` in this folder.
    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The text of `name` in tests/bench.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) fn source(&self, name: &str) -> Result<String, String> {
        fs::read_to_string(self.sources.join(name)).map_err(|error| format!("tests/bench/{name}: {error}"))
    }

    /// Builds tests/bench/`name`.c as a static program with the C compiler that Rust links with.
    ///
    /// # Errors
    /// There is no compiler, or no static C library.
    pub(crate) fn compile(&self, name: &str) -> Result<PathBuf, String> {
        let program = self.join(name);
        let mut cc = Command::new(std::env::var_os("CC").unwrap_or_else(|| "cc".into()));
        cc.args(["-O2", "-static", "-o"]).arg(&program).arg(self.sources.join(format!("{name}.c")));
        succeed(&mut cc)?;
        Ok(program)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.path) {
            eprintln!("xtask: {}: {error}", self.path.display());
        }
    }
}
