//! `exec`. Runs in: parent.

use std::{
    cell::OnceCell,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

use brig_plan::{
    exec::{Changes, Requested},
    load,
};
use brig_runtime::{
    Error, Patience, Timeline,
    create::{self, Created, Streams},
    exec::{self, Paused, Request},
    foreground::{self, Signals},
    store::{ContainerId, Store},
};
use rustix::process::{Signal, pidfd_send_signal};

use super::{Outcome, io_words, store, watched};
use crate::{
    args::{
        Global,
        command::{ExecArgs, ExecProcess, ProcessWords, SubCgroup},
    },
    exit::{Exit, Failure},
};

pub(super) fn run(global: &Global, args: ExecArgs, timeline: Option<&Timeline>) -> Outcome {
    let id = ContainerId::new(&args.id)?;
    let store = store::open(global)?;
    let text = match &args.process {
        ExecProcess::File(path) => read(path)?,
        ExecProcess::Words(_) => Vec::new(),
    };
    let process = match &args.process {
        ExecProcess::File(_) => Requested::Whole(load::process(&text).map_err(Error::from)?),
        ExecProcess::Words(words) => Requested::Changed(changes(words)?),
    };
    let exec = Exec {
        pid_file: args.pid_file.as_deref().map(store::absolute).transpose()?,
        cgroups: args.cgroups.iter().map(as_typed).collect(),
        store,
        id,
        args: &args,
        timeline,
    };
    match args.detach {
        true => exec.detached(process),
        false => exec.attended(process),
    }
}

/// What stays the same whoever holds the streams.
struct Exec<'e> {
    store: Store,
    id: ContainerId,
    args: &'e ExecArgs,
    pid_file: Option<PathBuf>,
    cgroups: Vec<String>,
    timeline: Option<&'e Timeline>,
}

impl Exec<'_> {
    fn detached(&self, process: Requested<'_>) -> Outcome {
        let streams = match &self.args.console_socket {
            Some(socket) => Streams::ConsoleSocket(socket),
            None => Streams::Inherited,
        };
        self.start(process, streams).map(|_| Exit::Success)
    }

    fn attended(&self, process: Requested<'_>) -> Outcome {
        if self.args.console_socket.is_some() {
            return Err(Failure::new("cannot use console socket if runc will not detach or allocate tty"));
        }
        // Before there is a process, so that no signal for it is lost.
        let signals = Signals::block()?;
        let terminal = OnceCell::new();
        let created = self.start(process, Streams::Foreground(&terminal))?;
        watched::program_runs(self.timeline);
        Ok(Exit::Process(foreground::attend(&created, &signals, terminal.get())?))
    }

    /// Starts the process, and writes its pid file: one that has none is not wanted.
    fn start(&self, process: Requested<'_>, streams: Streams<'_>) -> Result<Created, Failure> {
        let request = Request {
            process,
            streams,
            preserve_fds: self.args.preserve_fds,
            cgroups: &self.cgroups,
            paused: if self.args.ignore_paused { Paused::Allow } else { Paused::Refuse },
            pidfd_socket: self.args.pidfd_socket.as_deref(),
            patience: Patience::ENDLESS,
            timeline: self.timeline,
        };
        let created = exec::exec(&self.store, &self.id, request)?;
        let Some(path) = &self.pid_file else { return Ok(created) };
        // It may have ended; whether or not, it is the file that is reported.
        create::write_pid_file(path, created.pid)
            .inspect_err(|_| pidfd_send_signal(&created.pidfd, Signal::KILL).unwrap_or(()))?;
        Ok(created)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| Failure::new(format!("open {}: {}", path.display(), io_words(&error))))
}

fn changes(words: &ProcessWords) -> Result<Changes<'_>, Failure> {
    Ok(Changes {
        args: texts("args", &words.args)?,
        cwd: words.cwd.as_deref().map(|cwd| text("cwd", cwd.as_os_str())).transpose()?,
        env: texts("env", &words.env)?,
        terminal: words.tty,
        user: words.user,
        additional_gids: words.additional_gids.clone(),
        capabilities: words.caps.iter().map(String::as_str).collect(),
        no_new_privileges: words.no_new_privileges.then_some(true),
        selinux_label: words.process_label.as_deref(),
        apparmor_profile: words.apparmor.as_deref(),
    })
}

fn texts<'w>(field: &str, words: &'w [impl AsRef<OsStr>]) -> Result<Vec<&'w str>, Failure> {
    words.iter().map(|word| text(field, word.as_ref())).collect()
}

/// JSON, in which a process is described elsewhere, has no other text either.
fn text<'w>(field: &str, word: &'w OsStr) -> Result<&'w str, Failure> {
    word.to_str().ok_or_else(|| Failure::new(format!("{field}: {} is not UTF-8", word.display())))
}

/// One `--cgroup` in the form in which the runtime reads it.
fn as_typed(cgroup: &SubCgroup) -> String {
    match cgroup.controllers.as_slice() {
        [] => cgroup.path.clone(),
        controllers => format!("{}:{}", controllers.join(","), cgroup.path),
    }
}
