//! `cargo xtask faults`: brig killed before each single system call, and each of them failing.
//!
//! An *act* is one command in one situation (acts.rs). A first run lists the system calls that brig and `brig-init` make
//! in it; then the act is played again for each of them, and that one call is the process's last (`kill`), or returns an
//! error that it can return (`fail`). Afterwards:
//!
//! - `brig delete --force` succeeds, and nothing is left: no process, cgroup, mount, interface or file;
//! - a command that fails has said why, has ended with runc's exit code, and has left nothing itself;
//! - one that succeeds all the same has made what it makes otherwise: a probe inside prints every wall.
//!
//! And on a kernel that lacks a feature (`lack`): the same, or an error that names the feature.
//!
//! ```text
//!   faults.rs      what is to be done; N of N
//!     keeper.sh    namespaces and cgroups that vanish, whatever happens (of engines)
//!     inside.sh    their own /run, /proc and network, and cgroup v2 alone if wanted
//!     scene.rs     plays one act: before, the command, after, delete; terminal.rs watches its terminals
//!       tracer.rs  ptrace(2), with registers.rs and refusal.rs
//!       left.rs    what is there that was not; units.rs those of systemd, lent.rs the device that moves in
//!     judge.rs     whether that is right; lack.rs: without a feature
//! ```

mod acts;
pub(crate) mod bundles;
pub(crate) mod errors;
mod judge;
mod lack;
pub(crate) mod left;
mod lent;
mod refusal;
pub(crate) mod registers;
mod scene;
mod terminal;
pub(crate) mod tracer;
mod units;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::process::{Command, ExitCode};

use crate::command::{is_root, which};
use crate::criu;
use crate::engines::{KEEPER, built_brig, finish};
use crate::old::{FEATURES, Feature, Promises};
use crate::tally::Tally;
use crate::test::Built;
use crate::usage::INSIDE;
use acts::{ACTS, Act};
use lack::{Ending, TELLING};
use scene::{Played, Scene};
use tracer::{Blow, Harm, Site};

/// What `cargo xtask test` plays.
const SAMPLE: [&str; 2] = ["--every", "31"];
/// Where the scene is.
pub(crate) const FOLDER: &str = "/run/faults";

/// `cargo xtask faults`: prints every failure, how many of how many, and the sum as the last line.
///
/// # Errors
/// It cannot be done here, or brig cannot be built.
pub(crate) fn run(root: &Path, words: &[String]) -> Result<ExitCode, String> {
    if let Some((INSIDE, rest)) = words.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        return inside(rest);
    }
    Choice::read(words)?;
    if let Some(obstacle) = obstacle() {
        return Err(obstacle);
    }
    let sum = everywhere(&built_brig(root)?, words);
    println!("{sum}");
    Ok(if sum.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The part of `cargo xtask test`: a sample.
pub(crate) fn part(built: &Built, words: &[String]) -> Tally {
    if !words.is_empty() && !words.iter().any(|word| "faults".contains(word.as_str())) {
        return Tally::default();
    }
    if let Some(obstacle) = obstacle() {
        println!("SKIP  faults: {obstacle}");
        return Tally::skipped(places().len());
    }
    let brig = built.programs.iter().find(|program| program.file_name().is_some_and(|name| name == "brig"));
    brig.map_or(Tally::BROKEN, |brig| everywhere(brig, &SAMPLE.map(str::to_owned)))
}

/// Why it cannot be done here.
pub(crate) fn obstacle() -> Option<String> {
    if !is_root() {
        return Some("it needs root".into());
    }
    if !cfg!(target_arch = "x86_64") {
        return Some("registers of other processors than x86-64 are not known to it".into());
    }
    which("busybox").is_none().then(|| "busybox is missing (package busybox-static)".into())
}

fn everywhere(brig: &Path, words: &[String]) -> Tally {
    let mut sum = Tally::default();
    for place in places() {
        sum += secluded(brig, "faults", place, words).unwrap_or_else(|reason| {
            println!("FAIL  faults ({place}): {reason}");
            Tally::BROKEN
        });
    }
    sum
}

/// Layouts of cgroups that can be had here.
pub(crate) fn places() -> &'static [&'static str] {
    if Path::new("/sys/fs/cgroup/cgroup.controllers").exists() { &["v2"] } else { &["own", "v2"] }
}

