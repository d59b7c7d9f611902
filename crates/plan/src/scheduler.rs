//! `process.scheduler`, `process.ioPriority`, `process.execCPUAffinity` and `linux.memoryPolicy`: words to numbers.
//! Runs in: the parent; pure. Done in `brig-init`'s file of the same name.

use std::borrow::Cow;

use brig_handshake::process::{Affinity, MemoryPolicy, Scheduler};

use crate::refusal::Refusal;
use crate::rules::Members;
use crate::spec::{self, CpuAffinity, LinuxIoPriority, LinuxMemoryPolicy};
use crate::text::below;

/// `SCHED_*`: sched(7). ISO is reserved and was never implemented.
const POLICIES: [(&str, u32); 7] = [
    ("SCHED_OTHER", 0),
    ("SCHED_FIFO", 1),
    ("SCHED_RR", 2),
    ("SCHED_BATCH", 3),
    ("SCHED_ISO", 4),
    ("SCHED_IDLE", 5),
    ("SCHED_DEADLINE", 6),
];

/// `SCHED_FLAG_*`: sched_setattr(2), `linux/sched.h`.
const FLAGS: [(&str, u64); 7] = [
    ("SCHED_FLAG_RESET_ON_FORK", 0x01),
    ("SCHED_FLAG_RECLAIM", 0x02),
    ("SCHED_FLAG_DL_OVERRUN", 0x04),
    ("SCHED_FLAG_KEEP_POLICY", 0x08),
    ("SCHED_FLAG_KEEP_PARAMS", 0x10),
    ("SCHED_FLAG_UTIL_CLAMP_MIN", 0x20),
    ("SCHED_FLAG_UTIL_CLAMP_MAX", 0x40),
];

/// `IOPRIO_CLASS_*`: ioprio_set(2).
const IO_CLASSES: [(&str, u32); 3] =
    [("IOPRIO_CLASS_RT", 1), ("IOPRIO_CLASS_BE", 2), ("IOPRIO_CLASS_IDLE", 3)];

/// Where the class stands in an I/O priority: `linux/ioprio.h`.
const IO_CLASS_SHIFT: u32 = 13;

/// `MPOL_*`: set_mempolicy(2), `linux/mempolicy.h`.
const MEMORY_MODES: [(&str, u32); 7] = [
    ("MPOL_DEFAULT", 0),
    ("MPOL_PREFERRED", 1),
    ("MPOL_BIND", 2),
    ("MPOL_INTERLEAVE", 3),
    ("MPOL_LOCAL", 4),
    ("MPOL_PREFERRED_MANY", 5),
    ("MPOL_WEIGHTED_INTERLEAVE", 6),
];

/// `MPOL_F_*`: set_mempolicy(2).
const MEMORY_FLAGS: [(&str, u32); 3] = [
    ("MPOL_F_STATIC_NODES", 1 << 15),
    ("MPOL_F_RELATIVE_NODES", 1 << 14),
    ("MPOL_F_NUMA_BALANCING", 1 << 13),
];

fn number<T: Copy>(known: &[(&str, T)], word: &str, refusal: impl FnOnce() -> Refusal) -> Result<T, Refusal> {
    known.iter().find(|(name, _)| *name == word).map(|&(_, number)| number).ok_or_else(refusal)
}

/// `process.scheduler`. `at` is its JSON path.
pub(crate) fn scheduler(scheduler: &spec::Scheduler<'_>, at: &str) -> Result<Scheduler, Refusal> {
    let policy = number(&POLICIES, &scheduler.policy, || {
        Refusal::runc(below(at, "policy"), format!("invalid scheduler policy: {}", scheduler.policy))
    })?;
    let mut flags = 0;
    for (index, flag) in scheduler.flags.iter().enumerate() {
        flags |= number(&FLAGS, flag, || {
            Refusal::runc(
                below(at, format_args!("flags[{index}]")),
                format!("invalid scheduler flag: {flag}"),
            )
        })?;
    }
    let priority = u32::try_from(scheduler.priority)
        .map_err(|_| Refusal::at(below(at, "priority"), format!("{} is negative", scheduler.priority)))?;
    let spec::Scheduler { nice, runtime, deadline, period, .. } = *scheduler;
    Ok(Scheduler { policy, flags, nice, priority, runtime, deadline, period })
}

/// `process.ioPriority`. `at` is its JSON path.
pub(crate) fn io_priority(priority: &LinuxIoPriority<'_>, at: &str) -> Result<u32, Refusal> {
    let class = number(&IO_CLASSES, &priority.class, || {
        Refusal::runc(below(at, "class"), format!("invalid ioPriority.Class: {:?}", &*priority.class))
    })?;
    match u32::try_from(priority.priority) {
        Ok(level @ 0..=7) => Ok(class << IO_CLASS_SHIFT | level),
        _ => {
            let words = format!("invalid ioPriority.Priority: {}", priority.priority);
            Err(Refusal::runc(below(at, "priority"), words))
        }
    }
}

/// `process.execCPUAffinity`, as masks for sched_setaffinity(2). `at` is its JSON path.
pub(crate) fn affinity<'a>(affinity: &CpuAffinity<'_>, at: &str) -> Result<Affinity<'a>, Refusal> {
    let mask =
        |list: &str, field: &str, name: &str| {
            let set = Members::parse(list)
                .map_err(|why| Refusal::runc(below(at, field), format!("bad CPUAffinity.{name}: {why}")))?;
            Ok(Cow::Owned(set.map_or_else(Vec::new, |set| {
                trimmed(&set).iter().flat_map(|word| word.to_le_bytes()).collect()
            })))
        };
    Ok(Affinity {
        initial: mask(&affinity.initial, "initial", "Initial")?,
        last: mask(&affinity.last, "final", "Final")?,
    })
}

/// No CPU list at all: an init gets all CPUs, and keeps them.
pub(crate) fn no_affinity<'a>() -> Affinity<'a> {
    Affinity { initial: Cow::Borrowed(&[]), last: Cow::Borrowed(&[]) }
}

/// `linux.memoryPolicy`.
pub(crate) fn memory_policy(policy: &LinuxMemoryPolicy<'_>) -> Result<MemoryPolicy, Refusal> {
    let mut mode = number(&MEMORY_MODES, &policy.mode, || {
        let words = format!("invalid memory policy mode {:?}", &*policy.mode);
        Refusal::runc("linux.memoryPolicy.mode", words)
    })?;
    for (index, flag) in policy.flags.iter().enumerate() {
        mode |= number(&MEMORY_FLAGS, flag, || {
            let words = format!("invalid memory policy flag {:?}", &**flag);
            Refusal::runc(format!("linux.memoryPolicy.flags[{index}]"), words)
        })?;
    }
    let nodes = Members::parse(&policy.nodes).map_err(|why| {
        let words = format!("invalid memory policy nodes {:?}: {why}", &*policy.nodes);
        Refusal::runc("linux.memoryPolicy.nodes", words)
    })?;
    Ok(MemoryPolicy { mode, nodes: nodes.map_or_else(Vec::new, |nodes| trimmed(&nodes).to_vec()) })
}

/// The mask without the words behind its last member.
fn trimmed(members: &Members) -> &[u64] {
    let words = members.words();
    let used = words.iter().rposition(|&word| word != 0).map_or(0, |last| last + 1);
    words.get(..used).unwrap_or(words)
}
