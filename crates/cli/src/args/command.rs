//! The typed commands: what the caller typed, checked for form only. Nothing here has looked at a file or at the host.
//! Runs in: parent.

use std::{ffi::OsString, path::PathBuf, time::Duration};

pub use super::criu::{CheckpointArgs, CriuArgs, CriuSwitch, ManageCgroups, RestoreArgs};
pub use super::seccomp::{ProfilePath, SeccompAction, SeccompArgs};
use super::table::CommandRow;
pub use super::update::{LimitWords, UpdateArgs, UpdateLimits};

/// The options before the command.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Global {
    /// `--debug`: log debug records, with their place in the source.
    pub debug: bool,
    /// `--log`: file that the log is appended to; standard error without it.
    pub log: Option<PathBuf>,
    /// `--log-format`.
    pub log_format: LogFormat,
    /// `--root`: the store of containers, as typed; the runtime's default without it.
    pub root: Option<PathBuf>,
    /// `--systemd-cgroup`: systemd makes the cgroups.
    pub systemd_cgroup: bool,
    /// `--rootless`.
    pub rootless: Rootless,
    /// `--trace`: file to which is added what takes how long.
    pub trace: Option<PathBuf>,
    /// The obsolete `--criu` was given: warn that it is ignored.
    pub criu: bool,
}

/// Whether what takes how long is printed (`--timing`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timing {
    /// It is, on standard error.
    Printed,
    /// It is not.
    NotPrinted,
}

/// How log records are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// `time="…" level=error msg="…"`.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// Whether cgroups that are not permitted are an error.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Rootless {
    /// Find out.
    #[default]
    Auto,
    /// They are no error.
    Yes,
    /// They are an error.
    No,
}

/// One command with its arguments.
#[derive(Debug)]
pub enum Command {
    /// `checkpoint`
    Checkpoint(CheckpointArgs),
    /// `create`
    Create(CreateArgs),
    /// `delete`
    Delete(DeleteArgs),
    /// `demo`
    Demo(DemoArgs),
    /// `doctor`
    Doctor(DoctorArgs),
    /// `events`
    Events(EventsArgs),
    /// `exec`
    Exec(ExecArgs),
    /// `explain`
    Explain(ExplainArgs),
    /// `features`
    Features,
    /// `help`, `-h`, or no command: about brig, or about one command.
    Help(Option<&'static CommandRow>),
    /// `kill`
    Kill(KillArgs),
    /// `list`
    List(ListArgs),
    /// `pause`
    Pause(IdArgs),
    /// `ps`
    Ps(PsArgs),
    /// `restore`
    Restore(RestoreArgs),
    /// `resume`
    Resume(IdArgs),
    /// `run`
    Run(RunArgs),
    /// `seccomp`
    Seccomp(SeccompArgs),
    /// `spec`
    Spec(SpecArgs),
    /// `stats`
    Stats(StatsArgs),
    /// `start`
    Start(StartArgs),
    /// `state`
    State(IdArgs),
    /// `update`
    Update(UpdateArgs),
    /// `version`, `--version`, `-v`
    Version,
}

/// A container and nothing else. Whether the id is a proper one is the runtime's question.
#[derive(Debug, PartialEq, Eq)]
pub struct IdArgs {
    /// The container.
    pub id: String,
}

/// `create`.
#[derive(Debug, PartialEq, Eq)]
pub struct CreateArgs {
    /// The container.
    pub id: String,
    /// Directory of config.json; the working directory without it.
    pub bundle: Option<PathBuf>,
    /// Socket for the master end of the terminal.
    pub console_socket: Option<PathBuf>,
    /// Socket for a pidfd of the container's init.
    pub pidfd_socket: Option<PathBuf>,
    /// File for the pid, relative to the caller's working directory, not to the bundle.
    pub pid_file: Option<PathBuf>,
    /// Move the root mount instead of pivot_root(2).
    pub no_pivot: bool,
    /// Inherit the session keyring.
    pub no_new_keyring: bool,
    /// Descriptors to pass on behind stdio and `$LISTEN_FDS`.
    pub preserve_fds: u32,
    /// Print what takes how long.
    pub timing: Timing,
}

/// `start`.
#[derive(Debug, PartialEq, Eq)]
pub struct StartArgs {
    /// The container.
    pub id: String,
    /// Print what takes how long.
    pub timing: Timing,
}

/// `run`.
#[derive(Debug, PartialEq, Eq)]
pub struct RunArgs {
    /// What `create` takes.
    pub create: CreateArgs,
    /// Do not wait for the process.
    pub detach: bool,
    /// Leave the container in place when its process ends.
    pub keep: bool,
    /// Do not become a subreaper.
    pub no_subreaper: bool,
}

/// `delete`.
#[derive(Debug, PartialEq, Eq)]
pub struct DeleteArgs {
    /// The container.
    pub id: String,
    /// Kill it first; an unknown id is no error.
    pub force: bool,
}

/// `kill`.
#[derive(Debug, PartialEq, Eq)]
pub struct KillArgs {
    /// The container.
    pub id: String,
    /// The signal's number, not checked; SIGTERM without one.
    pub signal: i32,
    /// The obsolete `--all`: a container that is not running is no error.
    pub all: bool,
}

/// `exec`.
#[derive(Debug, PartialEq, Eq)]
pub struct ExecArgs {
    /// The container.
    pub id: String,
    /// What to run.
    pub process: ExecProcess,
    /// Socket for the master end of the terminal.
    pub console_socket: Option<PathBuf>,
    /// Socket for a pidfd of the process.
    pub pidfd_socket: Option<PathBuf>,
    /// File for the pid.
    pub pid_file: Option<PathBuf>,
    /// Do not wait for the process.
    pub detach: bool,
    /// Descriptors to pass on behind stdio.
    pub preserve_fds: u32,
    /// Cgroups below the container's; empty for the container's own.
    pub cgroups: Vec<SubCgroup>,
    /// Run in a paused container too.
    pub ignore_paused: bool,
    /// Print what takes how long.
    pub timing: Timing,
}

/// The process of `exec`.
#[derive(Debug, PartialEq, Eq)]
pub enum ExecProcess {
    /// `--process FILE`: an OCI process object. The options on the process and the words behind the id are ignored.
    File(PathBuf),
    /// From the command line, on top of the process in the bundle's config.json.
    Words(Box<ProcessWords>),
}

/// A process as typed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ProcessWords {
    /// Program and arguments, at least one.
    pub args: Vec<OsString>,
    /// Working directory.
    pub cwd: Option<PathBuf>,
    /// `NAME=VALUE` entries to append, not checked.
    pub env: Vec<OsString>,
    /// With a terminal.
    pub tty: bool,
    /// The uid, and the gid if one was given.
    pub user: Option<(u32, Option<u32>)>,
    /// Additional groups.
    pub additional_gids: Vec<u32>,
    /// SELinux label.
    pub process_label: Option<String>,
    /// AppArmor profile.
    pub apparmor: Option<String>,
    /// Set no_new_privs.
    pub no_new_privileges: bool,
    /// Capabilities to add, as typed.
    pub caps: Vec<String>,
}

