//! What a seccomp profile costs: when a container starts, and at every call that its program makes.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::candidates::{Candidate, Kind};
use super::operations::{Operation, Series};
use super::report::{Cell, Row};

/// Rounds before the measured ones.
const WARM_UP: usize = 2;
/// Each is the best of many batches already.
const ROUNDS: usize = 3;

/// What tests/bench/calls.c is asked for: the head of the row, and the call.
const CALLS: [(&str, &str); 3] = [
    ("one getppid under the profile, ns", "getppid"),
    ("one call that it refuses (unshare), ns", "unshare"),
    ("one call that it lets pass by its argument (personality), ns", "personality"),
];

/// By how much `run` takes longer with the profile than without, both in the same round.
pub(super) fn added(series: &Series<'_>, candidates: &[Candidate]) -> Row {
    let mut all: Vec<Result<Cell, String>> = candidates.iter().map(|_| Ok(Cell::Added(Vec::new()))).collect();
    for round in 0..WARM_UP + series.rounds {
        for turn in 0..candidates.len() {
            let at = (round + turn) % candidates.len();
            if candidates[at].kind == Kind::Floor {
                continue;
            }
            match (one_more(series, &candidates[at], round), &mut all[at]) {
                (Ok(more), Ok(Cell::Added(differences))) if round >= WARM_UP => differences.push(more),
                (Err(reason), cell @ Ok(_)) => *cell = Err(reason),
                _ => {}
            }
        }
    }
    Row::of("what the profile adds to run, ms", all)
}

/// In nanoseconds. Which of the two comes first changes from round to round.
fn one_more(series: &Series<'_>, who: &Candidate, round: usize) -> Result<i64, String> {
    let wall = |operation| series.sample(operation, who).map(|sample| sample.wall.as_nanos());
    let (without, with) = if round.is_multiple_of(2) {
        let without = wall(Operation::Run)?;
        (without, wall(Operation::RunWithProfile)?)
    } else {
        let with = wall(Operation::RunWithProfile)?;
        (wall(Operation::Run)?, with)
    };
    let signed = |nanoseconds| i64::try_from(nanoseconds).unwrap_or(i64::MAX);
    Ok(signed(with) - signed(without))
}

/// Calls inside of a container, for each in turn.
pub(super) fn calls(bundle: impl Fn(&str) -> Result<PathBuf, String>, candidates: &[Candidate]) -> Vec<Row> {
    let row = |(title, call): (&str, &str)| {
        let bundle = bundle(call);
        let mut best: Vec<Result<Option<u64>, String>> = candidates.iter().map(|_| Ok(None)).collect();
        for round in 0..ROUNDS {
            for turn in 0..candidates.len() {
                let at = (round + turn) % candidates.len();
                if candidates[at].kind != Kind::Floor {
                    let took = bundle.clone().and_then(|bundle| nanoseconds(&candidates[at], &bundle));
                    let known = best[at].clone();
                    best[at] =
                        known.and_then(|known| took.map(|took| Some(known.map_or(took, |it| it.min(took)))));
                }
            }
        }
        Row::of(title, best.into_iter().map(|cell| cell.map(Cell::Count)).collect())
    };
    CALLS.into_iter().map(row).collect()
}

fn nanoseconds(who: &Candidate, bundle: &Path) -> Result<u64, String> {
    let id = who.container();
    let words = who.command(["run".as_ref(), "--bundle".as_ref(), bundle.as_os_str(), id.as_ref()]);
    let (program, words) = words.split_first().ok_or("no command")?;
    let ran = Command::new(program).args(words).stdin(Stdio::null()).output();
    let output = ran.map_err(|error| format!("{}: {error}", program.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let said = || String::from_utf8_lossy(&output.stderr).trim().to_owned();
    text.trim().parse().map_err(|_| format!("calls: {}: {}", output.status, said()))
}
