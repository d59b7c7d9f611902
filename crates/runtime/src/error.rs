//! What goes wrong, typed: a [`Kind`] for programs to match, and words for people, which are runc's where it has some.
//! Runs in: the parent.

use std::fmt;
use std::io;
use std::time::Duration;

pub use brig_handshake::Step;
use brig_plan::refusal::Refusal;
use rustix::io::Errno;

use crate::missing;

/// A failure of this crate: what kind it is, and the words for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    kind: Kind,
    words: String,
    details: Option<Box<Details>>,
}

/// What is known of a failure beside its kind and words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Details {
    subject: Option<String>,
    json_path: Option<String>,
    hint: Option<String>,
}

/// What kind of failure it is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// The text is not a container id.
    InvalidId,
    /// There is a container of that id.
    AlreadyExists,
    /// There is no container of that id.
    NotFound,
    /// The container's status does not allow what was asked for.
    WrongStatus,
    /// The container is paused, and what was asked for needs it to run.
    Paused,
    /// The configuration is not carried out.
    Refused(Refusal),
    /// A step of a container's start failed.
    Step {
        /// Which.
        step: Step,
        /// What the kernel said; `None` where the words say all.
        errno: Option<Errno>,
    },
    /// `brig-init` was killed (SIGKILL) before it became the user's program.
    InitKilled,
    /// The OOM killer ended the start of a container.
    OutOfMemory {
        /// The container's memory limit in bytes, if it has one.
        limit: Option<u64>,
    },
    /// A hook failed, or ran too long.
    Hook,
    /// CRIU did not do what it was asked for.
    Criu(crate::criu::Failure),
    /// A control group could not be made, read, emptied or removed.
    Cgroup(Box<brig_cgroup::Error>),
    /// systemd did not do what it was asked for.
    Systemd(Box<brig_cgroup::SystemdError>),
    /// A system call failed.
    Os(Errno),
    /// A wait took longer than it may.
    Deadline,
    /// A wait was ended by who had it begun.
    Cancelled,
    /// The record on disk is not one, or is of another version.
    Record,
}

