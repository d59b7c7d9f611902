//! The typed words of `checkpoint` and `restore`. Runs in: parent.

use std::path::PathBuf;

use super::command::Timing;

/// `checkpoint`.
#[derive(Debug, PartialEq, Eq)]
pub struct CheckpointArgs {
    /// The container.
    pub id: String,
    /// What `restore` takes as well.
    pub criu: CriuArgs,
    /// Images of an earlier pre-dump.
    pub parent_path: Option<PathBuf>,
    /// Descriptor that CRIU reports readiness on.
    pub status_fd: Option<i32>,
    /// Address and port of a page server.
    pub page_server: Option<(String, u16)>,
}

/// `restore`.
#[derive(Debug, PartialEq, Eq)]
pub struct RestoreArgs {
    /// The container.
    pub id: String,
    /// What `checkpoint` takes as well.
    pub criu: CriuArgs,
    /// Directory of config.json; the working directory without it.
    pub bundle: Option<PathBuf>,
    /// Socket for the master end of the terminal.
    pub console_socket: Option<PathBuf>,
    /// File for the pid.
    pub pid_file: Option<PathBuf>,
    /// Do not wait for the process.
    pub detach: bool,
    /// Do not become a subreaper.
    pub no_subreaper: bool,
    /// Move the root mount instead of pivot_root(2).
    pub no_pivot: bool,
    /// Security profile, `TYPE:NAME`.
    pub lsm_profile: Option<String>,
    /// SELinux mount context.
    pub lsm_mount_context: Option<String>,
    /// Print what takes how long.
    pub timing: Timing,
}

/// What `checkpoint` and `restore` have in common.
#[derive(Debug, PartialEq, Eq)]
pub struct CriuArgs {
    /// Directory of the images; `checkpoint` in the working directory without it.
    pub image_path: Option<PathBuf>,
    /// Directory of logs; the image path without it.
    pub work_path: Option<PathBuf>,
    /// CRIU's default without it.
    pub manage_cgroups: Option<ManageCgroups>,
    /// The switches that are on, in the order of [`CriuSwitch::ALL`].
    pub switches: Vec<CriuSwitch>,
}

/// What CRIU does with cgroups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ManageCgroups {
    /// `soft`
    Soft,
    /// `full`
    Full,
    /// `strict`
    Strict,
    /// `ignore`
    Ignore,
}

/// The switches of `checkpoint` and `restore`. Network namespaces are always left empty, so `--empty-ns network` has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CriuSwitch {
    /// `--leave-running`
    LeaveRunning,
    /// `--tcp-established`
    TcpEstablished,
    /// `--tcp-skip-in-flight`
    TcpSkipInFlight,
    /// `--link-remap`
    LinkRemap,
    /// `--ext-unix-sk`
    ExtUnixSk,
    /// `--shell-job`
    ShellJob,
    /// `--lazy-pages`
    LazyPages,
    /// `--file-locks`
    FileLocks,
    /// `--pre-dump`
    PreDump,
    /// `--auto-dedup`
    AutoDedup,
}

impl CriuSwitch {
    /// Every switch, with its flag.
    pub const ALL: [(&'static str, Self); 10] = [
        ("leave-running", Self::LeaveRunning),
        ("tcp-established", Self::TcpEstablished),
        ("tcp-skip-in-flight", Self::TcpSkipInFlight),
        ("link-remap", Self::LinkRemap),
        ("ext-unix-sk", Self::ExtUnixSk),
        ("shell-job", Self::ShellJob),
        ("lazy-pages", Self::LazyPages),
        ("file-locks", Self::FileLocks),
        ("pre-dump", Self::PreDump),
        ("auto-dedup", Self::AutoDedup),
    ];
}
