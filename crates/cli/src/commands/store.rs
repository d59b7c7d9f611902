//! Where containers are kept, who uses them, and what went wrong with them in the words of the command line.
//! Runs in: parent.

use std::{
    env, fs,
    fs::DirBuilder,
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::OnceLock,
};

use brig_plan::plan::Whose;
use brig_runtime::{Error, probe, store::Store};
use rustix::{io::Errno, process::geteuid};

use super::io_words;
use crate::{
    args::{Global, command::Rootless},
    exit::{Details, Exit, Failure},
};

const ROOT: &str = "/run/brig";

/// The store that `--root` names, or the default one.
pub(super) fn open(global: &Global) -> Result<Store, Failure> {
    match &global.root {
        Some(given) => chosen(given).map(Store::open),
        None => default().map(Store::open),
    }
}

/// Whether cgroups that are not permitted are forgiven (`--rootless`).
pub(super) fn rootless(global: &Global) -> bool {
    match global.rootless {
        Rootless::Yes => true,
        Rootless::No => false,
        // Where nothing can be read about it there is no other than the first.
        Rootless::Auto => !geteuid().is_root() || in_user_namespace().unwrap_or(false),
    }
}

/// Whose systemd makes the cgroups, if one does (`--systemd-cgroup`): who is not root of the machine has one of his own.
pub(super) fn systemd(global: &Global) -> Option<Whose> {
    global.systemd_cgroup.then(|| if rootless(global) { Whose::User } else { Whose::System })
}

/// The runtime's error on its way to the log.
pub(super) fn failure(error: Error) -> Failure {
    error.into()
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        // runc does not learn of it any more: its init ends with 255, as a program of the container would.
        let exit = if error.is_past_gate() { Exit::Process(255) } else { Exit::Failure };
        Self { message: error.to_string(), exit, details: Details::of(&error) }
    }
}

/// The same, with a hint for what nearly always means a cgroup that was not delegated.
pub(super) fn cgroup_failure(command: &str, error: Error) -> Failure {
    if matches!(error.errno(), Some(Errno::PERM | Errno::ACCESS)) {
        log::warn!("brig {command} failure might be caused by lack of full access to cgroups");
    }
    error.into()
}

/// `path` as seen from the caller's working directory.
pub(super) fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    if path.is_absolute() {
        return Ok(path.to_owned());
    }
    let here = env::current_dir().map_err(|error| Failure::new(format!("getwd: {}", io_words(&error))))?;
    // "." names the directory itself, and not "the directory/."
    Ok(if path == Path::new(".") { here } else { here.join(path) })
}

fn chosen(given: &Path) -> Result<PathBuf, Failure> {
    let root = probe::clean(&absolute(given)?);
    if root == Path::new("/") {
        return Err(Failure::new("Option --root argument should not be set to /"));
    }
    Ok(root)
}

fn default() -> Result<PathBuf, Failure> {
    match env::var_os("XDG_RUNTIME_DIR").filter(|directory| !directory.is_empty()) {
        Some(directory) if is_ordinary_user() => users_root(Path::new(&directory)),
        Some(_) | None => Ok(PathBuf::from(ROOT)),
    }
}

/// Root of a user namespace may be an ordinary user who calls himself root there, or root who was put into one: `USER` tells.
fn is_ordinary_user() -> bool {
    let other_than_root = || env::var_os("USER").is_none_or(|user| user != "root");
    !geteuid().is_root() || (in_user_namespace().unwrap_or(false) && other_than_root())
}

/// Sticky, so that it is not removed: "Files in this directory MAY be subjected to periodic clean-up" unless they have that bit
/// (XDG Base Directory Specification).
fn users_root(directory: &Path) -> Result<PathBuf, Failure> {
    let root = absolute(directory)?.join("brig");
    let failed = |call: &str, error: &std::io::Error| {
        Failure::new(format!("$XDG_RUNTIME_DIR: {call} {}: {}", root.display(), io_words(error)))
    };
    DirBuilder::new().recursive(true).mode(0o700).create(&root).map_err(|error| failed("mkdir", &error))?;
    let sticky = fs::Permissions::from_mode(0o1700);
    fs::set_permissions(&root, sticky).map_err(|error| failed("chmod", &error))?;
    Ok(root)
}

/// Whether this process is in another user namespace than the first; `None` where that cannot be known. Looked up once.
pub(super) fn in_user_namespace() -> Option<bool> {
    static FOUND: OnceLock<Option<bool>> = OnceLock::new();
    *FOUND.get_or_init(|| probe::in_user_namespace().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_is_absolute_and_clean() {
        assert_eq!(chosen(Path::new("/a//b/./../c/")).unwrap(), Path::new("/a/c"));
        assert_eq!(chosen(Path::new("a")).unwrap(), env::current_dir().unwrap().join("a"));
    }

    #[test]
    fn the_root_directory_is_refused_however_it_is_written() {
        for root in ["/", "//", "/.", "/..", "/a/.."] {
            let failure = chosen(Path::new(root)).unwrap_err();
            assert_eq!(failure.message, "Option --root argument should not be set to /");
        }
    }

    #[test]
    fn rootless_is_what_was_asked_for() {
        let global = |rootless| Global { rootless, ..Global::default() };
        assert!(rootless(&global(Rootless::Yes)));
        assert!(!rootless(&global(Rootless::No)));
    }
}
