//! Where a test binary runs: as whom, and with which cgroups.

use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{CGROUP_V2_ALONE, is_root};
use crate::test::binaries::Needs;

/// The unprivileged user of a machine on which nothing is created: nobody.
const NOBODY: u32 = 65534;
/// Gives nobody a range of subordinate ids, in this mount namespace only, and becomes nobody.
const BE_NOBODY: &str = r#"
for file in /etc/subuid /etc/subgid; do [ -e $file ] && mount --bind "$HOME/subids" $file; done
exec setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all --ambient-caps=-all -- "$@""#;

/// Names an ordinary user of this machine who may have a session.
pub(crate) const SESSION: &str = "BRIG_TEST_SESSION";

/// Where a test binary runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// As we are; in a private mount namespace when we are root.
    Here,
    /// As nobody.
    Nobody,
    /// As the user that `BRIG_TEST_SESSION` names, in a unit of his own systemd that may make cgroups.
    Session,
    /// As root, in a private mount namespace, on the machine's cgroups.
    OwnCgroups,
    /// As root, in a private mount namespace, on cgroup v2 alone.
    CgroupV2,
}

/// The places in which tests with `needs` run, one after the other.
pub(super) fn of(needs: Needs) -> Vec<Place> {
    match needs {
        Needs::Nothing => vec![Place::Here],
        Needs::User if is_root() && std::env::var_os(SESSION).is_some() => {
            vec![Place::Nobody, Place::Session]
        }
        Needs::User if is_root() => vec![Place::Nobody],
        Needs::User => vec![Place::Here],
        Needs::Root if is_cgroup_v2_alone() => vec![Place::OwnCgroups],
        Needs::Root => vec![Place::OwnCgroups, Place::CgroupV2],
    }
}

/// Whether every user may enter all folders above `path`.
pub(super) fn is_open_to_all(path: &Path) -> bool {
    let may_enter =
        |folder: &Path| fs::metadata(folder).is_ok_and(|found| found.permissions().mode() & 0o001 != 0);
    path.ancestors().skip(1).all(may_enter)
}

fn is_cgroup_v2_alone() -> bool {
    Path::new("/sys/fs/cgroup/cgroup.controllers").exists()
}

impl Place {
    /// The command that runs `test`, a program and its arguments, here.
    pub(super) fn command(self, test: &[OsString], home: &Home) -> Command {
        // A shell starts what it does not wait for with these ignored: then no program that a test runs could be interrupted.
        let sh = |script: &str| {
            let mut command = Command::new("env");
            command.args(["--default-signal=INT,QUIT", "unshare", "--mount", "sh", "-c", script, "sh"]);
            command.args(test);
            command
        };
        match self {
            Self::Here if is_root() => sh(r#"exec "$@""#),
            Self::Here => {
                let mut command = Command::new("env");
                command.args(test);
                command
            }
            Self::Nobody => {
                let mut command = sh(BE_NOBODY);
                command.env("HOME", &home.path).env("TMPDIR", &home.path).env("XDG_RUNTIME_DIR", &home.path);
                command
            }
            Self::Session => session(test),
            Self::OwnCgroups => sh(r#"exec "$@""#),
            Self::CgroupV2 => {
                let mut command = sh(CGROUP_V2_ALONE);
                command.env("BRIG_TEST_CGROUP", "v2");
                command
            }
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Here => "as this user",
            Self::Nobody => "as nobody",
            Self::Session => "as a user of systemd's",
            Self::OwnCgroups => "root, own cgroups",
            Self::CgroupV2 => "root, cgroup v2",
        })
    }
}

/// The user's systemd starts `test`, with our environment but for what is the user's own.
fn session(test: &[OsString]) -> Command {
    let user = std::env::var(SESSION).unwrap_or_default();
    let mut command = Command::new("systemd-run");
    command.args(["--user", &format!("--machine={user}@.host"), "--quiet", "--pipe", "--wait", "--collect"]);
    // Not ours, which the user may not be let into: root's home is often closed.
    command.args(["--property=Delegate=yes", "--working-directory=/"]);
    let ours = |name: &str| name == "PATH" || name.starts_with("BRIG_") || name.starts_with("CARGO_");
    let names = std::env::vars().map(|(name, _)| name).filter(|name| ours(name));
    let names = names.chain(["CARGO_MANIFEST_DIR".to_owned()]);
    command.args(names.map(|name| format!("--setenv={name}")));
    command.args(test);
    command
}

/// A home for tests that run as nobody; it goes when the tests are over.
#[derive(Debug)]
pub(super) struct Home {
    path: PathBuf,
}

impl Home {
    /// A new folder, nobody's when we are root, with the subordinate ids that nobody gets.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub(super) fn new() -> Result<Self, String> {
        let path = new_folder(&std::env::temp_dir().join(format!("brig-test-{}", std::process::id())));
        let home = Self { path: path.map_err(|error| format!("a folder for tests: {error}"))? };
        home.fill().map_err(|error| format!("{}: {error}", home.path.display()))?;
        Ok(home)
    }

    fn fill(&self) -> std::io::Result<()> {
        fs::set_permissions(&self.path, fs::Permissions::from_mode(0o700))?;
        fs::write(self.path.join("subids"), "nobody:100000:65536\n")?;
        if is_root() { chown(&self.path, Some(NOBODY), Some(NOBODY)) } else { Ok(()) }
    }
}

/// Makes a folder of that name, or one that begins so: who was killed and had our pid may have left his.
fn new_folder(name: &Path) -> std::io::Result<PathBuf> {
    let mut path = name.to_owned();
    loop {
        match fs::create_dir(&path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => path.as_mut_os_string().push("-"),
            made => return made.map(|()| path),
        }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.path) {
            eprintln!("xtask: {}: {error}", self.path.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_somebody_left_is_in_nobodys_way() {
        let name = std::env::temp_dir().join(format!("brig-folder-{}", std::process::id()));
        let folders = [new_folder(&name).unwrap(), new_folder(&name).unwrap()];
        assert_eq!(folders[0], name);
        assert_ne!(folders[1], name);
        folders.iter().for_each(|folder| fs::remove_dir(folder).unwrap());
    }

    #[test]
    fn a_test_that_is_run_in_the_background_can_be_interrupted() {
        if !is_root() {
            println!("SKIPPED: needs a private mount namespace");
            return;
        }
        let home = Home::new().unwrap();
        let test = ["grep", "SigIgn", "/proc/self/status"].map(OsString::from);
        let place = Place::OwnCgroups.command(&test, &home);
        let mut shell = Command::new("sh");
        let output = shell.args(["-c", "trap '' INT QUIT; exec \"$@\"", "sh"]).arg(place.get_program());
        let output = output.args(place.get_args()).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let ignored = u64::from_str_radix(text.split_whitespace().nth(1).unwrap(), 16).unwrap();
        assert_eq!(ignored & 0b110, 0, "{text}");
    }

    #[test]
    fn a_folder_of_our_own_hides_what_is_in_it_from_others() {
        let folder = std::env::temp_dir().join(format!("brig-places-{}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
        let open = is_open_to_all(&folder.join("test"));
        fs::remove_dir(&folder).unwrap();
        assert!(!open);
        assert!(is_open_to_all(Path::new("/proc/version")));
    }
}
