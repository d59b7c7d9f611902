//! What a container in words is before a word is said: closed.
//! Runs in: the parent.

use std::path::Path;

use brig_plan::OCI_VERSION;
use brig_plan::spec::{
    Linux, LinuxCapabilities, LinuxDeviceCgroup, LinuxIdMapping, LinuxNamespace, LinuxResources, Mount,
    Process, Root, Spec,
};

/// What `brig spec` writes, but for the terminal and the writable root; of `ids` an ordinary user, who gets a user namespace.
pub(super) fn default_spec(rootfs: &Path, ids: Option<(u32, u32)>, v2: bool) -> Spec<'static> {
    let map = |host_id| vec![LinuxIdMapping { container_id: 0, host_id, size: 1 }];
    let kinds = ["pid", "network", "ipc", "uts", "mount"].into_iter();
    let kinds = kinds.chain(v2.then_some("cgroup")).chain(ids.map(|_| "user"));
    let deny = LinuxDeviceCgroup { allow: false, access: "rwm".into(), ..LinuxDeviceCgroup::default() };
    Spec {
        oci_version: OCI_VERSION.into(),
        process: Some(Process {
            args: vec!["sh".into()],
            env: vec![SEARCH.into()],
            cwd: "/".into(),
            capabilities: Some(capabilities(&CAPABILITIES)),
            no_new_privileges: true,
            ..Process::default()
        }),
        root: Some(Root { path: rootfs.to_string_lossy().into_owned().into(), readonly: false }),
        mounts: mounts(ids.is_some()),
        linux: Some(Linux {
            uid_mappings: ids.map(|(uid, _)| map(uid)).unwrap_or_default(),
            gid_mappings: ids.map(|(_, gid)| map(gid)).unwrap_or_default(),
            resources: ids
                .is_none()
                .then(|| LinuxResources { devices: vec![deny], ..LinuxResources::default() }),
            namespaces: kinds.map(namespace).collect(),
            masked_paths: MASKED.iter().map(|path| (*path).into()).collect(),
            readonly_paths: READ_ONLY.iter().map(|path| (*path).into()).collect(),
            ..Linux::default()
        }),
        ..Spec::default()
    }
}

/// The bounding, effective and permitted sets, of `names` alone.
pub(super) fn capabilities(names: &[impl AsRef<str>]) -> LinuxCapabilities<'static> {
    let set = || names.iter().map(|name| name.as_ref().to_owned().into()).collect::<Vec<_>>();
    LinuxCapabilities { bounding: set(), effective: set(), permitted: set(), ..LinuxCapabilities::default() }
}

/// A new one.
pub(super) fn namespace(kind: &'static str) -> LinuxNamespace<'static> {
    LinuxNamespace { kind: kind.into(), path: "".into() }
}

/// For an ordinary user group 5 (tty) is not mapped, and a sysfs is left out: it would be the host's.
fn mounts(ordinary: bool) -> Vec<Mount<'static>> {
    let mount = |destination: &'static str, kind: &'static str, options: &[&'static str]| Mount {
        destination: destination.into(),
        fs_type: kind.into(),
        source: kind.into(),
        options: options.iter().map(|option| (*option).into()).collect(),
        ..Mount::default()
    };
    let pts = ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"];
    let mut mounts = vec![
        mount("/proc", "proc", &["nosuid", "noexec", "nodev"]),
        mount("/dev", "tmpfs", &["nosuid", "strictatime", "mode=755", "size=65536k"]),
        mount("/dev/pts", "devpts", if ordinary { &pts[..5] } else { &pts }),
        mount("/dev/shm", "tmpfs", &["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]),
        mount("/dev/mqueue", "mqueue", &["nosuid", "noexec", "nodev"]),
    ];
    if !ordinary {
        mounts.push(mount("/sys", "sysfs", &["nosuid", "noexec", "nodev", "ro"]));
        mounts.push(mount("/sys/fs/cgroup", "cgroup", &["nosuid", "noexec", "nodev", "relatime", "ro"]));
    }
    mounts
}

/// Where programs are looked for.
pub(super) const SEARCH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const CAPABILITIES: [&str; 3] = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"];
#[rustfmt::skip]
const MASKED: [&str; 11] = [
    "/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
    "/proc/timer_stats", "/proc/sched_debug", "/sys/firmware", "/proc/scsi",
];
const READ_ONLY: [&str; 5] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

#[cfg(test)]
mod tests {
    use brig_plan::rules;

    use super::*;

    #[test]
    fn what_is_not_said_is_closed() {
        for (ids, v2) in [(None, false), (None, true), (Some((1000, 100)), true)] {
            let spec = default_spec(Path::new("/r"), ids, v2);
            let linux = spec.linux.as_ref().unwrap();
            let kinds: Vec<_> = linux.namespaces.iter().map(|namespace| namespace.kind.as_str()).collect();
            assert!(["pid", "network", "ipc", "uts", "mount"].iter().all(|kind| kinds.contains(kind)));
            assert_eq!((kinds.contains(&"cgroup"), kinds.contains(&"user")), (v2, ids.is_some()));
            assert_eq!(linux.resources.is_some(), ids.is_none(), "an ordinary user has no cgroup of his own");
            let process = spec.process.as_ref().unwrap();
            assert!(process.no_new_privileges && !process.terminal);
            assert_eq!(process.capabilities.as_ref().unwrap().bounding, CAPABILITIES);
            assert_eq!(rules::check_process(process, "process"), Ok(()));
        }
    }
}
