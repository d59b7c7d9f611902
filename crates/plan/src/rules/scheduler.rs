//! Rules for `process.scheduler`.
//! Runs in: the parent, while a configuration is checked.

use super::below;
use crate::refusal::Refusal;
use crate::spec::Scheduler;

const POLICIES: [&str; 7] =
    ["SCHED_OTHER", "SCHED_FIFO", "SCHED_RR", "SCHED_BATCH", "SCHED_ISO", "SCHED_IDLE", "SCHED_DEADLINE"];

const FLAGS: [&str; 7] = [
    "SCHED_FLAG_RESET_ON_FORK",
    "SCHED_FLAG_RECLAIM",
    "SCHED_FLAG_DL_OVERRUN",
    "SCHED_FLAG_KEEP_POLICY",
    "SCHED_FLAG_KEEP_PARAMS",
    "SCHED_FLAG_UTIL_CLAMP_MIN",
    "SCHED_FLAG_UTIL_CLAMP_MAX",
];

pub(super) fn check(scheduler: &Scheduler<'_>, at: &str) -> Result<(), Refusal> {
    let policy = &*scheduler.policy;
    if policy.is_empty() {
        return Err(Refusal::runc(below(at, "policy"), "scheduler policy is required"));
    }
    if matches!(policy, "SCHED_OTHER" | "SCHED_BATCH") && !(-20..=19).contains(&scheduler.nice) {
        let words = format!("invalid scheduler.nice: {} when scheduler.policy is {policy}", scheduler.nice);
        return Err(Refusal::runc(below(at, "nice"), words));
    }
    if !matches!(policy, "SCHED_FIFO" | "SCHED_RR") && scheduler.priority != 0 {
        let words = "scheduler.priority can only be specified for SchedFIFO or SchedRR policy";
        return Err(Refusal::runc(below(at, "priority"), words));
    }
    if policy != "SCHED_DEADLINE" && (scheduler.runtime, scheduler.deadline, scheduler.period) != (0, 0, 0) {
        let words = "scheduler runtime/deadline/period can only be specified for SchedDeadline policy";
        return Err(Refusal::runc(at, words));
    }
    if !POLICIES.contains(&policy) {
        return Err(Refusal::runc(below(at, "policy"), format!("invalid scheduler policy: {policy}")));
    }
    for (i, flag) in scheduler.flags.iter().enumerate() {
        if !FLAGS.contains(&&**flag) {
            let path = below(at, format_args!("flags[{i}]"));
            return Err(Refusal::runc(path, format!("invalid scheduler flag: {flag}")));
        }
    }
    Ok(())
}
