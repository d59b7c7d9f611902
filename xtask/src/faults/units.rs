//! Units of systemd: what they are called, which there are, and how those that were left go.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use super::scene::ID;
use crate::command::output;

/// systemd takes its time with a unit whose last process has ended.
const GRACE: Duration = Duration::from_secs(20);

/// Whether there is somebody who makes them.
pub(super) fn can_be_made() -> bool {
    Path::new("/run/systemd/private").exists()
}

/// The slice in which we are ourselves (keeper.sh).
pub(super) fn slice(group: &str) -> String {
    format!("{group}.slice")
}

/// What the container's bundle says.
pub(super) fn cgroups_path(group: &str) -> String {
    format!("{}:{group}:{ID}", slice(group))
}

/// The container's cgroup.
pub(super) fn cgroup(group: &str) -> String {
    format!("{}/{group}-{ID}.scope", slice(group))
}

/// Units with the group's name, whatever their state; none where there is no systemd.
///
/// # Errors
/// systemd does not say.
pub(super) fn now(group: &str) -> Result<BTreeSet<String>, String> {
    if !can_be_made() {
        return Ok(BTreeSet::new());
    }
    let mut list = Command::new("systemctl");
    list.args(["list-units", "--all", "--full", "--plain", "--no-legend", &format!("{group}*")]);
    let text = output(&mut list)?;
    Ok(text.lines().filter_map(|line| Some(line.split_whitespace().next()?.to_owned())).collect())
}

/// Those that are there and were not `then`, when systemd has had time enough.
///
/// # Errors
/// systemd does not say.
pub(super) fn left(group: &str, then: &BTreeSet<String>) -> Result<Vec<String>, String> {
    let deadline = Instant::now() + GRACE;
    loop {
        let left: Vec<String> = now(group)?.difference(then).map(|unit| format!("unit {unit}")).collect();
        if left.is_empty() || Instant::now() > deadline {
            return Ok(left);
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// So that it does not spoil the next case.
pub(super) fn stop(unit: &str) -> std::io::Result<()> {
    let stopped = Command::new("systemctl").args(["stop", unit]).status();
    stopped.and_then(|_| Command::new("systemctl").args(["reset-failed", unit]).status()).map(drop)
}
