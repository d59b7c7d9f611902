//! What there is to know about an engine.
//! Runs on the developer's machine.

use crate::command::Needed;
use crate::engines::case::{self, Case};

/// An engine that calls runc.
#[derive(Debug, Clone, Copy)]
pub(super) struct Engine {
    /// What one asks for.
    pub(super) name: &'static str,
    /// What it consists of, and what its cases call.
    pub(super) needed: &'static [Needed],
    /// Shell: `start_engine`, `clean_up`, `stop_engine`, and what its cases call.
    pub(super) library: &'static str,
    /// Its cases by subject.
    pub(super) subjects: &'static [(&'static str, &'static str)],
}

impl Engine {
    /// Its cases whose titles contain one of `words`; all of them when there is none.
    pub(super) fn cases(&self, words: &[String]) -> Vec<Case> {
        let read =
            |(subject, text): &(&str, &'static str)| case::read(&format!("{} {subject}", self.name), text);
        let all = self.subjects.iter().flat_map(read);
        all.filter(|case| words.is_empty() || words.iter().any(|word| case.is_named(word))).collect()
    }
}
