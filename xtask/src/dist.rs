//! `cargo xtask man` and `cargo xtask dist`: what a release consists of, as one archive that is the same whoever packs it.

use std::env::consts::ARCH;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{cargo, output, succeed};

const VERSION: &str = env!("CARGO_PKG_VERSION");
/// What lies beside the executable.
const TEXTS: [&str; 4] = ["CHANGELOG.md", "LICENSE", "NOTICE", "README.md"];

/// Writes man pages and completions below the folder that is named, or below target/pages.
///
/// # Errors
/// A program that is needed fails.
pub(crate) fn man(root: &Path, words: &[String]) -> Result<(), String> {
    let folder = words.first().map_or_else(|| root.join("target/pages"), PathBuf::from);
    pages(cargo(root).arg("run"), &folder, &date(root)?)?;
    println!("{}", folder.display());
    Ok(())
}

/// Builds the release and packs it. Prints where it is, how large, and its checksum.
///
/// # Errors
/// A program that is needed fails, or the executable is not static.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    let epoch = epoch(root)?;
    let name = format!("brig-{VERSION}-{ARCH}-linux");
    let target = root.join("target/dist");
    let staged = target.join(&name);
    if staged.exists() {
        fs::remove_dir_all(&staged).map_err(|error| format!("{}: {error}", staged.display()))?;
    }

    succeed(release(root, &target).args(["build", "--locked", "--release", "--package", "brig"]))?;
    // Of the same profile, because everything but the program itself is built by now.
    pages(release(root, &target).args(["run", "--release"]), &staged, &date(root)?)?;
    let tuple = output(Command::new("rustc").args(["--print", "host-tuple"]))?;
    let built = target.join(tuple.trim()).join("release/brig");
    is_static(&built)?;
    copy(&built, &staged.join("bin/brig"))?;
    for text in TEXTS {
        copy(&root.join(text), &staged.join("share/doc/brig").join(text))?;
    }

    let archive = pack(&target, &name, &epoch)?;
    let size = |path: &Path| fs::metadata(path).map_or(0, |metadata| metadata.len());
    println!("{}: {} bytes; brig in it, static: {} bytes", archive.display(), size(&archive), size(&built));
    succeed(Command::new("sha256sum").arg(&archive))
}

/// Cargo with the flags of .cargo/config.toml, and without a path of this machine in what it builds.
fn release(root: &Path, target: &Path) -> Command {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::home_dir().map(|home| home.join(".cargo"))).unwrap_or_default();
    let flags = [
        "-Ctarget-feature=+crt-static".to_owned(),
        format!("--remap-path-prefix={}=/cargo", home.display()),
        format!("--remap-path-prefix={}=/brig", root.display()),
    ];
    let mut command = cargo(root);
    command.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}")).env("CARGO_TARGET_DIR", target);
    command
}

/// Man pages and completions, by the program that has the table of commands and that `cargo` runs.
fn pages(cargo: &mut Command, folder: &Path, date: &str) -> Result<(), String> {
    let example = ["--quiet", "--locked", "--package", "brig", "--example", "pages", "--"];
    succeed(cargo.args(example).arg(folder).arg(date))
}

/// When the commit was made that is packed: seconds since 1970. `SOURCE_DATE_EPOCH` says it where there is no git.
fn epoch(root: &Path) -> Result<String, String> {
    if let Ok(epoch) = std::env::var("SOURCE_DATE_EPOCH") {
        return Ok(epoch);
    }
    let git = output(Command::new("git").current_dir(root).args(["log", "-1", "--format=%ct"]));
    git.map(|text| text.trim().to_owned()).map_err(|error| format!("{error}; SOURCE_DATE_EPOCH says it too"))
}

fn date(root: &Path) -> Result<String, String> {
    let epoch = format!("--date=@{}", epoch(root)?);
    output(Command::new("date").args(["--utc", &epoch, "+%F"])).map(|text| text.trim().to_owned())
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    let folder = to.parent().unwrap_or(to);
    let copied = fs::create_dir_all(folder).and_then(|()| fs::copy(from, to));
    copied.map(drop).map_err(|error| format!("{} to {}: {error}", from.display(), to.display()))
}

/// The folder as an archive, in which nothing depends on who packs it and when.
fn pack(target: &Path, name: &str, epoch: &str) -> Result<PathBuf, String> {
    let archive = target.join(format!("{name}.tar"));
    let mut tar = Command::new("tar");
    tar.args(["--create", "--format=ustar", "--sort=name", "--owner=0", "--group=0", "--numeric-owner"])
        .args(["--mode=u=rwX,go=rX", &format!("--mtime=@{epoch}"), "--file"])
        .arg(&archive)
        .arg("--directory")
        .arg(target)
        .arg(name);
    succeed(&mut tar)?;
    succeed(Command::new("gzip").args(["--best", "--no-name", "--force"]).arg(&archive))?;
    Ok(archive.with_extension("tar.gz"))
}

/// An executable without an interpreter needs nothing of the machine that it runs on (elf(5)).
fn is_static(path: &Path) -> Result<(), String> {
    let bytes = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    match has_interpreter(&bytes) {
        Some(false) => Ok(()),
        Some(true) => Err(format!("{} is not static", path.display())),
        None => Err(format!("{} is not an executable of 64 bits", path.display())),
    }
}

/// Whether an ELF file of 64 bits, little-endian, has a program header PT_INTERP; `None` for anything else.
fn has_interpreter(bytes: &[u8]) -> Option<bool> {
    const PT_INTERP: u64 = 3;
    let number = |at: usize, size: usize| {
        let field = bytes.get(at..at + size)?;
        Some(field.iter().rev().fold(0_u64, |number, byte| number << 8 | u64::from(*byte)))
    };
    bytes.strip_prefix(b"\x7fELF\x02\x01")?;
    let (table, entry, count) = (number(32, 8)?, number(54, 2)?, number(56, 2)?);
    let kinds = (0..count).map(|place| number(usize::try_from(table + place * entry).ok()?, 4));
    let kinds = kinds.collect::<Option<Vec<u64>>>()?;
    Some(kinds.contains(&PT_INTERP))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_program_is_static_and_the_shell_is_not() {
        let read = |path: &str| fs::read(path).map(|bytes| has_interpreter(&bytes));
        assert_eq!(read("/proc/self/exe").ok(), Some(Some(!cfg!(target_feature = "crt-static"))));
        assert_eq!(read("/bin/sh").ok(), Some(Some(true)));
        assert_eq!(has_interpreter(b"#!/bin/sh"), None);
        assert_eq!(has_interpreter(b"\x7fELF\x02\x01 cut short"), None);
    }
}
