//! `cargo xtask soak`: random commands on many containers for a long time, some of them killed, some of them failing.
//!
//! What is done is a pure function of a seed (score.rs). After each command `state` has to explain what the kernel shows
//! (truth.rs), and a command that nobody disturbed has to succeed where it can. At the end everything is deleted, and
//! there is what was there before: processes, cgroups, mounts, interfaces, files. Of two long-lived parents descriptors
//! and memory are counted.
//!
//! ```text
//!   soak.rs        for how long; the sum
//!     score.rs     what is done, from a seed
//!     stage.rs     does it
//!       words.rs     what is said, and whether that can succeed
//!       bundles.rs   the kinds of containers
//!       parent.rs    parents that live long
//!       truth.rs     whether `state` is right
//! ```

mod bundles;
mod choice;
mod parent;
mod score;
mod stage;
pub(crate) mod truth;
mod words;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::engines::built_brig;
use crate::faults::{FOLDER, obstacle, places, secluded};
use crate::tally::Tally;
use crate::test::Built;
use crate::usage::INSIDE;
use choice::{Choice, Length};
use score::{Deed, Score, Step};
use stage::{Played, Stage};

/// What `cargo xtask test` plays.
const SAMPLE: [&str; 6] = ["--seed", "6", "--steps", "100", "--containers", "6"];
/// So often it is said how far it is.
const REPORT: Duration = Duration::from_secs(5 * 60);

/// `cargo xtask soak`: prints every violation, and the sum as the last line.
///
/// # Errors
/// It cannot be done here, or brig cannot be built.
pub(crate) fn run(root: &Path, words: &[String]) -> Result<ExitCode, String> {
    if let Some((INSIDE, rest)) = words.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        return inside(&Choice::read(rest)?);
    }
    let choice = Choice::read(words)?;
    if let Some(obstacle) = obstacle() {
        return Err(obstacle);
    }
    let sum = everywhere(&built_brig(root)?, &choice);
    println!("{sum}");
    Ok(if sum.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The part of `cargo xtask test`: some commands with a seed that does not change.
pub(crate) fn part(built: &Built, words: &[String]) -> Tally {
    if !words.is_empty() && !words.iter().any(|word| "soak".contains(word.as_str())) {
        return Tally::default();
    }
    if let Some(obstacle) = obstacle() {
        println!("SKIP  soak: {obstacle}");
        return Tally::skipped(places().len());
    }
    let brig = built.programs.iter().find(|program| program.file_name().is_some_and(|name| name == "brig"));
    let choice = Choice::read(&SAMPLE.map(str::to_owned));
    brig.zip(choice.ok()).map_or(Tally::BROKEN, |(brig, choice)| everywhere(brig, &choice))
}

/// One after the other, each for its share of the time.
fn everywhere(brig: &Path, choice: &Choice) -> Tally {
    let mut sum = Tally::default();
    let words = choice.shared_by(places().len()).words();
    for place in places() {
        sum += secluded(brig, "soak", place, &words).unwrap_or_else(|reason| {
            println!("FAIL  soak ({place}): {reason}");
            Tally::BROKEN
        });
    }
    sum
}

fn inside(choice: &Choice) -> Result<ExitCode, String> {
    let variable = |name: &str| std::env::var(name).map_err(|_| format!("{name} is not set"));
    let (brig, group, place) = (variable("BRIG")?, variable("GROUP")?, variable("PLACE")?);
    let mut stage = Stage::new(Path::new(&brig), Path::new(FOLDER), &group, choice.containers)?;
    let mut sum = Sum::default();
    let (started, mut said) = (Instant::now(), Instant::now());
    for step in Score::new(choice.seed, choice.containers) {
        let over = match choice.length {
            Length::Time(time) => started.elapsed() >= time,
            Length::Steps(steps) => step.number > steps,
        };
        if over {
            break;
        }
        let played = stage.play(&step)?;
        for violation in &played.violations {
            println!(
                "FAIL  soak ({place}): step {} of seed {}: {step}: {violation}",
                step.number, choice.seed
            );
        }
        sum.add(&step, &played);
        if said.elapsed() > REPORT {
            println!("      soak ({place}): {} min: {sum}", started.elapsed().as_secs() / 60);
            said = Instant::now();
        }
    }
    let left = stage.end()?;
    for violation in &left {
        println!("FAIL  soak ({place}): at the end: {violation}");
    }
    sum.violations += left.len();
    println!("      soak ({place}): by kind: {}", sum.kinds());
    println!("      soak ({place}): before and after: {}", stage.account());
    let (good, took) = (usize::from(sum.violations == 0), started.elapsed().as_secs_f32());
    let word = if good == 1 { "ok  " } else { "FAIL" };
    let (seed, containers) = (choice.seed, choice.containers);
    println!("{word}  soak ({place}): seed {seed}, {containers} containers, {took:.0} s: {sum}");
    println!("{}", Tally { passed: good, failed: 1 - good, skipped: 0 });
    Ok(if good == 1 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What has happened so far.
#[derive(Debug, Default)]
struct Sum {
    /// How many of each kind, and how many of these succeeded.
    deeds: BTreeMap<Deed, (usize, usize)>,
    kills: usize,
    faults: usize,
    violations: usize,
}

impl Sum {
    fn add(&mut self, step: &Step, played: &Played) {
        let (all, good) = self.deeds.entry(step.deed).or_default();
        *all += 1;
        *good += usize::from(played.code == 0);
        self.kills += usize::from(played.struck && step.is_killed());
        self.faults += usize::from(played.struck && !step.is_killed());
        self.violations += played.violations.len();
    }

    fn kinds(&self) -> String {
        let kinds = self.deeds.iter().map(|(deed, (all, good))| format!("{deed} {all} ({good} succeeded)"));
        kinds.collect::<Vec<_>>().join(", ")
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let commands: usize = self.deeds.values().map(|(all, _)| all).sum();
        let Self { kills, faults, violations, .. } = self;
        write!(f, "{commands} commands, {kills} killed, {faults} with a fault, violations: {violations}")
    }
}
