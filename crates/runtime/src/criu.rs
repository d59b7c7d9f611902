//! CRIU: dumping a container's processes and making them anew is its work; saying what is outside, and what becomes of that, ours.
//! Runs in: the parent.
//!
//! `process` starts it and talks to it; `request` and `reply` are what is said, `protobuf` how; `failure` has the words for what
//! goes wrong. What checkpoint and restore have in common is here.

mod failure;
mod hierarchy;
mod images;
pub(crate) mod mountinfo;
mod pagemap;
mod process;
mod protobuf;
mod reply;
mod request;

use std::path::Path;

use brig_plan::plan::StateFacts;

pub use failure::Failure;
pub(crate) use failure::{at_least, broken, lacks, quote_log};
pub(crate) use images::{Directories, read_descriptors, write_descriptors};
pub(crate) use pagemap::check as check_memory;
pub(crate) use process::{Criu, Desk, Launch, Surroundings};
pub(crate) use protobuf::Message;
pub use reply::Version;
pub(crate) use request::{Job, inherit, option, page_server, pair};

/// What checkpoint and restore are both told.
#[derive(Debug, Clone)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command line, independent of the others"
)]
pub struct Options<'o> {
    /// CRIU's executable: `criu`, looked for in `PATH`.
    pub program: &'o Path,
    /// Directory of the images.
    pub images: &'o Path,
    /// Directory of logs and of what CRIU writes beside the images; that of the images without it.
    pub work: Option<&'o Path>,
    /// What CRIU does with cgroups.
    pub manage_cgroups: ManageCgroups,
    /// TCP connections are dumped, or made anew.
    pub tcp_established: bool,
    /// So are Unix sockets whose other end is outside.
    pub ext_unix_sk: bool,
    /// The session, or the terminal, belongs to somebody outside.
    pub shell_job: bool,
    /// File locks are dumped, or made anew.
    pub file_locks: bool,
    /// Pages that are in a parent image too are punched out of it.
    pub auto_dedup: bool,
    /// Memory is not written, or not read, but served when it is needed.
    pub lazy_pages: bool,
    /// Who is told how far it is.
    pub progress: Option<Progress<'o>>,
}

impl<'o> Options<'o> {
    /// The `criu` of `PATH`, images in this directory, and no option.
    pub fn new(images: &'o Path) -> Self {
        Self {
            program: Path::new("criu"),
            images,
            work: None,
            manage_cgroups: ManageCgroups::Default,
            tcp_established: false,
            ext_unix_sk: false,
            shell_job: false,
            file_locks: false,
            auto_dedup: false,
            lazy_pages: false,
            progress: None,
        }
    }
}

/// Somebody who is told how far it is.
#[derive(Clone, Copy)]
pub struct Progress<'p>(pub &'p (dyn Fn(Phase) + Sync));

impl std::fmt::Debug for Progress<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Progress")
    }
}

/// How far a dump or a restore is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Phase {
    /// CRIU is there, and begins.
    Started(Version),
    /// The namespaces of what is restored are there, and their networks.
    Namespaces,
    /// Its processes are there, and do not run yet.
    Processes,
}

/// Whether bytes are an answer of CRIU's. For the fuzzer, which wants no more than that reading them ends.
#[doc(hidden)]
#[must_use]
pub fn is_reply(bytes: &[u8]) -> bool {
    reply::Reply::read(bytes).is_some()
}

/// What CRIU does with cgroups.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ManageCgroups {
    /// What CRIU does by itself.
    #[default]
    Default,
    /// Restore properties of groups that it makes.
    Soft,
    /// Restore all groups and their properties.
    Full,
    /// Restore all groups, and fail where one exists.
    Strict,
    /// Leave cgroups alone.
    Ignore,
}

impl ManageCgroups {
    /// `criu_cg_mode`.
    fn number(self) -> u64 {
        match self {
            Self::Ignore => 0,
            Self::Soft => 3,
            Self::Full => 4,
            Self::Strict => 5,
            Self::Default => 6,
        }
    }
}

impl Options<'_> {
    pub(crate) fn tell(&self, phase: Phase) {
        if let Some(Progress(tell)) = self.progress {
            tell(phase);
        }
    }

    /// The part of the request that they are.
    pub(crate) fn request(&self, log: &str, facts: &StateFacts<'_>) -> Message {
        let mut request = Message::default();
        request
            .number(option::LOG_LEVEL, 4)
            .text(option::LOG_FILE, log)
            // The older word for the mode, which is not heeded where the mode is known.
            .flag(option::MANAGE_CGROUPS, true)
            .number(option::MANAGE_CGROUPS_MODE, self.manage_cgroups.number())
            .flag(option::NOTIFY_SCRIPTS, true)
            .flag(option::TCP_ESTABLISHED, self.tcp_established)
            .flag(option::EXT_UNIX_SK, self.ext_unix_sk)
            .flag(option::SHELL_JOB, self.shell_job)
            .flag(option::FILE_LOCKS, self.file_locks)
            .flag(option::AUTO_DEDUP, self.auto_dedup)
            .flag(option::LAZY_PAGES, self.lazy_pages)
            // What is in a network namespace is ours to make anew, or the caller's.
            .number(option::EMPTY_NS, NETWORK.into());
        if let Some(file) = config_file(facts) {
            request.text(option::CONFIG_FILE, file);
        }
        request
    }
}

/// The annotation names a file whose options count more than ours; an empty one says that there is none.
fn config_file(facts: &StateFacts<'_>) -> Option<Vec<u8>> {
    let annotated =
        facts.annotations.iter().find(|annotation| annotation.key.to_bytes() == CONFIG_ANNOTATION.as_bytes());
    match annotated.map(|annotation| annotation.value.to_bytes()) {
        None => Some(CONFIG_FILE.to_vec()),
        Some([]) => None,
        Some(file) => Some(file.to_vec()),
    }
}

/// Names a file of options that count more than what is asked for; empty: none.
const CONFIG_ANNOTATION: &str = "org.criu.config";

/// As runc: who administers a machine has one file for both. CRIU passes over one that is not there.
const CONFIG_FILE: &[u8] = b"/etc/criu/runc.conf";

/// `CLONE_NEWNET`.
pub(crate) const NETWORK: u32 = 0x4000_0000;
/// `CLONE_NEWPID`.
pub(crate) const PID: u32 = 0x2000_0000;

/// What the images call a network namespace or PID namespace that is outside, since CRIU 3.11 and 3.15. The words are runc's.
pub(crate) const EXTERNAL: [(u32, &str, &str, Version); 2] = [
    (NETWORK, "net", "extRootNetNS", Version::new(3, 11)),
    (PID, "pid", "extRootPidNS", Version::new(3, 15)),
];
