//! Words into flags and arguments, by the rules of Go's `flag` package as runc's command line has them: `-name` and
//! `--name` are one, short flags do not bundle, `--flag=value` and `--flag value`, `--` ends the flags.
//!
//! Scanning needs nothing but the words: no files, no host. Runs in: parent.

use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::PathBuf,
    time::Duration,
};

use super::{
    table::{Flag, HELP, Kind, WordOrder},
    value::{self, NumberError},
};
use crate::quote::quote;

/// What the words of one command say.
#[derive(Debug)]
pub(crate) struct Found {
    flags: Vec<(&'static str, Value)>,
    /// The arguments: every word that is neither flag nor flag value.
    pub(crate) words: Vec<OsString>,
}

#[derive(Debug)]
enum Value {
    Switch(bool),
    Int(i64),
    Id(u32),
    Duration(Duration),
    Text(String),
    Bytes(OsString),
}

/// Splits `words` into the flags of `table` and arguments.
///
/// # Errors
/// The message for the first word that is no proper flag.
pub(crate) fn scan(
    table: &'static [Flag],
    order: WordOrder,
    words: &mut dyn Iterator<Item = OsString>,
) -> Result<Found, String> {
    let mut found = Found { flags: Vec::new(), words: Vec::new() };
    while let Some(word) = words.next() {
        if word == "--" {
            break;
        }
        match found.flag(table, &word)? {
            Some((flag, typed)) => found.value(flag, &typed, words)?,
            None => {
                found.words.push(word);
                if order == WordOrder::FlagsFirst {
                    break;
                }
            }
        }
    }
    found.words.extend(words);
    Ok(found)
}

/// A flag as it was typed: its name, and its value if that came in the same word.
struct Typed {
    name: String,
    value: Option<OsString>,
}

impl Found {
    /// Whether a flag was given at all.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.last(name).is_some()
    }

    /// Whether a switch was given, and not as `--flag=false`.
    pub(crate) fn switch(&self, name: &str) -> bool {
        matches!(self.last(name), Some(Value::Switch(true)))
    }

    /// The number of the flag `name`, in the bounds of its row in the table.
    pub(crate) fn int<T: TryFrom<i64>>(&self, name: &str) -> Option<T> {
        match self.last(name) {
            Some(Value::Int(number)) => T::try_from(*number).ok(),
            _ => None,
        }
    }

    /// The length of time of the flag `name`.
    pub(crate) fn duration(&self, name: &str) -> Option<Duration> {
        match self.last(name) {
            Some(Value::Duration(duration)) => Some(*duration),
            _ => None,
        }
    }

