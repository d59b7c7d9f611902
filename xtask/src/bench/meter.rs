//! One measured command: how long, how many faults, how much memory, how many system calls.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::candidates::Words;
use super::scratch::Scratch;
use crate::command::which;

/// What tests/bench/meter.c says of one command.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sample {
    /// From vfork to the end.
    pub(super) wall: Duration,
    /// Minor page faults of the command and of all it waited for.
    pub(super) faults: u64,
    /// The largest resident set among them, in KiB.
    pub(super) peak: u64,
}

/// Runs commands and measures them.
#[derive(Debug)]
pub(super) struct Meter {
    program: PathBuf,
    errors: PathBuf,
    trace: PathBuf,
}

impl Meter {
    /// Builds the measuring program.
    ///
    /// # Errors
    /// There is no C compiler.
    pub(super) fn new(scratch: &Scratch) -> Result<Self, String> {
        let program = scratch.compile("meter")?;
        Ok(Self { program, errors: scratch.join("errors"), trace: scratch.join("trace") })
    }

    /// Runs `words` once.
    ///
    /// # Errors
    /// The command cannot be started or fails; what it wrote to standard error is the reason.
    pub(super) fn sample(&self, words: &Words) -> Result<Sample, String> {
        let mut command = Command::new(&self.program);
        let command = command.args(words).stdin(Stdio::null()).stderr(self.errors_file()?);
        let output = command.output().map_err(|error| format!("meter: {error}"))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let (sample, status) = read(&text).ok_or("the meter printed nothing")?;
        if status == 0 { Ok(sample) } else { Err(self.reason(words, status)) }
    }

    /// Runs `words` once under strace and counts the system calls of all its processes.
    ///
    /// # Errors
    /// There is no strace, or the command fails under it.
    pub(super) fn count_calls(&self, words: &Words) -> Result<u64, String> {
        let strace = which("strace").ok_or("strace is missing")?;
        let mut command = Command::new(strace);
        command.args(["-f", "-qq", "-o"]).arg(&self.trace).args(words);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(self.errors_file()?);
        let status = command.status().map_err(|error| format!("strace: {error}"))?;
        if !status.success() {
            return Err(self.reason(words, status.code().unwrap_or(-1)));
        }
        let trace = fs::read(&self.trace).map_err(|error| format!("strace: {error}"))?;
        Ok(calls(&String::from_utf8_lossy(&trace)))
    }

    fn errors_file(&self) -> Result<File, String> {
        File::create(&self.errors).map_err(|error| format!("{}: {error}", self.errors.display()))
    }

    fn reason(&self, words: &Words, status: i32) -> String {
        let said = fs::read_to_string(&self.errors).unwrap_or_default();
        let command: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
        format!("{}: status {status}: {}", command.join(" "), said.trim())
    }
}

/// `nanoseconds faults kibibytes status`.
fn read(text: &str) -> Option<(Sample, i32)> {
    let mut words = text.split_whitespace();
    let mut next = || words.next()?.parse::<u64>().ok();
    let sample = Sample { wall: Duration::from_nanos(next()?), faults: next()?, peak: next()? };
    Some((sample, words.next()?.parse().ok()?))
}

/// The lines of a trace that are calls: no signals, no ends of processes, and an interrupted call once.
fn calls(trace: &str) -> u64 {
    let is_call = |line: &&str| {
        let said = line.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start();
        !said.is_empty() && !said.starts_with(['-', '+', '<'])
    };
    trace.lines().filter(is_call).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_meter_is_read() {
        let (sample, status) = read("1500000 74 1264 0\n").unwrap();
        assert_eq!(sample, Sample { wall: Duration::from_micros(1500), faults: 74, peak: 1264 });
        assert_eq!(status, 0);
        assert_eq!(read("1 2 3"), None);
    }

    #[test]
    fn an_interrupted_call_counts_once_and_signals_do_not() {
        let trace = "7 wait4(-1,  <unfinished ...>\n8 getpid() = 8\n8 +++ exited with 0 +++\n\
                     7 <... wait4 resumed>) = 8\n7 --- SIGCHLD {} ---\n";
        assert_eq!(calls(trace), 2);
    }
}
