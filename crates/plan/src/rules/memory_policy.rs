//! Rules for `linux.memoryPolicy`.
//! Runs in: the parent, while a configuration is checked.

use super::Members;
use crate::refusal::Refusal;
use crate::spec::Linux;

const FLAGS: [&str; 3] = ["MPOL_F_STATIC_NODES", "MPOL_F_RELATIVE_NODES", "MPOL_F_NUMA_BALANCING"];

/// Which nodes a mode of set_mempolicy(2) wants.
enum Wants {
    None,
    Some,
    Any,
}

pub(super) fn check(linux: &Linux<'_>) -> Result<(), Refusal> {
    let Some(policy) = &linux.memory_policy else { return Ok(()) };
    let wants = match &*policy.mode {
        "MPOL_DEFAULT" | "MPOL_LOCAL" => Wants::None,
        "MPOL_BIND" | "MPOL_INTERLEAVE" | "MPOL_PREFERRED_MANY" | "MPOL_WEIGHTED_INTERLEAVE" => Wants::Some,
        "MPOL_PREFERRED" => Wants::Any,
        other => {
            let words = format!("invalid memory policy mode {other:?}");
            return Err(Refusal::runc("linux.memoryPolicy.mode", words));
        }
    };
    let invalid = |words| Refusal::runc("linux.memoryPolicy.nodes", words);
    let nodes = Members::parse(&policy.nodes)
        .map_err(|why| invalid(format!("invalid memory policy nodes {:?}: {why}", &*policy.nodes)))?;
    for (i, flag) in policy.flags.iter().enumerate() {
        if !FLAGS.contains(&&**flag) {
            let words = format!("invalid memory policy flag {:?}", &**flag);
            return Err(Refusal::runc(format!("linux.memoryPolicy.flags[{i}]"), words));
        }
    }
    match (wants, nodes.map_or(0, |nodes| nodes.count())) {
        (Wants::None, count @ 1..) => {
            Err(invalid(format!("memory policy mode requires 0 nodes but got {count}")))
        }
        (Wants::Some, 0) => {
            Err(invalid("memory policy mode requires at least one node but got 0".to_owned()))
        }
        (Wants::None | Wants::Some | Wants::Any, _) => Ok(()),
    }
}
