//! `cargo xtask docs`: what README.md and docs/*.md say is done, and what comes of it is what they show.
//!
//! ```text
//!   docs.rs          which pages, the sum
//!     page.rs        blocks of a page and their notation
//!       config.rs    settings that no engine judges
//!     links.rs       whether links lead somewhere
//!     keeper.sh      namespaces and cgroups that vanish, whatever happens (of engines)
//!     inside.sh      a machine to read a page on: brig is installed, and nothing that a page does gets out
//!     reader.rs      does what a page says, block by block
//!       transcript.rs  commands, and what they print
//!     systemctl.sh   starts the daemons that pages ask systemd for
//!     images.sh      what pages would pull from a registry
//! ```
//!
//! CONTRIBUTING.md has the notation. Each page is read in a place of its own, from the first block to the last.

mod config;
mod links;
mod page;
mod reader;
mod transcript;

use std::path::Path;
use std::process::{Command, ExitCode};

use crate::command::{Needed, is_root, provide};
use crate::criu;
use crate::engines::{KEEPER, PRELUDE, built_brig, finish};
use crate::sources::Tree;
use crate::tally::Tally;
use crate::test::Built;
use crate::usage::INSIDE;
pub(crate) use links::links_lead_somewhere;
pub(crate) use page::blocks_are_in_the_notation;
use reader::Reader;

/// Asks for what is slow, too.
const ALL: &str = "--all";
/// Asks for everything that is printed, for somebody who writes a page.
const SHOW: &str = "--show";
/// Where everything of the reader's place is.
const FOLDER: &str = "/run/docs";
/// What the pages start.
const NEEDED: [Needed; 8] = [
    ("busybox", "busybox-static"),
    ("dockerd", "docker.io"),
    ("containerd", "containerd"),
    ("podman", "podman"),
    ("conmon", "conmon"),
    ("runc", "runc"),
    ("newuidmap", "uidmap"),
    ("ip", "iproute2"),
];

/// `cargo xtask docs`: prints a line for each page, and the sum of the blocks as the last line.
///
/// # Errors
/// It cannot be done here, or brig cannot be built.
pub(crate) fn run(root: &Path, words: &[String]) -> Result<ExitCode, String> {
    if let Some((INSIDE, rest)) = words.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        return Reader::inside(rest).map(|()| ExitCode::SUCCESS);
    }
    let (options, words): (Vec<&String>, Vec<&String>) = words.iter().partition(|word| word.starts_with('-'));
    let options: Vec<&str> = options.into_iter().map(String::as_str).collect();
    if let Some(other) = options.iter().find(|option| ![ALL, SHOW].contains(option)) {
        return Err(format!("unknown option {other:?}"));
    }
    let words: Vec<String> = words.into_iter().cloned().collect();
    let sum = pages(root, &built_brig(root)?, &words, &options)?;
    println!("{sum}");
    Ok(if sum.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The part of `cargo xtask test`: everything but what is slow.
///
/// # Errors
/// The pages cannot be read.
pub(crate) fn part(root: &Path, built: &Built, words: &[String]) -> Result<Tally, String> {
    let brig = built.programs.iter().find(|program| program.file_name().is_some_and(|name| name == "brig"));
    brig.map_or(Ok(Tally::BROKEN), |brig| pages(root, brig, words, &[]))
}

/// Reads the pages whose names contain one of `words`.
fn pages(root: &Path, brig: &Path, words: &[String], options: &[&str]) -> Result<Tally, String> {
    let tree = Tree::read(root)?;
    let mut sum = Tally::default();
    let mut obstacle = None;
    for (page, text) in tree.text.iter().filter(|(path, _)| page::is_page(path)) {
        let blocks = page::read(text).into_iter().filter(|block| block.kind != page::Kind::Shown).count();
        let is_meant = words.is_empty() || words.iter().any(|word| page.contains(word.as_str()));
        if blocks == 0 || !is_meant {
            continue;
        }
        sum += match obstacle.get_or_insert_with(self::obstacle) {
            Some(reason) => {
                println!("SKIP  {page}: {blocks} blocks: {reason}");
                Tally::skipped(blocks)
            }
            None => secluded(root, brig, (page, text), options).unwrap_or_else(|reason| {
                println!("FAIL  {page}: {reason}");
                Tally::BROKEN
            }),
        };
    }
    Ok(sum)
}

/// Why no page can be read here, once what is missing has been installed where that is possible.
fn obstacle() -> Option<String> {
    if !is_root() {
        return Some("it needs root".into());
    }
    let missing = provide(&NEEDED);
    (!missing.is_empty()).then(|| format!("missing: {}", missing.join(" ")))
}

/// Runs a copy of this program where nothing of it reaches the host.
fn secluded(root: &Path, brig: &Path, (page, text): (&str, &str), options: &[&str]) -> Result<Tally, String> {
    let this = std::env::current_exe().map_err(|error| format!("own executable: {error}"))?;
    let mut command = Command::new("sh");
    command.args(["-euc", KEEPER, "sh"]).arg(this).args(["docs", INSIDE, page]);
    command.args(options);
    command.env("INSIDE", include_str!("docs/inside.sh")).env("DOCS", FOLDER).env("PRELUDE", PRELUDE);
    command.env("IMAGES", include_str!("docs/images.sh")).env("SYSTEMCTL", include_str!("docs/systemctl.sh"));
    command.env("GROUP", format!("brig_docs_{}", std::process::id())).env("BRIG", brig);
    let word = |is_so| if is_so { "1" } else { "0" };
    command.env("SOURCE", root).env("ALL", word(options.contains(&ALL)));
    command.env("CLONES", word(text.contains("$ git clone ")));
    command.env("CRIU", if text.contains("needs=criu") { criu::folder() } else { None }.unwrap_or_default());
    finish(&mut command)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENGINES: &str = include_str!("../../docs/engines.md");
    const KUBERNETES: &str = include_str!("../../docs/kubernetes.md");

    /// What each file of a page says, where it can be read as what `read` reads.
    fn files(page: &str, read: fn(&str) -> Result<config::Settings, String>) -> Vec<config::Settings> {
        let blocks = page::read(page).into_iter().filter(|block| matches!(block.kind, page::Kind::File(_)));
        blocks.filter_map(|block| read(&block.text).ok()).collect()
    }

    #[test]
    fn every_engine_is_told_the_same_path_and_the_runtime_class_has_the_name_of_its_table() {
        let engines = files(ENGINES, config::toml);
        assert_eq!(engines.len(), 4);
        for settings in &engines {
            let told = settings.iter().filter(|(name, _)| name.iter().any(|part| part == "brig"));
            let told: Vec<String> = told.map(|(_, value)| value.to_string()).collect();
            assert!(told.iter().any(|value| value.contains("\"/usr/local/bin/brig\"")), "{settings:?}");
        }
        let [class] = files(KUBERNETES, config::yaml).try_into().unwrap();
        let text =
            |path: &[&str]| class[&path.iter().map(|part| (*part).to_owned()).collect::<Vec<_>>()].clone();
        assert_eq!(text(&["0", "handler"]), "brig");
        assert_eq!(text(&["0", "metadata", "name"]), text(&["1", "spec", "runtimeClassName"]));
    }
}
