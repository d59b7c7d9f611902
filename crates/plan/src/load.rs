//! Text to types: config.json, `exec`'s process.json and `update`'s resources.
//! Runs in: the parent, first of all.
//!
//! A good text is parsed once. Only a bad one is looked at a second time, to name the place: the parser gives line and
//! column, and `place` walks the text to that point and says which value stands there.
//!
//! runc reads the first JSON value of a file and never looks behind it; here anything but blanks behind it is refused.

mod place;

use crate::refusal::Refusal;
use crate::spec::network::AnnotatedNetwork;
use crate::spec::{LinuxResources, LinuxSeccomp, Process, Spec};
use serde::Deserialize;

/// Reads config.json.
///
/// # Errors
/// A [`Refusal`] for what is not UTF-8, not JSON, `null`, or of another type than the specification says.
pub fn config(text: &[u8]) -> Result<Spec<'_>, Refusal> {
    read::<Option<Spec<'_>>>(text)?.ok_or_else(|| Refusal::runc("", "config cannot be null"))
}

/// Reads process.json, the `process` object by itself.
///
/// # Errors
/// As for [`config`].
pub fn process(text: &[u8]) -> Result<Process<'_>, Refusal> {
    read::<Option<Process<'_>>>(text)?.ok_or_else(|| Refusal::runc("", "process property must not be empty"))
}

/// Reads the `linux.resources` object by itself; `null` limits nothing.
///
/// # Errors
/// As for [`config`].
pub fn resources(text: &[u8]) -> Result<LinuxResources<'_>, Refusal> {
    read::<Option<LinuxResources<'_>>>(text).map(Option::unwrap_or_default)
}

/// Reads the `linux.seccomp` object by itself.
///
/// # Errors
/// As for [`config`].
pub fn seccomp(text: &[u8]) -> Result<LinuxSeccomp<'_>, Refusal> {
    read::<Option<LinuxSeccomp<'_>>>(text)?.ok_or_else(|| Refusal::runc("", "profile cannot be null"))
}

/// Reads the value of an annotation `brig.network.NAME`.
pub(crate) fn network(text: &[u8]) -> Result<AnnotatedNetwork<'_>, Refusal> {
    read(text)
}

fn read<'a, T: Deserialize<'a>>(text: &'a [u8]) -> Result<T, Refusal> {
    let text = std::str::from_utf8(text).map_err(|error| not_utf8(text, error.valid_up_to()))?;
    // serde would take an array for an object with its values in order.
    if text.trim_ascii_start().starts_with('[') {
        return Err(Refusal::at("", "invalid type: sequence, expected an object"));
    }
    serde_json::from_str(text).map_err(|error| malformed(text, &error))
}

#[cold]
fn not_utf8(text: &[u8], offset: usize) -> Refusal {
    Refusal::at(place::path(text, offset), format!("byte {offset} of the text is not UTF-8"))
}

#[cold]
fn malformed(text: &str, error: &serde_json::Error) -> Refusal {
    let offset = place::offset(text.as_bytes(), error.line(), error.column());
    let words = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    let message = match words.strip_suffix(&position) {
        Some(what) => format!("{what} (line {} column {})", error.line(), error.column()),
        None => words,
    };
    Refusal::at(place::path(text.as_bytes(), offset), message)
}
