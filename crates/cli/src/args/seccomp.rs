//! The words of `seccomp`: what to do with a profile, typed. Runs in: parent.

use std::{ffi::OsString, path::PathBuf};

use super::{
    Command,
    scan::Found,
    value::{NumberError, unsigned},
};

/// `seccomp`: a profile looked at by itself.
#[derive(Debug, PartialEq, Eq)]
pub struct SeccompArgs {
    /// What to do.
    pub action: SeccompAction,
    /// Architecture of the machine that the filter is for, as typed; without it, this one.
    pub machine: Option<String>,
}

/// What to do with a profile.
#[derive(Debug, PartialEq, Eq)]
pub enum SeccompAction {
    /// `compile`: write the program.
    Compile {
        /// The profile.
        profile: ProfilePath,
        /// The file to write; standard output without it.
        output: Option<PathBuf>,
    },
    /// `show`: print the program for a person.
    Show {
        /// The profile.
        profile: ProfilePath,
    },
    /// `check`: say what a call gets.
    Check {
        /// The profile.
        profile: ProfilePath,
        /// Name or number of the system call.
        call: String,
        /// Its arguments; those that are not given are 0.
        args: Vec<u64>,
        /// Architecture of the call, as typed; without it, the machine's own.
        arch: Option<String>,
    },
    /// `diff`: say for which calls two profiles differ.
    Diff {
        /// The one.
        one: ProfilePath,
        /// The other.
        other: ProfilePath,
    },
}

/// Where a profile is.
#[derive(Debug, PartialEq, Eq)]
pub enum ProfilePath {
    /// A file with a `linux.seccomp` object or a whole config.json, or the directory of one.
    Path(PathBuf),
    /// On standard input.
    Stdin,
}

/// A call has no more arguments.
const MOST_ARGS: usize = 6;

pub(super) fn read(found: Found) -> Result<Command, String> {
    let mut words = found.words.clone().into_iter();
    let verb = words.next().unwrap_or_default().to_string_lossy().into_owned();
    let action = match verb.as_str() {
        "compile" => SeccompAction::Compile { profile: only(&verb, words)?, output: found.path("output") },
        "show" => SeccompAction::Show { profile: only(&verb, words)? },
        "check" => check(words, found.text("arch"))?,
        "diff" => {
            let one = words.next().map(profile).ok_or_else(|| wants("diff", "two profiles"))?;
            SeccompAction::Diff { one, other: only("diff", words)? }
        }
        other => return Err(format!("seccomp {other}: want compile, show, check or diff")),
    };
    let out_of_place = |flag: &str, meant: bool| match found.has(flag) && !meant {
        true => Err(format!("seccomp {verb} takes no --{flag}")),
        false => Ok(()),
    };
    out_of_place("output", verb == "compile")?;
    out_of_place("arch", verb == "check")?;
    Ok(Command::Seccomp(SeccompArgs { action, machine: found.text("machine") }))
}

fn check(mut words: impl Iterator<Item = OsString>, arch: Option<String>) -> Result<SeccompAction, String> {
    let missing = || wants("check", "a profile and a system call");
    let profile = words.next().map(profile).ok_or_else(missing)?;
    let call = words.next().ok_or_else(missing)?.to_string_lossy().into_owned();
    let args: Vec<u64> = words.map(|word| argument(&word.to_string_lossy())).collect::<Result<_, _>>()?;
    match args.len() {
        ..=MOST_ARGS => Ok(SeccompAction::Check { profile, call, args, arch }),
        given => Err(format!("seccomp check: a system call has {MOST_ARGS} arguments, {given} are given")),
    }
}

/// The last profile.
fn only(verb: &str, mut words: impl Iterator<Item = OsString>) -> Result<ProfilePath, String> {
    let wanted = if verb == "diff" { "two profiles" } else { "one profile" };
    match (words.next(), words.next()) {
        (Some(word), None) => Ok(profile(word)),
        _ => Err(wants(verb, wanted)),
    }
}

fn wants(verb: &str, what: &str) -> String {
    format!("seccomp {verb} wants {what}")
}

fn profile(word: OsString) -> ProfilePath {
    if word == "-" { ProfilePath::Stdin } else { ProfilePath::Path(word.into()) }
}

fn argument(text: &str) -> Result<u64, String> {
    unsigned(text).map_err(|error| match error {
        NumberError::Syntax => format!("seccomp check: argument {text:?} is not a number"),
        NumberError::Range => format!("seccomp check: argument {text:?} does not fit 64 bits"),
    })
}