    /// The text of the flag `name`. Empty text is as good as no flag, as in runc.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        match self.last(name) {
            Some(Value::Text(text)) if !text.is_empty() => Some(text.clone()),
            _ => None,
        }
    }

    /// The path of the flag `name`. An empty path is as good as no flag, as in runc.
    pub(crate) fn path(&self, name: &str) -> Option<PathBuf> {
        match self.last(name) {
            Some(Value::Bytes(path)) if !path.is_empty() => Some(PathBuf::from(path)),
            _ => None,
        }
    }

    /// Every text of a flag that may be repeated, in order.
    pub(crate) fn texts(&self, name: &str) -> Vec<String> {
        self.all(name)
            .filter_map(|value| if let Value::Text(text) = value { Some(text.clone()) } else { None })
            .collect()
    }

    /// Every text of a flag that may be repeated and need not be UTF-8, in order.
    pub(crate) fn bytes(&self, name: &str) -> Vec<OsString> {
        self.all(name)
            .filter_map(|value| if let Value::Bytes(word) = value { Some(word.clone()) } else { None })
            .collect()
    }

    /// Every number of a flag that may be repeated, in order.
    pub(crate) fn ids(&self, name: &str) -> Vec<u32> {
        self.all(name).filter_map(|value| if let Value::Id(id) = value { Some(*id) } else { None }).collect()
    }

    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Value> {
        self.flags.iter().filter(move |(given, _)| *given == name).map(|(_, value)| value)
    }

    fn last(&self, name: &str) -> Option<&Value> {
        self.flags.iter().rfind(|(given, _)| *given == name).map(|(_, value)| value)
    }

    /// The flag that `word` is, or `None` for an argument. Behind the first argument an unknown flag is an argument:
    /// the -9 of `kill ID -9`.
    fn flag(&self, table: &'static [Flag], word: &OsStr) -> Result<Option<(&'static Flag, Typed)>, String> {
        let bytes = word.as_bytes();
        let Some(stem) = bytes.strip_prefix(b"-").filter(|stem| !stem.is_empty()) else { return Ok(None) };
        let stem = stem.strip_prefix(b"-").unwrap_or(stem);
        let equals = stem.iter().position(|byte| *byte == b'=');
        let name = String::from_utf8_lossy(&stem[..equals.unwrap_or(stem.len())]).into_owned();
        let value = equals.map(|at| OsString::from_vec(stem[at + 1..].to_vec()));
        match table.iter().chain([&HELP]).find(|flag| flag.answers_to(&name)) {
            Some(flag) => Ok(Some((flag, Typed { name, value }))),
            None if !self.words.is_empty() => Ok(None),
            None if name.is_empty() || name.starts_with('-') => {
                Err(format!("bad flag syntax: {}", word.to_string_lossy()))
            }
            None => Err(format!("flag provided but not defined: -{name}")),
        }
    }

    /// Takes the value of `flag` from the flag's own word or from the next.
    fn value(
        &mut self,
        flag: &'static Flag,
        typed: &Typed,
        words: &mut dyn Iterator<Item = OsString>,
    ) -> Result<(), String> {
        let value = match (flag.kind, &typed.value) {
            (Kind::Switch, None) => Value::Switch(true),
            (Kind::Switch, Some(word)) => Value::Switch(switch(typed, word)?),
            (_, Some(word)) => valued(flag, typed, word.clone())?,
            (_, None) => {
                let word = words.next().ok_or_else(|| format!("flag needs an argument: -{}", typed.name))?;
                valued(flag, typed, word)?
            }
        };
        self.flags.push((flag.name, value));
        Ok(())
    }
}

fn switch(typed: &Typed, word: &OsStr) -> Result<bool, String> {
    let text = word.to_string_lossy();
    value::boolean(&text)
        .ok_or_else(|| format!("invalid boolean value {} for -{}: parse error", quote(&text), typed.name))
}

fn valued(flag: &Flag, typed: &Typed, word: OsString) -> Result<Value, String> {
    let refused = |reason: &str, word: &OsStr| {
        format!("invalid value {} for flag -{}: {reason}", quote(&word.to_string_lossy()), typed.name)
    };
    match flag.kind {
        Kind::Bytes => Ok(Value::Bytes(word)),
        // A switch never comes here: `value` has read it.
        Kind::Switch | Kind::Text => {
            word.into_string().map(Value::Text).map_err(|word| refused("not UTF-8", &word))
        }
        Kind::Duration => {
            let length = value::duration(&word.to_string_lossy());
            length.map(Value::Duration).ok_or_else(|| refused("parse error", &word))
        }
        Kind::Id => id(&word.to_string_lossy()).map_err(|reason| refused(&reason, &word)),
        Kind::Int { least, most } => match value::integer(&word.to_string_lossy()) {
            Ok(number) if (least..=most).contains(&number) => Ok(Value::Int(number)),
            Ok(_) | Err(NumberError::Range) => Err(refused("value out of range", &word)),
            Err(NumberError::Syntax) => Err(refused("parse error", &word)),
        },
    }
}

/// Repeatable numbers are refused in other words than single ones.
fn id(text: &str) -> Result<Value, String> {
    let number =
        value::integer(text).and_then(|number| u32::try_from(number).map_err(|_| NumberError::Range));
    number.map(Value::Id).map_err(|error| error.strconv("ParseInt", text))
}
