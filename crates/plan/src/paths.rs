//! Masked and read-only paths (`linux.maskedPaths`, `linux.readonlyPaths`).
//! Runs in: the parent; pure. Done in `brig-init`'s file of the same name.

use std::collections::HashSet;

use brig_handshake::Text;

use crate::refusal::Refusal;
use crate::spec::{Linux, Str};
use crate::text::{clean, text};

/// `linux.readonlyPaths`, in order.
pub(crate) fn readonly<'a>(linux: &Linux<'_>) -> Result<Vec<Text<'a>>, Refusal> {
    absolute(&linux.readonly_paths, "linux.readonlyPaths")
}

/// `linux.maskedPaths`, in order. A path given twice is masked once: over a mask there is nothing to mask.
pub(crate) fn masked<'a>(linux: &Linux<'_>) -> Result<Vec<Text<'a>>, Refusal> {
    let mut paths = absolute(&linux.masked_paths, "linux.maskedPaths")?;
    let mut seen = HashSet::with_capacity(paths.len());
    paths.retain(|path: &Text<'_>| seen.insert(path.clone()));
    Ok(paths)
}

fn absolute<'a>(paths: &[Str<'_>], at: &str) -> Result<Vec<Text<'a>>, Refusal> {
    paths.iter().enumerate().map(|(i, path)| text(clean(path), format_args!("{at}[{i}]"))).collect()
}
