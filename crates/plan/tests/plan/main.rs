//! What is decided about a configuration, compared with plain values.
#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm, reason = "all of it is tests")]

mod annotations;
mod checkpoint;
mod devices;
mod exec;
mod explained;
mod hooks;
mod intel_rdt;
mod machine;
mod mounts;
mod namespaces;
mod network;
mod process;
mod rootfs;
mod seccomp;
mod systemd;
mod whole;

use brig_handshake::Text;
use brig_handshake::wire;
use brig_plan::host::Host;
use brig_plan::options::Options;
use brig_plan::plan::Plan;
use brig_plan::refusal::Refusal;
use brig_plan::{load, plan};
use machine::{host, options};

/// An ordinary user there.
fn user() -> Host {
    Host { euid: 1000, egid: 100, ..host() }
}

/// The plan of the smallest config.json with further members, made for `host`.
fn planned_on(host: &Host, options: &Options<'static>, more: &str) -> Result<Plan<'static>, Refusal> {
    let process =
        if more.contains(r#""process""#) { "" } else { r#""process":{"args":["/bin/sh"],"cwd":"/"},"# };
    let text = format!(r#"{{{process}"root":{{"path":"rootfs"}},{more}}}"#);
    let spec = load::config(text.leak().as_bytes())?;
    plan(&spec, host, options)
}

fn planned(more: &str) -> Plan<'static> {
    planned_on(&host(), &options(), more).unwrap()
}

fn refused(more: &str) -> String {
    planned_on(&host(), &options(), more).unwrap_err().to_string()
}

/// The same with mounts, in a mount namespace.
fn with_mounts(mounts: &str) -> String {
    format!(r#""mounts":[{mounts}],"linux":{{"namespaces":[{{"type":"mount"}}]}}"#)
}

fn text(value: &str) -> Text<'static> {
    wire::text(value).unwrap()
}

fn texts(values: &[&str]) -> Vec<Text<'static>> {
    values.iter().map(|value| text(value)).collect()
}
