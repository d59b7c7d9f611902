//! What `--debug` says of a plan. Runs in: the parent.

use brig_plan::plan::Plan;

/// Logs the plan as `explain` prints it, but for arguments and environment, in which there are passwords.
#[cold]
#[inline(never)]
pub(super) fn log_plan(plan: &Plan<'_>) {
    let private = |line: &str| ["  argv:", "  env:"].iter().any(|field| line.starts_with(field));
    for line in plan.explain().lines().filter(|line| !private(line)) {
        log::debug!("plan: {}", line.trim_end());
    }
}
