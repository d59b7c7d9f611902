//! `cargo xtask bench`: brig beside every runc and crun of this machine, and the bare system calls in C.
//!
//! All candidates take turns in every round, so that what else the machine does hits them alike; compare only
//! inside one table. Runs as root, in a private mount namespace with cgroup v2 by itself; a second table, about `events`, on
//! the machine's own cgroups.

pub(crate) mod bundle;
pub(crate) mod candidates;
mod checkpoint;
mod events;
pub(crate) mod figures;
mod filter;
mod meter;
mod operations;
mod report;
pub(crate) mod scratch;

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{CGROUP_V2_ALONE, is_root, provide_tools, succeed};
use crate::criu;
use crate::engines;
use crate::oracle;
use crate::usage::{EVENTS, INSIDE};
use candidates::Candidate;
use meter::Meter;
use operations::{Operation, Series};
use report::{Report, Row};
use scratch::Scratch;

/// What the caller wants measured.
#[derive(Debug)]
pub(crate) struct Options {
    /// Measured rounds of every operation.
    pub(crate) rounds: usize,
    /// A profile, or a config.json whose `linux.seccomp` is measured too; without it, what Docker sends.
    pub(crate) seccomp: Option<PathBuf>,
}

/// What `docker run` sends; on an architecture on which somebody captured it.
const PROFILE: &str = "docker-28.5.2.json";

const ROUNDS: usize = 40;
const QUICK: usize = 10;
/// Asks for a table of its own.
const CHECKPOINT: &str = "checkpoint";

/// Measures everything and prints two Markdown tables.
///
/// # Errors
/// We are not root, brig cannot be built or does not work, or the machine lacks what the bench needs.
pub(crate) fn run(root: &Path, words: &[String]) -> Result<(), String> {
    match words.split_first() {
        Some((first, [])) if first == "seccomp" => oracle::bench(root),
        Some((first, rest)) if first == "engines" => engines::bench::run(root, rest),
        Some((first, rest)) if first == INSIDE => measure(root, &Options::read(rest)?),
        Some((first, rest)) if first == EVENTS => events::measure(root, &Options::read(rest)?),
        Some((first, rest)) if first == CHECKPOINT => match rest.split_first() {
            Some((inside, rest)) if inside == INSIDE => checkpoint::measure(root, &Options::read(rest)?),
            _ => isolate_checkpoint(rest),
        },
        _ => {
            Options::read(words)?;
            isolate(words)
        }
    }
}

/// Starts ourselves again, where no mount reaches the host: first where cgroup v2 is alone, then on the machine's own.
fn isolate(words: &[String]) -> Result<(), String> {
    if !is_root() {
        return Err("containers of the default bundle need root".into());
    }
    provide_tools();
    let this = std::env::current_exe().map_err(|error| format!("own executable: {error}"))?;
    let mut alone = Command::new("unshare");
    alone.args(["--mount", "sh", "-c", CGROUP_V2_ALONE, "sh"]).arg(&this).args(["bench", INSIDE]).args(words);
    succeed(&mut alone)?;
    let mut own = Command::new("unshare");
    own.arg("--mount").arg(this).args(["bench", EVENTS]).args(words);
    succeed(&mut own)
}

/// The same with a CRIU that works, on the machine's own cgroups.
fn isolate_checkpoint(words: &[String]) -> Result<(), String> {
    Options::read(words)?;
    if !is_root() {
        return Err("CRIU needs root".into());
    }
    provide_tools();
    let this = std::env::current_exe().map_err(|error| format!("own executable: {error}"))?;
    let mut own = Command::new("unshare");
    own.arg("--mount").arg(this).args(["bench", CHECKPOINT, INSIDE]).args(words);
    succeed(own.env("PATH", criu::search_path()))
}

fn measure(root: &Path, options: &Options) -> Result<(), String> {
    let scratch = Scratch::new(root)?;
    let meter = Meter::new(&scratch)?;
    let options = &options.with_profile(root);
    let bundles = bundle::build(&scratch, options)?;
    let mut candidates = candidates::peers(&scratch);
    candidates.extend(candidates::floor(&scratch));
    let brig = candidates::brig(root, &scratch).map(|brig| candidates.push(brig));
    let series = Series { meter: &meter, bundles: &bundles, rounds: options.rounds };
    let mut report = Report::new(&candidates, options.rounds);
    for operation in Operation::all(options) {
        report.add(wall(&series, operation, &candidates));
    }
    if bundles.seccomp.is_some() {
        eprintln!("measuring what the profile costs");
        report.add(filter::added(&series, &candidates));
        let rows = filter::calls(|call| bundle::calling(&scratch, &bundles, call), &candidates);
        rows.into_iter().for_each(|row| report.add(row));
    }
    for count in &operations::COUNTS {
        report.add(Row::counted(count.what, &candidates, |candidate| series.count(count, candidate)));
    }
    print!("{report}");
    brig.and_then(|()| report.verdict())
}

/// Measures `operation` for all candidates in turns.
fn wall(series: &Series<'_>, operation: Operation, candidates: &[Candidate]) -> Row {
    eprintln!("measuring {operation}");
    Row::timed(operation, series.time(operation, candidates))
}

impl Options {
    /// Docker's, unless the caller chose another.
    pub(crate) fn with_profile(&self, root: &Path) -> Self {
        let dockers = root.join("crates/seccomp/profiles").join(std::env::consts::ARCH).join(PROFILE);
        let seccomp = self.seccomp.clone().or_else(|| dockers.is_file().then_some(dockers));
        Self { rounds: self.rounds, seccomp }
    }

    /// Reads the caller's words.
    ///
    /// # Errors
    /// One that is not known, or lacks its value.
    pub(crate) fn read(words: &[String]) -> Result<Self, String> {
        let mut options = Self { rounds: ROUNDS, seccomp: None };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} wants a value"));
            match word.as_str() {
                "--quick" => options.rounds = QUICK,
                "--rounds" => options.rounds = positive(value()?)?,
                "--seccomp" => options.seccomp = Some(PathBuf::from(value()?)),
                other => return Err(format!("unknown option {other:?}")),
            }
        }
        Ok(options)
    }
}

fn positive(word: &str) -> Result<usize, String> {
    word.parse()
        .ok()
        .filter(|number| *number > 0)
        .ok_or_else(|| format!("--rounds {word:?}: want a positive number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Result<Options, String> {
        Options::read(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn forty_rounds_are_the_default_and_quick_is_ten() {
        assert_eq!(read(&[]).unwrap().rounds, 40);
        assert_eq!(read(&["--quick"]).unwrap().rounds, 10);
        assert_eq!(read(&["--rounds", "7"]).unwrap().rounds, 7);
    }

    #[test]
    fn what_is_not_an_option_is_refused_by_name() {
        assert_eq!(read(&["--slow"]).unwrap_err(), "unknown option \"--slow\"");
        assert_eq!(read(&["--rounds", "0"]).unwrap_err(), "--rounds \"0\": want a positive number");
        assert_eq!(read(&["--rounds"]).unwrap_err(), "--rounds wants a value");
    }
}
