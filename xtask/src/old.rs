//! `cargo xtask old`: the root tests on a kernel that lacks a feature.
//!
//! A filter made by `crates/seccomp` answers ENOSYS to the feature's system calls, in the test binary and in everything that
//! it starts; where the feature is a flag or a file, it asks us (answered.rs). Then a test passes, because brig has another way,
//! or what is refused is refused by the feature's name; and docs/kernel-features.md says which.

mod answered;
mod feature;

use std::fmt;
use std::fs;
use std::ops::AddAssign;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Instant;

use crate::command::is_root;
use crate::tally::{self, Tally};
use crate::test::{self, Whole};
use crate::usage::BELOW;
use feature::{Excuse, Instead};
pub(crate) use feature::{FEATURES, Feature, How, Promises};

/// What ended how without one feature.
#[derive(Debug, Default, Clone, Copy)]
struct Score {
    sum: Tally,
    refused: usize,
}

impl AddAssign for Score {
    fn add_assign(&mut self, other: Self) {
        self.sum += other.sum;
        self.refused += other.refused;
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sum: Tally { passed, failed, skipped }, refused } = self;
        write!(f, "{passed} passed, {refused} refused by name, {skipped} skipped, {failed} otherwise")
    }
}

/// `cargo xtask old [FEATURE…] [WORD…]`: prints each test that does neither, and a line for each feature.
///
/// # Errors
/// It cannot be done here, or the tests do not build.
pub(crate) fn run(root: &Path, words: &[String]) -> Result<ExitCode, String> {
    if let Some((BELOW, [feature, program, words @ ..])) =
        words.split_first().map(|(first, rest)| (first.as_str(), rest))
    {
        return below(feature, program, words);
    }
    if !is_root() || !cfg!(target_arch = "x86_64") {
        return Err("it needs root, and x86-64".into());
    }
    let is_feature = |word: &&String| Feature::named(word).is_some();
    let (named, words): (Vec<_>, Vec<_>) = words.iter().partition(is_feature);
    let words: Vec<String> = words.into_iter().cloned().collect();
    let features: Vec<Feature> = match named.as_slice() {
        [] => FEATURES.to_vec(),
        named => named.iter().filter_map(|name| Feature::named(name)).collect(),
    };
    let promises = Promises::read(root)?;
    let mut failed = 0;
    for feature in features {
        let score = without(root, feature, &words)?;
        failed += score.sum.failed;
        println!("without {}: {score}", feature.name);
        if let Some(complaint) = promises.complaint(feature, score.refused).filter(|_| words.is_empty()) {
            failed += 1;
            println!("FAIL  docs/kernel-features.md: {complaint}");
        }
    }
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Becomes `program`, on what seems to be a kernel without `feature`.
fn below(feature: &str, program: &str, words: &[String]) -> Result<ExitCode, String> {
    let feature = Feature::named(feature).ok_or_else(|| format!("{feature} is no feature"))?;
    let How::Calls(calls) = feature.how else {
        let code = answered::run(feature.how, program, words)?.code();
        return Ok(code.and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from));
    };
    feature::load(calls, Instead::Refuse, 0)?;
    Err(format!("{program}: {}", Command::new(program).args(words).exec()))
}

/// The words before a command that run it without `feature`.
///
/// # Errors
/// This program does not know where it is.
pub(crate) fn words_before(feature: Feature) -> Result<[String; 4], String> {
    let this = std::env::current_exe().map_err(|error| format!("own executable: {error}"))?;
    Ok([this.display().to_string(), "old".into(), BELOW.into(), feature.name.into()])
}

fn without(root: &Path, feature: Feature, words: &[String]) -> Result<Score, String> {
    let mut sum = Score::default();
    let before = words_before(feature)?;
    test::whole_containers(root, words, |binary| {
        let started = Instant::now();
        let score = judged(binary, feature, &before)?;
        println!("      {}: {score} in {:.1} s", binary.name(), started.elapsed().as_secs_f32());
        sum += score;
        Ok(())
    })?;
    Ok(sum)
}

/// Runs the tests of one binary without the feature; `before` are the words that take it away.
fn judged(binary: &Whole<'_>, feature: Feature, before: &[String]) -> Result<Score, String> {
    let output = binary.run(before, &[])?;
    let mut score = Score { sum: Tally::read(&output).unwrap_or(Tally::BROKEN), refused: 0 };
    if Tally::read(&output).is_none() {
        println!("FAIL  without {}: {}: it did not come to its end", feature.name, binary.name());
    }
    for (name, text) in tally::failures(&output) {
        let excuse = match feature.excuse(&text) {
            None => feature.excuse(&written(binary, before, &name)?),
            excuse => excuse,
        };
        match excuse {
            Some(Excuse::Refused) => score.refused += 1,
            Some(Excuse::Filter) => score.sum.skipped += 1,
            None => {
                println!("FAIL  without {}: {}: {name}\n{text}", feature.name, binary.name());
                continue;
            }
        }
        score.sum.failed -= 1;
    }
    Ok(score)
}

/// All that is written while one test is run again: not every test shows what brig said.
fn written(binary: &Whole<'_>, before: &[String], name: &str) -> Result<String, String> {
    let path = std::env::temp_dir().join(format!("brig-old-{}", std::process::id()));
    let strace = ["strace", "-f", "-qq", "-e", "trace=write,writev", "-s", "4000", "-o"].map(str::to_owned);
    let words: Vec<String> =
        strace.into_iter().chain([path.display().to_string()]).chain(before.iter().cloned()).collect();
    binary.run(&words, &["--exact", name])?;
    let text = fs::read(&path).and_then(|text| fs::remove_file(&path).map(|()| text));
    let text = text.map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}