/// Runs the command `what` of a copy of this program where nothing of it reaches the host.
///
/// # Errors
/// It does not come to a sum.
pub(crate) fn secluded(brig: &Path, what: &str, place: &str, words: &[String]) -> Result<Tally, String> {
    let this = std::env::current_exe().map_err(|error| format!("own executable: {error}"))?;
    let mut command = Command::new("sh");
    command.args(["-euc", KEEPER, "sh"]).arg(this).args([what, INSIDE]).args(words);
    command.env("INSIDE", include_str!("faults/inside.sh")).env("FAULTS", FOLDER).env("PLACE", place);
    command.env("PATH", criu::search_path()).env("GROUP", group(what)).env("BRIG", brig);
    finish(&mut command)
}

fn group(what: &str) -> String {
    format!("brig_{what}_{}", std::process::id())
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Choice {
    kill: bool,
    fail: bool,
    lack: bool,
    /// The beginnings of the acts' names; all when empty.
    acts: Vec<String>,
    /// Every how manieth kill and failure.
    every: usize,
}

impl Choice {
    fn read(words: &[String]) -> Result<Self, String> {
        let mut choice = Self { kill: false, fail: false, lack: false, acts: Vec::new(), every: 1 };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "kill" if choice.acts.is_empty() && !choice.kill => choice.kill = true,
                "fail" => choice.fail = true,
                "lack" => choice.lack = true,
                "--every" => {
                    let number = words.next().and_then(|word| word.parse().ok()).filter(|number| *number > 0);
                    choice.every = number.ok_or("--every wants a number")?;
                }
                act if ACTS.iter().any(|known| known.name.starts_with(act)) => {
                    choice.acts.push(act.to_owned())
                }
                other => return Err(format!("there is no command {other:?} to strike")),
            }
        }
        if !choice.kill && !choice.fail && !choice.lack {
            (choice.kill, choice.fail, choice.lack) = (true, true, true);
        }
        Ok(choice)
    }

    fn wants(&self, act: &Act) -> bool {
        let is_struck = (self.kill || self.fail) && !(act.is_slow() && self.every > 1);
        let by_default = is_struck || TELLING.contains(&act.name);
        self.acts.is_empty() && by_default || self.acts.iter().any(|name| act.name.starts_with(name.as_str()))
    }

    /// The features that `act` has to do without, each in turn.
    fn features(&self, act: &Act) -> &'static [Feature] {
        let telling = TELLING.contains(&act.name) || !self.acts.is_empty();
        if self.lack && telling { &FEATURES } else { &[] }
    }

    /// The blows for an act that makes these calls.
    fn blows(&self, sites: &[Site]) -> Vec<(Site, Blow)> {
        let mut blows = Vec::new();
        if self.kill {
            blows.extend(sites.iter().map(|site| (*site, Blow::Kill)));
        }
        if self.fail {
            let main = sites.iter().position(|site| site.process == 0 && errors::begins_main(site.call));
            let main = main.map_or(0, |place| place + 1);
            let heard = |place: usize, site: &Site| match site.process {
                0 => place >= main,
                process => !is_before_brig_init(sites, place, process),
            };
            let mains = sites.iter().enumerate().filter(|(place, site)| heard(*place, site));
            let errors = mains
                .flat_map(|(_, site)| errors::of(site.call).iter().map(|errno| (*site, Blow::Fail(*errno))));
            blows.extend(errors);
        }
        blows
    }
}

/// Between clone and exec `brig-init` has no words but an exit code, and makes two or three calls that cannot fail.
fn is_before_brig_init(sites: &[Site], place: usize, process: u32) -> bool {
    let executed = sites.iter().position(|site| site.process == process && errors::is_execveat(site.call));
    executed.is_some_and(|executed| place < executed)
}

/// How many of how many.
#[derive(Debug, Default, Clone, Copy)]
struct Score {
    good: usize,
    all: usize,
    /// Of the good ones, those that were refused by the name of what is missing.
    refused: usize,
    /// Those that met somebody who traces brig and refuses the feature.
    met: usize,
    /// Calls that did not come this time.
    missing: usize,
}

impl Score {
    fn add(&mut self, complaints: Option<&[String]>) {
        match complaints {
            None => self.missing += 1,
            Some(complaints) => {
                self.all += 1;
                self.good += usize::from(complaints.is_empty());
            }
        }
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.good, self.all)?;
        if self.refused > 0 {
            write!(f, ", {} of them refused by name", self.refused)?;
        }
        if self.met > 0 {
            write!(f, ", {} of them met the refusal", self.met)?;
        }
        if self.missing > 0 {
            write!(f, " ({} more did not come again)", self.missing)?;
        }
        Ok(())
    }
}

