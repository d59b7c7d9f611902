//! What a row of the table holds: a command, a flag, and what may be said of them. Runs in: parent.

use super::{Command, scan::Found};

/// One command: a row of [`COMMANDS`](super::table::COMMANDS).
#[derive(Debug)]
pub struct CommandRow {
    /// The word that asks for it.
    pub name: &'static str,
    /// A second word for it, or none.
    pub alias: Option<&'static str>,
    /// One line on what it does.
    pub summary: &'static str,
    /// Its words, behind its name.
    pub usage: &'static str,
    /// What the summary and the flags leave open; may be empty.
    pub description: &'static str,
    /// Where its flags may stand.
    pub order: WordOrder,
    /// How many arguments it takes.
    pub count: Count,
    /// Its flags, without [`HELP`](super::table::HELP).
    pub flags: &'static [Flag],
    /// From scanned words to the typed command; the error is the message.
    pub(super) read: fn(Found) -> Result<Command, String>,
}

/// One flag: a row of [`GLOBAL`](super::table::GLOBAL) or of a command.
#[derive(Debug)]
pub struct Flag {
    /// Its long name, without dashes.
    pub name: &'static str,
    /// Its short name, or none.
    pub short: Option<&'static str>,
    /// What value it takes.
    pub kind: Kind,
    /// What holds without it, as help prints it; may be empty.
    pub default: &'static str,
    /// One line on what it does; empty for a flag that help does not show.
    pub help: &'static str,
}

/// What value a flag takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// None, or `=true` and `=false`.
    Switch,
    /// Text in UTF-8.
    Text,
    /// A path or an environment entry, which need not be UTF-8.
    Bytes,
    /// A whole number in these bounds.
    Int {
        /// The smallest number accepted.
        least: i64,
        /// The largest number accepted.
        most: i64,
    },
    /// The number of a user or group; may be repeated.
    Id,
    /// A length of time such as `5s`.
    Duration,
}

/// Where the flags of a command may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WordOrder {
    /// Before, between and behind the arguments.
    FlagsAnywhere,
    /// Before the first argument only: what follows belongs to another program.
    FlagsFirst,
}

/// How many arguments a command takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// This many.
    Exactly(usize),
    /// This many or more.
    AtLeast(usize),
    /// From the first number to the second, both included.
    Between(usize, usize),
}

impl Flag {
    /// Whether `name` is its long or its short name.
    #[must_use]
    pub fn answers_to(&self, name: &str) -> bool {
        self.name == name || self.short == Some(name)
    }

    pub(super) const fn short(self, short: &'static str) -> Self {
        Self { short: Some(short), ..self }
    }

    pub(super) const fn default(self, default: &'static str) -> Self {
        Self { default, ..self }
    }
}

pub(super) const fn flag(name: &'static str, kind: Kind, help: &'static str) -> Flag {
    Flag { name, short: None, kind, default: "", help }
}

pub(super) const fn switch(name: &'static str, help: &'static str) -> Flag {
    flag(name, Kind::Switch, help)
}

pub(super) const fn text(name: &'static str, help: &'static str) -> Flag {
    flag(name, Kind::Text, help)
}

pub(super) const fn bytes(name: &'static str, help: &'static str) -> Flag {
    flag(name, Kind::Bytes, help)
}

pub(super) const fn int(name: &'static str, least: i64, most: i64, help: &'static str) -> Flag {
    flag(name, Kind::Int { least, most }, help)
}
