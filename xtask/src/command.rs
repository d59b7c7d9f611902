//! Starting other programs: cargo, Debian's package tool, and what the tests need.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Runs its arguments with cgroup v2 alone on /sys/fs/cgroup; the mount namespace has to be private.
pub(crate) const CGROUP_V2_ALONE: &str =
    r#"umount -R /sys/fs/cgroup 2>/dev/null; mount -t cgroup2 none /sys/fs/cgroup && exec "$@""#;

/// Cargo, in the workspace.
pub(crate) fn cargo(root: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root);
    command
}

/// Runs `command` with our terminal and wants success.
///
/// # Errors
/// It cannot be started, or it did not end with status 0.
pub(crate) fn succeed(command: &mut Command) -> Result<(), String> {
    let status = command.status().map_err(|error| format!("{}: {error}", name(command)))?;
    if status.success() { Ok(()) } else { Err(format!("{}: {status}", name(command))) }
}

/// Runs `command` and returns its standard output; its standard error goes to the terminal.
///
/// # Errors
/// It cannot be started, or it did not end with status 0.
pub(crate) fn output(command: &mut Command) -> Result<String, String> {
    command.stdin(Stdio::null()).stderr(Stdio::inherit());
    let output = command.output().map_err(|error| format!("{}: {error}", name(command)))?;
    if !output.status.success() {
        return Err(format!("{}: {}", name(command), output.status));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether our effective user is root.
pub(crate) fn is_root() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ids = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    ids.and_then(|ids| ids.split_whitespace().nth(1)) == Some("0")
}

/// The executable `name` in the first of `folders` that has it.
pub(crate) fn find_in(folders: &std::ffi::OsStr, name: &str) -> Option<PathBuf> {
    std::env::split_paths(folders).map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// The executable `name` in PATH, or where an administrator's programs live.
pub(crate) fn which(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    find_in(&path, name).or_else(|| find_in("/usr/sbin:/sbin".as_ref(), name))
}

/// A program and the Debian package that has it.
pub(crate) type Needed = (&'static str, &'static str);

/// What tests use.
const TOOLS: [Needed; 5] = [
    ("busybox", "busybox-static"),
    ("ip", "iproute2"),
    ("iptables-restore", "iptables"),
    ("newuidmap", "uidmap"),
    ("strace", "strace"),
];

/// Provides what the tests use; what is missing then is said.
pub(crate) fn provide_tools() {
    for package in provide(&TOOLS) {
        eprintln!("xtask: package {package} is missing; tests that need it are skipped");
    }
}

/// Installs what this machine lacks, when we may. Returns the packages that are missing then.
pub(crate) fn provide(needed: &[Needed]) -> Vec<&'static str> {
    let missing = || {
        let absent = needed.iter().filter(|(program, _)| which(program).is_none());
        absent.map(|(_, package)| *package).collect::<Vec<_>>()
    };
    let packages = missing();
    if !packages.is_empty()
        && is_root()
        && which("apt-get").is_some()
        && let Err(reason) = install(&packages)
    {
        eprintln!("xtask: {reason}");
    }
    missing()
}

fn install(packages: &[&str]) -> Result<(), String> {
    println!("installing {}", packages.join(" "));
    let apt = || {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive").args(["-qq", "-o", "Dpkg::Use-Pty=0"]);
        command.stdout(Stdio::null());
        command
    };
    succeed(apt().arg("update"))?;
    succeed(apt().args(["install", "-y", "--no-install-recommends"]).args(packages))
}

/// The program that `command` starts, for messages.
pub(crate) fn name(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}
