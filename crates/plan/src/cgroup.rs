//! The container's control group: whether it may be missing, and what is not applied to it yet.
//! Runs in: the parent; pure. Done in the crate `brig-cgroup`.

use crate::device_rules;
use crate::host::Host;
use crate::options::Options;
use crate::plan::CgroupPlan;
use crate::refusal::Refusal;
use crate::spec::{Linux, LinuxResources};

/// Whether the container can do without a group, and its device rules.
pub(crate) fn plan(
    linux: &Linux<'_>,
    options: &Options<'_>,
    host: &Host,
    warnings: &mut Vec<String>,
) -> Result<CgroupPlan, Refusal> {
    let limits = linux.resources.as_ref().is_some_and(|resources| !limits(resources).is_empty());
    Ok(CgroupPlan {
        optional: options.rootless_cgroups && linux.cgroups_path.is_empty() && !limits,
        devices: device_rules::plan(linux, host, warnings)?,
    })
}

/// Refuses, or warns about, what the configuration asks for and nobody does yet.
pub(crate) fn not_yet(linux: &Linux<'_>, warnings: &mut Vec<String>) -> Result<(), Refusal> {
    if linux.intel_rdt.is_some() {
        let words = "intelRdt is specified in config, but Intel RDT is not enabled";
        return Err(Refusal::runc("linux.intelRdt", words));
    }
    if !linux.net_devices.is_empty() {
        return Err(Refusal::at("linux.netDevices", "moving network devices is not supported yet"));
    }
    let limits = linux.resources.as_ref().map(limits).unwrap_or_default();
    if !limits.is_empty() {
        warnings.push(format!("linux.resources: not applied yet: {}", limits.join(", ")));
    }
    Ok(())
}

/// The sections of `linux.resources` that limit something, besides the device rules.
fn limits(resources: &LinuxResources<'_>) -> Vec<&'static str> {
    [
        ("memory", resources.memory.is_some()),
        ("cpu", resources.cpu.is_some()),
        ("pids", resources.pids.is_some()),
        ("blockIO", resources.block_io.is_some()),
        ("hugepageLimits", !resources.hugepage_limits.is_empty()),
        ("network", resources.network.is_some()),
        ("rdma", !resources.rdma.is_empty()),
        ("unified", !resources.unified.is_empty()),
    ]
    .into_iter()
    .filter_map(|(name, set)| set.then_some(name))
    .collect()
}
