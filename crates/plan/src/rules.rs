//! What makes a configuration unacceptable, or doubtful, before anything is created.
//! Runs in: the parent, after `load` and before a plan is made.
//!
//! Three sources, in this order of authority:
//!
//! - what the runtime-spec says a runtime must refuse, and what the kernel refuses in every case;
//! - what runc refuses, in its words, because callers and its test suite look for them;
//! - what the runtime-spec asks of the author and runc lets pass: a [`Warning`].
//!
//! Rules that need the machine (is resctrl there, does the rootfs exist, is SELinux on), the cgroup's layout or parsed
//! mount options belong to the plan. Unknown capabilities are no fault here: they are warned about where they are dropped.
//!
//! The order of checks is runc's, so that of two faults the same one is reported.

mod devices;
mod hooks;
mod id_maps;
mod members;
mod memory_policy;
mod mounts;
mod namespaces;
mod process;
mod rdt;
mod resources;
mod scheduler;
pub mod seccomp;
mod sysctl;

pub(crate) use devices::valid_name as is_interface_name;
pub use members::Members;

use crate::refusal::Refusal;
use crate::spec::{Linux, LinuxIdMapping, LinuxNamespace, LinuxResources, LinuxSeccomp, Process, Spec, Str};
use std::fmt;

/// What the rules have to know besides the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts<'a> {
    /// Whom the runtime runs as.
    pub euid: Euid,
    /// How far it may write cgroups.
    pub cgroups: CgroupRights,
    /// Where the path of the network namespace leads; without such a path it does not matter.
    pub joined_network: JoinedNetwork,
    /// The id maps of the user namespace to join; `None` if there is none to join, or they could not be read.
    pub joined_user: Option<JoinedUser<'a>>,
}

/// The effective user id of the runtime, in the user namespace that it runs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Euid {
    /// It is 0.
    Root,
    /// It is not: the container is rootless.
    User,
}

/// What the runtime may do with cgroups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CgroupRights {
    /// All that root can.
    Full,
    /// What was delegated to it, perhaps nothing.
    Rootless,
}

/// A network namespace that the container joins by path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinedNetwork {
    /// The runtime's own, by device and inode.
    Runtime,
    /// Another one.
    Other,
}

/// A user namespace that the container joins by path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JoinedUser<'a> {
    /// Its uid_map.
    pub uid: &'a [LinuxIdMapping],
    /// Its gid_map.
    pub gid: &'a [LinuxIdMapping],
}

/// Something doubtful that does not stop the container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// JSON path, such as `mounts[3].destination`.
    pub path: String,
    /// What is doubtful there.
    pub message: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.is_empty() {
            true => f.write_str(&self.message),
            false => write!(f, "{}: {}", self.path, self.message),
        }
    }
}

/// Checks a whole config.json.
///
/// # Errors
/// The first rule that is broken.
pub fn check(spec: &Spec<'_>, facts: &Facts<'_>) -> Result<Vec<Warning>, Refusal> {
    let mut warnings = Vec::new();
    let no_linux = Linux::default();
    let linux = spec.linux.as_ref().unwrap_or(&no_linux);
    let process = spec.process.as_ref();
    let process = process.ok_or_else(|| Refusal::runc("process", "process property must not be empty"))?;

    process::program(process, "process")?;
    root(spec)?;
    mounts::fields(&spec.mounts, &mut warnings)?;
    devices::nodes(&linux.devices)?;
    if let Some(limits) = &linux.resources {
        resources::check(limits, "linux.resources", &mut warnings)?;
    }
    rootfs_propagation(linux)?;
    namespaces::listed(&linux.namespaces)?;
    id_maps::user_namespace(linux, facts, &mut warnings)?;
    let wanted = crate::annotations::wanted(spec, &mut warnings)?;
    seccomp::check(linux, wanted.seccomp_receiver, &mut warnings)?;
    memory_policy::check(linux)?;
    personality(linux, &mut warnings)?;
    devices::network(linux, facts)?;
    namespaces::hostnames(spec, linux)?;
    hidden_paths(linux, &mut warnings)?;
    namespaces::time(linux)?;
    sysctl::check(linux, facts)?;
    rdt::check(linux, &mut warnings)?;
    mounts::rootless(&spec.mounts, linux, facts)?;
    mounts::id_mapped(&spec.mounts, linux, facts)?;
    process::settings(process, "process")?;
    hooks::check(spec.hooks.as_ref())?;
    annotations(&spec.annotations, &mut warnings);
    no_nul(format_args!("linux.cgroupsPath"), &linux.cgroups_path)?;
    no_nul(format_args!("linux.mountLabel"), &linux.mount_label)?;
    Ok(warnings)
}

