//! `process.rlimits` and `process.oomScoreAdj`.
//! Runs in: the parent; pure. Done by `brig-init`, or by the runtime where a user namespace stands in between.

use brig_handshake::process::{Process as Planned, Rlimit};

use crate::plan::Limits;
use crate::refusal::Refusal;
use crate::spec::{PosixRlimit, Process};
use crate::text::below;

/// Each at the place that is its number: `asm-generic/resource.h`, getrlimit(2).
const NAMES: [&str; 16] = [
    "RLIMIT_CPU",
    "RLIMIT_FSIZE",
    "RLIMIT_DATA",
    "RLIMIT_STACK",
    "RLIMIT_CORE",
    "RLIMIT_RSS",
    "RLIMIT_NPROC",
    "RLIMIT_NOFILE",
    "RLIMIT_MEMLOCK",
    "RLIMIT_AS",
    "RLIMIT_LOCKS",
    "RLIMIT_SIGPENDING",
    "RLIMIT_MSGQUEUE",
    "RLIMIT_NICE",
    "RLIMIT_RTPRIO",
    "RLIMIT_RTTIME",
];

/// The name of a limit.
pub(crate) fn name(resource: u32) -> &'static str {
    usize::try_from(resource).ok().and_then(|number| NAMES.get(number)).unwrap_or(&"RLIMIT_?")
}

/// What the parent sets. `at` is the JSON path of the process.
pub(crate) fn plan(process: &Process<'_>, at: &str) -> Result<Limits, Refusal> {
    let rlimits = (0..)
        .zip(&process.rlimits)
        .map(|(index, rlimit)| one(index, rlimit, at))
        .collect::<Result<_, _>>()?;
    let oom_score_adj = process.oom_score_adj.map(i32::try_from).transpose();
    let oom_score_adj =
        oom_score_adj.map_err(|error| Refusal::at(below(at, "oomScoreAdj"), error.to_string()))?;
    Ok(Limits { rlimits, oom_score_adj })
}

/// Hands the limits to `brig-init`, unless only the parent may set them.
pub(crate) fn assign(limits: &mut Limits, process: &mut Planned<'_>, by_parent: bool) {
    process.limits_by_parent = by_parent && !limits.rlimits.is_empty();
    process.rlimits = if by_parent { Vec::new() } else { std::mem::take(&mut limits.rlimits) };
}

fn one(index: u32, rlimit: &PosixRlimit<'_>, at: &str) -> Result<Rlimit, Refusal> {
    let resource = (0..).zip(NAMES).find(|(_, name)| *name == &*rlimit.kind).map(|(number, _)| number);
    let resource = resource.ok_or_else(|| {
        let path = below(at, format_args!("rlimits[{index}].type"));
        Refusal::runc(path, format!("wrong rlimit value: {}", rlimit.kind))
    })?;
    Ok(Rlimit { resource, soft: rlimit.soft, hard: rlimit.hard })
}