/// The result of nearly everything here.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A failure in words of the caller's choice.
    pub fn new(kind: Kind, words: impl Into<String>) -> Self {
        Self { kind, words: words.into(), details: None }
    }

    /// `container id cannot be empty`
    pub fn empty_id() -> Self {
        Self::new(Kind::InvalidId, "container id cannot be empty")
    }

    /// `invalid container ID format`
    pub fn invalid_id() -> Self {
        Self::new(Kind::InvalidId, "invalid container ID format")
    }

    /// `container with given ID already exists`
    pub fn already_exists() -> Self {
        Self::new(Kind::AlreadyExists, "container with given ID already exists")
    }

    /// `container does not exist`
    pub fn not_found() -> Self {
        Self::new(Kind::NotFound, "container does not exist")
    }

    /// `container not running`
    pub fn not_running() -> Self {
        Self::wrong_status("container not running")
    }

    /// `container not paused`
    pub fn not_paused() -> Self {
        Self::wrong_status("container not paused")
    }

    /// `container paused`
    pub fn paused() -> Self {
        Self::new(Kind::Paused, "container paused")
    }

    /// The status is not the one that is needed, in runc's words for that command.
    pub fn wrong_status(words: impl Into<String>) -> Self {
        Self::new(Kind::WrongStatus, words)
    }

    /// `what: errno's words`; `what` is the call and its subject, as in `open /run/brig/a`.
    pub fn os(what: impl fmt::Display, errno: Errno) -> Self {
        Self::new(Kind::Os(errno), format!("{what}: {}", missing::words(errno.raw_os_error())))
    }

    /// As [`Error::os`], from the standard library's error.
    pub fn io(what: impl fmt::Display, error: &io::Error) -> Self {
        match Errno::from_io_error(error) {
            Some(errno) => Self::os(what, errno),
            None => Self::new(Kind::Os(Errno::IO), format!("{what}: {error}")),
        }
    }

    /// `step: subject: errno's words`, or without a subject where that is empty.
    pub fn step(step: Step, subject: impl fmt::Display, errno: Errno) -> Self {
        let subject = subject.to_string();
        let colon = if subject.is_empty() { "" } else { ": " };
        let words = format!("{}{colon}{subject}: {}", step.name(), missing::words(errno.raw_os_error()));
        Self::new(Kind::Step { step, errno: Some(errno) }, words).about(subject)
    }

    /// A hook's failure.
    pub fn hook(words: impl Into<String>) -> Self {
        Self::new(Kind::Hook, words)
    }

    /// `what` did not happen within `limit`.
    pub fn deadline(what: impl fmt::Display, limit: Duration) -> Self {
        Self::new(Kind::Deadline, format!("{what}: deadline of {:.1}s passed", limit.as_secs_f64()))
    }

    /// The record makes no sense.
    pub fn record(words: impl fmt::Display) -> Self {
        Self::new(Kind::Record, format!("record: {words}"))
    }

    /// The same failure with `prefix: ` before its words.
    #[must_use]
    pub fn within(self, prefix: impl fmt::Display) -> Self {
        Self { words: format!("{prefix}: {}", self.words), ..self }
    }

    /// The same failure with more behind its words.
    #[must_use]
    pub(crate) fn followed_by(self, suffix: impl fmt::Display) -> Self {
        Self { words: format!("{}{suffix}", self.words), ..self }
    }

    /// The same failure, of what was done to `subject`; the words say so already. An empty subject is none.
    #[must_use]
    pub(crate) fn about(mut self, subject: impl Into<String>) -> Self {
        self.details().subject = Some(subject.into()).filter(|subject| !subject.is_empty());
        self
    }

    /// The same failure, of what this entry of the configuration asked for: its words end in ` (path)`.
    #[must_use]
    pub(crate) fn asked_for_by(mut self, json_path: impl Into<String>) -> Self {
        let json_path = json_path.into();
        self.words.push_str(&format!(" ({json_path})"));
        self.details().json_path = Some(json_path);
        self
    }

    /// As [`Error::asked_for_by`], where the words name the entry already.
    #[must_use]
    pub(crate) fn of_entry(mut self, json_path: impl Into<String>) -> Self {
        self.details().json_path = Some(json_path.into());
        self
    }

    /// The same failure, whose cause is known: the words end in `; hint`.
    #[must_use]
    pub(crate) fn because(mut self, hint: Option<String>) -> Self {
        if let Some(hint) = hint {
            self.details().hint = Some(hint);
        }
        self
    }

    fn details(&mut self) -> &mut Details {
        self.details.get_or_insert_default()
    }

    /// What it was done to: a path, a process, a name. `None` where the words alone say.
    pub fn subject(&self) -> Option<&str> {
        self.details.as_ref()?.subject.as_deref()
    }

    /// The entry of `config.json` that asked for it: `mounts[2].source`.
    pub fn json_path(&self) -> Option<&str> {
        if let Kind::Refused(refusal) = &self.kind {
            return Some(refusal.path()).filter(|path| !path.is_empty());
        }
        self.details.as_ref()?.json_path.as_deref()
    }

    /// Why it failed and what helps, where that is known beyond what the kernel said.
    pub fn hint(&self) -> Option<&str> {
        self.details.as_ref()?.hint.as_deref()
    }

    /// The step of a container's start that failed.
    pub fn failed_step(&self) -> Option<Step> {
        if let Kind::Step { step, .. } = &self.kind { Some(*step) } else { None }
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// What the kernel said, where it was the kernel that refused.
    pub fn errno(&self) -> Option<Errno> {
        match &self.kind {
            Kind::Os(errno) => Some(*errno),
            Kind::Step { errno, .. } => *errno,
            Kind::Cgroup(error) => error.errno(),
            Kind::InvalidId
            | Kind::AlreadyExists
            | Kind::NotFound
            | Kind::WrongStatus
            | Kind::Paused
            | Kind::Refused(_)
            | Kind::InitKilled
            | Kind::OutOfMemory { .. }
            | Kind::Hook
            | Kind::Criu(_)
            | Kind::Systemd(_)
            | Kind::Deadline
            | Kind::Cancelled
            | Kind::Record => None,
        }
    }

    /// Whether everything but the user's program, or a startContainer hook before it, was there.
    pub fn is_past_gate(&self) -> bool {
        matches!(self.kind, Kind::Step { step: Step::StartContainerHook | Step::Exec, .. })
    }

    /// Whether no systemd was there to be asked.
    pub fn is_unreachable(&self) -> bool {
        matches!(&self.kind, Kind::Systemd(error) if error.is_unreachable())
    }

    /// Whether a wait came to its end before what was waited for.
    pub(crate) fn is_late(&self) -> bool {
        matches!(self.kind, Kind::Deadline | Kind::Cancelled)
            || matches!(&self.kind, Kind::Cgroup(error) if error.is_late())
            || matches!(&self.kind, Kind::Systemd(error) if error.is_late())
    }

    /// Whether there is no container of that id.
    pub fn is_not_found(&self) -> bool {
        self.kind == Kind::NotFound
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)?;
        self.hint().map_or(Ok(()), |hint| write!(f, "; {hint}"))
    }
}

