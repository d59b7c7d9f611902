//! Whether what `state` says of a container is so: its process, its cgroups, its folder.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::parent::began;
use super::score::Status;
use crate::faults::left;

/// Where a container leaves traces.
#[derive(Debug)]
pub(crate) struct Traces {
    /// Its folder in the store.
    pub(crate) folder: PathBuf,
    /// Its cgroup, below each hierarchy.
    pub(crate) group: String,
}

/// The status that `code`, `said` and `errors` of `state` tell.
///
/// # Errors
/// What they tell is not so.
pub(crate) fn explained(code: i32, said: &str, errors: &str, traces: &Traces) -> Result<Status, String> {
    let groups: Vec<PathBuf> = left::groups(&traces.group).filter(|path| path.is_dir()).collect();
    if code != 0 {
        return match errors.contains("does not exist") {
            false => Err(format!("state fails: {}", errors.trim())),
            true if traces.folder.join("record").exists() => {
                Err("state knows none, and its record is there".into())
            }
            true => match groups.first() {
                Some(group) => Err(format!("state knows none, and {} is there", group.display())),
                None => Ok(Status::None),
            },
        };
    }
    let document: Value = serde_json::from_str(said).map_err(|error| format!("state: {error}"))?;
    let pid = document["pid"].as_i64().and_then(|pid| i32::try_from(pid).ok()).unwrap_or(0);
    let status = status(&document)?;
    let inside: BTreeSet<i32> = groups.iter().flat_map(|group| processes(group)).collect();
    let frozen = groups.iter().any(|group| is_frozen(group));
    let wrong = match status {
        Status::Created | Status::Running | Status::Paused => alive(status, pid, &inside, frozen, traces),
        Status::Stopped if !inside.is_empty() => {
            Some(format!("it is stopped, and in its cgroup run {}", people(&inside)))
        }
        Status::Stopped if pid != 0 => Some(format!("it is stopped, and its process is {pid}")),
        Status::Creating => Some("it is being created, and nobody is at it".into()),
        Status::Stopped | Status::None => None,
    };
    wrong.map_or(Ok(status), Err)
}

fn status(document: &Value) -> Result<Status, String> {
    Ok(match document["status"].as_str().unwrap_or_default() {
        "creating" => Status::Creating,
        "created" => Status::Created,
        "running" => Status::Running,
        "paused" => Status::Paused,
        "stopped" => Status::Stopped,
        other => return Err(format!("state knows a status {other:?}")),
    })
}

/// What is wrong with a container whose process lives.
fn alive(status: Status, pid: i32, inside: &BTreeSet<i32>, frozen: bool, traces: &Traces) -> Option<String> {
    if began(pid).is_none() {
        return Some(format!("it is {status:?}, and process {pid} has ended"));
    }
    if !inside.contains(&pid) {
        return Some(format!("it is {status:?}, and process {pid} is not in its cgroup: {inside:?}"));
    }
    if frozen != (status == Status::Paused) {
        return Some(format!(
            "it is {status:?}, and its cgroup is {}frozen",
            if frozen { "" } else { "not " }
        ));
    }
    let waits = fs::read_link(format!("/proc/{pid}/exe"))
        .is_ok_and(|exe| exe.to_string_lossy().contains("brig-init"));
    let has_gate = traces.folder.join("exec.fifo").exists();
    match status {
        Status::Created if !waits => Some(format!("it is created, and process {pid} does not wait")),
        Status::Created if !has_gate => Some("it is created without a gate".into()),
        Status::Running if waits => Some(format!("it is running, and process {pid} is still brig-init")),
        Status::None
        | Status::Creating
        | Status::Created
        | Status::Running
        | Status::Paused
        | Status::Stopped => None,
    }
}

/// Each by number, name, state and parent (proc_pid_stat(5)).
fn people(pids: &BTreeSet<i32>) -> String {
    let who = |pid: &i32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.split(' ').take(4).collect::<Vec<_>>().join(" ")
    };
    pids.iter().map(who).collect::<Vec<_>>().join(", ")
}

/// Of a group and those below it.
fn processes(group: &Path) -> Vec<i32> {
    let text = fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
    let mut found: Vec<i32> = text.lines().filter_map(|line| line.parse().ok()).collect();
    let entries = fs::read_dir(group).into_iter().flatten().flatten();
    let below = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    found.extend(below.flat_map(|entry| processes(&entry.path())));
    found
}

fn is_frozen(group: &Path) -> bool {
    let says = |file: &str, word: &str| {
        fs::read_to_string(group.join(file)).is_ok_and(|text| text.lines().any(|line| line == word))
    };
    says("cgroup.events", "frozen 1") || says("freezer.state", "FROZEN") || says("freezer.state", "FREEZING")
}
