//! Rules for `linux.resources` that do not depend on the cgroup version.
//! Runs in: the parent, while a configuration is checked.

use super::{Warning, below, devices, no_nul_at, warn};
use crate::refusal::{Refusal, member};
use crate::spec::{LinuxBlockIo, LinuxDeviceCgroup, LinuxResources};

pub(super) fn check(
    resources: &LinuxResources<'_>,
    at: &str,
    warnings: &mut Vec<Warning>,
) -> Result<(), Refusal> {
    for (i, rule) in resources.devices.iter().enumerate() {
        device_rule(rule, i, at, warnings)?;
    }
    if let Some(block_io) = &resources.block_io {
        weight_devices(block_io, at, warnings);
    }
    huge_pages(resources, at)?;
    names(resources, at, warnings)?;
    unified(resources, at)
}

/// A letter that means nothing is no more than odd: runc takes no notice of it.
fn device_rule(
    rule: &LinuxDeviceCgroup<'_>,
    i: usize,
    at: &str,
    warnings: &mut Vec<Warning>,
) -> Result<(), Refusal> {
    let path = |field: &str| below(at, format_args!("devices[{i}].{field}"));
    if rule.access.is_empty() {
        return Err(Refusal::runc(path("access"), format!("device access at {i} field cannot be empty")));
    }
    if !matches!(&*rule.kind, "" | "a" | "b" | "c") {
        return Err(Refusal::runc(path("type"), format!("invalid cgroup device type {:?}", &*rule.kind)));
    }
    let unknown = |letter: &char| !"rwm".contains(*letter);
    if let Some(letter) = rule.access.chars().find(unknown) {
        let words = format!("unknown letter {letter:?} in {:?}", &*rule.access);
        if rule.access.chars().all(|letter| unknown(&letter)) {
            return Err(Refusal::at(path("access"), words));
        }
        warn(warnings, format_args!("{}", path("access")), &words);
    }
    // -1 is how Go programs write "all".
    for (field, number) in [("major", rule.major), ("minor", rule.minor)] {
        if let Some(number) = number.filter(|&number| number < -1 || number > i64::from(u32::MAX)) {
            return Err(Refusal::at(path(field), format!("{number} is not a device number")));
        }
    }
    Ok(())
}

fn weight_devices(block_io: &LinuxBlockIo, at: &str, warnings: &mut Vec<Warning>) {
    for (i, device) in block_io.weight_device.iter().enumerate() {
        if device.weight.is_none() && device.leaf_weight.is_none() {
            let path = below(at, format_args!("blockIO.weightDevice[{i}]"));
            warn(warnings, format_args!("{path}"), "has neither weight nor leafWeight");
        }
    }
}

/// The page size becomes part of a file name.
fn huge_pages(resources: &LinuxResources<'_>, at: &str) -> Result<(), Refusal> {
    for (i, limit) in resources.hugepage_limits.iter().enumerate() {
        let size = &*limit.page_size;
        let digits = size.strip_suffix('B').map(|size| size.strip_suffix(['K', 'M', 'G']).unwrap_or(size));
        if !digits.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())) {
            let path = below(at, format_args!("hugepageLimits[{i}].pageSize"));
            return Err(Refusal::at(path, format!("{size:?} is not a page size like 2MB")));
        }
    }
    Ok(())
}

/// Names that become the first word of a line.
fn names(resources: &LinuxResources<'_>, at: &str, warnings: &mut Vec<Warning>) -> Result<(), Refusal> {
    for (name, limits) in &resources.rdma {
        let path = member(&below(at, "rdma"), name);
        if name.is_empty() || name.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(Refusal::at(path, "is not the name of a device"));
        }
        if limits.hca_handles.is_none() && limits.hca_objects.is_none() {
            warn(warnings, format_args!("{path}"), "has neither hcaHandles nor hcaObjects");
        }
    }
    let priorities = resources.network.iter().flat_map(|network| &network.priorities);
    for (i, priority) in priorities.enumerate() {
        if !devices::valid_name(&priority.name) {
            let path = below(at, format_args!("network.priorities[{i}].name"));
            let words = format!("{:?} is not the name of a network device", &*priority.name);
            return Err(Refusal::at(path, words));
        }
    }
    Ok(())
}

fn unified(resources: &LinuxResources<'_>, at: &str) -> Result<(), Refusal> {
    for (file, value) in &resources.unified {
        let path = || member(&below(at, "unified"), file);
        if file.contains('/') {
            let words = format!("unified resource {:?} must be a file name (no slashes)", &**file);
            return Err(Refusal::runc(path(), words));
        }
        if matches!(&**file, "" | "." | "..") {
            return Err(Refusal::at(path(), "is not a file name"));
        }
        no_nul_at(path, file)?;
        no_nul_at(path, value)?;
        if !file.contains('.') {
            let words = format!("unified resource {:?} must be in the form CONTROLLER.PARAMETER", &**file);
            return Err(Refusal::runc(path(), words));
        }
    }
    Ok(())
}