/// Checks a process by itself. `at` is its JSON path: `process`, or empty for `exec`'s process.json.
///
/// # Errors
/// The first rule that is broken.
pub fn check_process(process: &Process<'_>, at: &str) -> Result<(), Refusal> {
    process::program(process, at)?;
    process::settings(process, at)
}

/// Checks resources by themselves. `at` is their JSON path, empty for what `update --resources` reads.
///
/// # Errors
/// The first rule that is broken.
pub fn check_resources(resources: &LinuxResources<'_>, at: &str) -> Result<Vec<Warning>, Refusal> {
    let mut warnings = Vec::new();
    resources::check(resources, at, &mut warnings)?;
    Ok(warnings)
}

/// Checks a seccomp profile by itself; JSON paths are those of config.json.
///
/// # Errors
/// The first rule that is broken.
pub fn check_seccomp(profile: &LinuxSeccomp<'_>) -> Result<Vec<Warning>, Refusal> {
    let mut warnings = Vec::new();
    seccomp::profile(profile, None, &mut warnings)?;
    Ok(warnings)
}

fn root(spec: &Spec<'_>) -> Result<(), Refusal> {
    let root = spec.root.as_ref().ok_or_else(|| Refusal::runc("root", "root must be specified"))?;
    not_empty(format_args!("root.path"), &root.path)?;
    no_nul(format_args!("root.path"), &root.path)
}

fn rootfs_propagation(linux: &Linux<'_>) -> Result<(), Refusal> {
    match &*linux.rootfs_propagation {
        "" | "private" | "rprivate" | "shared" | "rshared" | "slave" | "rslave" | "unbindable"
        | "runbindable" => Ok(()),
        other => Err(Refusal::runc(
            "linux.rootfsPropagation",
            format!("rootfsPropagation={other} is not supported"),
        )),
    }
}

fn personality(linux: &Linux<'_>, warnings: &mut Vec<Warning>) -> Result<(), Refusal> {
    let Some(personality) = &linux.personality else { return Ok(()) };
    if !personality.flags.is_empty() {
        warn(warnings, format_args!("linux.personality.flags"), "no flag is defined: ignored");
    }
    match &*personality.domain {
        "LINUX" | "LINUX32" => Ok(()),
        other => {
            Err(Refusal::runc("linux.personality.domain", format!("invalid personality domain {other}")))
        }
    }
}

/// `maskedPaths` and `readonlyPaths`.
fn hidden_paths(linux: &Linux<'_>, warnings: &mut Vec<Warning>) -> Result<(), Refusal> {
    for (field, paths) in [("maskedPaths", &linux.masked_paths), ("readonlyPaths", &linux.readonly_paths)] {
        if !paths.is_empty() && namespace(linux, "mount").is_none() {
            let words = "unable to restrict sys entries without a private MNT namespace";
            return Err(Refusal::runc(format!("linux.{field}"), words));
        }
        for (i, path) in paths.iter().enumerate() {
            no_nul(format_args!("linux.{field}[{i}]"), path)?;
            if !path.starts_with('/') {
                warn(
                    warnings,
                    format_args!("linux.{field}[{i}]"),
                    "is not absolute: taken from the container's /",
                );
            }
        }
    }
    Ok(())
}

fn annotations(annotations: &[(Str<'_>, Str<'_>)], warnings: &mut Vec<Warning>) {
    if annotations.iter().any(|(key, _)| key.is_empty()) {
        warn(warnings, format_args!("annotations"), "a key is empty");
    }
}

/// The namespace of a kind, if the container has one of its own or joins one.
fn namespace<'s>(linux: &'s Linux<'_>, kind: &str) -> Option<&'s LinuxNamespace<'s>> {
    linux.namespaces.iter().find(|namespace| namespace.kind == *kind)
}

fn warn(warnings: &mut Vec<Warning>, path: fmt::Arguments<'_>, message: impl Into<String>) {
    warnings.push(Warning { path: path.to_string(), message: message.into() });
}

fn not_empty(path: fmt::Arguments<'_>, text: &str) -> Result<(), Refusal> {
    match text.is_empty() {
        true => Err(Refusal::at(path.to_string(), "is empty")),
        false => Ok(()),
    }
}

/// The kernel takes text up to its first NUL: what follows would be lost without a word.
fn no_nul(path: fmt::Arguments<'_>, text: &str) -> Result<(), Refusal> {
    no_nul_at(|| path.to_string(), text)
}

fn no_nul_at(path: impl FnOnce() -> String, text: &str) -> Result<(), Refusal> {
    match text.bytes().position(|byte| byte == 0) {
        Some(offset) => Err(Refusal::at(path(), format!("contains a NUL byte, at byte {offset}"))),
        None => Ok(()),
    }
}

/// The JSON path of a field of the object at `at`, which is empty at the top of a document.
fn below(at: &str, field: impl fmt::Display) -> String {
    match at.is_empty() {
        true => field.to_string(),
        false => format!("{at}.{field}"),
    }
}