impl std::error::Error for Error {}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        let words = refusal.to_string();
        Self::new(Kind::Refused(refusal), words)
    }
}

impl From<brig_cgroup::Error> for Error {
    fn from(error: brig_cgroup::Error) -> Self {
        // That crate names the errno, and not the call.
        let missing = if error.errno() == Some(Errno::NOSYS) { missing::calls() } else { None };
        let words = error.to_string();
        Self::new(Kind::Cgroup(Box::new(error)), words).because(missing)
    }
}

impl From<brig_cgroup::SystemdError> for Error {
    fn from(error: brig_cgroup::SystemdError) -> Self {
        let words = error.to_string();
        Self::new(Kind::Systemd(Box::new(error)), words)
    }
}

/// Says in the code why a failure is let pass.
pub(crate) fn best_effort<T, E>(result: Result<T, E>, _why: &str) -> Option<T> {
    result.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_a_call_are_those_of_a_go_program() {
        assert_eq!(Error::os("open /x", Errno::NOENT).to_string(), "open /x: no such file or directory");
        let missing = std::fs::read("/nonexistent/x").unwrap_err();
        assert_eq!(Error::io("open /nonexistent/x", &missing).errno(), Some(Errno::NOENT));
    }

    #[test]
    fn a_failed_step_names_itself_its_subject_and_the_errno() {
        let error = Error::step(Step::MakeCgroup, "/a", Errno::ACCESS);
        assert_eq!(error.to_string(), "make the cgroup: /a: permission denied");
        assert_eq!(
            Error::step(Step::Clone, "", Errno::AGAIN).to_string(),
            "clone brig-init: resource temporarily unavailable"
        );
        assert_eq!(error.within("create").to_string(), "create: make the cgroup: /a: permission denied");
    }

    #[test]
    fn a_cgroup_s_failure_for_want_of_a_call_names_none_that_is_there() {
        let (step, path) = (brig_cgroup::Step::Kill, "pid 7".to_owned());
        let error = Error::from(brig_cgroup::Error::Call { step, path, errno: Errno::NOSYS });
        assert_eq!(error.to_string(), "kill cgroup: pid 7: function not implemented (ENOSYS)");
    }

    #[test]
    fn a_cgroup_s_failure_keeps_its_errno() {
        let error = Error::from(brig_cgroup::Error::NotMounted);
        assert_eq!(error.errno(), None);
        assert!(matches!(error.kind(), Kind::Cgroup(_)));
    }
}
