//! Annotations by which crun is asked for more than the specification has: `run.oci.*`.
//! Runs in: the parent; pure. docs/compatibility.md lists them.
//!
//! What asks for a wall that is not built here is refused, for who asked relies on it. What is merely not done is a warning.

use crate::refusal::{Refusal, member};
use crate::rules::Warning;
use crate::spec::{Spec, Str};

/// The prefix of all of them.
pub const PREFIX: &str = "run.oci.";

/// What they ask for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Wanted<'s> {
    /// The first process keeps the supplementary groups of its caller.
    pub(crate) keep_groups: bool,
    /// How `linux.mountLabel` is given to a file system; `None`: as `context`.
    pub(crate) label_option: Option<&'s str>,
    /// A socket for the first process's pidfd.
    pub(crate) pidfd_receiver: Option<&'s str>,
    /// The seccomp agent's socket, where `linux.seccomp.listenerPath` is not set.
    pub(crate) seccomp_receiver: Option<&'s str>,
    /// A profile that names a call that nobody knows is refused.
    pub(crate) known_calls_only: bool,
}

/// Reads them.
pub(crate) fn wanted<'s>(spec: &'s Spec<'_>, warnings: &mut Vec<Warning>) -> Result<Wanted<'s>, Refusal> {
    let mut wanted = Wanted::default();
    for (key, value) in &spec.annotations {
        let Some(name) = key.strip_prefix(PREFIX) else {
            of_handlers(key, warnings);
            continue;
        };
        let refuse = |words: &str| Err(Refusal::at(member("annotations", key), words));
        match name {
            "keep_original_groups" => wanted.keep_groups = **value != *"0",
            "seccomp_fail_unknown_syscall" => wanted.known_calls_only = **value != *"0",
            "mount_context_type" => wanted.label_option = Some(label_option(key, value)?),
            "pidfd_receiver" => wanted.pidfd_receiver = Some(socket(key, value)?),
            "seccomp.receiver" => wanted.seccomp_receiver = Some(socket(key, value)?),
            // Which is how it is here in any case.
            "systemd.subgroup" if value.is_empty() => {}
            "handler" => {
                return refuse(
                    "brig has no handlers, such as krun or wasm, and would start it as an ordinary program",
                );
            }
            "seccomp_bpf_data" => return refuse("brig makes filters from linux.seccomp only"),
            "seccomp.plugins" => {
                return refuse("brig loads no plug-ins; an agent listens at linux.seccomp.listenerPath");
            }
            "systemd.subgroup" | "delegate-cgroup" => {
                return refuse("brig makes no cgroup below the container's");
            }
            "systemd.force_cgroup_v1" => return refuse("brig mounts the cgroups that the machine has"),
            "hooks.stdout" | "hooks.stderr" => {
                ignored(warnings, key, "what a hook says is kept for the error message if it fails");
            }
            _ => ignored(warnings, key, "brig does not know it"),
        }
    }
    Ok(wanted)
}

/// Said to handlers, which a container without one does not have.
fn of_handlers(key: &Str<'_>, warnings: &mut Vec<Warning>) {
    if key.starts_with("krun.") || **key == *"module.wasm.image/variant" {
        ignored(warnings, key, "brig has no handlers, such as krun or wasm");
    }
}

fn ignored(warnings: &mut Vec<Warning>, key: &Str<'_>, why: &str) {
    warnings.push(Warning { path: member("annotations", key), message: format!("ignored: {why}") });
}

fn label_option<'s>(key: &Str<'_>, value: &'s Str<'_>) -> Result<&'s str, Refusal> {
    match &**value {
        kind @ ("context" | "fscontext" | "defcontext" | "rootcontext") => Ok(kind),
        other => {
            let words = format!("{other:?} is none of context, fscontext, defcontext, rootcontext");
            Err(Refusal::at(member("annotations", key), words))
        }
    }
}

fn socket<'s>(key: &Str<'_>, value: &'s Str<'_>) -> Result<&'s str, Refusal> {
    match value.starts_with('/') {
        true => Ok(value),
        false => {
            Err(Refusal::at(member("annotations", key), format!("{:?} is not an absolute path", &**value)))
        }
    }
}
