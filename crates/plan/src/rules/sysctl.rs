//! Rules for `linux.sysctl`: only what a namespace of the container holds may be set.
//! Runs in: the parent, while a configuration is checked.

use super::{Facts, JoinedNetwork, namespace, no_nul_at};
use crate::refusal::{Refusal, member};
use crate::spec::Linux;
use std::borrow::Cow;

/// The parameters of ipc_namespaces(7), besides `fs.mqueue.*`.
const IPC: [&str; 8] = [
    "kernel.msgmax",
    "kernel.msgmnb",
    "kernel.msgmni",
    "kernel.sem",
    "kernel.shmall",
    "kernel.shmmax",
    "kernel.shmmni",
    "kernel.shm_rmid_forced",
];

pub(super) fn check(linux: &Linux<'_>, facts: &Facts<'_>) -> Result<(), Refusal> {
    for (key, value) in &linux.sysctl {
        let name = dotted(key);
        let path = || member("linux.sysctl", key);
        allowed(&name, linux, facts).map_err(|words| Refusal::runc(path(), words))?;
        if slashed(&name).split('/').any(|part| matches!(part, "" | "." | "..")) {
            return Err(Refusal::at(path(), "is not the name of a kernel parameter"));
        }
        no_nul_at(path, key)?;
        no_nul_at(path, value)?;
    }
    Ok(())
}

/// Whether a parameter, in dotted form, belongs to a namespace that the container has; if not, runc's words for that.
fn allowed(name: &str, linux: &Linux<'_>, facts: &Facts<'_>) -> Result<(), String> {
    let has = |kind| namespace(linux, kind).is_some();
    if IPC.contains(&name) || name.starts_with("fs.mqueue.") {
        return match has("ipc") {
            true => Ok(()),
            false => Err(format!("sysctl {name:?} is not allowed in the hosts ipc namespace")),
        };
    }
    if name.starts_with("net.") {
        return match shares_network(linux, facts) {
            false => Ok(()),
            true => Err(format!("sysctl {name:?} not allowed in host network namespace")),
        };
    }
    match name {
        "kernel.domainname" if has("uts") => Ok(()),
        "kernel.hostname" if has("uts") => {
            Err(format!("sysctl {name:?} is not allowed as it conflicts with the OCI \"hostname\" field"))
        }
        _ if name.starts_with("user.") && has("user") => Ok(()),
        _ if name.starts_with("user.") => {
            Err(format!("setting ucounts without a user namespace not allowed: {name}"))
        }
        _ => Err(format!("sysctl {name:?} is not in a separate kernel namespace")),
    }
}

fn shares_network(linux: &Linux<'_>, facts: &Facts<'_>) -> bool {
    match namespace(linux, "network") {
        None => true,
        Some(network) => !network.path.is_empty() && facts.joined_network == JoinedNetwork::Runtime,
    }
}

/// The name with dots between its parts. As for sysctl(8) the first separator decides: behind a slash, a dot is a
/// character of a part and is written as a slash (`net/ipv4/conf/eth0.1/forwarding`).
fn dotted(key: &str) -> Cow<'_, str> {
    match key.find(['.', '/']) {
        Some(first) if key.as_bytes()[first] == b'/' => Cow::Owned(exchanged(key)),
        _ => Cow::Borrowed(key),
    }
}

/// The path below `/proc/sys` of a dotted name.
fn slashed(name: &str) -> String {
    exchanged(name)
}

fn exchanged(text: &str) -> String {
    let other = |c| match c {
        '.' => '/',
        '/' => '.',
        c => c,
    };
    text.chars().map(other).collect()
}
