//! What brig does as the container's first process: look at the walls, or run the caller's command. Runs in: the container.

use std::{
    env,
    ffi::OsString,
    io::{self, Write as _},
    os::fd::OwnedFd,
    process::Command,
};

use brig_runtime::{
    Error,
    create::Created,
    foreground::{self, Signals},
};
use rustix::{
    process::{Pid, PidfdFlags, getpid, pidfd_open},
    time::{ClockId, clock_gettime},
};
use serde::{Deserialize, Serialize};

use super::{facts::Facts, walls};
use crate::exit::{Exit, Failure};

/// One line to the parent.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Line {
    /// First: when, as [`now`] tells it.
    Began(u64),
    /// One wall.
    Wall(Finding),
    /// Last.
    Ended,
}

/// What was found at one wall.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Finding {
    /// Which wall.
    pub(crate) wall: String,
    /// What was tried and found; an error if the wall does not stand.
    pub(crate) found: Result<String, String>,
}

/// Words that ask for what only the first process of a container does.
const LOOK: &str = "--inside";
const RUN: &str = "--init";

/// The words that make brig look at the walls.
pub(crate) fn look_words(facts: &Facts) -> Result<Vec<String>, Failure> {
    let facts = serde_json::to_string(facts).map_err(|error| Failure::new(error.to_string()))?;
    Ok([super::config::PROGRAM, "demo", "--", LOOK, &facts].map(str::to_owned).to_vec())
}

/// The words that make brig run the caller's.
pub(crate) fn run_words(args: &[OsString]) -> Result<Vec<String>, Failure> {
    let mut words = [super::config::PROGRAM, "demo", "--", RUN].map(str::to_owned).to_vec();
    for arg in args {
        let word = arg.to_str().ok_or_else(|| Failure::new(format!("{} is not UTF-8", arg.display())))?;
        words.push(word.to_owned());
    }
    Ok(words)
}

/// Does what `words` ask for, if they are such words and this is such a process.
pub(crate) fn asked(words: &[OsString]) -> Option<Result<Exit, Failure>> {
    if getpid() != Pid::INIT
        || env::current_exe().is_ok_and(|path| path.as_os_str() != super::config::PROGRAM)
    {
        return None;
    }
    match words {
        [word, facts] if word == LOOK => Some(look(&facts.to_string_lossy())),
        [word, program, args @ ..] if word == RUN => Some(run(program, args)),
        _ => None,
    }
}

/// Nanoseconds of the monotonic clock, which is the same inside and outside.
pub(crate) fn now() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    u64::try_from(time.tv_sec * 1_000_000_000 + time.tv_nsec).unwrap_or(0)
}

fn look(facts: &str) -> Result<Exit, Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::new(error.to_string());
    say(&Line::Began(now())).map_err(|error| failed(&error))?;
    let facts: Facts = serde_json::from_str(facts).map_err(|error| failed(&error))?;
    for wall in walls::ALL {
        let found = (wall.look)(&facts);
        say(&Line::Wall(Finding { wall: wall.name.to_owned(), found })).map_err(|error| failed(&error))?;
    }
    say(&Line::Ended).map_err(|error| failed(&error))?;
    Ok(Exit::Success)
}

fn say(line: &Line) -> io::Result<()> {
    let text = serde_json::to_string(line)? + "\n";
    io::stdout().write_all(text.as_bytes())
}

/// Runs the command beside itself: as a first process it would not hear Ctrl-C, nor reap what is left to it (pid_namespaces(7)).
fn run(program: &OsString, args: &[OsString]) -> Result<Exit, Failure> {
    let child = match Command::new(program).args(args).spawn() {
        Ok(child) => child,
        Err(error) => return Ok(not_run(program, &error)),
    };
    // Not before: the child would inherit that they are blocked.
    let signals = Signals::block()?;
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).unwrap_or(Pid::INIT);
    let pidfd: OwnedFd =
        pidfd_open(pid, PidfdFlags::empty()).map_err(|errno| Error::os("pidfd_open", errno))?;
    let created = Created { pid, pidfd, terminal: None, notify: None };
    Ok(Exit::Process(foreground::attend(&created, &signals, None)?))
}

/// The shell's codes: 127 for a command that is not there, 126 for one that cannot be run.
fn not_run(program: &OsString, error: &io::Error) -> Exit {
    let (code, words) = if error.kind() == io::ErrorKind::NotFound {
        (127, "no such command in the container, which has this machine's /usr".to_owned())
    } else {
        (126, error.to_string())
    };
    let line = format!("brig demo: {}: {words}\n", program.display());
    // Nobody may be there to read it; the code says the same.
    io::stderr().write_all(line.as_bytes()).unwrap_or(());
    Exit::Process(code)
}
