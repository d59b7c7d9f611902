//! What resctrl refuses.
//! Runs in: the parent.

use std::fmt;

use rustix::io::Errno;

use crate::error::{self, Words, gone};

/// A failure of resctrl.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// A system call failed.
    Call {
        /// What was being done.
        doing: String,
        /// The file or directory, absolute.
        path: String,
        /// What the kernel said.
        errno: Errno,
        /// What it said besides, in `info/last_cmd_status`.
        last_command: Option<String>,
    },
    /// The class of service that `closID` names is not there, and nothing says what it should be like.
    NoClass {
        /// Its directory.
        path: String,
    },
    /// The class of service that `closID` names is there, and has other schemata than those asked for.
    OtherSchemata {
        /// The `schemata` file.
        path: String,
        /// The first that differs.
        wanted: String,
        /// What is there in its place.
        found: String,
    },
}

impl Error {
    /// What the kernel said, where it was the kernel that refused.
    pub fn errno(&self) -> Option<Errno> {
        match self {
            Error::Call { errno, .. } => Some(*errno),
            Error::NoClass { .. } | Error::OtherSchemata { .. } => None,
        }
    }

    /// Whether the group, or the file in it, is not there (any more).
    pub fn is_missing(&self) -> bool {
        self.errno().is_some_and(gone)
    }
}

impl std::error::Error for Error {}

impl From<Error> for error::Error {
    fn from(error: Error) -> Self {
        error::Error::Resctrl(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Call { doing, path, errno, last_command } => {
                let colon = if doing.contains(' ') { ":" } else { "" };
                write!(f, "{doing}{colon} {path}: {}", Words(*errno))?;
                last_command.as_ref().map_or(Ok(()), |words| write!(f, ", last_cmd_status: {words}"))
            }
            Error::NoClass { path } => {
                let words = "must be pre-created when schemata, l3CacheSchema and memBwSchema are empty";
                write!(f, "clos dir not accessible ({words}): stat {path}: {}", Words(Errno::NOENT))
            }
            Error::OtherSchemata { path, wanted, found } => {
                write!(f, "{path}: the class is there already, with {found} instead of {wanted}")
            }
        }
    }
}
