//! `brig`: words to a command, the command to the runtime, its outcome to an exit code. Runs in: parent.

#![forbid(unsafe_code)]

use std::{ffi::OsString, process::ExitCode};

use brig_cli::{
    args::{self, Global, Refused},
    commands,
    exit::Exit,
    help, log, version,
};

fn main() -> ExitCode {
    let mut words = std::env::args_os();
    let program = words.next().unwrap_or_default().to_string_lossy().into_owned();
    brig(&program, words).into()
}

fn brig(program: &str, words: impl Iterator<Item = OsString>) -> Exit {
    let (global, words) = match args::global(words) {
        Ok(read) => read,
        Err(refused) => {
            log::start(&Global::default());
            return refuse(program, &refused);
        }
    };
    log::start(&global);
    match args::command(program, words) {
        Ok(command) => {
            commands::dispatch(version::name(program), &global, command).unwrap_or_else(|failure| {
                log::fatal(&failure.message);
                failure.exit
            })
        }
        Err(refused) => refuse(program, &refused),
    }
}

fn refuse(program: &str, refused: &Refused) -> Exit {
    if let Some(usage) = &refused.usage {
        let name = version::name(program);
        let help = usage.command.map_or_else(|| help::about_brig(name), |row| help::about_command(name, row));
        // The log says the same; a closed standard output changes nothing.
        commands::print(&format!("{}\n\n{help}", usage.heading)).unwrap_or(());
    }
    log::fatal(&refused.message);
    refused.exit
}
