//! Limits as what is written to which file of the cgroup, in the order in which the kernel takes them.
//! Runs in: the parent; pure. Written by the crate `brig-cgroup`.

mod v1;
mod v2;

use std::borrow::Cow;

use crate::refusal::Refusal;
use crate::resources::{Memory, OfDevice, Rdma, Resources};
use crate::text::below;

/// Which files a cgroup has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// A directory in the hierarchy of each controller.
    V1,
    /// One directory.
    V2,
}

/// One value that comes into force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// The controller whose file it is.
    pub controller: Cow<'static, str>,
    /// File of the cgroup's directory.
    pub file: Cow<'static, str>,
    /// What is written.
    pub value: String,
    /// What follows where the kernel does not take it.
    pub refused: Refused,
    /// How to find what was there before.
    pub shape: Shape,
    /// Where it stands below `linux.resources`.
    pub field: Cow<'static, str>,
}

/// What follows where the kernel does not take a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// That is an error.
    Fail,
    /// A file that is not there is passed over: without it the value holds already.
    PassOver,
    /// Where the file is not there, another takes the value in its own unit.
    Instead {
        /// File of the same directory.
        file: Cow<'static, str>,
        /// What is written to it.
        value: String,
    },
    /// EINVAL may come of another value of the same controller that is about to change: it is written once more after those.
    Again,
    /// EINVAL may come of the parents, which have less: those that were made for this cgroup get as much first.
    RaiseParents,
}

/// How a file says what holds in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// It holds the value and nothing else.
    Value,
    /// A line for each key: `8:0 rbps=1024`.
    Lines {
        /// The first word of its line.
        key: String,
        /// What is written for a key that has no line.
        none: String,
    },
    /// A line for each name, of which only the number may be written.
    Field {
        /// The first word of its line.
        name: &'static str,
    },
}

pub use v2::weight;

/// What is written for `resources`, first to last.
pub fn writes(resources: &Resources<'_>, version: Version) -> Vec<Write> {
    match version {
        Version::V1 => v1::writes(resources),
        Version::V2 => v2::writes(resources),
    }
}

/// Refuses what the kernel would refuse, or take for something else. `at` is the place of the object in its document.
///
/// # Errors
/// The first of them.
pub fn check(resources: &Resources<'_>, version: Version, at: &str) -> Result<(), Refusal> {
    let refuse = |field: &str, words: String| Err(Refusal::runc(below(at, field), words));
    if let Err(words) = swap_alone(&resources.memory) {
        return refuse("memory.swap", words.to_owned());
    }
    if let Some(idle) = resources.cpu.idle.filter(|idle| !matches!(idle, 0 | 1)) {
        return refuse("cpu.idle", format!("invalid cpu.idle value: {idle} (0 or 1)"));
    }
    match version {
        Version::V1 => v1::check(resources, refuse),
        Version::V2 => Ok(()),
    }
}

/// What is asked for and has no file in this version, or no effect.
pub fn without_effect(resources: &Resources<'_>, version: Version) -> Vec<&'static str> {
    match version {
        Version::V1 => Vec::new(),
        Version::V2 => v2::without_effect(resources),
    }
}

/// What is to be said where a weight is asked for together with idleness.
pub fn weight_that_is_left_out(resources: &Resources<'_>) -> Option<&'static str> {
    let both = resources.is_idle() && resources.has_weight();
    both.then_some("unable to apply both cpu.shares (cpu.weight) and cpu.idle: an idle group has no weight")
}

/// The part of `memory.swap` that is swap: `None` where nothing is to be written, -1 for no limit.
fn swap_alone(memory: &Memory) -> Result<Option<i64>, &'static str> {
    match (memory.limit, memory.swap) {
        // On version 1 both could be lifted by lifting one.
        (Some(-1), None) => Ok(Some(-1)),
        (_, None) => Ok(None),
        (_, Some(-1)) => Ok(Some(-1)),
        (None | Some(-1), Some(_)) => Err("unable to set swap limit without memory limit"),
        (Some(limit), Some(swap)) if swap < limit => Err("memory+swap limit should be >= memory limit"),
        (Some(limit), Some(swap)) => Ok(Some(swap - limit)),
    }
}

/// A value of its own file, which must hold.
fn plain(controller: &'static str, file: &'static str, value: impl ToString, field: &'static str) -> Write {
    Write {
        controller: controller.into(),
        file: file.into(),
        value: value.to_string(),
        refused: Refused::Fail,
        shape: Shape::Value,
        field: field.into(),
    }
}

fn pids(limit: i64) -> Write {
    // 0 would keep out the first process too, and systemd's TasksMax cannot say it: runc's word for it is 1.
    let value = if limit < 0 { "max".to_owned() } else { limit.max(1).to_string() };
    plain("pids", "pids.max", value, "pids.limit")
}

fn rdma(limit: &Rdma<'_>) -> Write {
    let key = limit.device.to_string();
    let handles = limit.handles.map(|handles| format!(" hca_handle={handles}")).unwrap_or_default();
    let objects = limit.objects.map(|objects| format!(" hca_object={objects}")).unwrap_or_default();
    let value = format!("{key}{handles}{objects}");
    let shape = Shape::Lines { none: format!("{key} hca_handle=max hca_object=max"), key };
    Write { shape, ..plain("rdma", "rdma.max", value, "rdma") }
}

/// `major:minor`
fn device(device: &OfDevice) -> String {
    format!("{}:{}", device.major, device.minor)
}

#[cfg(test)]
mod tests;
