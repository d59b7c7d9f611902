//! The bundles: what `brig spec` writes, with as many walls as fit into one container.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::{lent, units};
use crate::command::{succeed, which};

/// What container it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Bundle {
    /// Prints its walls.
    Probe,
    /// The same in a user namespace of its own, as an ordinary user.
    UserNamespace,
    /// The same with a veth pair in a bridge, and hooks.
    Network,
    /// Sleeps with the walls of the first.
    Sleep,
    /// Sleeps with the walls of the second.
    UserNamespaceSleep,
    /// Prints its walls on a terminal.
    Terminal,
    /// Sleeps with streams that CRIU finds everywhere.
    Dumped,
    /// Sleeps in the host's PID namespace, where nothing but its cgroup says what belongs to it.
    SharedSleep,
    /// As the first, in a unit of systemd.
    Unit,
    /// Sleeps in such a unit.
    UnitSleep,
    /// As the first, with a device of the host's that moves in.
    Moved,
    /// Sleeps with such a device.
    MovedSleep,
}

const ALL: [Bundle; 12] = [
    Bundle::Probe,
    Bundle::UserNamespace,
    Bundle::Network,
    Bundle::Sleep,
    Bundle::UserNamespaceSleep,
    Bundle::Terminal,
    Bundle::Dumped,
    Bundle::SharedSleep,
    Bundle::Unit,
    Bundle::UnitSleep,
    Bundle::Moved,
    Bundle::MovedSleep,
];
/// What the probe calls.
const PROGRAMS: [&str; 16] = [
    "cat", "cut", "env", "grep", "hostname", "id", "ls", "mknod", "pwd", "readlink", "rm", "sed", "sh",
    "sleep", "sort", "true",
];
const PROBE: &str = include_str!("probe.sh");
/// Where ids of the user namespace begin on the host.
pub(crate) const SUBORDINATE: u32 = 100_000;

/// Makes all bundles in `folder`.
///
/// # Errors
/// There is no busybox, or it cannot be written there.
pub(super) fn make(brig: &Path, folder: &Path, group: &str) -> Result<(), String> {
    let busybox = which("busybox").ok_or("busybox is missing (package busybox-static)")?;
    for bundle in ALL {
        let path = bundle.path(folder);
        let failed = |error| format!("{}: {error}", path.display());
        fill(&path.join("rootfs"), &busybox).map_err(failed)?;
        succeed(Command::new(brig).args(["spec", "--bundle"]).arg(&path))?;
        let file = path.join("config.json");
        let text = fs::read_to_string(&file).map_err(failed)?;
        let mut config = serde_json::from_str(&text).map_err(|error| format!("config.json: {error}"))?;
        bundle.edit(&mut config, group);
        fs::write(&file, config.to_string()).map_err(failed)?;
        if bundle.is_in_user_namespace() {
            give(&path.join("rootfs")).map_err(failed)?;
        }
    }
    Ok(())
}

impl Bundle {
    /// Where it is.
    pub(super) fn path(self, folder: &Path) -> PathBuf {
        folder.join(format!("{self:?}"))
    }

    fn is_in_user_namespace(self) -> bool {
        matches!(self, Self::UserNamespace | Self::UserNamespaceSleep)
    }

    /// Whether systemd makes its cgroup.
    pub(super) fn is_in_unit(self) -> bool {
        matches!(self, Self::Unit | Self::UnitSleep)
    }

    /// Whether a device of the host's moves in.
    pub(super) fn takes_device(self) -> bool {
        matches!(self, Self::Moved | Self::MovedSleep)
    }

    fn sleeps(self) -> bool {
        let others = matches!(self, Self::Dumped | Self::SharedSleep | Self::UnitSleep | Self::MovedSleep);
        others || matches!(self, Self::Sleep | Self::UserNamespaceSleep)
    }

    fn edit(self, config: &mut Value, group: &str) {
        walls(config, group);
        if self.is_in_unit() {
            config["linux"]["cgroupsPath"] = json!(units::cgroups_path(group));
        }
        if self.takes_device() {
            config["linux"]["netDevices"] = json!({ lent::DEVICE: { "name": "eth0" } });
        }
        if self.sleeps() {
            config["process"]["args"] = json!(["/bin/sleep", "100000"]);
        }
        if self.is_in_user_namespace() {
            user_namespace(config);
            config["process"]["user"]["uid"] = json!(1000);
            config["process"]["user"]["gid"] = json!(1000);
        }
        if self == Self::Network {
            network(config);
        }
        config["process"]["terminal"] = json!(self == Self::Terminal);
        if self == Self::SharedSleep
            && let Some(namespaces) = config["linux"]["namespaces"].as_array_mut()
        {
            namespaces.retain(|namespace| namespace["type"] != "pid");
        }
    }
}

