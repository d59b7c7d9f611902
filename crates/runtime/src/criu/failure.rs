//! What goes wrong with CRIU, and the words for it: runc's, and those of CRIU's own log.
//! Runs in: the parent.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use super::reply::{Reply, Version};
use crate::error::{Error, Kind};

/// Why CRIU did not do what it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// It is not there.
    Missing,
    /// It is older than what is asked for.
    TooOld {
        /// What is there.
        found: Version,
        /// What it takes.
        needed: Version,
    },
    /// It, or the kernel, lacks what is asked for.
    Lacks(&'static str),
    /// It tried, and says no.
    Refused {
        /// `cr_errno`.
        errno: i32,
    },
    /// It ended, or said what nobody understands.
    Broken,
}

pub(super) fn missing(program: &Path) -> Error {
    let words = format!(
        "exec: {:?}: executable file not found in $PATH (checkpoint and restore are done by CRIU, \
         which has to be installed: https://criu.org)",
        program.display().to_string()
    );
    Error::new(Kind::Criu(Failure::Missing), words)
}

/// Refuses a version that is too old for `what`.
pub(crate) fn at_least(found: Version, needed: Version, what: &str) -> Result<(), Error> {
    if found >= needed {
        return Ok(());
    }
    let words = format!("{what} requires at least CRIU {needed}, and this is CRIU {found}");
    Err(Error::new(Kind::Criu(Failure::TooOld { found, needed }), words))
}

pub(crate) fn lacks(feature: &'static str) -> Error {
    let words = format!("criu is missing features: [{feature}] (CRIU or the kernel does not support them)");
    Error::new(Kind::Criu(Failure::Lacks(feature)), words)
}

pub(crate) fn broken(words: impl Into<String>) -> Error {
    Error::new(Kind::Criu(Failure::Broken), words)
}

/// It says no: runc's words, and the first complaint of its log.
pub(super) fn refused(reply: &Reply) -> Error {
    let name = reply.job.map_or("?", super::request::Job::name);
    let words = format!("criu failed: type {name} errno {}", reply.errno);
    Error::new(Kind::Criu(Failure::Refused { errno: reply.errno }), words)
}

/// The lines of CRIU's log around each of its complaints, as warnings, and the first complaint behind the words of `error`.
pub(crate) fn quote_log(error: Error, log: &Path) -> Error {
    let Kind::Criu(Failure::Refused { .. } | Failure::Broken) = error.kind() else { return error };
    let file = match File::open(log) {
        Ok(file) => file,
        Err(failed) => {
            log::warn!("{}", Error::io(format_args!("open {}", log.display()), &failed));
            return error;
        }
    };
    let quoted = quoted(BufReader::new(file).split(b'\n').map_while(Result::ok));
    if quoted.lines.is_empty() {
        return error;
    }
    log::warn!("--- Quoting {:?}", log.display().to_string());
    for line in &quoted.lines {
        log::warn!("{line}");
    }
    log::warn!("---");
    match quoted.first {
        Some(first) => error.followed_by(format_args!(": {first}")),
        None => error,
    }
}

/// What is worth reading in a log.
#[derive(Debug, Default, PartialEq, Eq)]
struct Quoted {
    lines: Vec<String>,
    /// The first complaint, without time and place.
    first: Option<String>,
}

fn quoted(lines: impl Iterator<Item = Vec<u8>>) -> Quoted {
    let mut quoted = Quoted::default();
    let mut before: Vec<(usize, String)> = Vec::new();
    let mut printed = 0;
    for (number, line) in (1..).zip(lines) {
        let line = String::from_utf8_lossy(&line).into_owned();
        let complains = line.contains("Error");
        if complains && quoted.first.is_none() && !HARMLESS.iter().any(|harmless| line.contains(harmless)) {
            quoted.first = Some(without_place(&line).to_owned());
        }
        before.push((number, line));
        if !complains {
            if before.len() > BEFORE {
                before.remove(0);
            }
            continue;
        }
        let first = before.first().map_or(number, |(first, _)| *first);
        if printed > 0 && first > printed + 1 {
            quoted.lines.push("...".to_owned());
        }
        quoted.lines.extend(before.drain(..).map(|(number, line)| format!("{number}:{line}")));
        printed = number;
    }
    quoted
}

/// `(00.004523) Error (criu/sk-inet.c:188): words` says `words`.
fn without_place(line: &str) -> &str {
    let behind = line.split_once("Error").map_or(line, |(_, behind)| behind);
    let behind = if behind.starts_with(" (") {
        behind.split_once("): ").map_or(behind, |(_, words)| words)
    } else {
        behind
    };
    behind.trim_start_matches([':', ' ']).trim_end()
}

/// Complaints after which CRIU goes on.
const HARMLESS: [&str; 1] = ["Can't setup RLIMIT_NOFILE for self"];

/// How many lines before a complaint are quoted with it.
const BEFORE: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Quoted {
        quoted(text.lines().map(|line| line.as_bytes().to_vec()))
    }

    #[test]
    fn a_complaint_is_quoted_with_five_lines_before_it_and_gaps_are_marked() {
        let mut log: Vec<String> = (1..=20).map(|number| format!("line {number}")).collect();
        log[1] = "(00.1) Error (criu/a.c:1): a: first".into();
        log[2] = "(00.1) Error (criu/b.c:2): second".into();
        log[15] = "Error: Dumping FAILED.".into();
        let quoted = of(&log.join("\n"));
        let numbers: Vec<&str> = quoted.lines.iter().map(|line| line.split(':').next().unwrap()).collect();
        assert_eq!(numbers, ["1", "2", "3", "...", "11", "12", "13", "14", "15", "16"]);
        assert_eq!(quoted.first.as_deref(), Some("a: first"));
    }

    #[test]
    fn a_log_without_complaints_is_not_quoted() {
        assert_eq!(of("a\nb\n"), Quoted::default());
        assert_eq!(of("Error: x").first.as_deref(), Some("x"));
    }

    #[test]
    fn a_criu_that_is_too_old_is_refused_with_both_versions() {
        let error = at_least(Version::new(3, 15), Version::new(3, 16), "--lsm-profile").unwrap_err();
        let words = "--lsm-profile requires at least CRIU 3.16, and this is CRIU 3.15";
        assert_eq!(error.to_string(), words);
        assert!(at_least(Version::new(3, 16), Version::new(3, 16), "x").is_ok());
    }
}
