//! The demo's config.json: walls of every kind that brig can build with what an ordinary user may ask for. Runs in: parent.
//! What is asked for here is what [`walls`](super::walls) looks for; both read the same constants.

use serde_json::{Value, json};

use super::facts::{Facts, Ids};
use crate::version::SPEC_VERSION;

/// The container's name for itself.
pub(crate) const HOSTNAME: &str = "brig-demo";
/// Where brig itself is, inside.
pub(crate) const PROGRAM: &str = "/.brig";
/// All of the process's environment, but for `TERM` with a terminal.
pub(crate) const ENVIRONMENT: [(&str, &str); 2] =
    [("HOME", "/root"), ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")];
/// What root may do in there, and the number of each (linux/capability.h).
pub(crate) const CAPABILITIES: [(&str, u8); 3] =
    [("CAP_KILL", 5), ("CAP_NET_BIND_SERVICE", 10), ("CAP_AUDIT_WRITE", 29)];
/// What is hidden.
#[rustfmt::skip]
pub(crate) const MASKED: [&str; 10] = [
    "/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/interrupts", "/proc/acpi", "/proc/asound", "/proc/latency_stats",
    "/proc/sched_debug", "/proc/scsi", "/sys/firmware",
];
/// What may be read and not written.
pub(crate) const READONLY: [&str; 5] =
    ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];
/// System calls that are refused whatever is asked of them: ways to new privileges, and parts of the kernel that are hard to
/// guard otherwise.
#[rustfmt::skip]
const REFUSED: [&str; 24] = [
    "add_key", "bpf", "delete_module", "finit_module", "init_module", "io_uring_enter", "io_uring_register", "io_uring_setup",
    "kexec_file_load", "kexec_load", "keyctl", "move_pages", "open_by_handle_at", "perf_event_open", "pidfd_getfd",
    "process_vm_readv", "process_vm_writev", "ptrace", "reboot", "request_key", "setns", "swapon", "unshare", "userfaultfd",
];

/// A mount of the host's files: where they are, and where they will be. Read-only.
#[derive(Debug)]
pub(crate) struct HostFiles {
    /// On the host.
    pub(crate) source: String,
    /// Inside.
    pub(crate) destination: String,
}

/// The process inside.
#[derive(Debug)]
pub(crate) struct Inside<'i> {
    /// Program and arguments.
    pub(crate) args: &'i [String],
    /// `TERM` of its terminal; none without a terminal.
    pub(crate) terminal: Option<&'i str>,
}

/// The text of config.json.
pub(crate) fn json(facts: &Facts, files: &[HostFiles], inside: &Inside<'_>) -> String {
    let capabilities = CAPABILITIES.map(|(name, _)| name);
    let environment = ENVIRONMENT.into_iter().chain(inside.terminal.map(|term| ("TERM", term)));
    let mut config = json!({
        "ociVersion": SPEC_VERSION,
        "hostname": HOSTNAME,
        "root": { "path": "rootfs", "readonly": true },
        "process": {
            "terminal": inside.terminal.is_some(),
            "user": { "uid": 0, "gid": 0 },
            "args": inside.args,
            "env": environment.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>(),
            "cwd": "/root",
            "capabilities": { "bounding": capabilities, "effective": capabilities, "permitted": capabilities },
            "rlimits": [{ "type": "RLIMIT_NOFILE", "soft": facts.files, "hard": facts.files }],
            "noNewPrivileges": true,
        },
        "mounts": mounts(files),
        "linux": {
            "namespaces": facts.namespaces.iter().map(|(name, _)| json!({ "type": kind(name) })).collect::<Vec<_>>(),
            "maskedPaths": MASKED,
            "readonlyPaths": READONLY,
            "seccomp": {
                "defaultAction": "SCMP_ACT_ALLOW",
                "syscalls": [{ "names": REFUSED, "action": "SCMP_ACT_ERRNO", "errnoRet": 1 }],
            },
        },
    });
    if let Some(Ids { uid, gid, size }) = facts.ids {
        config["linux"]["uidMappings"] = json!([{ "containerID": 0, "hostID": uid, "size": size }]);
        config["linux"]["gidMappings"] = json!([{ "containerID": 0, "hostID": gid, "size": size }]);
    }
    config.to_string()
}

