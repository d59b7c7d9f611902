//! `brig`: words to a command, the command to the runtime, its outcome to an exit code. Runs in: parent.
//!
//! The C library calls `main` directly. What the standard library would do first (look for a guard page, install handlers
//! for stack overflow, ignore SIGPIPE) costs a twentieth of a start in system calls and is of no use to a command this short;
//! what it does for safety, never to run with 0, 1 or 2 closed, is done here.

#![no_main]
#![deny(unsafe_code)]

use std::ffi::{OsString, c_char, c_int};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{CWD, Mode, OFlags, openat};

use brig_cli::{
    args::{self, Global, Refused},
    commands,
    exit::{Exit, Failure},
    help, log, version,
};

#[allow(unsafe_code, reason = "the C library calls it by this name, with these arguments, once")]
#[unsafe(no_mangle)]
extern "C" fn main(_: c_int, _: *const *const c_char) -> c_int {
    if hold_standard_streams().is_err() {
        return Exit::Failure.code().into();
    }
    let mut words = std::env::args_os();
    let program = words.next().unwrap_or_default().to_string_lossy().into_owned();
    brig(&program, words).code().into()
}

/// Opens /dev/null in place of streams that the caller closed: what is opened later would take their numbers, and be
/// written to as if it were a terminal.
fn hold_standard_streams() -> Result<(), rustix::io::Errno> {
    let [input, output, error] = brig_runtime::foreground::standard_streams();
    let mut fds = [input, output, error].map(|stream| PollFd::from_borrowed_fd(stream, PollFlags::empty()));
    poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))?;
    let closed = fds.iter().filter(|fd| fd.revents().contains(PollFlags::NVAL)).count();
    for _ in 0..closed {
        // The lowest number that is free is one of the three.
        let null = openat(CWD, c"/dev/null", OFlags::RDWR, Mode::empty())?;
        std::mem::forget(null);
    }
    Ok(())
}

fn brig(program: &str, words: impl Iterator<Item = OsString>) -> Exit {
    let (global, words) = match args::global(words) {
        Ok(read) => read,
        // Without options there is no file that cannot be opened.
        Err(refused) => {
            return log::start(&Global::default()).map_or_else(fail, |()| refuse(program, &refused));
        }
    };
    if let Err(failure) = log::start(&global) {
        return fail(failure);
    }
    if global.criu {
        commands::print_error("WARNING: --criu ignored (criu binary from $PATH is used); do not use");
    }
    match args::command(program, words) {
        Ok(command) => commands::dispatch(version::name(program), &global, command).unwrap_or_else(fail),
        Err(refused) => refuse(program, &refused),
    }
}

fn fail(failure: Failure) -> Exit {
    brig_runtime::foreground::last_words(|| log::fatal(&failure));
    failure.exit
}

fn refuse(program: &str, refused: &Refused) -> Exit {
    if let Some(usage) = &refused.usage {
        let name = version::name(program);
        let help = usage.command.map_or_else(|| help::about_brig(name), |row| help::about_command(name, row));
        // The log says the same; a closed standard output changes nothing.
        commands::print(&format!("{}\n\n{help}", usage.heading)).unwrap_or(());
    }
    log::fatal(&Failure::new(refused.message.clone()));
    refused.exit
}
