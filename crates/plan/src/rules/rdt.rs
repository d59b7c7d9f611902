//! Rules for `linux.intelRdt`.
//! Runs in: the parent, while a configuration is checked.

use super::{Warning, no_nul, warn};
use crate::refusal::Refusal;
use crate::spec::Linux;

pub(super) fn check(linux: &Linux<'_>, warnings: &mut Vec<Warning>) -> Result<(), Refusal> {
    let Some(rdt) = &linux.intel_rdt else { return Ok(()) };
    let clos_id = &*rdt.clos_id;
    // "/" alone is the root class; everything else is one directory of resctrl.
    if matches!(clos_id, "." | "..") || (clos_id.len() > 1 && clos_id.contains('/')) {
        return Err(Refusal::runc("linux.intelRdt.closID", format!("invalid intelRdt.ClosID {clos_id:?}")));
    }
    one_line("linux.intelRdt.closID", clos_id)?;
    for (i, line) in rdt.schemata.iter().enumerate() {
        one_line(&format!("linux.intelRdt.schemata[{i}]"), line)?;
    }
    one_line("linux.intelRdt.memBwSchema", &rdt.mem_bw_schema)?;
    if !rdt.mem_bw_schema.is_empty() && !rdt.mem_bw_schema.starts_with("MB:") {
        warn(warnings, format_args!("linux.intelRdt.memBwSchema"), "does not start with MB:");
    }
    no_nul(format_args!("linux.intelRdt.l3CacheSchema"), &rdt.l3_cache_schema)
}

fn one_line(path: &str, text: &str) -> Result<(), Refusal> {
    match text.contains('\n') {
        true => Err(Refusal::at(path, "contains a newline")),
        false => no_nul(format_args!("{path}"), text),
    }
}
