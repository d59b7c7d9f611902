//! The config.json of the containers that are tried. Runs in: parent; pure but for the caller's ids.

use rustix::process::{getegid, geteuid};
use serde_json::{Value, json};

use crate::version::SPEC_VERSION;

/// As little as a container can be: a mount namespace, and a user namespace for who is not root.
pub(super) fn least() -> Value {
    let mut config = json!({
        "ociVersion": SPEC_VERSION,
        "root": { "path": "rootfs" },
        "process": {
            "user": { "uid": 0, "gid": 0 }, "args": ["/program"], "cwd": "/",
        },
        "mounts": [{ "destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"] }],
        "linux": { "namespaces": [{ "type": "mount" }] },
    });
    if !geteuid().is_root() {
        own_ids(&mut config);
    }
    config
}

/// One more namespace.
pub(super) fn namespace(config: &mut Value, kind: &str) {
    let entry = json!({ "type": kind });
    if let Some(all) = config["linux"]["namespaces"].as_array_mut().filter(|all| !all.contains(&entry)) {
        all.push(entry);
    }
}

/// A user namespace, in which root is the caller.
pub(super) fn own_ids(config: &mut Value) {
    let map = |id: u32| json!([{ "containerID": 0, "hostID": id, "size": 1 }]);
    namespace(config, "user");
    config["linux"]["uidMappings"] = map(geteuid().as_raw());
    config["linux"]["gidMappings"] = map(getegid().as_raw());
}

/// One more mount.
pub(super) fn add_mount(config: &mut Value, destination: &str, source: &str, kind: &str, options: &[&str]) {
    let mount = json!({ "destination": destination, "source": source, "type": kind, "options": options });
    if let Some(all) = config["mounts"].as_array_mut() {
        all.push(mount);
    }
}

/// These limits.
pub(super) fn resources(config: &mut Value, resources: Value) {
    config["linux"]["resources"] = resources;
}

/// A filter that does nearly nothing, loaded before the gate: what the gate itself needs is not in it.
pub(super) fn profile(config: &mut Value, action: &str, flags: &[&str]) {
    config["linux"]["seccomp"] = json!({
        "defaultAction": "SCMP_ACT_ALLOW",
        "flags": flags,
        "syscalls": [{ "names": ["swapon"], "action": action }],
    });
}
