//! The words after `cargo xtask vm`.

use std::path::PathBuf;
use std::time::Duration;

use crate::vm::recipe::{SETS, Set};

/// What the caller wants.
#[derive(Debug)]
pub(super) struct Options {
    pub(super) work: Work,
    /// Packages beyond those that are always there.
    pub(super) sets: Vec<Set>,
    pub(super) accelerator: Accelerator,
    /// A folder that goes in, at the path that it has here.
    pub(super) bring: Option<PathBuf>,
    /// Where `/brig/out` goes.
    pub(super) out: Option<PathBuf>,
    /// The machine is stopped after this long.
    pub(super) limit: Duration,
}

/// What its processors are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Accelerator {
    /// qemu's emulation.
    Emulation,
    /// Another accelerator of qemu's, by its name there.
    Qemu(String),
    /// This machine's own: user-mode Linux.
    Uml,
}

impl Accelerator {
    /// The one that `word` names.
    pub(crate) fn read(word: &str) -> Self {
        match word {
            "tcg" => Self::Emulation,
            "uml" => Self::Uml,
            other => Self::Qemu(other.to_owned()),
        }
    }
}

/// What runs in the machine.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// brig's tests whose names contain one of the words; all of them when there is none.
    Tests(Choice, Vec<String>),
    /// Anything.
    Command(Vec<String>),
}

/// Which of brig's tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Choice {
    /// What is worth its time in emulation: see `vm/tests.rs`.
    Most,
    /// All that start containers or make cgroups.
    All,
}

/// Enough for all tests in emulation.
const LIMIT: Duration = Duration::from_secs(40 * 60);

impl Default for Options {
    fn default() -> Self {
        Self {
            work: Work::Tests(Choice::Most, Vec::new()),
            sets: Vec::new(),
            accelerator: Accelerator::Emulation,
            bring: None,
            out: None,
            limit: LIMIT,
        }
    }
}

impl Options {
    /// Reads the words.
    ///
    /// # Errors
    /// One is not an option, or lacks its value.
    pub(super) fn read(words: &[String]) -> Result<Self, String> {
        let mut options = Self::default();
        let (mut choice, mut names) = (Choice::Most, Vec::new());
        let mut rest = words.iter();
        while let Some(word) = rest.next() {
            let mut value = || rest.next().ok_or_else(|| format!("{word} wants a value"));
            match word.as_str() {
                "--" => return options.with_command(rest.cloned().collect()),
                "--all" => choice = Choice::All,
                "--accel" => options.accelerator = Accelerator::read(value()?),
                "--with" => options.sets = sets(value()?)?,
                "--in" => options.bring = Some(PathBuf::from(value()?)),
                "--out" => options.out = Some(PathBuf::from(value()?)),
                "--timeout" => options.limit = seconds(value()?)?,
                other if other.starts_with('-') => return Err(format!("unknown option {other:?}")),
                name => names.push(name.to_owned()),
            }
        }
        Ok(Self { work: Work::Tests(choice, names), ..options })
    }

    fn with_command(self, command: Vec<String>) -> Result<Self, String> {
        if command.is_empty() {
            return Err("-- wants a command".into());
        }
        Ok(Self { work: Work::Command(command), ..self })
    }
}

fn sets(names: &str) -> Result<Vec<Set>, String> {
    let known = || SETS.map(|set| set.name).join(", ");
    let find = |name: &str| {
        let set = SETS.into_iter().find(|set| set.name == name);
        set.ok_or_else(|| format!("--with {name:?}: there are {}", known()))
    };
    names.split(',').map(find).collect()
}

fn seconds(word: &str) -> Result<Duration, String> {
    let seconds = word.parse().ok().filter(|seconds| *seconds > 0).map(Duration::from_secs);
    seconds.ok_or_else(|| format!("--timeout {word:?}: want a positive number of seconds"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Result<Options, String> {
        Options::read(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn without_a_command_brig_s_tests_run() {
        assert_eq!(read(&[]).unwrap().work, Work::Tests(Choice::Most, vec![]));
        let all = read(&["--all", "limits", "--timeout", "5"]).unwrap();
        assert_eq!(all.work, Work::Tests(Choice::All, vec!["limits".into()]));
        assert_eq!(all.limit, Duration::from_secs(5));
    }

    #[test]
    fn what_follows_two_dashes_is_a_command_with_its_own_options() {
        let options = read(&["--out", "/x", "--with", "criu,peers", "--", "ls", "--all"]).unwrap();
        assert_eq!(options.work, Work::Command(vec!["ls".into(), "--all".into()]));
        assert_eq!(options.out, Some("/x".into()));
        assert_eq!(options.sets.iter().map(|set| set.name).collect::<Vec<_>>(), ["criu", "peers"]);
    }

    #[test]
    fn an_accelerator_is_emulation_or_user_mode_linux_or_one_that_qemu_knows() {
        assert_eq!(read(&[]).unwrap().accelerator, Accelerator::Emulation);
        let named = |name: &str| read(&["--accel", name]).unwrap().accelerator;
        assert_eq!(named("tcg"), Accelerator::Emulation);
        assert_eq!(named("uml"), Accelerator::Uml);
        assert_eq!(named("kvm"), Accelerator::Qemu("kvm".into()));
    }

    #[test]
    fn what_is_not_an_option_is_refused_by_name() {
        assert_eq!(read(&["--slow"]).unwrap_err(), "unknown option \"--slow\"");
        assert_eq!(read(&["--out"]).unwrap_err(), "--out wants a value");
        assert_eq!(read(&["--"]).unwrap_err(), "-- wants a command");
        assert_eq!(
            read(&["--with", "x"]).unwrap_err(),
            "--with \"x\": there are criu, engines, peers, tools"
        );
        assert_eq!(
            read(&["--timeout", "0"]).unwrap_err(),
            "--timeout \"0\": want a positive number of seconds"
        );
    }
}
