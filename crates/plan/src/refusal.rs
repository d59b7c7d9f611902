//! What is wrong with a configuration, and where in it.
//! Runs in: the parent, before anything is created.

use std::error::Error;
use std::fmt;

/// A configuration that is not carried out: the JSON path of the fault and what is wrong there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    path: String,
    message: String,
    wording: Wording,
}

/// Whose words the message is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wording {
    Ours,
    Runc,
}

impl Refusal {
    /// In our own words, shown as `path: message`. `path` is like `linux.namespaces[2].type`, or empty for the whole text.
    pub fn at(path: impl Into<String>, message: impl Into<String>) -> Self {
        Refusal { path: path.into(), message: message.into(), wording: Wording::Ours }
    }

    /// In the words of runc, which callers and its test suite look for, shown as `message (path)`.
    pub fn runc(path: impl Into<String>, message: impl Into<String>) -> Self {
        Refusal { path: path.into(), message: message.into(), wording: Wording::Runc }
    }

    /// The JSON path of the fault; empty when it is the whole text.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What is wrong, without the path.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.path.is_empty(), self.wording) {
            (true, _) => f.write_str(&self.message),
            (false, Wording::Ours) => write!(f, "{}: {}", self.path, self.message),
            (false, Wording::Runc) => write!(f, "{} ({})", self.message, self.path),
        }
    }
}

impl Error for Refusal {}

/// The JSON path of the member `key` of the object at `at`, which is empty at the top of a document: `linux.sysctl`, or
/// `linux.sysctl["net.ipv4.ip_forward"]` for a key that is not a plain word.
pub(crate) fn member(at: &str, key: &str) -> String {
    let plain = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    match (at.is_empty(), plain) {
        (true, true) => key.to_owned(),
        (false, true) => format!("{at}.{key}"),
        (_, false) => format!("{at}[{key:?}]"),
    }
}
