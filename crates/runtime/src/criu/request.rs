//! What CRIU is asked for: its requests, by the field numbers of its published `images/rpc.proto` (MIT).
//! Runs in: the parent.

use super::protobuf::Message;

/// `criu_req_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Job {
    Dump = 1,
    Restore = 2,
    PreDump = 4,
    Notify = 6,
    FeatureCheck = 9,
    Version = 10,
}

impl Job {
    /// As CRIU and runc call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Dump => "DUMP",
            Self::Restore => "RESTORE",
            Self::PreDump => "PRE_DUMP",
            Self::Notify => "NOTIFY",
            Self::FeatureCheck => "FEATURE_CHECK",
            Self::Version => "VERSION",
        }
    }

    pub(crate) fn of_number(number: u64) -> Option<Self> {
        let all = [Self::Dump, Self::Restore, Self::PreDump, Self::Notify, Self::FeatureCheck, Self::Version];
        all.into_iter().find(|job| *job as u64 == number)
    }
}

/// `criu_req` of a dump or a restore.
pub(crate) fn with_options(job: Job, options: &Message) -> Message {
    request(job).message(2, options).clone()
}

/// The answer to a notification.
pub(crate) fn notified(done: Done) -> Message {
    // Here false has to be said.
    request(Job::Notify).number(3, u64::from(done == Done::Well)).clone()
}

/// How a notification was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Done {
    Well,
    Badly,
}

/// Asks for the version, after which more may be asked.
pub(crate) fn version() -> Message {
    request(Job::Version).flag(4, true).clone()
}

/// Asks for features, after which more may be asked.
pub(crate) fn features() -> Message {
    let mut wanted = Message::default();
    wanted.flag(MEM_TRACK, true).flag(LAZY_PAGES_FEATURE, true);
    request(Job::FeatureCheck).flag(4, true).message(5, &wanted).clone()
}

fn request(job: Job) -> Message {
    Message::default().number(1, job as u64).clone()
}

/// `criu_features`.
pub(crate) const MEM_TRACK: u32 = 1;
pub(crate) const LAZY_PAGES_FEATURE: u32 = 2;

/// `criu_opts`.
pub(crate) mod option {
    pub(crate) const IMAGES_DIR_FD: u32 = 1;
    pub(crate) const PID: u32 = 2;
    pub(crate) const LEAVE_RUNNING: u32 = 3;
    pub(crate) const EXT_UNIX_SK: u32 = 4;
    pub(crate) const TCP_ESTABLISHED: u32 = 5;
    pub(crate) const EVASIVE_DEVICES: u32 = 6;
    pub(crate) const SHELL_JOB: u32 = 7;
    pub(crate) const FILE_LOCKS: u32 = 8;
    pub(crate) const LOG_LEVEL: u32 = 9;
    pub(crate) const LOG_FILE: u32 = 10;
    pub(crate) const PAGE_SERVER: u32 = 11;
    pub(crate) const NOTIFY_SCRIPTS: u32 = 12;
    pub(crate) const ROOT: u32 = 13;
    pub(crate) const PARENT_IMG: u32 = 14;
    pub(crate) const TRACK_MEM: u32 = 15;
    pub(crate) const AUTO_DEDUP: u32 = 16;
    pub(crate) const WORK_DIR_FD: u32 = 17;
    pub(crate) const LINK_REMAP: u32 = 18;
    pub(crate) const EXT_MNT: u32 = 23;
    pub(crate) const MANAGE_CGROUPS: u32 = 24;
    pub(crate) const CG_ROOT: u32 = 25;
    pub(crate) const RST_SIBLING: u32 = 26;
    pub(crate) const INHERIT_FD: u32 = 27;
    pub(crate) const MANAGE_CGROUPS_MODE: u32 = 34;
    pub(crate) const EXTERNAL: u32 = 37;
    pub(crate) const EMPTY_NS: u32 = 38;
    pub(crate) const JOIN_NS: u32 = 39;
    pub(crate) const FREEZE_CGROUP: u32 = 44;
    pub(crate) const TCP_SKIP_IN_FLIGHT: u32 = 46;
    pub(crate) const LAZY_PAGES: u32 = 48;
    pub(crate) const STATUS_FD: u32 = 49;
    pub(crate) const ORPHAN_PTS_MASTER: u32 = 50;
    pub(crate) const CONFIG_FILE: u32 = 51;
    pub(crate) const LSM_PROFILE: u32 = 53;
    pub(crate) const LSM_MOUNT_CONTEXT: u32 = 63;
}

/// A message of two fields, both text: `ext_mount_map`, `cgroup_root`, `join_namespace`.
pub(crate) fn pair(first: impl AsRef<[u8]>, second: impl AsRef<[u8]>) -> Message {
    Message::default().text(1, first).text(2, second).clone()
}

/// `inherit_fd`: what the images call `key` is this descriptor of CRIU's.
pub(crate) fn inherit(key: &str, descriptor: i32) -> Message {
    Message::default().text(1, key).signed(2, descriptor).clone()
}

/// `criu_page_server_info`.
pub(crate) fn page_server(address: &str, port: u16) -> Message {
    Message::default().text(1, address).number(2, port.into()).clone()
}
