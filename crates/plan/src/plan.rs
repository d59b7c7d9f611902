//! The plan: everything that was decided about one container, in the form in which it is carried out.
//!
//! What a plan does not know, because only the world can tell: what a path below the rootfs resolves to; whether a mount
//! source exists; process ids; which mount flags are locked; what the terminal will be called. Those are asked for through
//! descriptors while the plan is carried out, and never change it.

use brig_dbus::Property;
use brig_handshake::Text;
pub use brig_handshake::process::Rlimit;
use brig_handshake::process::{Keyring, Process};
use brig_handshake::task::InitTask;
use brig_handshake::{wire_enum, wire_struct};

use crate::network::Veth;
use brig_seccomp::Canonical;

use crate::limits::Write;
use crate::resources::Resources;

/// Everything about one container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan<'a> {
    /// How the first process comes to be.
    pub start: Start<'a>,
    /// What `brig-init` does.
    pub task: InitTask<'a>,
    /// Its control group.
    pub cgroup: CgroupPlan,
    /// The profile that the program of `task.process.seccomp` is made from, while `brig-init` works.
    pub filter: Option<Canonical>,
    /// Its class of service and monitoring group of Intel RDT.
    pub intel_rdt: Option<IntelRdtPlan>,
    /// What the parent sets up in its network namespace.
    pub network: NetworkPlan,
    /// What the parent sets on the process once it is ready.
    pub limits: Limits,
    /// Bind sources that the parent may have to open, by place in `task.rootfs.mounts`.
    pub sources: Vec<ParentSource>,
    /// A socket that the first process's pidfd is sent to, whatever the caller's options say.
    pub pidfd_receiver: Option<Text<'a>>,
    /// The hooks that the parent runs.
    pub hooks: ParentHooks<'a>,
    /// What the state document says of the container.
    pub facts: StateFacts<'a>,
    /// What a later `exec` starts from.
    pub exec: ExecTemplate<'a>,
    /// Things in the configuration that are odd but allowed: one line each, for the log.
    pub warnings: Vec<String>,
}

/// How the first process comes to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start<'a> {
    /// `CLONE_NEW*` flags of the parent's clone3.
    pub create: u32,
    /// Maps of the user namespace that is made, by either clone.
    pub id_maps: Option<IdMaps>,
    /// Namespaces to join, in the order of `task.entry.join`; the parent opens them on the host.
    pub join: Vec<Join<'a>>,
}

/// A namespace to join.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Join<'a> {
    /// `CLONE_NEW*`.
    pub kind: u32,
    /// Where it is.
    pub path: Text<'a>,
    /// Its place in `linux.namespaces`.
    pub index: u32,
}

wire_struct! {
    /// Maps of a user namespace.
    pub struct IdMaps {
        /// Lines of `/proc/PID/uid_map`.
        pub uid: Vec<IdMap>,
        /// Lines of `/proc/PID/gid_map`.
        pub gid: Vec<IdMap>,
        /// `deny` must be written to `/proc/PID/setgroups` first (user_namespaces(7): unprivileged gid maps).
        pub deny_setgroups: bool,
        /// Who may write them.
        pub writer: MapWriter,
    }
}

wire_struct! {
    /// One line of an id map.
    pub struct IdMap {
        /// First id inside.
        pub container_id: u32,
        /// First id outside.
        pub host_id: u32,
        /// How many.
        pub size: u32,
    }
}

wire_enum! {
    /// Who writes id maps.
    pub enum MapWriter {
        /// The parent itself: it is privileged, or maps nothing but itself.
        Parent = 1,
        /// The parent through newuidmap(1) and newgidmap(1).
        Helpers = 2,
    }
}

/// The container's control group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CgroupPlan {
    /// A group that cannot be made is done without: rootless, no `cgroupsPath`, no limits asked for.
    pub optional: bool,
    /// What was asked of it, for the record.
    pub resources: Resources<'static>,
    /// The same as files.
    pub limits: Vec<Write>,
    /// Those that wait until `brig-init` is ready.
    pub late: Vec<Write>,
    /// Which devices may be used; `None`: all.
    pub devices: Option<DeviceRules>,
    /// The unit that systemd makes for it.
    pub unit: Option<UnitPlan>,
    /// The host's id of the user who may make groups below it: it is handed over to him.
    pub delegate: Option<u32>,
}

/// A unit of systemd.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitPlan {
    /// Its whole name: `brig-c1.scope`.
    pub name: String,
    /// What kind it is.
    pub kind: UnitKind,
    /// Whose systemd makes it.
    pub whose: Whose,
    /// All its properties, but the processes that it starts with.
    pub properties: Vec<Property>,
}

/// What kind of unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnitKind {
    /// One for processes that systemd did not start; it needs one to begin with.
    Scope,
    /// One for other units; it begins empty.
    Slice,
}

wire_enum! {
    /// Whose systemd.
    pub enum Whose {
        /// The machine's.
        System = 1,
        /// The user's own.
        User = 2,
    }
}

/// Which devices may be made, read and written, in the two forms that the kernel takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceRules {
    /// What holds for a device that no exception names.
    pub default: DeviceDefault,
    /// The exceptions, as lines for `devices.allow` or `devices.deny` of cgroup v1: `c 1:3 rwm`.
    pub exceptions: Vec<String>,
    /// The same as an eBPF program for cgroup v2: a list of `struct bpf_insn`, 8 bytes each.
    pub program: Vec<u8>,
}

/// What holds for most devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceDefault {
    /// All but the exceptions may be used.
    Allow,
    /// None but the exceptions may be used.
    Deny,
}

