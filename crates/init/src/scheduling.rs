//! How the process is scheduled and limited: CPUs, policy, I/O priority, personality, memory policy, resource limits.
//! Runs in: init, while it may still do what needs a capability.

use brig_handshake::process::Process;
use brig_handshake::{Ask, Step};
use brig_sys::sched::{self, SchedAttr};
use brig_sys::{ioprio, mempolicy, personality, rlimit};
use rustix::io::Errno;

use crate::fault::{At, Outcome};
use crate::parent::Parent;

/// As many CPUs as the kernel can be built for.
const ALL_CPUS: [u8; 1024] = [0xff; 1024];

/// All CPUs, or the ones asked for, whatever the caller was bound to.
pub(crate) fn first_affinity(process: &Process<'_>) -> Outcome<()> {
    if !process.affinity.initial.is_empty() {
        return sched::sched_setaffinity(&process.affinity.initial).at(Step::Affinity);
    }
    match sched::sched_setaffinity(&ALL_CPUS) {
        // The cpuset of the cgroup has the last word, and a confined caller may be forbidden to widen its own.
        Err(Errno::INVAL | Errno::PERM) => Ok(()),
        other => other.at(Step::Affinity),
    }
}

/// Resource limits: ours to set, or the parent's.
pub(crate) fn limit(process: &Process<'_>, parent: &Parent) -> Outcome<()> {
    for (index, limit) in (0..).zip(&process.rlimits) {
        rlimit::prlimit(None, limit.resource, limit.soft, limit.hard).at_entry(Step::Limits, index)?;
    }
    if process.limits_by_parent { parent.ask(Step::Ready, &Ask::Ready) } else { Ok(()) }
}

/// Policy, nice value and priority. Who has a deadline cannot clone any more.
pub(crate) fn policy(process: &Process<'_>) -> Outcome<()> {
    let Some(scheduler) = &process.scheduler else { return Ok(()) };
    let times = [scheduler.runtime, scheduler.deadline, scheduler.period];
    let attr = SchedAttr::new(scheduler.policy, scheduler.flags, scheduler.nice, scheduler.priority, times);
    sched::sched_setattr(&attr).at(Step::Scheduler)
}

/// The I/O priority, which a clone inherits too.
pub(crate) fn io_priority(process: &Process<'_>) -> Outcome<()> {
    process.io_priority.map_or(Ok(()), |priority| ioprio::ioprio_set(priority).at(Step::IoPriority))
}

/// The rest, in the order in which each is inherited by the user's program.
pub(crate) fn apply(process: &Process<'_>) -> Outcome<()> {
    if let Some(persona) = process.personality {
        personality::personality(persona).at(Step::Personality)?;
    }
    if let Some(policy) = &process.memory_policy {
        mempolicy::set_mempolicy(policy.mode, &policy.nodes).at(Step::MemoryPolicy)?;
    }
    if !process.affinity.last.is_empty() {
        sched::sched_setaffinity(&process.affinity.last).at(Step::Affinity)?;
    }
    Ok(())
}
