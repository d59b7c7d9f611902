//! One more process in a container, described in words or as a process of config.json.
//! Runs in: the parent.

use std::process::{ExitStatus, Output};
use std::sync::Arc;

use brig_plan::exec::{Changes, Requested};
use brig_plan::spec;

use super::Container;
use super::child::Child;
use super::process::Process;
use super::stdio::{Pipes, Terminal, Wanted, stream_setters};
use crate::create::Created;
use crate::error::Result;
use crate::exec::{self, Paused, Request};
use crate::patience::Patience;
use crate::timeline::Timeline;

/// A process to be, in a container. It is like the container's own, but for what is said here.
#[derive(Debug)]
#[must_use = "it does nothing before it is spawned"]
pub struct Exec<'c> {
    container: &'c Container,
    command: Vec<String>,
    whole: Option<spec::Process<'c>>,
    env: Vec<String>,
    current_dir: Option<String>,
    user: Option<(u32, Option<u32>)>,
    groups: Vec<u32>,
    capabilities: Vec<String>,
    no_new_privileges: Option<bool>,
    streams: Wanted,
    cgroups: Vec<String>,
    paused: Paused,
    patience: Patience,
    timeline: Option<&'c Timeline>,
}

impl<'c> Exec<'c> {
    pub(super) fn new(container: &'c Container, command: Vec<String>) -> Self {
        Self {
            container,
            command,
            whole: None,
            env: Vec::new(),
            current_dir: None,
            user: None,
            groups: Vec::new(),
            capabilities: Vec::new(),
            no_new_privileges: None,
            streams: Wanted::default(),
            cgroups: Vec::new(),
            paused: Paused::Refuse,
            patience: Patience::ENDLESS,
            timeline: None,
        }
    }

    /// Takes the whole process from here; of the words only those about streams, cgroups and patience count then.
    pub fn process(mut self, process: spec::Process<'c>) -> Self {
        self.whole = Some(process);
        self
    }

    /// Adds a variable to the environment, or changes one.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push(format!("{name}={value}"));
        self
    }

    /// Where it begins; absolute.
    pub fn current_dir(mut self, path: impl Into<String>) -> Self {
        self.current_dir = Some(path.into());
        self
    }

    /// Ids in the container.
    pub fn user(mut self, uid: u32, gid: u32) -> Self {
        self.user = Some((uid, Some(gid)));
        self
    }

    /// Further groups.
    pub fn groups(mut self, groups: impl IntoIterator<Item = u32>) -> Self {
        self.groups.extend(groups);
        self
    }

    /// Adds capabilities, such as `CAP_NET_ADMIN`.
    pub fn capabilities<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.capabilities.extend(names.into_iter().map(Into::into));
        self
    }

    /// execve grants it nothing more.
    pub fn no_new_privileges(mut self) -> Self {
        self.no_new_privileges = Some(true);
        self
    }

    stream_setters!();

    /// Starts in a cgroup below the container's, in the form of `brig exec --cgroup`: `PATH`, or `CONTROLLERS:PATH`.
    pub fn cgroup(mut self, path: impl Into<String>) -> Self {
        self.cgroups.push(path.into());
        self
    }

    /// In a paused container it is made, and waits with the others; without this it is refused.
    pub fn while_paused(mut self) -> Self {
        self.paused = Paused::Allow;
        self
    }

    /// How long starting it may take. What it does then has all the time in the world.
    pub fn patience(mut self, patience: Patience) -> Self {
        self.patience = patience;
        self
    }

    /// Notes there what takes how long until the program runs: the phases of this process and of `brig-init`.
    pub fn timeline(mut self, timeline: &'c Timeline) -> Self {
        self.timeline = Some(timeline);
        self
    }

    /// Starts it. It has become the program when this returns: what was wrong with that is the error.
    ///
    /// # Errors
    /// `NotFound`, `WrongStatus`, `Paused`, `Refused`, `Step`, `Cgroup`, `Deadline`, `Cancelled`, `Os`.
    pub fn spawn(self) -> Result<Process> {
        let container = self.container;
        let (created, pipes) = self.start()?;
        process(created, pipes, |child| container.children.add(child))
    }

    /// Starts it with pipes for what it writes, where nothing else was said, and gathers that until it has ended.
    ///
    /// # Errors
    /// As for [`Exec::spawn`] and [`Process::output`].
    pub fn output(mut self) -> Result<Output> {
        self.streams.pipe_output();
        let patience = self.patience.clone();
        self.spawn()?.output(&patience)
    }

    /// Starts it and waits for its end.
    ///
    /// # Errors
    /// As for [`Exec::spawn`] and [`Process::wait`].
    pub fn status(self) -> Result<ExitStatus> {
        let patience = self.patience.clone();
        self.spawn()?.wait_for(&patience)
    }

    fn start(mut self) -> Result<(Created, Pipes)> {
        let (ends, pipes) = self.streams.open()?;
        let changes = || Changes {
            args: self.command.iter().map(String::as_str).collect(),
            cwd: self.current_dir.as_deref(),
            env: self.env.iter().map(String::as_str).collect(),
            terminal: self.streams.has_terminal(),
            user: self.user,
            additional_gids: self.groups.clone(),
            capabilities: self.capabilities.iter().map(String::as_str).collect(),
            no_new_privileges: self.no_new_privileges,
            ..Changes::default()
        };
        let whole = self.whole.clone().map(|process| Requested::Whole(self.streams.terminal_of(process)));
        let request = Request {
            process: whole.unwrap_or_else(|| Requested::Changed(changes())),
            streams: ends.streams(),
            preserve_fds: 0,
            cgroups: &self.cgroups,
            paused: self.paused,
            pidfd_socket: None,
            patience: self.patience.clone(),
            timeline: self.timeline,
        };
        Ok((exec::exec(&self.container.store, &self.container.id, request)?, pipes))
    }
}

/// What was created, as its caller holds it.
pub(super) fn process(
    created: Created,
    pipes: Pipes,
    keep: impl FnOnce(&Arc<Child>) -> Result<()>,
) -> Result<Process> {
    let terminal = created.terminal.map(Terminal::new);
    let child = Arc::new(Child::new(created.pid.as_raw_nonzero().get().unsigned_abs(), created.pidfd));
    keep(&child)?;
    Ok(Process::new(child, pipes, terminal))
}
