//! Who is measured: brig, its peers, and the floor.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::scratch::Scratch;
use crate::command::{cargo, output};

/// A command and its words.
pub(super) type Words = Vec<OsString>;

const PEERS: [&str; 2] = ["runc", "crun"];

/// One that can be measured.
#[derive(Debug)]
pub(crate) struct Candidate {
    /// The head of its column.
    pub(crate) title: String,
    /// What it is.
    pub(crate) kind: Kind,
    program: PathBuf,
    /// Where a runtime keeps its containers.
    store: PathBuf,
}

/// What a candidate is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// runc, which everybody knows.
    Runc,
    /// crun, which we want to beat.
    Crun,
    /// The bare system calls.
    Floor,
    /// Ourselves.
    Brig,
}

impl Candidate {
    /// Its command `words`, for a runtime.
    pub(super) fn command<const N: usize>(&self, words: [&OsStr; N]) -> Words {
        let head = [self.program.as_os_str(), OsStr::new("--root"), self.store.as_os_str()];
        head.into_iter().chain(words).map(OsStr::to_owned).collect()
    }

    /// The floor's only command: one container in `rootfs`.
    pub(super) fn floor_command(&self, rootfs: &Path) -> Words {
        let group = format!("/sys/fs/cgroup/{}", self.container());
        vec![self.program.clone().into(), rootfs.into(), group.into()]
    }

    /// The file that is executed.
    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    /// The id of its container.
    pub(super) fn container(&self) -> String {
        let name = self.store.file_name().map(OsStr::to_string_lossy).unwrap_or_default();
        format!("bench-{}-{name}", std::process::id())
    }

    fn new(title: String, kind: Kind, program: PathBuf, scratch: &Scratch) -> Self {
        let store = format!("store-{}", title.replace(|c: char| !c.is_ascii_alphanumeric(), "-"));
        Self { title, kind, program, store: scratch.join(&store) }
    }
}

/// Every runc and crun in the folders of `BRIG_BENCH_PEERS` and of PATH, each version once.
pub(crate) fn peers(scratch: &Scratch) -> Vec<Candidate> {
    let mut candidates: Vec<Candidate> = Vec::new();
    for program in programs() {
        let Some(title) = version(&program) else { continue };
        if candidates.iter().all(|known| known.title != title) {
            let kind = if title.starts_with("runc") { Kind::Runc } else { Kind::Crun };
            candidates.push(Candidate::new(title, kind, program, scratch));
        }
    }
    candidates.sort_by(|a, b| b.title.cmp(&a.title));
    candidates
}

fn programs() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = Vec::new();
    for list in ["BRIG_BENCH_PEERS", "PATH"] {
        folders.extend(std::env::split_paths(&std::env::var_os(list).unwrap_or_default()));
    }
    folders.extend(["/usr/sbin".into(), "/sbin".into()]);
    let paths = folders.iter().flat_map(|folder| PEERS.map(|name| folder.join(name)));
    paths.filter(|path| path.is_file()).filter_map(|path| fs::canonicalize(path).ok()).collect()
}

/// `runc 1.3.6` of `runc version 1.3.6+ds1`.
fn version(program: &Path) -> Option<String> {
    let text = output(Command::new(program).arg("--version")).ok()?;
    let line = text.lines().next()?;
    let (name, version) = line.split_once(" version ")?;
    Some(format!("{name} {}", version.split('+').next()?))
}

/// The floor, where it can be built.
pub(super) fn floor(scratch: &Scratch) -> Option<Candidate> {
    match scratch.compile("floor") {
        Ok(program) => Some(Candidate::new("bare syscalls in C".into(), Kind::Floor, program, scratch)),
        Err(reason) => {
            eprintln!("xtask: no floor: {reason}");
            None
        }
    }
}

/// brig: the program that `BRIG` names, or a release build.
///
/// # Errors
/// It does not build.
pub(crate) fn brig(root: &Path, scratch: &Scratch) -> Result<Candidate, String> {
    let program = match std::env::var_os("BRIG") {
        Some(path) => PathBuf::from(path),
        None => build(root)?,
    };
    Ok(Candidate::new("brig".into(), Kind::Brig, program, scratch))
}

fn build(root: &Path) -> Result<PathBuf, String> {
    let words =
        ["build", "--quiet", "--release", "--package=brig", "--message-format=json-render-diagnostics"];
    let messages = output(cargo(root).args(words))?;
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut programs = messages.filter(|message| message["target"]["name"] == "brig");
    let program = programs.find_map(|message| message["executable"].as_str().map(PathBuf::from));
    program.ok_or_else(|| "cargo built no program named brig".into())
}
