//! `cargo xtask engines`: real engines with brig as their runtime, beside runc.
//!
//! A *case* is a few lines of shell that drive an engine as people do. It runs twice on the same engine with the same
//! image: once with runc, once with brig. What both print, and how they end, has to be the same: nobody writes down what
//! ought to come out. The engine cannot tell who serves it: it calls `runc`, which is a link that is turned in between.
//!
//! ```text
//!   engines.rs       which engines, which cases, the sum
//!     seclusion.rs   keeper.sh: namespaces and cgroups that vanish, whatever happens
//!                    inside.sh: their own /run, /etc, /sys, /proc and network
//!       session.rs   starts one engine there, and runs its cases
//!       case.rs      reads cases, compares what came out
//!     prelude.sh     what the scripts of all engines may call
//! ```
//!
//! An engine X is a line in [`ENGINES`], a file `engines/X.rs` that says what it needs and lists its cases, and
//! `engines/X.sh`, which defines three shell functions: `start_engine` (start it below `$ENGINES` with `spawn`, wait
//! until it answers, import the image that `make_root` makes), `clean_up` (after every half of a case: remove what is
//! there, print what a runtime left behind), `stop_engine`. Its cases are in `engines/X/*.sh`:
//!
//! ```sh
//! # case: a command's exit status is the engine's
//! # alike: s/took [0-9]+ s/took N s/
//! status docker run --rm box sh -c 'exit 42'
//! ```
//!
//! A case runs under `set -eu` and has to succeed with runc; what may fail is called with `status`. `# alike:` is an
//! expression of `sed -E` for what differs from run to run. `# machine` marks a case that `--marked` keeps: a list that
//! is short enough for an emulated machine. What is different has a second turn; `# varies: REASON` gives it a third,
//! where the engine itself leaves something to chance that cannot be waited for; before the first case it is said of all
//! in the file. `skip REASON` where it cannot run. What was skipped, failed with runc, or was alike at a later turn only, is said once more before
//! the sum.

pub(crate) mod bench;
mod case;
mod engine;
mod seclusion;
mod session;

mod containerd;
mod docker;
mod podman;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::Value;

use crate::command::{cargo, is_root, output, provide};
use crate::tally::Tally;
use crate::test::Built;
use crate::usage::INSIDE;
use crate::vm::{self, Accelerator};
use case::MARKED;
use engine::Engine;
use seclusion::Seclusion;
pub(crate) use seclusion::finish;
pub(crate) use session::PRELUDE;
use session::Session;

/// All of them, in the order in which they run.
const ENGINES: [Engine; 3] = [docker::ENGINE, containerd::ENGINE, podman::ENGINE];
/// Runs a command in namespaces and cgroups that are removed whatever happens.
pub(crate) const KEEPER: &str = include_str!("engines/keeper.sh");

/// `cargo xtask engines`: prints a line for each case, and the sum as the last line.
///
/// # Errors
/// A case failed, or brig cannot be built.
pub(crate) fn run(root: &Path, words: &[String]) -> Result<ExitCode, String> {
    if let Some((INSIDE, rest)) = words.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        return Session::inside(rest).map(|()| ExitCode::SUCCESS);
    }
    let choice = Choice::read(words)?;
    let brig = built_brig(root)?;
    let sum = match choice.place {
        Place::Here => choice.run(&brig),
        Place::Machine => vm::engines(root, &brig, &choice.accelerator, &choice.words())?,
    };
    println!("{sum}");
    Ok(if sum.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The part of `cargo xtask test` that runs on this machine.
pub(crate) fn part(built: &Built, words: &[String]) -> Tally {
    let brig = built.programs.iter().find(|program| program.file_name().is_some_and(|name| name == "brig"));
    let choice = Choice { engines: ENGINES.to_vec(), words: words.to_vec(), ..Choice::default() };
    brig.map_or(Tally::BROKEN, |brig| choice.run(brig))
}

/// What the caller wants.
#[derive(Debug)]
struct Choice {
    engines: Vec<Engine>,
    /// Keep only cases whose titles contain one; all when empty.
    words: Vec<String>,
    place: Place,
    /// Of the machine.
    accelerator: Accelerator,
}

impl Default for Choice {
    fn default() -> Self {
        let (engines, words) = (Vec::new(), Vec::new());
        Self { engines, words, place: Place::Here, accelerator: Accelerator::Emulation }
    }
}

/// Where engines run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Here,
    Machine,
}

