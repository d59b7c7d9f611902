//! The machine's disk and kernel: built once, and again when the recipe changes.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::command::{is_root, name, succeed};
use crate::debian;
use crate::vm::recipe::{self, FURNISH, LEFT_OUT, SUITE, Set};

/// A machine that can be started.
#[derive(Debug)]
pub(super) struct Image {
    /// Its root file system. Never written to.
    pub(super) root: PathBuf,
    /// Its kernel.
    pub(super) kernel: PathBuf,
}

/// What keeps packages from being fetched keeps them for longer than this.
pub(super) const LIMIT: &str = "600";

/// The machine with these sets: the one that is there, or a new one.
///
/// # Errors
/// It cannot be built; the end of what was said about it is told.
pub(super) fn provide(sets: &[Set]) -> Result<Image, String> {
    let (cache, _lock) = cache()?;
    let place = cache.join(recipe::key(sets));
    if !place.exists() {
        build(&place, sets)?;
    }
    Ok(Image { root: place.join("root.img"), kernel: place.join("vmlinuz") })
}

/// Where machines and kernels are kept, and what keeps others from building there: who comes second waits, and finds all built.
///
/// # Errors
/// It cannot be made.
pub(super) fn cache() -> Result<(PathBuf, File), String> {
    let cache = debian::cache("vm")?;
    fs::create_dir_all(&cache).map_err(|error| format!("{}: {error}", cache.display()))?;
    let lock = File::create(cache.join("lock")).and_then(|file| file.lock().map(|()| file));
    let lock = lock.map_err(|error| format!("{}: lock: {error}", cache.display()))?;
    Ok((cache, lock))
}

/// Builds beside `place` and renames, so that what is at `place` is whole.
fn build(place: &Path, sets: &[Set]) -> Result<(), String> {
    let started = Instant::now();
    println!("building a machine in {}", place.display());
    let new = place.with_extension("new");
    let told = |error: std::io::Error| format!("{}: {error}", new.display());
    if new.exists() {
        fs::remove_dir_all(&new).map_err(told)?;
    }
    fs::create_dir(&new).map_err(told)?;
    let workshop = if is_root() { None } else { Some(Workshop::new().map_err(told)?) };
    let folder = workshop.as_ref().map_or(&*new, |workshop| &workshop.0);
    fs::write(folder.join("furnish"), FURNISH).map_err(told)?;
    let log = File::create(folder.join("log")).map_err(told)?;
    let mut command = bootstrap(folder, sets);
    command.stdin(Stdio::null()).stdout(log.try_clone().map_err(told)?).stderr(log);
    let status = command.status().map_err(|error| format!("{}: {error}", name(&command)))?;
    if !status.success() {
        let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
        return Err(format!("the machine was not built: mmdebstrap: {status}\n{}", end(&log, 20)));
    }
    if workshop.is_some() {
        let made = PRODUCTS.map(|name| folder.join(name));
        succeed(Command::new("cp").arg("--sparse=always").args(made).arg(&new))?;
    }
    fs::rename(&new, place).map_err(told)?;
    remove_older(place, sets);
    println!("built in {} s", started.elapsed().as_secs());
    Ok(())
}

/// What furnishing leaves.
const PRODUCTS: [&str; 2] = ["vmlinuz", "root.img"];

/// Where an ordinary user builds. Debian's files belong to his subordinate ids meanwhile, and so do those who make the
/// image of them, to whom his home is closed.
#[derive(Debug)]
struct Workshop(PathBuf);

impl Workshop {
    fn new() -> std::io::Result<Self> {
        let folder = std::env::temp_dir().join(format!("brig-vm-{}", std::process::id()));
        fs::create_dir(&folder)?;
        fs::set_permissions(&folder, Permissions::from_mode(0o777))?;
        Ok(Self(folder))
    }
}

impl Drop for Workshop {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("xtask: {}: {error}", self.0.display());
        }
    }
}

/// mmdebstrap(1), which unpacks Debian into a temporary folder, furnishes it, and removes it.
fn bootstrap(out: &Path, sets: &[Set]) -> Command {
    let mut command = Command::new("timeout");
    command.args(["--kill-after=10", LIMIT, "mmdebstrap", "--variant=essential"]);
    command.arg(format!("--include={}", recipe::packages(sets).join(",")));
    command.args(LEFT_OUT.map(|path| format!("--dpkgopt=path-exclude={path}")));
    // `$1` is the root; our own paths go by the environment, that a shell does not look into.
    command.arg(r#"--customize-hook=sh "$BRIG_VM/furnish" "$1" "$BRIG_VM""#).env("BRIG_VM", out);
    command.args([SUITE, "/dev/null"]).arg(format!("deb {} {SUITE} main", debian::mirror()));
    command
}

/// Removes machines with the same sets by earlier recipes.
fn remove_older(place: &Path, sets: &[Set]) {
    let sets_of = |name: &str| name.rsplit_once('-').map(|(sets, _)| sets.to_owned());
    let ours = sets_of(&recipe::key(sets));
    let others = place.parent().map(fs::read_dir).into_iter().flatten().flatten().flatten();
    let others = others.filter(|other| other.path() != place);
    for other in others.filter(|other| sets_of(&other.file_name().to_string_lossy()) == ours) {
        if let Err(error) = fs::remove_dir_all(other.path()) {
            eprintln!("xtask: {}: {error}", other.path().display());
        }
    }
}

/// The last lines of `text`.
pub(super) fn end(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_text_is_its_last_lines() {
        assert_eq!(end("a\nb\nc\n", 2), "b\nc");
        assert_eq!(end("a", 2), "a");
    }
}
