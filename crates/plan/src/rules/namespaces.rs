//! Rules for `linux.namespaces` and what cannot be had without one.
//! Runs in: the parent, while a configuration is checked.

use super::{namespace, no_nul};
use crate::refusal::{Refusal, member};
use crate::spec::{Linux, LinuxNamespace, Spec};

const KINDS: [&str; 8] = ["pid", "network", "mount", "ipc", "uts", "user", "cgroup", "time"];

/// What the kernel keeps of a hostname and of a domainname: uname(2).
const LONGEST_NAME: usize = 64;

/// The list itself: known kinds, each once, with paths that mean the same from anywhere.
pub(super) fn listed(namespaces: &[LinuxNamespace<'_>]) -> Result<(), Refusal> {
    for (i, namespace) in namespaces.iter().enumerate() {
        let (kind, path) = (&*namespace.kind, &*namespace.path);
        if !KINDS.contains(&kind) {
            let words = format!("namespace {{{kind:?} {path:?}}} does not exist");
            return Err(Refusal::runc(format!("linux.namespaces[{i}].type"), words));
        }
        if namespaces.iter().take(i).any(|earlier| earlier.kind == *kind) {
            let words = format!("malformed spec file: duplicated ns {{{kind:?} {path:?}}}");
            return Err(Refusal::runc(format!("linux.namespaces[{i}].type"), words));
        }
        no_nul(format_args!("linux.namespaces[{i}].path"), path)?;
        if !path.is_empty() && !path.starts_with('/') {
            let words = format!("{path:?} is not absolute");
            return Err(Refusal::at(format!("linux.namespaces[{i}].path"), words));
        }
    }
    Ok(())
}

/// `hostname` and `domainname` would be the host's without a UTS namespace.
pub(super) fn hostnames(spec: &Spec<'_>, linux: &Linux<'_>) -> Result<(), Refusal> {
    for (field, name) in [("hostname", &spec.hostname), ("domainname", &spec.domainname)] {
        if !name.is_empty() && namespace(linux, "uts").is_none() {
            let words = format!("unable to set {field} without a private UTS namespace");
            return Err(Refusal::runc(field, words));
        }
        no_nul(format_args!("{field}"), name)?;
        if name.len() > LONGEST_NAME {
            let words = format!("{} bytes, the kernel takes {LONGEST_NAME}", name.len());
            return Err(Refusal::at(field, words));
        }
    }
    Ok(())
}

/// Clock offsets can be set only before the first process enters a time namespace.
pub(super) fn time(linux: &Linux<'_>) -> Result<(), Refusal> {
    if linux.time_offsets.is_empty() {
        return Ok(());
    }
    match namespace(linux, "time") {
        None => {
            let words = "time namespace offsets specified, but time namespace isn't enabled in the config";
            return Err(Refusal::runc("linux.timeOffsets", words));
        }
        Some(time) if !time.path.is_empty() => {
            let words = "time namespace enabled, but both namespace path and time offsets specified \
                         -- you may only provide one";
            return Err(Refusal::runc("linux.timeOffsets", words));
        }
        Some(_) => {}
    }
    for (clock, offset) in &linux.time_offsets {
        if !matches!(&**clock, "monotonic" | "boottime") {
            let words = "is not a clock of a time namespace (monotonic, boottime)";
            return Err(Refusal::at(member("linux.timeOffsets", clock), words));
        }
        if offset.nanosecs > 999_999_999 {
            let words = format!("{} is a second or more", offset.nanosecs);
            return Err(Refusal::at(format!("linux.timeOffsets.{clock}.nanosecs"), words));
        }
    }
    Ok(())
}
