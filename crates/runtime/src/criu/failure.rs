//! What goes wrong with CRIU, and the words for it: runc's, and those of CRIU's own log.
//! Runs in: the parent.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, OFlags, fstat, openat};
use rustix::io::Errno;

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
    /// A part of the memory is missing in the images, or one of them is no file.
    NotWhole,
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

/// There has to be more in a file of the images.
pub(super) fn cut_short(file: &str, size: u64, wanted: u64) -> Error {
    let words = format!("the images are not whole: {file} has {size} of {wanted} bytes");
    Error::new(Kind::Criu(Failure::NotWhole), words)
}

/// One of the images is something else.
pub(super) fn no_file(image: &str) -> Error {
    Error::new(
        Kind::Criu(Failure::NotWhole),
        format!("the images are not whole: {image} is no ordinary file"),
    )
}

/// The lines of CRIU's log around each of its complaints, as warnings, and the first complaint behind the words of `error`.
pub(crate) fn quote_log(error: Error, log: &Path) -> Error {
    let Kind::Criu(Failure::Refused { .. } | Failure::Broken) = error.kind() else { return error };
    let file = match open_log(log) {
        Ok(file) => file,
        Err(errno) => {
            log::warn!("{}", Error::os(format_args!("open {}", log.display()), errno));
            return error;
        }
    };
    let quoted = quoted(BufReader::new(file.take(LONGEST_LOG)).split(b'\n').map_while(Result::ok));
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

/// A file, wherever others may have put something else: reading that might never end.
fn open_log(log: &Path) -> Result<File, Errno> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = openat(CWD, log, flags, Mode::empty())?;
    let regular = FileType::from_raw_mode(fstat(&file)?.st_mode) == FileType::RegularFile;
    if regular { Ok(File::from(file)) } else { Err(Errno::INVAL) }
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
        let line = printable(&String::from_utf8_lossy(&line));
        let complains = line.contains("Error");
        if quoted.first.is_none() && !HARMLESS.iter().any(|harmless| line.contains(harmless)) {
            quoted.first = complaint(&line).map(str::to_owned);
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
        if quoted.lines.len() > MOST_LINES {
            quoted.lines.push("...".to_owned());
            break;
        }
    }
    quoted
}

/// Names of files stand in the log, which the container chose: they do nothing to a terminal.
fn printable(line: &str) -> String {
    let escaped = |letter: char| letter.is_control() && letter != '\t';
    if !line.contains(escaped) {
        return line.to_owned();
    }
    let escape =
        |letter: char| if escaped(letter) { letter.escape_default().to_string() } else { letter.into() };
    line.chars().map(escape).collect()
}

/// `(00.004523) Error (criu/sk-inet.c:188): words` says `words`; so does a line that names a process behind the time. `None` for
/// a line that only mentions an error.
fn complaint(line: &str) -> Option<&str> {
    let behind =
        line.strip_prefix('(').and_then(|line| line.split_once(") ")).map_or(line, |(_, behind)| behind);
    let is_name = |letter: char| letter.is_ascii_digit() || matches!(letter, ' ' | ':' | 'p' | 'i' | 'e');
    let words = behind.trim_start_matches(is_name).strip_prefix("Error")?;
    let words = match words.strip_prefix(" (") {
        Some(place) => place.split_once("): ").map_or(words, |(_, words)| words),
        None => words,
    };
    Some(words.trim_start_matches([':', ' ']).trim_end())
}

/// Complaints after which CRIU goes on.
const HARMLESS: [&str; 1] = ["Can't setup RLIMIT_NOFILE for self"];

/// How many lines before a complaint are quoted with it.
const BEFORE: usize = 5;

/// How many lines are quoted at most, about, and how many bytes are read for that.
const MOST_LINES: usize = 200;
const LONGEST_LOG: u64 = 64 << 20;

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
    fn what_a_container_calls_its_files_is_neither_the_complaint_nor_obeyed_by_a_terminal() {
        let quoted = of("(00.1) Dumping path for /Error (x): trust me\n\
            (00.2)      1: Error (criu/files.c:1): Can't dump \u{1b}[2Jname\n");
        assert_eq!(quoted.first.as_deref(), Some("Can't dump \\u{1b}[2Jname"));
        assert_eq!(quoted.lines.len(), 2);
        assert_eq!(of("(00.3) pie: 12: Error (criu/pie/restorer.c:1): no\n").first.as_deref(), Some("no"));
    }

    #[test]
    fn of_a_log_that_is_nothing_but_complaints_some_are_enough() {
        let quoted = of(&"(00.1) Error (criu/a.c:1): no\n".repeat(100_000));
        assert!((MOST_LINES..MOST_LINES + 10).contains(&quoted.lines.len()), "{}", quoted.lines.len());
    }

    #[test]
    fn a_criu_that_is_too_old_is_refused_with_both_versions() {
        let error = at_least(Version::new(3, 15), Version::new(3, 16), "--lsm-profile").unwrap_err();
        let words = "--lsm-profile requires at least CRIU 3.16, and this is CRIU 3.15";
        assert_eq!(error.to_string(), words);
        assert!(at_least(Version::new(3, 16), Version::new(3, 16), "x").is_ok());
    }
}
