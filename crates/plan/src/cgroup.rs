//! The container's control group: whether it may be missing, and what is not applied to it yet.
//! Runs in: the parent; pure. Done in the crate `brig-cgroup`.

use brig_handshake::mounts::{Mount, What};
use brig_handshake::rootfs::Rootfs;
use brig_handshake::task::Walls;

use crate::device_rules;
use crate::host::{Cgroups, Host};
use crate::options::Options;
use crate::plan::CgroupPlan;
use crate::refusal::Refusal;
use crate::spec::{Linux, LinuxBlockIo, LinuxCpu, LinuxMemory, LinuxResources};

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

/// When device rules come into force. They would keep `brig-init` from mounting a block device that they do not allow, as
/// they do not keep runc. On version 1 they come line by line, and in between the container's own devices are refused too.
pub(crate) fn walls(cgroup: &CgroupPlan, rootfs: &Rootfs<'_>, host: &Host) -> Walls {
    let of_block_device = |mount: &Mount<'_>| match &mount.what {
        What::Filesystem(filesystem) => filesystem.source.to_bytes().starts_with(b"/"),
        What::Bind(_) | What::Cgroup1(_) | What::Cgroup2(_) => false,
    };
    let at_a_stroke = matches!(host.cgroups, Cgroups::V2 { .. });
    match cgroup.devices {
        None => Walls::Finished,
        Some(_) if rootfs.mounts.iter().any(of_block_device) => Walls::AfterMounts,
        Some(_) if at_a_stroke => Walls::AtOnce,
        Some(_) => Walls::Finished,
    }
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
        ("memory", resources.memory.as_ref().is_some_and(limits_memory)),
        ("cpu", resources.cpu.as_ref().is_some_and(limits_cpu)),
        ("pids", resources.pids.as_ref().is_some_and(|pids| asks(&[pids.limit]))),
        ("blockIO", resources.block_io.as_ref().is_some_and(limits_block_io)),
        ("hugepageLimits", !resources.hugepage_limits.is_empty()),
        ("network", resources.network.is_some()),
        ("rdma", !resources.rdma.is_empty()),
        ("unified", !resources.unified.is_empty()),
    ]
    .into_iter()
    .filter_map(|(name, set)| set.then_some(name))
    .collect()
}

/// Engines write sections whose every number is 0, which is their word for "as it is".
fn asks<T: Copy + Default + PartialEq>(values: &[Option<T>]) -> bool {
    values.iter().flatten().any(|value| *value != T::default())
}

fn limits_memory(memory: &LinuxMemory) -> bool {
    asks(&[memory.limit, memory.reservation, memory.swap])
        || memory.swappiness.is_some()
        || asks(&[memory.disable_oom_killer])
}

fn limits_cpu(cpu: &LinuxCpu<'_>) -> bool {
    asks(&[cpu.shares, cpu.burst, cpu.period, cpu.realtime_period])
        || asks(&[cpu.quota, cpu.realtime_runtime, cpu.idle])
        || !(cpu.cpus.is_empty() && cpu.mems.is_empty())
}

fn limits_block_io(block: &LinuxBlockIo) -> bool {
    let throttles = [
        &block.throttle_read_bps_device,
        &block.throttle_write_bps_device,
        &block.throttle_read_iops_device,
        &block.throttle_write_iops_device,
    ];
    asks(&[block.weight, block.leaf_weight])
        || !block.weight_device.is_empty()
        || throttles.iter().any(|devices| !devices.is_empty())
}