/// Where the container's processes stand in resctrl.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntelRdtPlan {
    /// Where resctrl is mounted.
    pub mount: String,
    /// The class of service.
    pub class: Class,
    /// Lines for its `schemata`, each with its newline, written in one go; empty: it stays as it is.
    pub schemata: String,
    /// Name of the monitoring group within the class.
    pub monitoring: Option<String>,
}

/// A class of service: a directory of resctrl.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Class {
    /// The root, which all tasks are in that nobody moved.
    Root,
    /// Named like the container: made if it is missing, and then removed with the container.
    Own(String),
    /// Named by `closID`, without schemata: it must be there.
    Existing(String),
    /// Named by `closID`, with schemata: made if it is missing, and never removed. If it is there it must have them already:
    /// others rely on it.
    Shared(String),
}

/// What the parent sets up in the container's network namespace; loopback is `brig-init`'s.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NetworkPlan {
    /// Devices that move into it, in the order of the file.
    pub devices: Vec<NetDevice>,
    /// Pairs that are made for it.
    pub veths: Vec<PlannedVeth>,
}

impl NetworkPlan {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.devices.is_empty() && self.veths.is_empty()
    }
}

/// A veth pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedVeth {
    /// What it is to be like.
    pub veth: Veth,
    /// Its place in config.json or among the caller's options.
    pub at: String,
}

/// A network device of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetDevice {
    /// Its name on the host.
    pub name: String,
    /// Its name in the container.
    pub inside: String,
    /// Its place in config.json.
    pub at: String,
}

wire_struct! {
    /// What the parent sets on a process that is ready.
    pub struct Limits {
        /// `process.rlimits`, setrlimit(2) numbers; empty where `brig-init` sets them itself.
        pub rlimits: Vec<Rlimit>,
        /// `process.oomScoreAdj`; written at the very start.
        pub oom_score_adj: Option<i32>,
    }
}

/// A bind source that the parent opens: because it must ([`IdMapping`]), or because `brig-init` was not let through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParentSource {
    /// Place in `task.rootfs.mounts`.
    pub mount: u32,
    /// Id-map the mount.
    pub id_map: Option<IdMapping>,
}

/// mount_setattr(MOUNT_ATTR_IDMAP).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdMapping {
    /// The maps.
    pub maps: MountMaps,
    /// `ridmap`: mounts below it as well.
    pub recursive: bool,
}

/// Where the maps of an id-mapped mount come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MountMaps {
    /// The mount's own `uidMappings` and `gidMappings`.
    Own(IdMaps),
    /// Those of the container's user namespace: of the process that waits, or of the namespace that is joined.
    Container,
}

wire_struct! {
    /// Hooks that run in the runtime's namespaces.
    pub struct ParentHooks<'a> {
        /// `hooks.prestart`.
        pub prestart: Vec<ParentHook<'a>>,
        /// `hooks.createRuntime`.
        pub create_runtime: Vec<ParentHook<'a>>,
        /// `hooks.poststart`.
        pub poststart: Vec<ParentHook<'a>>,
        /// `hooks.poststop`.
        pub poststop: Vec<ParentHook<'a>>,
    }
}

wire_struct! {
    /// One of them.
    pub struct ParentHook<'a> {
        /// Absolute path.
        pub path: Text<'a>,
        /// `args` exactly as given (argv, name included); empty: the path alone.
        pub args: Vec<Text<'a>>,
        /// `env`; `None`: the caller's own environment.
        pub env: Option<Vec<Text<'a>>>,
        /// Milliseconds.
        pub timeout: Option<u32>,
    }
}

wire_struct! {
    /// What the state document says that does not change.
    pub struct StateFacts<'a> {
        /// Container id.
        pub id: Text<'a>,
        /// Absolute path of the bundle.
        pub bundle: Text<'a>,
        /// Absolute path of the rootfs.
        pub rootfs: Text<'a>,
        /// Annotations in the order of the file.
        pub annotations: Vec<Annotation<'a>>,
    }
}

wire_struct! {
    /// One annotation.
    pub struct Annotation<'a> {
        /// Key.
        pub key: Text<'a>,
        /// Value.
        pub value: Text<'a>,
    }
}

wire_struct! {
    /// What a later `exec` starts from: `process` as it was planned, and the container's walls.
    pub struct ExecTemplate<'a> {
        /// The container's own process.
        pub process: Process<'a>,
        /// Its limits.
        pub limits: Limits,
        /// `CLONE_NEW*` of all namespaces that config.json lists: those an exec process joins.
        pub namespaces: u32,
        /// The session keyring.
        pub keyring: Option<Keyring<'a>>,
        /// `capabilities` was there, and named an inheritable set: ambient capabilities may be added (CVE-2022-29162).
        pub ambient_allowed: bool,
        /// What becomes of supplementary groups.
        pub setgroups: Setgroups,
        /// Limits are the parent's to set: a user namespace stands between `brig-init` and the privilege to raise them.
        pub limits_by_parent: bool,
        /// `process.execCPUAffinity`, as masks.
        pub affinity: brig_handshake::process::Affinity<'a>,
        /// The highest capability this kernel knows.
        pub last_capability: u8,
        /// Who gets the listener of the filter, the first process's too.
        pub listener: Option<Listener<'a>>,
    }
}

wire_enum! {
    /// What becomes of supplementary groups.
    pub enum Setgroups {
        /// None can be set: `deny` is written to the setgroups file of the user namespace (user_namespaces(7)).
        Denied = 0,
        /// They are set.
        Allowed = 1,
        /// Those that `brig-init` comes with stay (`run.oci.keep_original_groups`).
        Kept = 2,
    }
}

wire_struct! {
    /// The agent that answers `SCMP_ACT_NOTIFY`.
    pub struct Listener<'a> {
        /// Its socket.
        pub path: Text<'a>,
        /// `linux.seccomp.listenerMetadata`, handed to it as it is.
        pub metadata: Text<'a>,
    }
}