/// The kind of namespace that `/proc/PID/ns` calls `name`.
pub(crate) fn kind(name: &str) -> &str {
    match name {
        "mnt" => "mount",
        "net" => "network",
        name => name,
    }
}

fn mounts(files: &[HostFiles]) -> Vec<Value> {
    let new = |destination: &str, kind: &str, options: &[&str]| json!({ "destination": destination, "type": kind, "source": kind, "options": options });
    let tmpfs =
        |destination: &str, mode: &str| new(destination, "tmpfs", &["nosuid", "nodev", mode, "size=65536k"]);
    let mut mounts = vec![
        new("/proc", "proc", &["nosuid", "noexec", "nodev"]),
        new("/dev", "tmpfs", &["nosuid", "noexec", "mode=755", "size=65536k"]),
        new("/dev/pts", "devpts", &["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]),
        new("/dev/shm", "tmpfs", &["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]),
        new("/dev/mqueue", "mqueue", &["nosuid", "noexec", "nodev"]),
        new("/sys", "sysfs", &["nosuid", "noexec", "nodev", "ro"]),
        tmpfs("/tmp", "mode=1777"),
        tmpfs("/run", "mode=755"),
        tmpfs("/var", "mode=755"),
        tmpfs("/root", "mode=700"),
    ];
    mounts.extend(files.iter().map(|HostFiles { source, destination }| {
        let options = ["rbind", "rro", "rnosuid", "rnodev"];
        json!({ "destination": destination, "type": "bind", "source": source, "options": options })
    }));
    mounts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(ids: Option<Ids>) -> Facts {
        let namespaces = vec![("mnt".to_owned(), 1), ("pid".to_owned(), 2)];
        Facts { host_path: "/x".to_owned(), namespaces, ids, disks: Vec::new(), files: 256 }
    }

    fn config(ids: Option<Ids>, terminal: Option<&str>) -> Value {
        let files = [HostFiles { source: "/usr".to_owned(), destination: "/usr".to_owned() }];
        let inside = Inside { args: &["sh".to_owned()], terminal };
        serde_json::from_str(&json(&facts(ids), &files, &inside)).unwrap()
    }

    #[test]
    fn what_is_of_the_host_is_read_only() {
        let config = config(None, None);
        let mounts = config["mounts"].as_array().unwrap();
        let bound: Vec<_> = mounts.iter().filter(|mount| mount["type"] == "bind").collect();
        assert_eq!(bound.len(), 1);
        assert_eq!(bound[0]["options"][1], "rro");
        assert_eq!(config["root"]["readonly"], true);
    }

    #[test]
    fn ids_are_mapped_only_with_a_user_namespace() {
        assert_eq!(config(None, None)["linux"].get("uidMappings"), None);
        let mapped = config(Some(Ids { uid: 7, gid: 8, size: 1 }), None);
        assert_eq!(mapped["linux"]["uidMappings"][0]["hostID"], 7);
        assert_eq!(mapped["linux"]["gidMappings"][0]["hostID"], 8);
    }

    #[test]
    fn a_terminal_brings_its_name_into_the_environment() {
        let environment = |config: &Value| config["process"]["env"].as_array().unwrap().len();
        assert_eq!(environment(&config(None, None)), ENVIRONMENT.len());
        let config = config(None, Some("vt100"));
        assert_eq!(
            (environment(&config), &config["process"]["terminal"]),
            (ENVIRONMENT.len() + 1, &json!(true))
        );
    }

    #[test]
    fn namespaces_have_the_names_of_the_specification() {
        let config = config(None, None);
        assert_eq!(config["linux"]["namespaces"], json!([{ "type": "mount" }, { "type": "pid" }]));
    }
}
