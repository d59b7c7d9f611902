//! `cargo xtask bench engines`: the same `run` of an engine with brig, runc and crun in turns, and how much of it is theirs.
//! Runs on the developer's machine; an engine and its containers in namespaces of their own.
//!
//! Every round measures each runtime twice: as it is, which gives the whole, and behind tests/bench/share.c, which adds up
//! the calls of the runtime. The rest is the engine's. crun wants cgroup v2 alone, so all run there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::bench::Options;
use crate::bench::candidates::{self, Kind};
use crate::bench::figures::{median, milliseconds, paired_ratio};
use crate::bench::scratch::Scratch;
use crate::command::{CGROUP_V2_ALONE, is_root, succeed};
use crate::engines::seclusion::Seclusion;
use crate::engines::session::Session;
use crate::engines::{ENGINES, obstacle};
use crate::tally::Tally;
use crate::usage::INSIDE;

/// The word that makes a session one that measures.
pub(super) const BENCH: &str = "--bench";
/// Where a session finds the runtimes: `NAME=PATH` separated by newlines; brig is the first.
pub(super) const RUNTIMES: &str = "RUNTIMES";
/// Where it finds what adds up the calls of a runtime.
pub(super) const SHARE: &str = "SHARE";

/// Prints a Markdown table for each engine that can be had.
///
/// # Errors
/// We are not root, or brig or share.c cannot be built.
pub(crate) fn run(root: &Path, words: &[String]) -> Result<(), String> {
    match words.split_first() {
        Some((first, rest)) if first == INSIDE => measure(root, Options::read(rest)?.rounds),
        _ if !is_root() => Err("engines need root".into()),
        _ => {
            Options::read(words)?;
            let this = std::env::current_exe().map_err(|error| format!("own executable: {error}"))?;
            let mut alone = Command::new("unshare");
            alone.args(["--mount", "sh", "-c", CGROUP_V2_ALONE, "sh"]).arg(this);
            succeed(alone.args(["bench", "engines", INSIDE]).args(words))
        }
    }
}

fn measure(root: &Path, rounds: usize) -> Result<(), String> {
    let scratch = Scratch::new(root)?;
    let share = scratch.compile("share")?;
    let brig = candidates::brig(root, &scratch)?;
    let runtimes = runtimes(&brig, candidates::peers(&scratch));
    for engine in ENGINES {
        if let Some(obstacle) = obstacle(&engine) {
            eprintln!("xtask: no {}: {obstacle}", engine.name);
            continue;
        }
        let seclusion = Seclusion::new(&engine, brig.program());
        let environment = [(RUNTIMES, runtimes.as_str()), (SHARE, &share.to_string_lossy())];
        seclusion.measure(&[BENCH.to_owned(), rounds.to_string()], &environment)?;
    }
    Ok(())
}

/// brig, and the newest of each peer.
fn runtimes(brig: &candidates::Candidate, peers: Vec<candidates::Candidate>) -> String {
    let mut text = format!("brig={}\n", brig.program().display());
    for kind in [Kind::Runc, Kind::Crun] {
        if let Some(peer) = peers.iter().find(|peer| peer.kind == kind) {
            text.push_str(&format!("{}={}\n", peer.title, peer.program().display()));
        }
    }
    text
}

/// What was measured of one runtime.
#[derive(Debug)]
struct Series {
    title: String,
    program: PathBuf,
    walls: Vec<Duration>,
    shares: Vec<Duration>,
}

impl Session {
    /// Measures `rounds` rounds, prints the table, and the sum that the caller waits for.
    ///
    /// # Errors
    /// A run failed, or something about the links or files.
    pub(super) fn bench(&self, rounds: usize) -> Result<(), String> {
        let text = std::env::var(RUNTIMES).map_err(|error| format!("{RUNTIMES}: {error}"))?;
        let share = std::env::var(SHARE).map_err(|error| format!("{SHARE}: {error}"))?;
        // A copy: it finds its neighbours by its own place.
        let stand_in = self.folder().join("bin/share");
        fs::copy(share, &stand_in).map_err(|error| format!("{}: {error}", stand_in.display()))?;
        let pairs = text.lines().filter_map(|line| line.split_once('='));
        let mut all: Vec<Series> = pairs
            .map(|(title, program)| Series {
                title: title.to_owned(),
                program: program.into(),
                walls: Vec::new(),
                shares: Vec::new(),
            })
            .collect();
        // That warms up, too.
        all.retain(|series| self.serves(series, &stand_in));
        for _ in 0..rounds {
            for series in &mut all {
                series.walls.push(self.wall(&series.program)?);
                series.shares.push(self.share(&series.program, &stand_in)?);
            }
        }
        print!("{}", table(self.name(), &all));
        println!("{}", Tally { passed: 1, ..Tally::default() });
        Ok(())
    }

    /// Whether the runtime can serve this engine here: crun asks for every controller that Docker names.
    fn serves(&self, series: &Series, stand_in: &Path) -> bool {
        let tried = self.wall(&series.program).and_then(|_| self.share(&series.program, stand_in));
        if let Err(reason) = &tried {
            eprintln!("xtask: {} does not serve {} here: {}", series.title, self.name(), reason.trim());
        }
        tried.is_ok()
    }

    fn wall(&self, program: &Path) -> Result<Duration, String> {
        self.uses(program)?;
        let start = Instant::now();
        self.must("once")?;
        Ok(start.elapsed())
    }

    /// How long the calls of `program` took in one run.
    fn share(&self, program: &Path, stand_in: &Path) -> Result<Duration, String> {
        let (real, times) = (self.folder().join("bin/real"), self.folder().join("bin/times"));
        self.links(program, &real)?;
        self.uses(stand_in)?;
        fs::write(&times, "").map_err(|error| format!("{}: {error}", times.display()))?;
        self.must("once")?;
        let text = fs::read_to_string(&times).map_err(|error| format!("{}: {error}", times.display()))?;
        Ok(Duration::from_nanos(text.lines().filter_map(|line| line.parse::<u64>().ok()).sum()))
    }
}

fn table(engine: &str, all: &[Series]) -> String {
    let mut text = format!(
        "\n| {engine}, ms | whole, median / min | the runtime's share | the engine's share | whole, of brig's |\n|---|---|---|---|---|\n"
    );
    for series in all {
        let whole = milliseconds(&series.walls).unwrap_or_default();
        let (wall, share) =
            (median(&series.walls).unwrap_or_default(), median(&series.shares).unwrap_or_default());
        let ratio = all.first().and_then(|brig| paired_ratio(&series.walls, &brig.walls)).unwrap_or_default();
        let (share, rest) = (share.as_secs_f64() * 1e3, wall.saturating_sub(share).as_secs_f64() * 1e3);
        let line = format!("| {} | {whole} | {share:.1} | {rest:.1} | {ratio:.2} |\n", series.title);
        text.push_str(&line);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engines_share_is_what_the_runtime_leaves() {
        let ms = Duration::from_millis;
        let series = |title: &str, walls: [u64; 3], shares: [u64; 3]| Series {
            title: title.into(),
            program: PathBuf::new(),
            walls: walls.map(ms).to_vec(),
            shares: shares.map(ms).to_vec(),
        };
        let text = table(
            "docker",
            &[series("brig", [300, 310, 290], [10, 11, 9]), series("runc 1", [360, 372, 348], [60, 60, 60])],
        );
        assert!(text.contains("| brig | 300 / 290 | 10.0 | 290.0 | 1.00 |"), "{text}");
        assert!(text.contains("| runc 1 | 360 / 348 | 60.0 | 300.0 | 1.20 |"), "{text}");
    }
}
