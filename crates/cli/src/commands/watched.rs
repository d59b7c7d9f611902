//! `--trace` and `--timing`: what a command's time is spent on. Runs in: parent.

use std::io::{self, IsTerminal as _};

use brig_runtime::Timeline;

use super::{Outcome, print_error};
use crate::{
    args::{Command, Global, command::Timing},
    exit::Failure,
    log::colours_are_wanted,
    output::{Colour, timing, trace},
    trace_file::TraceFile,
};

/// What the timeline calls the time in which the container's program ran, and brig waited for its end.
const PROGRAM: &str = "the program runs";

/// Of a command that stays until the program's end.
pub(super) fn program_runs(timeline: Option<&Timeline>) {
    if let Some(timeline) = timeline {
        timeline.waits(PROGRAM);
    }
}

/// Of a command that deletes the container then.
pub(super) fn delete_begins(timeline: Option<&Timeline>) {
    if let Some(timeline) = timeline {
        timeline.begins("delete the container");
    }
}

/// A command of which somebody wants to know where the time goes.
pub(super) struct Watched {
    timeline: Timeline,
    /// The command and its container.
    title: String,
    table: Timing,
    file: Option<TraceFile>,
}

impl Watched {
    /// Begins; `None` where nobody wants to know.
    pub(super) fn new(global: &Global, command: &Command) -> Result<Option<Self>, Failure> {
        let (name, id, table) = about(command);
        if global.trace.is_none() && table == Timing::NotPrinted {
            return Ok(None);
        }
        let file = global.trace.as_deref().map(TraceFile::open).transpose()?;
        let timeline = Timeline::new();
        timeline.begins(name);
        let title = id.map_or_else(|| name.to_owned(), |id| format!("{name} {id}"));
        Ok(Some(Self { timeline, title, table, file }))
    }

    pub(super) const fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    /// Writes down what there is, also of a command that failed. That it cannot be written changes nothing in how the command ended.
    pub(super) fn finish(&self, outcome: &Outcome) {
        self.timeline.ends();
        let phases = self.timeline.phases();
        let failure = outcome.as_ref().err().map(|failure| failure.message.as_str());
        let written = self.file.as_ref().map(|file| file.add(&trace::events(&self.title, &phases, failure)));
        if let Some(Err(failure)) = written {
            log::warn!("{}", failure.message);
        }
        if self.table == Timing::Printed {
            let is_coloured = io::stderr().is_terminal() && colours_are_wanted();
            let colour = if is_coloured { Colour::On } else { Colour::Off };
            print_error(timing::table(&self.title, &phases, PROGRAM, colour).trim_end());
        }
    }
}

/// Its name, its container, and whether it has `--timing`.
fn about(command: &Command) -> (&'static str, Option<&str>, Timing) {
    let silent = Timing::NotPrinted;
    match command {
        Command::Checkpoint(args) => ("checkpoint", Some(&args.id), silent),
        Command::Create(args) => ("create", Some(&args.id), args.timing),
        Command::Delete(args) => ("delete", Some(&args.id), silent),
        Command::Demo(_) => ("demo", None, silent),
        Command::Doctor(_) => ("doctor", None, silent),
        Command::Events(args) => ("events", Some(&args.id), silent),
        Command::Exec(args) => ("exec", Some(&args.id), args.timing),
        Command::Explain(_) => ("explain", None, silent),
        Command::Features => ("features", None, silent),
        Command::Help(_) => ("help", None, silent),
        Command::Kill(args) => ("kill", Some(&args.id), silent),
        Command::List(_) => ("list", None, silent),
        Command::Pause(args) => ("pause", Some(&args.id), silent),
        Command::Ps(args) => ("ps", Some(&args.id), silent),
        Command::Restore(args) => ("restore", Some(&args.id), args.timing),
        Command::Resume(args) => ("resume", Some(&args.id), silent),
        Command::Run(args) => ("run", Some(&args.create.id), args.create.timing),
        Command::Seccomp(_) => ("seccomp", None, silent),
        Command::Spec(_) => ("spec", None, silent),
        Command::Start(args) => ("start", Some(&args.id), args.timing),
        Command::State(args) => ("state", Some(&args.id), silent),
        Command::Stats(_) => ("stats", None, silent),
        Command::Update(args) => ("update", Some(&args.id), silent),
        Command::Version => ("version", None, silent),
    }
}