fn inside(words: &[String]) -> Result<ExitCode, String> {
    let choice = Choice::read(words)?;
    let variable = |name: &str| std::env::var(name).map_err(|_| format!("{name} is not set"));
    let (brig, group, place) = (variable("BRIG")?, variable("GROUP")?, variable("PLACE")?);
    let scene = Scene::new(Path::new(&brig), Path::new(FOLDER), &group)?;
    let mut kinds: BTreeMap<String, Score> = BTreeMap::new();
    let mut count = 0;
    let mut sum = Tally::default();
    for act in ACTS.iter().filter(|act| choice.wants(act)) {
        if let Some(obstacle) = act.obstacle() {
            println!("SKIP  {} ({place}): {obstacle}", act.name);
            sum += Tally::skipped(1);
            continue;
        }
        let (sites, walls) = unharmed(&scene, act)?;
        for blow in choice.blows(&sites) {
            count += 1;
            if (count - 1) % choice.every == 0 {
                let complaints = strike(&scene, act, blow, &walls)?;
                kinds.entry(kind(blow.1).to_owned()).or_default().add(complaints.as_deref());
                for complaint in complaints.iter().flatten() {
                    println!("FAIL  {} ({place}): {}: {complaint}", act.name, words_for(blow));
                }
            }
        }
        for feature in choice.features(act) {
            let score = kinds.entry(format!("without {}", feature.name)).or_default();
            for complaint in do_without(&scene, act, *feature, &walls, score)? {
                println!("FAIL  {} ({place}): without {}: {complaint}", act.name, feature.name);
            }
        }
    }
    for (kind, score) in kinds {
        let good = usize::from(score.good == score.all);
        sum += Tally { passed: good, failed: 1 - good, skipped: 0 };
        println!("{}  {kind} ({place}): {score}", if good == 1 { "ok  " } else { "FAIL" });
    }
    println!("{sum}");
    Ok(if sum.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The calls that `act` makes, and the walls that it makes.
fn unharmed(scene: &Scene, act: &Act) -> Result<(Vec<Site>, String), String> {
    let Played { traced, errors, outcome, left, .. } = scene.play(act, None)?;
    match outcome {
        Some(Ok(walls)) if left.is_empty() => Ok((traced.sites, walls)),
        _ => Err(format!("{} does not work unharmed: {errors} {outcome:?} {left:?}", act.name)),
    }
}

/// What is wrong when `act` is struck; `None` if the call did not come.
fn strike(scene: &Scene, act: &Act, blow: (Site, Blow), walls: &str) -> Result<Option<Vec<String>>, String> {
    let played = scene.play(act, Some(Harm::Strike(blow.0, blow.1)))?;
    Ok(played.traced.struck.then(|| judge::complaints(act, blow, &played, walls)))
}

/// Plays `act` without `feature`; what is wrong.
fn do_without(
    scene: &Scene,
    act: &Act,
    feature: Feature,
    walls: &str,
    score: &mut Score,
) -> Result<Vec<String>, String> {
    let played = scene.play(act, Some(Harm::Without(feature)))?;
    let ending = lack::judge(act, feature, &played, walls);
    score.refused += usize::from(ending == Ending::Refused);
    score.met += usize::from(played.traced.struck);
    let wrong = match ending {
        Ending::Same => Vec::new(),
        Ending::Refused => Promises::read(&crate::workspace())?.complaint(feature, 1).into_iter().collect(),
        Ending::Wrong(wrong) => wrong,
    };
    score.add(Some(&wrong));
    Ok(wrong)
}

fn kind(blow: Blow) -> &'static str {
    match blow {
        Blow::Kill => "killed",
        Blow::Fail(errno) => errors::name_of_error(errno),
    }
}

fn words_for((site, blow): (Site, Blow)) -> String {
    let who = if site.process == 0 { "brig".to_owned() } else { format!("process {}", site.process) };
    let call = errors::name_of_call(site.call);
    let what = match blow {
        Blow::Kill => "killed before",
        Blow::Fail(errno) => errors::name_of_error(errno),
    };
    format!("{who}: {what} {call} {}", site.nth)
}