impl Choice {
    /// Reads the words: names of engines, others, `--in-vm`, `--accel NAME`, `--marked`.
    fn read(words: &[String]) -> Result<Self, String> {
        let mut choice = Self::default();
        let mut rest = words.iter();
        while let Some(word) = rest.next() {
            match (word.as_str(), ENGINES.iter().find(|engine| engine.name == word)) {
                ("--in-vm", _) => choice.place = Place::Machine,
                ("--accel", _) => {
                    choice.accelerator = Accelerator::read(rest.next().ok_or("--accel wants a value")?);
                }
                ("--marked", _) => choice.words.push(MARKED.to_owned()),
                (other, _) if other.starts_with('-') => return Err(format!("unknown option {other:?}")),
                (_, Some(engine)) => choice.engines.push(*engine),
                (other, None) => choice.words.push(other.to_owned()),
            }
        }
        if choice.engines.is_empty() {
            choice.engines = ENGINES.to_vec();
        }
        Ok(choice)
    }

    /// What [`read`](Self::read) reads, for another machine.
    fn words(&self) -> Vec<String> {
        let engines = self.engines.iter().map(|engine| engine.name.to_owned());
        engines.chain(self.words.iter().cloned()).collect()
    }

    fn run(&self, brig: &Path) -> Tally {
        let mut sum = Tally::default();
        for engine in &self.engines {
            let count = engine.cases(&self.words).len();
            if count == 0 {
                continue;
            }
            sum += match obstacle(engine) {
                Some(obstacle) => {
                    println!("SKIP  {}: {count} cases: {obstacle}", engine.name);
                    Tally::skipped(count)
                }
                None => Seclusion::new(engine, brig).run(&self.words).unwrap_or_else(|reason| {
                    println!("FAIL  {}: {reason}", engine.name);
                    Tally::BROKEN
                }),
            };
        }
        sum
    }
}

/// Why `engine` cannot run here, once what is missing has been installed where that is possible.
fn obstacle(engine: &Engine) -> Option<String> {
    if !is_root() {
        return Some("it needs root".into());
    }
    let missing = provide(engine.needed);
    if !missing.is_empty() {
        return Some(format!("missing: {}", missing.join(" ")));
    }
    seclusion::reference().is_none().then(|| "there is no runc to compare with".into())
}

/// The program that `BRIG` names, or one built like those of the tests.
pub(crate) fn built_brig(root: &Path) -> Result<PathBuf, String> {
    if let Some(path) = std::env::var_os("BRIG") {
        return Ok(path.into());
    }
    let words = ["build", "--quiet", "--package=brig", "--message-format=json-render-diagnostics"];
    let messages = output(cargo(root).args(words))?;
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut programs = messages.filter(|message| message["target"]["name"] == "brig");
    let program = programs.find_map(|message| message["executable"].as_str().map(PathBuf::from));
    program.ok_or_else(|| "cargo built no program named brig".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Result<Choice, String> {
        Choice::read(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn engines_are_chosen_by_name_and_cases_by_words() {
        let choice = read(&["docker", "exec", "--in-vm"]).unwrap();
        assert_eq!(choice.words(), ["docker", "exec"]);
        assert_eq!(choice.place, Place::Machine);
        assert_eq!(read(&["exec"]).unwrap().engines.len(), ENGINES.len());
        let choice = read(&["--in-vm", "--accel", "uml", "podman"]).unwrap();
        assert_eq!((choice.accelerator, choice.words.len()), (Accelerator::Uml, 0));
        assert_eq!(read(&["--accel"]).unwrap_err(), "--accel wants a value");
        assert_eq!(read(&["--fast"]).unwrap_err(), "unknown option \"--fast\"");
    }

    #[test]
    fn every_engine_has_cases_and_no_two_of_them_share_a_name() {
        for engine in ENGINES {
            let mut names: Vec<String> = engine.cases(&[]).into_iter().map(|case| case.title).collect();
            let count = names.len();
            names.sort();
            names.dedup();
            assert!(count > 0 && names.len() == count, "{names:?}");
        }
    }
}
