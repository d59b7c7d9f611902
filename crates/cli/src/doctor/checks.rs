//! What is tried, in the order of the report. Runs in: parent.

use serde_json::{Value, json};

use super::config::{add_mount, namespace, own_ids, profile, resources};
use super::containers::Place;
use super::host;

/// One row of the report.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Check {
    /// Under which heading.
    pub(crate) group: &'static str,
    /// One word, by which it can be asked for.
    pub(crate) name: &'static str,
    /// What needs it.
    pub(crate) purpose: &'static str,
    /// How it is tried.
    pub(crate) way: Way,
}

/// How something is tried.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Way {
    /// With a container whose program runs to its end.
    Run,
    /// With a container that needs it and waits for `start`: all walls stand, and no program runs.
    Container(fn(&mut Value, &Place)),
    /// By a call of its own, or by running a program.
    Host(fn() -> Result<String, String>),
}

/// A check is what its name says.
impl PartialEq for Way {
    fn eq(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

impl Eq for Way {}

/// The check on which everything depends.
pub(crate) const ORDINARY: &str = "container";

const fn row(group: &'static str, name: &'static str, purpose: &'static str, way: Way) -> Check {
    Check { group, name, purpose, way }
}

/// Every check.
#[rustfmt::skip]
pub(crate) static ALL: &[Check] = &[
    row("container", ORDINARY, "run what `brig spec` describes", Way::Run),
    row("container", "terminal", "process.terminal; docker run -t", Way::Container(|config, place| place.terminal(config))),
    row("container", "user-range", "more than one id in a user namespace: linux.uidMappings", Way::Container(|config, place| place.many_ids(config))),

    row("namespaces", "pid", "processes of its own", Way::Container(|config, _| namespace(config, "pid"))),
    row("namespaces", "mount", "mounts of its own; needed by every container", Way::Container(|_, _| {})),
    row("namespaces", "ipc", "shared memory and queues of its own", Way::Container(|config, _| namespace(config, "ipc"))),
    row("namespaces", "uts", "hostname, domainname", Way::Container(|config, _| { namespace(config, "uts"); config["hostname"] = json!("doctor"); })),
    row("namespaces", "network", "network devices and ports of its own", Way::Container(|config, _| namespace(config, "network"))),
    row("namespaces", "cgroup", "its own view of /sys/fs/cgroup", Way::Container(|config, _| namespace(config, "cgroup"))),
    row("namespaces", "user", "root inside who is nobody outside; containers of ordinary users", Way::Container(|config, _| own_ids(config))),
    row("namespaces", "time", "linux.timeOffsets", Way::Container(|config, _| {
        namespace(config, "time");
        config["linux"]["timeOffsets"] = json!({ "boottime": { "secs": 100 } });
    })),

    row("file systems", "proc", "/proc of its own", Way::Container(|config, _| { namespace(config, "pid"); add_mount(config, "/proc", "proc", "proc", &["nosuid"]); })),
    row("file systems", "sysfs", "/sys of its own", Way::Container(|config, _| { namespace(config, "network"); add_mount(config, "/sys", "sysfs", "sysfs", &["ro"]); })),
    row("file systems", "overlay", "images in layers (overlay2)", Way::Container(|config, place| {
        let data = place.layers();
        add_mount(config, "/data", "overlay", "overlay", &data.iter().map(String::as_str).collect::<Vec<_>>());
    })),
    row("file systems", "idmapped-mounts", "mounts[].uidMappings; volumes of Kubernetes' user namespaces", Way::Container(|config, place| place.id_mapped(config))),
    row("file systems", "recursive-ro", "mount options rro, rnosuid, … (mount_setattr)", Way::Container(|config, place| add_mount(config, "/data", &place.folder(), "bind", &["rbind", "rro"]))),
    row("file systems", "openat2", "paths of the image are looked up in one safe call", Way::Host(host::openat2)),
    row("file systems", "fuse", "file systems of ordinary users, fuse-overlayfs", Way::Host(host::fuse)),

    row("cgroups", "layout", "which version is mounted", Way::Host(host::layout)),
    row("cgroups", "delegation", "the caller may make cgroups", Way::Container(|config, _| resources(config, json!({ "unified": {} })))),
    row("cgroups", "memory", "linux.resources.memory", Way::Container(|config, _| resources(config, json!({ "memory": { "limit": 1 << 30 } })))),
    row("cgroups", "cpu", "linux.resources.cpu.shares, quota", Way::Container(|config, _| resources(config, json!({ "cpu": { "shares": 512 } })))),
    row("cgroups", "cpuset", "linux.resources.cpu.cpus, mems", Way::Container(|config, _| resources(config, json!({ "cpu": { "cpus": "0" } })))),
    row("cgroups", "pids", "linux.resources.pids", Way::Container(|config, _| resources(config, json!({ "pids": { "limit": 100 } })))),
    row("cgroups", "io", "linux.resources.blockIO", Way::Container(|config, _| resources(config, json!({ "blockIO": { "weight": 100 } })))),
    row("cgroups", "hugetlb", "linux.resources.hugepageLimits", Way::Container(|config, _| resources(config, json!({ "hugepageLimits": [{ "pageSize": "2MB", "limit": 1 << 30 }] })))),
    row("cgroups", "devices", "linux.resources.devices", Way::Container(|config, _| resources(config, json!({ "devices": [{ "allow": false, "access": "rwm" }] })))),
    row("cgroups", "freezer", "pause, resume, checkpoint", Way::Container(|_, place| place.pause())),
    row("cgroups", "systemd", "--systemd-cgroup", Way::Container(|_, place| place.systemd())),

    row("seccomp", "filter", "linux.seccomp", Way::Container(|config, _| profile(config, "SCMP_ACT_ERRNO", &[]))),
    row("seccomp", "log", "SCMP_ACT_LOG, SECCOMP_FILTER_FLAG_LOG", Way::Container(|config, _| profile(config, "SCMP_ACT_LOG", &["SECCOMP_FILTER_FLAG_LOG"]))),
    row("seccomp", "spec-allow", "SECCOMP_FILTER_FLAG_SPEC_ALLOW", Way::Container(|config, _| profile(config, "SCMP_ACT_ERRNO", &["SECCOMP_FILTER_FLAG_SPEC_ALLOW"]))),
    row("seccomp", "tsync", "SECCOMP_FILTER_FLAG_TSYNC", Way::Container(|config, _| profile(config, "SCMP_ACT_ERRNO", &["SECCOMP_FILTER_FLAG_TSYNC"]))),
    row("seccomp", "notify", "SCMP_ACT_NOTIFY, linux.seccomp.listenerPath", Way::Container(|config, place| place.listen(config, &[]))),
    row("seccomp", "wait-killable", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", Way::Container(|config, place| place.listen(config, &["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"]))),

    row("security", "lsm", "security modules that are active", Way::Host(host::lsm)),
    row("security", "apparmor", "process.apparmorProfile", Way::Container(|config, _| config["process"]["apparmorProfile"] = json!("unconfined"))),
    row("security", "selinux", "process.selinuxLabel, linux.mountLabel", Way::Container(|config, place| place.selinux(config))),
    row("security", "no-new-privileges", "process.noNewPrivileges", Way::Container(|config, _| config["process"]["noNewPrivileges"] = json!(true))),
    row("security", "keyring", "a session keyring of its own", Way::Host(host::keyring)),

    row("rootless", "newuidmap", "ids of /etc/subuid for an ordinary user", Way::Host(host::newuidmap)),
    row("rootless", "newgidmap", "ids of /etc/subgid for an ordinary user", Way::Host(host::newgidmap)),
    row("rootless", "subuid", "which ids the caller may give to containers", Way::Container(|config, place| place.subuid(config))),
    row("rootless", "subgid", "which groups the caller may give to containers", Way::Container(|config, place| place.subgid(config))),
    row("rootless", "runtime-dir", "the store of an ordinary user", Way::Host(host::runtime_directory)),

    row("more", "memfd-exec", "brig-init runs from memory that nobody can change", Way::Host(host::memfd)),
    row("more", "pidfd", "signals that cannot hit another process", Way::Host(host::pidfd)),
    row("more", "criu", "checkpoint and restore", Way::Host(host::criu)),
    row("more", "intel-rdt", "linux.intelRdt", Way::Container(|config, place| place.intel_rdt(config))),
];
