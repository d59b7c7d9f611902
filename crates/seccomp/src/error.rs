//! Why a profile is refused. The words follow runc's where it has any.
//! Runs in: the parent, before anything of the container exists.

use alloc::string::String;
use core::fmt;

/// A profile that cannot be a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// Every syscall would go to the agent, the one that hands over the listener included.
    NotifyAsDefault,
    /// The process that hands over the listener writes.
    NotifyOnWrite,
    /// A condition speaks of an argument that no syscall has.
    ArgumentIndex {
        /// First name of the rule.
        syscall: String,
        /// What the profile gives.
        index: u32,
    },
    /// Two rules have the same conditions and different actions (EEXIST of libseccomp).
    Conflict {
        /// The syscall on which they meet.
        syscall: String,
    },
    /// The architecture has not the byte order of the native one: no filter can serve both.
    ByteOrder {
        /// OCI name of the architecture.
        arch: &'static str,
    },
    /// More instructions than the kernel takes (`BPF_MAXINSNS`).
    TooLong {
        /// How many it would be at least.
        instructions: usize,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::NotifyAsDefault => write!(f, "SCMP_ACT_NOTIFY cannot be used as default action"),
            Error::NotifyOnWrite => write!(f, "SCMP_ACT_NOTIFY cannot be used for the write syscall"),
            Error::ArgumentIndex { syscall, index } => {
                write!(f, "seccomp rule for syscall {syscall}: arguments are 0 to 5, argument {index} given")
            }
            Error::Conflict { syscall } => {
                write!(f, "seccomp rules for syscall {syscall}: same conditions, different actions (EEXIST)")
            }
            Error::ByteOrder { arch } => {
                write!(f, "seccomp architecture {arch}: byte order is not the native one's (EDOM)")
            }
            Error::TooLong { instructions } => {
                write!(
                    f,
                    "seccomp filter needs {instructions} instructions or more: the kernel takes 4096 (EINVAL)"
                )
            }
        }
    }
}

impl core::error::Error for Error {}
