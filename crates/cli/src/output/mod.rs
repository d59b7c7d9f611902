//! What commands print: pure functions from small plain structs to text. Runs in: parent.

pub mod list;
pub mod ps;
pub mod size;
pub mod state;
pub mod stats;
pub mod table;
pub mod time;
pub mod timing;
pub mod trace;
pub mod usage;

use serde::Serialize;
use serde_json::{Serializer, ser::PrettyFormatter};

/// Whether escape codes are written. Only to a terminal, and not where `NO_COLOR` is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// They are.
    On,
    /// They are not.
    Off,
}

/// `value` as JSON over several lines, without a newline at the end.
///
/// # Errors
/// None for the plain structs of this crate: their keys are strings.
pub fn indented<T: Serialize>(value: &T, indent: &str) -> serde_json::Result<String> {
    let mut out = Vec::with_capacity(512);
    value.serialize(&mut Serializer::with_formatter(
        &mut out,
        PrettyFormatter::with_indent(indent.as_bytes()),
    ))?;
    Ok(String::from_utf8_lossy(&out).into_owned())
}
