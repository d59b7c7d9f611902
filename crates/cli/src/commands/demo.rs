//! `demo`: a container of this machine's own `/usr`, on the ordinary path: bundle, create, foreground, delete.
//! Runs in: parent, and as the first process of the container (see [`inside`]).

use std::{
    cell::OnceCell,
    env,
    ffi::OsString,
    fs::File,
    io::{self, IsTerminal as _, Read as _},
    os::fd::AsFd as _,
};

use brig_runtime::{
    create::{self, Created, Request, Streams},
    delete,
    foreground::{self, Signals},
    store::{ContainerId, Store},
};
use rustix::process::geteuid;

use super::{Outcome, io_words, print, print_error};
use crate::{
    args::{Global, command::DemoArgs},
    demo::{
        bundle::Bundle,
        config::Inside,
        facts::Facts,
        inside, missing,
        report::{Findings, Marks, milliseconds},
    },
    exit::{Exit, Failure},
    version,
};

pub(super) fn run(global: &Global, args: DemoArgs) -> Outcome {
    if let Some(outcome) = inside::asked(&args.args) {
        return outcome;
    }
    // Before there is anything to remove: from now on signals are for the process inside, and the demo lives to clean up.
    let signals = Signals::block()?;
    match args.args.as_slice() {
        [] => look(&signals),
        words => command(words, &signals),
    }
    .or_else(|failure| fail(global, failure.prefixed("demo")))
}

/// In plain words for a person; as every other error for whoever keeps a log.
fn fail(global: &Global, failure: Failure) -> Outcome {
    if global.log.is_some() {
        return Err(failure);
    }
    print_error(&format!("brig {}", failure.message));
    Ok(failure.exit)
}

/// Makes the container, and prints what brig finds in it.
fn look(signals: &Signals) -> Outcome {
    let began = inside::now();
    let seen = {
        let demo = Demo::new()?;
        demo.fill(&inside::look_words(&demo.facts)?, None)?;
        demo.findings(signals)?
    };
    let over = inside::now();
    let findings = &seen.findings;
    let first_word = findings.began.unwrap_or(seen.ended);
    let took = |from: u64, to: u64| milliseconds(to.saturating_sub(from));
    print(&format!(
        "{}\n\n{}\n{}\ncontainer started, checked and removed in {} \
         (started in {}, checked in {}, removed in {})\n{HINT}",
        heading(),
        findings.words(&Marks::of_locale()),
        findings.sum(),
        took(began, over),
        took(seen.created, first_word),
        took(first_word, seen.ended),
        took(seen.ended, over),
    ))?;
    Ok(if findings.fallen() == 0 { Exit::Success } else { Exit::Failure })
}

/// What was found, and when. Times as [`inside::now`] tells them.
struct Seen {
    findings: Findings,
    /// Just before the runtime was asked for a container.
    created: u64,
    /// When the process inside had ended.
    ended: u64,
}

fn heading() -> String {
    let whose = match geteuid() {
        root if root.is_root() => "as root".to_owned(),
        user => format!("as user {user}, without root"),
    };
    let version = version::VERSION;
    format!(
        "brig {version} made a container of this machine's /usr, {whose}; a process in it tried the walls:"
    )
}

const HINT: &str = "for a shell in such a container: brig demo -- sh\n";

/// Runs a command of the caller's in the container.
fn command(words: &[OsString], signals: &Signals) -> Outcome {
    let demo = Demo::new()?;
    let is_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
    let term = env::var("TERM").unwrap_or_else(|_| "xterm".to_owned());
    demo.fill(&inside::run_words(words)?, is_terminal.then_some(&term))?;
    let terminal = OnceCell::new();
    let created = demo.create(Streams::Foreground(&terminal))?;
    Ok(Exit::Process(foreground::attend(&created, signals, terminal.get())?))
}

/// A container on its way; it is removed with everything that belongs to it.
struct Demo {
    facts: Facts,
    store: Store,
    id: ContainerId,
    // Last: it goes when the container is gone.
    bundle: Bundle,
}

impl Demo {
    fn new() -> Result<Self, Failure> {
        let place = Bundle::place();
        let failed = |error| Failure::new(format!("a folder in {}: {}", place.display(), io_words(&error)));
        let bundle = Bundle::new_in(&place).map_err(failed)?;
        foreground::become_subreaper()?;
        Ok(Self {
            facts: Facts::of_host(bundle.path()),
            store: Store::open(bundle.store()),
            id: ContainerId::new(bundle.id())?,
            bundle,
        })
    }

    fn fill(&self, args: &[String], terminal: Option<&String>) -> Result<(), Failure> {
        let inside = Inside { args, terminal: terminal.map(String::as_str) };
        let place = self.bundle.path().display();
        self.bundle
            .fill(&self.facts, &inside)
            .map_err(|error| Failure::new(format!("fill {place}: {}", io_words(&error))))
    }

    fn create(&self, streams: Streams<'_>) -> Result<Created, Failure> {
        let request = Request { streams, rootless_cgroups: true, ..Request::of(self.bundle.path()) };
        create::create(&self.store, &self.id, &request).map_err(|error| match missing::words(&error) {
            Some(words) => Failure::new(format!("{words} ({error})")),
            None => error.into(),
        })
    }

    /// Lets the process inside look at the walls.
    fn findings(&self, signals: &Signals) -> Result<Seen, Failure> {
        let failed = |error: io::Error| Failure::new(io_words(&error));
        let (mut reader, writer) = io::pipe().map_err(failed)?;
        let nothing = File::open("/dev/null").map_err(failed)?;
        let created = inside::now();
        let container = self.create(Streams::Passed([nothing.as_fd(), writer.as_fd(), writer.as_fd()]))?;
        drop(writer);
        // It says less than a pipe holds, so that nobody has to listen yet.
        foreground::attend(&container, signals, None)?;
        let ended = inside::now();
        let mut text = String::new();
        reader.read_to_string(&mut text).map_err(failed)?;
        Ok(Seen { findings: Findings::read(&text), created, ended })
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // Without a container, one that could not be made, there is nothing to delete.
        if let Err(error) = delete::delete(&self.store, &self.id, delete::Mode::Force) {
            log::warn!("unable to destroy container: {error}");
        }
    }
}
