//! What a dump and a restore take, beside every runc. Most of it is CRIU's, which all of them start.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::time::Duration;

use super::Options;
use super::bundle::Bundles;
use super::candidates::{self, Candidate, Kind, Words};
use super::meter::{Meter, Sample};
use super::report::{Report, Row};
use super::scratch::Scratch;

/// Fewer than of other operations, which are faster.
const MOST_ROUNDS: usize = 20;

/// Measures brig and every runc in turns, and prints a table.
///
/// # Errors
/// brig does not build, or fails.
pub(super) fn measure(root: &Path, options: &Options) -> Result<(), String> {
    let scratch = Scratch::new(root)?;
    let meter = Meter::new(&scratch)?;
    let bundles = super::bundle::build(&scratch, options)?;
    let mut all = candidates::peers(&scratch);
    all.retain(|who| who.kind == Kind::Runc);
    let brig = candidates::brig(root, &scratch).map(|brig| all.push(brig));
    let rounds = options.rounds.min(MOST_ROUNDS);
    let bench = Bench { meter: &meter, bundles: &bundles, scratch: &scratch };
    let mut report = Report::new(&all, rounds);
    eprintln!("measuring checkpoint and restore");
    let took = bench.in_turns(&all, rounds);
    for (index, title) in ["checkpoint, ms", "restore, ms"].into_iter().enumerate() {
        let walls =
            took.iter().map(|took| took.clone().map(|took| took.iter().map(|two| two[index]).collect()));
        report.add(Row::walls(title, walls.collect()));
    }
    print!("{report}");
    brig.map(drop)
}

struct Bench<'a> {
    meter: &'a Meter,
    bundles: &'a Bundles,
    scratch: &'a Scratch,
}

impl Bench<'_> {
    /// Both times of every candidate, in turns that start with another one each round. The first round is not counted.
    fn in_turns(&self, all: &[Candidate], rounds: usize) -> Vec<Result<Vec<[Duration; 2]>, String>> {
        let mut took: Vec<Result<Vec<[Duration; 2]>, String>> = all.iter().map(|_| Ok(Vec::new())).collect();
        for round in 0..=rounds {
            for turn in 0..all.len() {
                let at = (round + turn) % all.len();
                if let Ok(samples) = &mut took[at] {
                    match self.there_and_back(&all[at], round) {
                        Ok(sample) if round > 0 => samples.push(sample),
                        Ok(_) => {}
                        Err(reason) => took[at] = Err(reason),
                    }
                }
            }
        }
        took
    }

    /// A container that is dumped, restored, and removed.
    fn there_and_back(&self, who: &Candidate, round: usize) -> Result<[Duration; 2], String> {
        let (id, bundle) = (who.container(), self.bundles.long.as_os_str());
        let (id, images) =
            (OsStr::new(&id), self.scratch.join(&format!("images-{}-{round}", who.container())));
        let (detach, path, images) = (OsStr::new("--detach"), OsStr::new("--image-path"), images.as_os_str());
        let at = OsStr::new("--bundle");
        self.run(who, ["run".as_ref(), detach, at, bundle, id])?;
        let dumped = self.run(who, ["checkpoint".as_ref(), path, images, id]);
        let restored = dumped.and_then(|dumped| {
            let restored = self.run(who, ["restore".as_ref(), detach, path, images, at, bundle, id])?;
            Ok([dumped.wall, restored.wall])
        });
        self.run(who, ["delete".as_ref(), "--force".as_ref(), id])?;
        restored
    }

    /// By a shell that leaves the container no stream that CRIU would not find again; for all of them alike.
    fn run<const N: usize>(&self, who: &Candidate, words: [&OsStr; N]) -> Result<Sample, String> {
        let log = self.scratch.join("log");
        let shell: Words = ["/bin/sh", "-c", "exec \"$@\" >/dev/null 2>&1", "sh"].map(Into::into).into();
        let mut command = who.command(words);
        command.splice(1..1, ["--log".into(), log.as_os_str().to_owned()]);
        let sample = self.meter.sample(&shell.into_iter().chain(command).collect());
        sample.map_err(|reason| format!("{reason}{}", fs::read_to_string(&log).unwrap_or_default()))
    }
}
