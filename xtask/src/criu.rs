//! A CRIU that works on this kernel, for tests and measurements. That of an older Debian may not, so a newer one is
//! fetched: unpacked beside its own libraries, without being installed, and kept in `~/.cache/brig/criu`.

use std::ffi::OsString;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::command::{is_root, output, succeed, which};
use crate::debian;

/// The Debian release whose CRIU is fetched, 4.2 or later. Before that it cannot dump a TCP socket of Linux 6.16 (3.17 of
/// Debian 12 nothing at all on Linux 6.18).
const SUITE: &str = "forky";
/// What keeps packages from being fetched keeps them for longer than this.
const LIMIT: &str = "120";

/// PATH with a CRIU that works in front, where it takes that. Without one, says so.
pub(crate) fn search_path() -> OsString {
    let path = std::env::var_os("PATH").unwrap_or_default();
    match provide() {
        Ok(folder) => {
            let folders = std::iter::once(folder).chain(std::env::split_paths(&path));
            std::env::join_paths(folders).unwrap_or(path)
        }
        Err(reason) => {
            eprintln!("xtask: no CRIU, its tests are skipped: {reason}");
            path
        }
    }
}

/// The folder of one that works; without one, says so.
pub(crate) fn folder() -> Option<PathBuf> {
    provide().map_err(|reason| eprintln!("xtask: no CRIU: {reason}")).ok()
}

/// The folder of the one that is kept, made if there is none.
fn provide() -> Result<PathBuf, String> {
    if !is_root() {
        return Err("it needs root".into());
    }
    let cache = debian::cache("criu")?;
    let told = |error| format!("{}: {error}", cache.display());
    fs::create_dir_all(&cache).map_err(told)?;
    // Who comes second waits, and finds it there.
    let _lock = File::create(cache.join("lock")).and_then(|file| file.lock().map(|()| file)).map_err(told)?;
    let place = cache.join(SUITE);
    if !place.exists() {
        let found = which("apt-get").and(which("dpkg-deb"));
        found.ok_or("it is fetched with apt-get, which is not here")?;
        println!("fetching a CRIU to {}", place.display());
        let new = place.with_extension("new");
        if new.exists() {
            fs::remove_dir_all(&new).map_err(told)?;
        }
        fetch(&new)?;
        unpack(&new, &place).map_err(told)?;
        fs::rename(&new, &place).map_err(told)?;
    }
    let folder = place.join("bin");
    output(Command::new(folder.join("criu")).arg("check"))?;
    Ok(folder)
}

/// Leaves its package and those of all that it needs in `folder`/packages. Lists, state and archives of this machine's own
/// packages are not touched.
fn fetch(folder: &Path) -> Result<(), String> {
    let told = |error| format!("{}: {error}", folder.display());
    let packages = folder.join("packages");
    for new in
        [packages.join("partial"), folder.join("lists/partial"), folder.join("root"), folder.join("bin")]
    {
        fs::create_dir_all(new).map_err(told)?;
    }
    fs::write(folder.join("status"), "").map_err(told)?;
    let source = format!("deb {} {SUITE} main\n", debian::mirror());
    fs::write(folder.join("sources.list"), source).map_err(told)?;
    let apt = || {
        let mut command = Command::new("timeout");
        command.args([
            "--kill-after=10",
            LIMIT,
            "apt-get",
            "-qq",
            "-o",
            "Debug::NoLocking=1",
            "-o",
            "APT::Sandbox::User=root",
        ]);
        for (name, value) in [
            ("Dir::Etc::sourcelist", folder.join("sources.list")),
            ("Dir::Etc::sourceparts", "-".into()),
            ("Dir::State::lists", folder.join("lists")),
            ("Dir::State::status", folder.join("status")),
            ("Dir::Cache::archives", packages.clone()),
            ("Dir::Cache::pkgcache", PathBuf::new()),
            ("Dir::Cache::srcpkgcache", PathBuf::new()),
        ] {
            command.arg("-o").arg(format!("{name}={}", value.display()));
        }
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command
    };
    succeed(apt().arg("update"))?;
    succeed(apt().args(["--yes", "--no-install-recommends", "--download-only", "install", "criu"]))
}

/// Unpacks what was fetched to `new`, and leaves the command that starts it from `place`, where all of it goes.
fn unpack(new: &Path, place: &Path) -> std::io::Result<()> {
    let root = new.join("root");
    for package in fs::read_dir(new.join("packages"))?.flatten().filter(|entry| entry.path().is_file()) {
        let mut unpack = Command::new("dpkg-deb");
        unpack.arg("--extract").arg(package.path()).arg(&root);
        succeed(&mut unpack).map_err(std::io::Error::other)?;
    }
    for used_up in ["packages", "lists"] {
        fs::remove_dir_all(new.join(used_up))?;
    }
    let command = new.join("bin/criu");
    fs::write(&command, starter(&place.join("root")))?;
    fs::set_permissions(command, Permissions::from_mode(0o755))
}

/// A command that starts it with its own loader and libraries, which differ from this machine's.
fn starter(root: &Path) -> String {
    let libraries = root.join(format!("usr/lib/{}-linux-gnu", std::env::consts::ARCH));
    let (loader, program) = (LOADER, root.join("usr/sbin/criu"));
    let quote = |path: &Path| format!("'{}'", path.display().to_string().replace('\'', r"'\''"));
    let (loader, libraries) = (quote(&libraries.join(loader)), quote(&libraries));
    format!("#!/bin/sh\nexec {loader} --library-path {libraries} {} \"$@\"\n", quote(&program))
}

/// The dynamic loader, by the name that it has beside the C library.
#[cfg(target_arch = "x86_64")]
const LOADER: &str = "ld-linux-x86-64.so.2";
#[cfg(not(target_arch = "x86_64"))]
const LOADER: &str = "ld-linux-aarch64.so.1";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_names_the_loader_the_libraries_and_the_program_of_its_own_place() {
        let text = starter(Path::new("/a b"));
        assert!(text.starts_with("#!/bin/sh\nexec '/a b/usr/lib/"), "{text}");
        assert!(text.ends_with("-linux-gnu' '/a b/usr/sbin/criu' \"$@\"\n"), "{text}");
    }
}
