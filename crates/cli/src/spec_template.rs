//! The config.json that `spec` writes: a shell in a read-only root, as runc's. Runs in: parent.

use serde::Serialize;

use crate::version::SPEC_VERSION;

/// Whom the container is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpecFor {
    /// A container that root makes.
    Root,
    /// A container that the user with these ids makes, as root of a user namespace of its own.
    Rootless {
        /// The user.
        uid: u32,
        /// The user's group.
        gid: u32,
    },
}

/// Which cgroups the host has; only v2 can be seen through a cgroup namespace as a tree of the container's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CgroupLayout {
    /// v1 or hybrid: no cgroup namespace.
    V1,
    /// v2 alone: with a cgroup namespace.
    V2,
}

/// The text of config.json: indented by tabs, no newline at the end.
///
/// # Errors
/// None in practice: see [`indented`](crate::output::indented).
pub fn spec_json(spec_for: SpecFor, cgroups: CgroupLayout) -> serde_json::Result<String> {
    let rootless = matches!(spec_for, SpecFor::Rootless { .. });
    let id_map = |host_id: u32| IdMap { container_id: 0, host_id, size: 1 };
    let (uid_mappings, gid_mappings) = match spec_for {
        SpecFor::Root => (None, None),
        SpecFor::Rootless { uid, gid } => (Some([id_map(uid)]), Some([id_map(gid)])),
    };
    let template = Template {
        oci_version: SPEC_VERSION,
        process: PROCESS,
        root: Root { path: "rootfs", readonly: true },
        hostname: "brig",
        mounts: if rootless { mounts(DEV_PTS_ROOTLESS, SYS_ROOTLESS) } else { mounts(DEV_PTS, SYS) },
        linux: Linux {
            uid_mappings,
            gid_mappings,
            resources: (!rootless).then_some(DENY_DEVICES),
            namespaces: namespaces(spec_for, cgroups),
            masked_paths: MASKED_PATHS,
            readonly_paths: READONLY_PATHS,
        },
    };
    crate::output::indented(&template, "\t")
}

fn namespaces(spec_for: SpecFor, cgroups: CgroupLayout) -> Vec<Namespace> {
    let network = (spec_for == SpecFor::Root).then_some("network");
    let cgroup = (cgroups == CgroupLayout::V2).then_some("cgroup");
    let user = (spec_for != SpecFor::Root).then_some("user");
    let kinds = [Some("pid"), network, Some("ipc"), Some("uts"), Some("mount"), cgroup, user];
    kinds.into_iter().flatten().map(|kind| Namespace { kind }).collect()
}

fn mounts(dev_pts: Mount, sys: Mount) -> [Mount; 7] {
    [PROC, DEV, dev_pts, DEV_SHM, DEV_MQUEUE, sys, SYS_FS_CGROUP]
}

const fn mount(
    destination: &'static str,
    kind: &'static str,
    source: &'static str,
    options: Options,
) -> Mount {
    Mount { destination, kind, source, options }
}

type Options = &'static [&'static str];
const NOTHING: Options = &["nosuid", "noexec", "nodev"];
const PTS: [&str; 6] = ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"];

