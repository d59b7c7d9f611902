//! Tables of command lines and what is read from them; here, what the files by command share.

// Before the modules, which see it for that reason.
macro_rules! command {
    ($variant:ident, $line:expr) => {
        match read($line) {
            Ok((_, Command::$variant(args))) => args,
            other => panic!("{}: {other:?}", $line),
        }
    };
}

mod global;
mod scanning;

mod criu;
mod exec;
mod life;
mod update;

mod table;

use std::{ffi::OsString, os::unix::ffi::OsStringExt, path::PathBuf, time::Duration};

use super::{
    command::*,
    table::{COMMANDS, Flag, GLOBAL, HELP, Kind},
    *,
};

fn words(line: &str) -> Vec<OsString> {
    line.split_whitespace().map(OsString::from).collect()
}

/// Reads a whole command line, without argv\[0\].
fn read(line: &str) -> Result<(Global, Command), Refused> {
    let (global, rest) = global(words(line))?;
    Ok((global, command("brig", rest)?))
}

fn refusal(line: &str) -> Refused {
    read(line).expect_err(line)
}

fn create(line: &str) -> CreateArgs {
    command!(Create, line)
}

fn exec(line: &str) -> ExecArgs {
    command!(Exec, line)
}

fn exec_words(line: &str) -> ProcessWords {
    match exec(line).process {
        ExecProcess::Words(words) => *words,
        ExecProcess::File(file) => panic!("{line}: {file:?}"),
    }
}

fn limits(line: &str) -> LimitWords {
    match command!(Update, line).limits {
        UpdateLimits::Words(words) => *words,
        limits @ (UpdateLimits::File(_) | UpdateLimits::Stdin) => panic!("{line}: {limits:?}"),
    }
}

/// A value that the flag accepts.
fn sample(flag: &Flag) -> &'static str {
    match (flag.kind, flag.name) {
        (Kind::Switch, _) => "true",
        (Kind::Int { .. } | Kind::Id, _) => "1",
        (Kind::Duration, _) => "2s",
        (_, "empty-ns") => "network",
        (_, "manage-cgroups-mode") => "soft",
        (_, "page-server") => "a:1",
        (_, "format" | "log-format") => "json",
        (_, "rootless") => "true",
        (Kind::Bytes | Kind::Text, _) => "1",
    }
}
