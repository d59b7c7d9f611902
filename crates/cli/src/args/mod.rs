//! The command line: words in, typed commands out. Shape and messages are runc's; nothing here looks beyond the words.
//!
//! ```text
//! words ──scan (by table)──▶ Found ──read──▶ Global, Command
//! ```
//! Runs in: parent.

pub mod command;
mod criu;
mod read;
mod row;
mod scan;
mod seccomp;
pub mod table;
mod update;
mod value;

#[cfg(test)]
mod tests;

use std::ffi::OsString;

pub use command::{Command, Global};
use table::{CommandRow, Count, WordOrder};

use crate::{exit::Exit, quote::quote};

/// A command line that is not carried out.
#[derive(Debug)]
pub struct Refused {
    /// What the log says.
    pub message: String,
    /// What goes to standard output before that, if it should.
    pub usage: Option<Usage>,
    /// How the command ends.
    pub exit: Exit,
}

/// The help that goes with a refused command line.
#[derive(Debug)]
pub struct Usage {
    /// The line before the help.
    pub heading: String,
    /// The command that the help is about; brig itself without one.
    pub command: Option<&'static CommandRow>,
}

/// Reads the options before the command. Returns them with the words from the command on.
///
/// # Errors
/// [`Refused`], for an unknown flag or a value of the wrong form.
pub fn global(words: impl IntoIterator<Item = OsString>) -> Result<(Global, Vec<OsString>), Refused> {
    let scanned = scan::scan(table::GLOBAL, WordOrder::FlagsFirst, &mut words.into_iter());
    let mut found = scanned.map_err(|message| Refused {
        usage: Some(Usage { heading: format!("Incorrect Usage. {message}"), command: None }),
        message,
        exit: Exit::Failure,
    })?;
    let global =
        read::global(&found).map_err(|message| Refused { message, usage: None, exit: Exit::Failure })?;
    if found.switch("help") {
        found.words = vec![OsString::from("help")];
    } else if found.switch("version") {
        found.words = vec![OsString::from("version")];
    }
    Ok((global, found.words))
}

/// Reads the command and its words; no words ask for help. `program` is argv\[0\], for messages.
///
/// # Errors
/// [`Refused`], for an unknown command or flag, a wrong number of arguments or a value of the wrong form.
pub fn command(program: &str, words: Vec<OsString>) -> Result<Command, Refused> {
    let mut words = words.into_iter();
    // An empty word is as good as none, as in runc.
    let Some(name) = words.next().filter(|name| !name.is_empty()) else { return Ok(Command::Help(None)) };
    let name = name.to_string_lossy();
    let row = table::command(&name).ok_or_else(|| Refused {
        message: no_help_topic(&name),
        usage: None,
        exit: Exit::UnknownCommand,
    })?;
    let scanned = scan::scan(row.flags, row.order, &mut words);
    let found = scanned.map_err(|message| Refused {
        usage: Some(Usage { heading: format!("Incorrect Usage: {message}"), command: Some(row) }),
        message,
        exit: Exit::Failure,
    })?;
    if found.switch("help") {
        return Ok(Command::Help(Some(row)));
    }
    check_count(program, row, found.words.len())?;
    (row.read)(found).map_err(|message| refused_words(row, message))
}

fn check_count(program: &str, row: &'static CommandRow, given: usize) -> Result<(), Refused> {
    let (bound, number) = match row.count {
        Count::Exactly(number) if given != number => ("exactly", number),
        Count::AtLeast(least) | Count::Between(least, _) if given < least => ("a minimum of", least),
        Count::Between(_, most) if given > most => ("a maximum of", most),
        Count::Exactly(_) | Count::AtLeast(_) | Count::Between(..) => return Ok(()),
    };
    Err(Refused {
        message: format!("{program}: {} requires {bound} {number} argument(s)", quote(row.name)),
        usage: Some(Usage { heading: "Incorrect Usage.".to_owned(), command: Some(row) }),
        exit: Exit::Failure,
    })
}

/// Words that parsed but make no sense: `exec` reports them like any other failure of its own.
fn refused_words(row: &'static CommandRow, message: String) -> Refused {
    match row.name {
        "exec" => {
            Refused { message: format!("exec failed: {message}"), usage: None, exit: Exit::ExecFailure }
        }
        "help" => Refused { message, usage: None, exit: Exit::UnknownCommand },
        // 1 is an answer.
        "seccomp" => Refused {
            message,
            usage: Some(Usage { heading: "Incorrect Usage.".to_owned(), command: Some(row) }),
            exit: Exit::Trouble,
        },
        _ => Refused { message, usage: None, exit: Exit::Failure },
    }
}

fn no_help_topic(name: &str) -> String {
    format!("No help topic for '{name}'")
}
