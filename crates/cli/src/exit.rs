//! Exit codes: the numbers that callers of an OCI runtime look at. Runs in: parent.

use std::process::ExitCode;

/// How the command ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0.
    Success,
    /// 1: any error but those below.
    Failure,
    /// 1, as an answer: what `seccomp` was asked is not so.
    No,
    /// 2: `seccomp` has no answer.
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
}

impl Failure {
    /// A failure with exit code 1.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), exit: Exit::Failure }
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