/// One `--cgroup` of `exec`.
#[derive(Debug, PartialEq, Eq)]
pub struct SubCgroup {
    /// cgroup v1 controllers that it holds for; none for a path that holds for all.
    pub controllers: Vec<String>,
    /// Path below the container's cgroup.
    pub path: String,
}

/// `list`.
#[derive(Debug, PartialEq, Eq)]
pub struct ListArgs {
    /// How to print.
    pub format: TableFormat,
    /// Ids only.
    pub quiet: bool,
}

/// `stats`.
#[derive(Debug, PartialEq, Eq)]
pub struct StatsArgs {
    /// The containers; all that run if there are none.
    pub ids: Vec<String>,
    /// How to print.
    pub format: TableFormat,
    /// Print once.
    pub no_stream: bool,
    /// Between two looks; never zero.
    pub interval: Duration,
}

/// `ps`.
#[derive(Debug, PartialEq, Eq)]
pub struct PsArgs {
    /// The container.
    pub id: String,
    /// How to print.
    pub format: TableFormat,
    /// Arguments of ps(1); `-ef` if there were none.
    pub ps_args: Vec<OsString>,
}

/// `--format` of `list`, `ps` and `stats`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableFormat {
    /// For people.
    Table,
    /// For programs.
    Json,
}

/// `events`.
#[derive(Debug, PartialEq, Eq)]
pub struct EventsArgs {
    /// The container.
    pub id: String,
    /// Between two statistics; never zero.
    pub interval: Duration,
    /// Print the statistics once.
    pub stats: bool,
}

/// `spec`.
#[derive(Debug, PartialEq, Eq)]
pub struct SpecArgs {
    /// Where config.json goes; the working directory without it.
    pub bundle: Option<PathBuf>,
    /// For a container made without root.
    pub rootless: bool,
}

/// `explain`.
#[derive(Debug, PartialEq, Eq)]
pub struct ExplainArgs {
    /// Directory of config.json.
    pub bundle: PathBuf,
    /// Directory of another one, to tell what differs.
    pub against: Option<PathBuf>,
    /// How to print.
    pub format: ExplainFormat,
}

/// `--format` of `explain` and `doctor`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExplainFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// `doctor`.
#[derive(Debug, PartialEq, Eq)]
pub struct DoctorArgs {
    /// How to print.
    pub format: ExplainFormat,
    /// The features to try; all if there are none.
    pub features: Vec<String>,
}

/// `demo`.
#[derive(Debug, PartialEq, Eq)]
pub struct DemoArgs {
    /// Program and arguments; none to have the walls looked at.
    pub args: Vec<OsString>,
}
