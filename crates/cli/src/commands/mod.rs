//! The commands: one file each, from typed words to the runtime library and from its answer to output and exit code.
//! Runs in: parent.

mod checkpoint;
mod create;
mod delete;
mod demo;
mod doctor;
mod events;
mod exec;
mod explain;
mod features;
mod kill;
mod list;
mod pause;
mod progress;
mod ps;
mod restore;
mod resume;
mod run;
mod seccomp;
mod setup;
mod spec;
mod start;
mod state;
mod stats;
mod store;
mod update;
mod watched;

use std::io::{self, Write as _};

use brig_runtime::{Timeline, errno::errno_text, foreground};

use watched::Watched;

use crate::{
    args::{Command, Global},
    exit::{Exit, Failure},
    help, version,
};

/// How a command ends.
type Outcome = Result<Exit, Failure>;

/// Carries out `command`. `name` is what brig was called by, which some messages begin with.
///
/// # Errors
/// [`Failure`], with the message for the log.
pub fn dispatch(name: &str, global: &Global, command: Command) -> Outcome {
    let watched = Watched::new(global, &command)?;
    let outcome = carry_out(name, global, command, watched.as_ref().map(Watched::timeline));
    if let Some(watched) = watched {
        watched.finish(&outcome);
    }
    outcome
}

fn carry_out(name: &str, global: &Global, command: Command, timeline: Option<&Timeline>) -> Outcome {
    let failed = |what: &str| format!("{name} {what} failed");
    match command {
        Command::Checkpoint(args) => checkpoint::run(global, args),
        Command::Create(args) => {
            create::run(global, args, timeline).map_err(|failure| failure.prefixed(&failed("create")))
        }
        Command::Delete(args) => delete::run(global, args),
        Command::Demo(args) => demo::run(global, args),
        Command::Doctor(args) => doctor::run(global, args),
        Command::Events(args) => events::run(global, args),
        Command::Exec(args) => exec::run(global, args, timeline)
            .map_err(|failure| Failure { exit: Exit::ExecFailure, ..failure.prefixed("exec failed") }),
        Command::Explain(args) => explain::run(global, args),
        Command::Features => features::run(),
        Command::Help(None) => print_and_succeed(&help::about_brig(name)),
        Command::Help(Some(row)) => print_and_succeed(&help::about_command(name, row)),
        Command::Kill(args) => kill::run(global, args),
        Command::List(args) => list::run(global, args),
        Command::Pause(args) => pause::run(global, args),
        Command::Ps(args) => ps::run(global, args),
        Command::Restore(args) => restore::run(global, args, timeline),
        Command::Resume(args) => resume::run(global, args),
        Command::Run(args) => match run::run(global, args, timeline) {
            // The container's program could not be executed: as runc's, that is one bare line, and no record in the log.
            Err(Failure { message, exit: exit @ Exit::Process(_), .. }) => {
                foreground::last_words(|| print_error(&message));
                Ok(exit)
            }
            other => other.map_err(|failure| failure.prefixed(&failed("run"))),
        },
        Command::Seccomp(args) => seccomp::run(&args)
            .map_err(|failure| Failure { exit: Exit::Trouble, ..failure.prefixed("seccomp") }),
        Command::Spec(args) => spec::run(args),
        Command::Start(args) => start::run(global, args, timeline),
        Command::Stats(args) => stats::run(global, args),
        Command::State(args) => state::run(global, args),
        Command::Update(args) => update::run(global, args),
        Command::Version => print_and_succeed(&version::lines(name)),
    }
}

/// Writes `text` to standard output.
///
/// # Errors
/// [`Failure`], when nobody takes it: a full disk or a broken pipe.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    written.map_err(|error| Failure::new(format!("write /dev/stdout: {}", io_words(&error))))
}

/// Writes a line to standard error, for what is no error of the command. Nobody may be there to read it.
pub fn print_error(line: &str) {
    drop(writeln!(io::stderr(), "{line}"));
}

fn print_and_succeed(text: &str) -> Outcome {
    print(text).map(|()| Exit::Success)
}

/// The words for an error of the standard library.
fn io_words(error: &io::Error) -> String {
    error.raw_os_error().map_or_else(|| error.to_string(), |errno| errno_text(errno).to_owned())
}