fn walls(config: &mut Value, group: &str) {
    let capabilities =
        ["CAP_AUDIT_WRITE", "CAP_CHOWN", "CAP_KILL", "CAP_MKNOD", "CAP_NET_BIND_SERVICE", "CAP_SETUID"];
    let process = &mut config["process"];
    process["args"] = json!(["/bin/probe"]);
    process["user"] = json!({ "uid": 0, "gid": 0, "umask": 0o27, "additionalGids": [5, 10] });
    process["capabilities"] =
        json!({ "bounding": capabilities, "effective": capabilities, "permitted": capabilities });
    process["rlimits"] = json!([{ "type": "RLIMIT_NOFILE", "hard": 512, "soft": 256 }]);
    process["oomScoreAdj"] = json!(100);
    process["noNewPrivileges"] = json!(true);
    config["root"]["readonly"] = json!(true);
    config["hostname"] = json!("walls");
    let mounts = config["mounts"].as_array_mut();
    let tmp =
        json!({ "destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "noexec"] });
    mounts.into_iter().for_each(|mounts| mounts.push(tmp.clone()));
    let linux = &mut config["linux"];
    linux["cgroupsPath"] = json!(format!("/{group}/{}", super::scene::ID));
    linux["sysctl"] = json!({ "net.ipv4.ip_unprivileged_port_start": "80" });
    linux["seccomp"] = json!({
        "defaultAction": "SCMP_ACT_ALLOW",
        "architectures": ["SCMP_ARCH_X86_64"],
        "syscalls": [{ "names": ["acct", "swapon"], "action": "SCMP_ACT_ERRNO" }],
    });
    for (file, limit) in [
        ("/sys/fs/cgroup/pids", json!({ "pids": { "limit": 100 } })),
        ("/sys/fs/cgroup/memory", json!({ "memory": { "limit": 256 << 20 } })),
    ] {
        if let (true, Some(limits)) = (Path::new(file).exists(), limit.as_object()) {
            limits.iter().for_each(|(name, limit)| linux["resources"][name] = limit.clone());
        }
    }
}

/// A user namespace of its own, with subordinate ids.
pub(crate) fn user_namespace(config: &mut Value) {
    let map = json!([{ "containerID": 0, "hostID": SUBORDINATE, "size": 65_536 }]);
    config["linux"]["uidMappings"] = map.clone();
    config["linux"]["gidMappings"] = map;
    let namespaces = config["linux"]["namespaces"].as_array_mut();
    namespaces.into_iter().for_each(|namespaces| namespaces.push(json!({ "type": "user" })));
}

fn network(config: &mut Value) {
    let wanted = json!({
        "type": "veth",
        "addresses": ["10.88.0.2/24"],
        "gateways": ["10.88.0.1"],
        "bridge": { "name": "faults0", "make": { "addresses": ["10.88.0.1/24"] } },
    });
    config["annotations"] = json!({ "brig.network.eth0": wanted.to_string() });
    config["hooks"] = hooks();
}

/// One of each kind, but for `prestart`.
pub(crate) fn hooks() -> Value {
    let hook = json!([{ "path": "/bin/true" }]);
    json!({
        "createRuntime": hook, "createContainer": hook, "startContainer": hook, "poststart": hook, "poststop": hook,
    })
}

/// A rootfs with busybox and the probe.
///
/// # Errors
/// It cannot be written there.
pub(crate) fn fill(rootfs: &Path, busybox: &Path) -> std::io::Result<()> {
    for folder in ["bin", "dev", "etc", "proc", "sys", "tmp"] {
        fs::create_dir_all(rootfs.join(folder))?;
    }
    fs::copy(busybox, rootfs.join("bin/busybox"))?;
    fs::write(rootfs.join("bin/probe"), PROBE)?;
    fs::set_permissions(rootfs.join("bin/probe"), fs::Permissions::from_mode(0o755))?;
    PROGRAMS.iter().try_for_each(|name| symlink("busybox", rootfs.join("bin").join(name)))
}

/// To the root of the user namespace; what is in there may be anybody's.
///
/// # Errors
/// It cannot be looked at or given away.
pub(crate) fn give(folder: &Path) -> std::io::Result<()> {
    chown(folder, Some(SUBORDINATE), Some(SUBORDINATE))?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            give(&entry.path())?;
        }
    }
    Ok(())
}
