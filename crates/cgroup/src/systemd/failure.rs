//! What can go wrong with systemd.
//! Runs in: the parent.

use std::fmt;

use rustix::io::Errno;

use crate::error::Words;

/// What was being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doing {
    /// Starting the unit.
    Start,
    /// Stopping it.
    Stop,
    /// Changing its properties.
    Update,
    /// Moving a process into it.
    Attach,
    /// Asking systemd about itself.
    Ask,
}

/// Why it was not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// systemd cannot be reached anywhere: what was tried, and what came of it.
    Unreachable(Vec<(String, Errno)>),
    /// A system call failed.
    Call(Errno),
    /// The other end hung up.
    Closed,
    /// The other end does not want to talk to this user.
    Rejected,
    /// The other end does not speak D-Bus.
    Malformed,
    /// An error reply.
    Refused {
        /// Its D-Bus name.
        name: String,
        /// What it says.
        message: String,
    },
    /// The job came to another end than `done`.
    Job(String),
    /// The deadline passed: what was being waited for.
    Deadline(&'static str),
    /// systemd went away in the middle, and was not back when the deadline passed: how that looked at last.
    Lost(Box<Failure>),
}

/// A failure, and of what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemdError {
    /// What was being done.
    pub doing: Doing,
    /// The unit; empty where it is about none.
    pub unit: String,
    /// Why it was not done.
    pub failure: Failure,
}

impl SystemdError {
    /// The D-Bus name of an error reply.
    pub fn name(&self) -> Option<&str> {
        if let Failure::Refused { name, .. } = &self.failure { Some(name) } else { None }
    }

    /// Whether its answer, or systemd itself, did not come in time.
    pub fn is_late(&self) -> bool {
        matches!(self.failure, Failure::Deadline(_) | Failure::Lost(_))
    }

    /// Whether systemd was not there to be asked.
    pub fn is_unreachable(&self) -> bool {
        matches!(self.failure, Failure::Unreachable(_))
    }
}

impl fmt::Display for SystemdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = &self.unit;
        if let (Doing::Start, Failure::Job(result)) = (self.doing, &self.failure) {
            return write!(f, "error creating systemd unit `{unit}`: got `{result}`");
        }
        match self.doing {
            Doing::Start => write!(f, "unable to start unit {unit:?}: "),
            Doing::Stop => write!(f, "unable to stop unit {unit:?}: "),
            Doing::Update => write!(f, "unable to set properties of unit {unit:?}: "),
            Doing::Attach => write!(f, "unable to attach a process to unit {unit:?}: "),
            Doing::Ask => write!(f, "unable to ask systemd: "),
        }?;
        write!(f, "{}", self.failure)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Unreachable(tried) => unreachable(f, tried),
            Failure::Call(errno) => write!(f, "{}", Words(*errno)),
            Failure::Closed => f.write_str("systemd hung up"),
            Failure::Rejected => f.write_str("systemd does not talk to this user"),
            Failure::Malformed => f.write_str("what systemd answers is no D-Bus message"),
            Failure::Refused { name, message } => write!(f, "{message} ({name})"),
            Failure::Job(result) => write!(f, "its job ended with {result:?}"),
            Failure::Deadline(what) => write!(f, "timeout waiting for systemd: {what}"),
            Failure::Lost(last) => write!(f, "timeout waiting for systemd to come back: {last}"),
        }
    }
}

fn unreachable(f: &mut fmt::Formatter<'_>, tried: &[(String, Errno)]) -> fmt::Result {
    if tried.is_empty() {
        return f.write_str("no bus: neither XDG_RUNTIME_DIR nor DBUS_SESSION_BUS_ADDRESS is set");
    }
    f.write_str("systemd cannot be reached")?;
    for (index, (place, errno)) in tried.iter().enumerate() {
        write!(f, "{} {place}: {}", if index == 0 { ":" } else { ";" }, Words(*errno))?;
    }
    Ok(())
}
