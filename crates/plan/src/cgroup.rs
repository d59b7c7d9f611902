//! The container's control group: whether it may be missing, its limits, and when its walls are finished.
//! Runs in: the parent; pure. Done in the crate `brig-cgroup`.

use brig_handshake::mounts::{Mount, What};
use brig_handshake::namespaces::Entry;
use brig_handshake::rootfs::Rootfs;
use brig_handshake::task::Walls;

use crate::host::{Cgroups, Host};
use crate::kernel::{clone, ms};
use crate::limits::{Version, Write};
use crate::namespaces::Listed;
use crate::options::Options;
use crate::plan::{CgroupPlan, IdMaps};
use crate::refusal::Refusal;
use crate::resources::Resources;
use crate::spec::{Linux, LinuxResources, Spec};
use crate::{device_rules, limits, resources, systemd};

/// Whether the container can do without a group, its limits, and its device rules.
pub(crate) fn plan(
    spec: &Spec<'_>,
    linux: &Linux<'_>,
    options: &Options<'_>,
    host: &Host,
    owner: Option<u32>,
    warnings: &mut Vec<String>,
) -> Result<CgroupPlan, Refusal> {
    let asked = linux.resources.as_ref();
    let mut resources = asked.map(resources::settle).unwrap_or_default();
    // Engines write it without meaning anything by it.
    resources.memory.disable_oom_killer = resources.memory.disable_oom_killer.filter(|&disable| disable);
    let version = version(host);
    limits::check(&resources, version, "linux.resources")?;
    warn(asked, &resources, version, warnings);
    let mut writes = limits::writes(&resources, version);
    let unit = systemd::plan(spec, linux, options, &mut writes)?;
    Ok(CgroupPlan {
        optional: options.rootless_cgroups && linux.cgroups_path.is_empty() && resources.is_empty(),
        limits: writes,
        late: Vec::new(),
        resources,
        devices: device_rules::plan(linux, host, warnings)?,
        delegate: owner.filter(|_| unit.is_some()),
        unit,
    })
}

/// Where the first process takes two clones, the one in between is in the cgroup too until they are done: a limit of one task
/// would keep them from it. A unit of systemd begins with one more.
pub(crate) fn postpone(cgroup: &mut CgroupPlan, entry: &Entry<'_>) {
    let others = usize::from(entry.second.is_some()) + usize::from(cgroup.unit.is_some());
    let narrow = |write: &mut Write| {
        write.file == "pids.max" && write.value.parse::<usize>().is_ok_and(|limit| limit <= others)
    };
    cgroup.late = cgroup.limits.extract_if(.., narrow).collect();
    if let Some(unit) = &mut cgroup.unit {
        let late = systemd::properties(&cgroup.late);
        unit.properties.retain(|property| !late.contains(property));
    }
}

/// To whom a container's group is handed over: to its user, as the host knows him, where he sees nothing but that group and may
/// write to it (runc does it with systemd's manager alone).
pub(crate) fn owner(
    uid: u32,
    rootfs: &Rootfs<'_>,
    listed: &Listed<'_>,
    id_maps: Option<&IdMaps>,
) -> Option<u32> {
    let writable = |mount: &Mount<'_>| match &mount.what {
        What::Cgroup2(group) => {
            group.flags & ms::RDONLY == 0 && mount.destination.to_bytes() == b"/sys/fs/cgroup"
        }
        What::Bind(_) | What::Cgroup1(_) | What::Filesystem(_) => false,
    };
    if !listed.creates(clone::NEWCGROUP) || !rootfs.mounts.iter().any(writable) {
        return None;
    }
    match id_maps {
        Some(maps) => maps.uid.iter().find_map(|map| {
            let place = uid.checked_sub(map.container_id).filter(|place| *place < map.size)?;
            map.host_id.checked_add(place)
        }),
        None => (!listed.joins(clone::NEWUSER)).then_some(uid),
    }
}

fn version(host: &Host) -> Version {
    match host.cgroups {
        Cgroups::V1 { .. } => Version::V1,
        Cgroups::V2 { .. } | Cgroups::None => Version::V2,
    }
}

fn warn(
    spec: Option<&LinuxResources<'_>>,
    resources: &Resources<'_>,
    version: Version,
    warnings: &mut Vec<String>,
) {
    let memory = spec.and_then(|spec| spec.memory.as_ref());
    if memory
        .is_some_and(|memory| [memory.kernel, memory.kernel_tcp].iter().flatten().any(|&limit| limit != 0))
    {
        warnings.push("linux.resources.memory: limits of kernel memory are ignored".to_owned());
    }
    for field in limits::without_effect(resources, version) {
        warnings.push(format!("linux.resources.{field}: has no effect on cgroup v2"));
    }
    if let Some(words) = limits::weight_that_is_left_out(resources) {
        warnings.push(format!("linux.resources: {words}"));
    }
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
        // While systemd makes the unit there is time for them.
        Some(_) if cgroup.unit.is_some() => Walls::Finished,
        Some(_) if at_a_stroke => Walls::AtOnce,
        Some(_) => Walls::Finished,
    }
}
