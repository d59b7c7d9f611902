//! `process.env`: the last of each name, the directories of `PATH`, and whether `HOME` has to be found.
//! Runs in: the parent; pure. `brig-init`'s file of the same name finds `HOME` in the container's passwd(5).

use std::collections::HashSet;

use brig_handshake::Text;

use crate::refusal::Refusal;
use crate::text::text;

/// An environment, ready for execve(2).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Environment<'a> {
    /// The entries, in order.
    pub(crate) env: Vec<Text<'a>>,
    /// The directories of `PATH`.
    pub(crate) search: Vec<Text<'a>>,
    /// `HOME` is to be found and put last.
    pub(crate) find_home: bool,
}

/// Plans the environment. `at` is its JSON path.
///
/// Without any entry nothing is added, neither: the process then has an empty environment.
pub(crate) fn plan<'a, 'e>(
    entries: impl DoubleEndedIterator<Item = &'e [u8]> + ExactSizeIterator,
    at: &str,
) -> Result<Environment<'a>, Refusal> {
    let mut plan = Environment { find_home: entries.len() != 0, ..Environment::default() };
    let mut seen = HashSet::new();
    for (index, entry) in entries.enumerate().rev() {
        let (name, value) = split(entry, index, at)?;
        // Of a name given twice the last counts, and here it comes first.
        if !seen.insert(name) || name == b"HOME" && value.is_empty() {
            continue;
        }
        match name {
            b"HOME" => plan.find_home = false,
            b"PATH" => plan.search = directories(value, at)?,
            _ => {}
        }
        plan.env.push(text(entry, format_args!("{at}[{index}]"))?);
    }
    plan.env.reverse();
    Ok(plan)
}

fn split<'e>(entry: &'e [u8], index: usize, at: &str) -> Result<(&'e [u8], &'e [u8]), Refusal> {
    let refuse = |words: &str| {
        Refusal::runc(format!("{at}[{index}]"), format!("invalid environment variable: {words}"))
    };
    match entry.iter().position(|&byte| byte == b'=') {
        None => Err(refuse("missing '='")),
        Some(0) => Err(refuse("name cannot be empty")),
        Some(equals) => Ok((&entry[..equals], &entry[equals + 1..])),
    }
}

/// An empty directory is the working directory (execvp(3)), but a `PATH` that is empty altogether has none.
fn directories<'a>(path: &[u8], at: &str) -> Result<Vec<Text<'a>>, Refusal> {
    if path.is_empty() {
        return Ok(Vec::new());
    }
    path.split(|&byte| byte == b':')
        .map(|directory| text(if directory.is_empty() { b"." } else { directory }, format_args!("{at}")))
        .collect()
}
