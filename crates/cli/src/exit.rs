//! Exit codes: the numbers that callers of an OCI runtime look at. Runs in: parent.

use std::process::ExitCode;

use brig_runtime::{Error, error::Step};
use rustix::io::Errno;
use serde::Serialize;

/// How the command ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0.
    Success,
    /// 1: any error but those below.
    Failure,
    /// 1, as an answer: what `seccomp` was asked is not so, what `doctor` was asked for is missing.
    No,
    /// 2: `seccomp` or `doctor` has no answer.
    Trouble,
    /// 3: there is no such command.
    UnknownCommand,
    /// 255: `exec` failed before its process ran.
    ExecFailure,
    /// The status of a process that ran in the foreground: its exit code, or 128 plus the signal that ended it.
    Process(u8),
}

impl Exit {
    /// The number that the caller sees.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Failure | Self::No => 1,
            Self::Trouble => 2,
            Self::UnknownCommand => 3,
            Self::ExecFailure => 255,
            Self::Process(status) => status,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// An error on its way to the log and to the exit code.
#[derive(Debug)]
pub struct Failure {
    /// What the log says, prefix included.
    pub message: String,
    /// How the command ends.
    pub exit: Exit,
    /// The same in parts, where there are some.
    pub details: Option<Box<Details>>,
}

/// The parts of an error, as fields of the log. What is not known is left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Details {
    /// What the kernel said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errno: Option<i32>,
    /// Why it failed and what helps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The entry of config.json that asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// What was attempted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<&'static str>,
    /// On what.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
}

impl Details {
    /// Those of the runtime's error.
    #[must_use]
    pub fn of(error: &Error) -> Option<Box<Self>> {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let details = Self {
            errno: error.errno().map(Errno::raw_os_error),
            hint: owned(error.hint()),
            path: owned(error.json_path()),
            step: error.failed_step().map(Step::name),
            subject: owned(error.subject()),
        };
        (details != Self::default()).then(|| Box::new(details))
    }

    /// Name and value of each, in the order of their names.
    pub fn fields(&self) -> impl Iterator<Item = (&'static str, String)> {
        let Self { errno, hint, path, step, subject } = self.clone();
        let fields = [
            ("errno", errno.map(|errno| errno.to_string())),
            ("hint", hint),
            ("path", path),
            ("step", step.map(str::to_owned)),
            ("subject", subject),
        ];
        fields.into_iter().filter_map(|(name, value)| Some((name, value?)))
    }
}

impl Failure {
    /// A failure with exit code 1.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), exit: Exit::Failure, details: None }
    }

    /// Puts the name of the failed step before the message: `run failed: …`.
    #[must_use]
    pub fn prefixed(self, prefix: &str) -> Self {
        Self { message: format!("{prefix}: {}", self.message), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::Exit;

    #[test]
    fn the_codes_are_runcs() {
        let exits =
            [Exit::Success, Exit::Failure, Exit::UnknownCommand, Exit::ExecFailure, Exit::Process(137)];
        assert_eq!(exits.map(Exit::code), [0, 1, 3, 255, 137]);
    }
}
