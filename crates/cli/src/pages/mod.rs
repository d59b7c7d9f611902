//! Man pages and shell completions, all from the table of commands. Runs on the machine that packs a release: no command of brig
//! uses this, so it is not in the executable.

mod bash;
mod fish;
mod man;
mod sections;
mod zsh;

use crate::args::table::{COMMANDS, CommandRow, Flag, GLOBAL, HELP, Kind};

/// A file to install.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Its path below the prefix, such as `share/man/man8/brig.8`.
    pub path: String,
    /// What it says.
    pub text: String,
}

/// Every page. `date` is the release's, such as `2026-11-22`.
#[must_use]
pub fn all(date: &str) -> Vec<Page> {
    let mut pages = vec![Page { path: "share/man/man8/brig.8".to_owned(), text: man::about_brig(date) }];
    pages.extend(documented().map(|row| Page {
        path: format!("share/man/man8/brig-{}.8", row.name),
        text: man::about_command(row, date),
    }));
    pages.extend(
        [
            ("share/bash-completion/completions/brig", bash::script()),
            ("share/zsh/site-functions/_brig", zsh::script()),
            ("share/fish/vendor_completions.d/brig.fish", fish::script()),
        ]
        .map(|(path, text)| Page { path: path.to_owned(), text }),
    );
    pages
}

/// The commands that have more to tell than their line in brig(8).
fn documented() -> impl Iterator<Item = &'static CommandRow> {
    COMMANDS.iter().filter(|row| !matches!(row.name, "help" | "version"))
}

/// The flags of a command, or with `None` those before it, that help shows.
fn flags(row: Option<&'static CommandRow>) -> impl Iterator<Item = &'static Flag> + Clone {
    row.map_or(GLOBAL, |row| row.flags).iter().chain([&HELP]).filter(|flag| !flag.help.is_empty())
}

/// What may be completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Words {
    /// Nothing is known of it.
    Unknown,
    /// One of these.
    Choice(&'static [&'static str]),
    /// A path on this machine.
    File,
    /// One of a directory.
    Directory,
    /// The id of a container that is there.
    Container,
    /// A command of brig.
    Command,
}

/// What the value of `flag` may be; `None` for a switch.
fn value(flag: &Flag, row: Option<&CommandRow>) -> Option<Words> {
    let command = row.map_or("", |row| row.name);
    Some(match (flag.name, flag.kind) {
        (_, Kind::Switch) => return None,
        ("format", _) if command == "explain" => Words::Choice(&["text", "json"]),
        ("format", _) => Words::Choice(&["table", "json"]),
        ("log-format", _) => Words::Choice(&["text", "json"]),
        ("rootless", _) => Words::Choice(&["true", "false", "auto"]),
        ("manage-cgroups-mode", _) => Words::Choice(&["soft", "full", "strict", "ignore"]),
        ("empty-ns", _) => Words::Choice(&["network"]),
        ("bundle" | "root" | "image-path" | "work-path" | "parent-path", _) => Words::Directory,
        ("cwd" | "env", _) | (_, Kind::Text | Kind::Int { .. } | Kind::Id | Kind::Duration) => Words::Unknown,
        (_, Kind::Bytes) => Words::File,
    })
}

/// What the argument in place `place` of a command may be.
fn argument(row: &CommandRow, place: usize) -> Words {
    match (row.name, place) {
        // A new name.
        ("create" | "run" | "restore", _) => Words::Unknown,
        ("explain", 0) => Words::Directory,
        ("help", 0) => Words::Command,
        ("seccomp", 0) => Words::Choice(&["compile", "show", "check", "diff"]),
        ("seccomp", _) => Words::File,
        ("kill", 1) => Words::Choice(&["TERM", "KILL", "HUP", "INT", "QUIT", "STOP", "CONT", "USR1", "USR2"]),
        (_, 0) if row.usage.contains("<container-id>") => Words::Container,
        (..) => Words::Unknown,
    }
}

/// What stands for a value in a synopsis.
fn placeholder(flag: &Flag) -> &'static str {
    match (flag.name, flag.kind) {
        (_, Kind::Switch) => "",
        ("bundle" | "root" | "cwd" | "image-path" | "work-path" | "parent-path", _) => "directory",
        ("env", _) => "name=value",
        ("user", _) => "uid[:gid]",
        (_, Kind::Bytes) => "file",
        (_, Kind::Int { .. }) => "number",
        (_, Kind::Id) => "id",
        (_, Kind::Duration) => "duration",
        (_, Kind::Text) => "value",
    }
}

#[cfg(test)]
mod tests;
