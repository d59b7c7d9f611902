//! `cargo xtask layout`: writes crates/cli/layout.ld, which puts the code that a start needs side by side.
//!
//! The commands of a container's life are stepped through, instruction by instruction; the sections of the executable that
//! they enter are *warm*. Names are cut to the shortest beginnings that tell warm from cold, so that the file
//! outlives most changes of code and compiler. A name that fits nothing any more costs nothing but memory.
//!
//! ```text
//!   layout.rs    builds, steps, writes
//!     steps.rs     which addresses a command comes to
//!     map.rs       which section that is, by the linker's map
//!     names.rs     names without what changes with each build, and their shortest beginnings
//! ```

mod map;
mod names;
mod steps;

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::bench::Options;
use crate::bench::bundle::{self, Bundles};
use crate::bench::scratch::Scratch;
use crate::command::{CGROUP_V2_ALONE, cargo, is_root, provide_tools, succeed};
use crate::usage::INSIDE;
use map::Map;

/// What is written.
const SCRIPT: &str = "crates/cli/layout.ld";
const HEAD: &str = "\
/* What a container's life needs of the code, side by side, before the rest: docs/decisions/0022-layout.md.
   Written by `cargo xtask layout`. */
SECTIONS
{
  .text.warm :
  {
";
const FOOT: &str = "\
  }
}
INSERT BEFORE .text;
";

/// Builds brig, steps through it and writes the script.
///
/// # Errors
/// We are not root, brig cannot be built, or a command fails.
pub(crate) fn run(root: &Path, words: &[String]) -> Result<(), String> {
    match words {
        [] => isolate(),
        [inside] if inside == INSIDE => write(root),
        [word, ..] => Err(format!("unknown option {word:?}")),
    }
}

fn isolate() -> Result<(), String> {
    if !is_root() {
        return Err("containers of the default bundle need root".into());
    }
    provide_tools();
    let this = std::env::current_exe().map_err(|error| format!("own executable: {error}"))?;
    let mut alone = Command::new("unshare");
    alone.args(["--mount", "sh", "-c", CGROUP_V2_ALONE, "sh"]).arg(this).args(["layout", INSIDE]);
    succeed(&mut alone)
}

fn write(root: &Path) -> Result<(), String> {
    let scratch = Scratch::new(root)?;
    let options = Options { rounds: 1, seccomp: None }.with_profile(root);
    let bundles = bundle::build(&scratch, &options)?;
    let (brig, map) = build(root, &scratch)?;
    let mut warm = BTreeSet::new();
    for words in life(&bundles) {
        let words = words.iter().map(|word| (*word).to_owned());
        let store = scratch.join("store");
        let command = [brig.as_os_str(), OsStr::new("--root"), store.as_os_str()].map(OsStr::to_owned);
        warm.extend(steps::of(command.into_iter().chain(words))?);
    }
    let script = script(&Map::read(&map)?, &warm);
    let place = root.join(SCRIPT);
    fs::write(&place, &script).map_err(|error| format!("{}: {error}", place.display()))?;
    println!("{SCRIPT}: {} lines", script.lines().count());
    Ok(())
}

/// A release with its symbols, laid out as the linker likes, and the linker's map.
fn build(root: &Path, scratch: &Scratch) -> Result<(PathBuf, PathBuf), String> {
    let (target, map) = (root.join("target/layout"), scratch.join("map"));
    let mut rustc = cargo(root);
    rustc
        .args(["rustc", "--quiet", "--release", "--package=brig", "--bin=brig", "--target-dir"])
        .arg(&target);
    rustc.arg("--").arg(format!("-Clink-arg=-Wl,-Map={}", map.display()));
    succeed(rustc.env("CARGO_PROFILE_RELEASE_STRIP", "none").env("BRIG_LAYOUT", "none"))?;
    let built = fs::read_dir(&target).map_err(|error| format!("{}: {error}", target.display()))?;
    let programs = built.flatten().map(|entry| entry.path().join("release/brig"));
    let program = programs.into_iter().find(|path| path.is_file());
    Ok((program.ok_or("cargo built no program named brig")?, map))
}

/// The commands that engines start all the time, in an order in which all of them succeed.
fn life(bundles: &Bundles) -> Vec<Vec<&OsStr>> {
    let word = |word: &'static str| OsStr::new(word);
    let mut life = vec![
        vec![word("run"), word("--bundle"), bundles.short.as_os_str(), word("one")],
        vec![word("create"), word("--bundle"), bundles.long.as_os_str(), word("two")],
        vec![word("state"), word("two")],
        vec![word("start"), word("two")],
        vec![word("exec"), word("two"), word("/bin/true")],
        vec![word("kill"), word("two"), word("TERM")],
        vec![word("delete"), word("--force"), word("two")],
    ];
    let profile = bundles.seccomp.as_ref();
    life.extend(profile.map(|bundle| vec![word("run"), word("--bundle"), bundle.as_os_str(), word("three")]));
    life
}

fn script(map: &Map, warm: &BTreeSet<u64>) -> String {
    let patterns = names::patterns(map.sections(), warm);
    let lines = patterns.iter().map(|pattern| format!("    {pattern}\n"));
    HEAD.to_owned() + &lines.collect::<String>() + FOOT
}