const PROC: Mount = mount("/proc", "proc", "proc", &[]);
const DEV: Mount = mount("/dev", "tmpfs", "tmpfs", &["nosuid", "strictatime", "mode=755", "size=65536k"]);
const DEV_PTS: Mount = mount("/dev/pts", "devpts", "devpts", &PTS);
/// Group 5 (tty) is not mapped in the user namespace of an ordinary user.
const DEV_PTS_ROOTLESS: Mount = mount("/dev/pts", "devpts", "devpts", PTS.split_at(5).0);
const DEV_SHM: Mount =
    mount("/dev/shm", "tmpfs", "shm", &["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]);
const DEV_MQUEUE: Mount = mount("/dev/mqueue", "mqueue", "mqueue", NOTHING);
const SYS: Mount = mount("/sys", "sysfs", "sysfs", &["nosuid", "noexec", "nodev", "ro"]);
/// A new sysfs needs a network namespace of one's own.
const SYS_ROOTLESS: Mount = mount("/sys", "none", "/sys", &["rbind", "nosuid", "noexec", "nodev", "ro"]);
const SYS_FS_CGROUP: Mount =
    mount("/sys/fs/cgroup", "cgroup", "cgroup", &["nosuid", "noexec", "nodev", "relatime", "ro"]);

const CAPABILITIES: Options = &["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"];
const PROCESS: Process = Process {
    terminal: true,
    user: User { uid: 0, gid: 0 },
    args: &["sh"],
    env: &["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"],
    cwd: "/",
    capabilities: Capabilities { bounding: CAPABILITIES, effective: CAPABILITIES, permitted: CAPABILITIES },
    rlimits: [Rlimit { kind: "RLIMIT_NOFILE", hard: 1024, soft: 1024 }],
    no_new_privileges: true,
};
const DENY_DEVICES: Resources = Resources { devices: [DeviceRule { allow: false, access: "rwm" }] };
#[rustfmt::skip]
const MASKED_PATHS: Options = &[
    "/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
    "/proc/timer_stats", "/proc/sched_debug", "/sys/firmware", "/proc/scsi",
];
const READONLY_PATHS: Options = &["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Template {
    oci_version: &'static str,
    process: Process,
    root: Root,
    hostname: &'static str,
    mounts: [Mount; 7],
    linux: Linux,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Process {
    terminal: bool,
    user: User,
    args: Options,
    env: Options,
    cwd: &'static str,
    capabilities: Capabilities,
    rlimits: [Rlimit; 1],
    no_new_privileges: bool,
}

#[derive(Serialize)]
struct User {
    uid: u32,
    gid: u32,
}

#[derive(Serialize)]
struct Capabilities {
    bounding: Options,
    effective: Options,
    permitted: Options,
}

#[derive(Serialize)]
struct Rlimit {
    #[serde(rename = "type")]
    kind: &'static str,
    hard: u64,
    soft: u64,
}

#[derive(Serialize)]
struct Root {
    path: &'static str,
    readonly: bool,
}

#[derive(Serialize)]
struct Mount {
    destination: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    source: &'static str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    options: Options,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Linux {
    #[serde(skip_serializing_if = "Option::is_none")]
    uid_mappings: Option<[IdMap; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gid_mappings: Option<[IdMap; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resources: Option<Resources>,
    namespaces: Vec<Namespace>,
    masked_paths: Options,
    readonly_paths: Options,
}

#[derive(Serialize)]
struct IdMap {
    #[serde(rename = "containerID")]
    container_id: u32,
    #[serde(rename = "hostID")]
    host_id: u32,
    size: u32,
}

#[derive(Serialize)]
struct Resources {
    devices: [DeviceRule; 1],
}

#[derive(Serialize)]
struct DeviceRule {
    allow: bool,
    access: &'static str,
}

#[derive(Serialize)]
struct Namespace {
    #[serde(rename = "type")]
    kind: &'static str,
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn value(spec_for: SpecFor, cgroups: CgroupLayout) -> Value {
        serde_json::from_str(&spec_json(spec_for, cgroups).unwrap()).unwrap()
    }

    fn kinds(spec: &Value) -> Vec<&str> {
        let namespaces = spec["linux"]["namespaces"].as_array().unwrap();
        namespaces.iter().map(|namespace| namespace["type"].as_str().unwrap()).collect()
    }

    const ROOTLESS: SpecFor = SpecFor::Rootless { uid: 1000, gid: 100 };

    #[test]
    fn the_text_is_indented_by_tabs_without_a_newline_at_the_end() {
        let text = spec_json(SpecFor::Root, CgroupLayout::V1).unwrap();
        assert!(
            text.starts_with("{\n\t\"ociVersion\": \"1.3.0\",\n\t\"process\": {\n\t\t\"terminal\": true,")
        );
        assert!(text.ends_with("\n\t\t]\n\t}\n}"));
    }

    #[test]
    fn a_cgroup_namespace_belongs_to_cgroup_v2() {
        assert_eq!(kinds(&value(SpecFor::Root, CgroupLayout::V1)), ["pid", "network", "ipc", "uts", "mount"]);
        assert_eq!(
            kinds(&value(SpecFor::Root, CgroupLayout::V2)),
            ["pid", "network", "ipc", "uts", "mount", "cgroup"]
        );
        assert_eq!(
            kinds(&value(ROOTLESS, CgroupLayout::V2)),
            ["pid", "ipc", "uts", "mount", "cgroup", "user"]
        );
    }

    #[test]
    fn rootless_maps_the_user_and_asks_for_nothing_that_needs_root() {
        let spec = value(ROOTLESS, CgroupLayout::V1);
        assert_eq!(spec["linux"]["uidMappings"], json!([{ "containerID": 0, "hostID": 1000, "size": 1 }]));
        assert_eq!(spec["linux"]["gidMappings"], json!([{ "containerID": 0, "hostID": 100, "size": 1 }]));
        assert_eq!(spec["linux"].get("resources"), None);
        assert_eq!(spec["mounts"][5]["options"], json!(["rbind", "nosuid", "noexec", "nodev", "ro"]));
        assert!(!spec.to_string().contains("gid=5"));
    }

    #[test]
    fn capabilities_are_neither_inheritable_nor_ambient() {
        let capabilities = &value(SpecFor::Root, CgroupLayout::V1)["process"]["capabilities"];
        let keys: Vec<&String> = capabilities.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["bounding", "effective", "permitted"]);
    }

    #[test]
    fn a_mount_without_options_has_no_such_key() {
        let spec = value(SpecFor::Root, CgroupLayout::V1);
        assert_eq!(spec["mounts"][0], json!({ "destination": "/proc", "type": "proc", "source": "proc" }));
    }
}
