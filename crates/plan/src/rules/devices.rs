//! Rules for device nodes and network devices.
//! Runs in: the parent, while a configuration is checked.

use super::process::valid_id;
use super::{CgroupRights, Euid, Facts, namespace, no_nul};
use crate::refusal::{Refusal, member};
use crate::spec::{Linux, LinuxDevice};
use std::ops::RangeInclusive;

/// What mknod(2) takes: 12 bits and 20 bits.
const MAJORS: RangeInclusive<i64> = 0..=0xfff;
const MINORS: RangeInclusive<i64> = 0..=0xf_ffff;

/// Bytes of a network device's name, the NUL at its end included.
const IFNAMSIZ: usize = 16;

/// `linux.devices`.
pub(super) fn nodes(devices: &[LinuxDevice<'_>]) -> Result<(), Refusal> {
    for (i, device) in devices.iter().enumerate() {
        let at = |field| format!("linux.devices[{i}].{field}");
        match &*device.kind {
            "p" => {}
            "c" | "u" | "b" => {
                in_range(device.major, MAJORS, || at("major"))?;
                in_range(device.minor, MINORS, || at("minor"))?;
            }
            other => return Err(Refusal::runc(at("type"), format!("invalid device type {other:?}"))),
        }
        no_nul(format_args!("linux.devices[{i}].path"), &device.path)?;
        device.uid.map_or(Ok(()), |uid| valid_id(uid, || at("uid")))?;
        device.gid.map_or(Ok(()), |gid| valid_id(gid, || at("gid")))?;
    }
    Ok(())
}

fn in_range(number: i64, range: RangeInclusive<i64>, path: impl FnOnce() -> String) -> Result<(), Refusal> {
    match range.contains(&number) {
        true => Ok(()),
        false => Err(Refusal::at(path(), format!("{number} is not in {range:?}"))),
    }
}

/// `linux.netDevices`.
pub(super) fn network(linux: &Linux<'_>, facts: &Facts<'_>) -> Result<(), Refusal> {
    if linux.net_devices.is_empty() {
        return Ok(());
    }
    if namespace(linux, "network").is_none() {
        let words = "unable to move network devices without a NET namespace";
        return Err(Refusal::runc("linux.netDevices", words));
    }
    if (facts.euid, facts.cgroups) != (Euid::Root, CgroupRights::Full) {
        let words = "network devices are not supported for rootless containers";
        return Err(Refusal::runc("linux.netDevices", words));
    }
    for (name, device) in &linux.net_devices {
        let invalid =
            |name: &str, path: String| Refusal::runc(path, format!("invalid network device name {name:?}"));
        if !valid_name(name) {
            return Err(invalid(name, "linux.netDevices".to_owned()));
        }
        if !device.name.is_empty() && !valid_name(&device.name) {
            return Err(invalid(&device.name, member("linux.netDevices", name) + ".name"));
        }
    }
    Ok(())
}

/// The kernel's rule for the name of a network device (`dev_valid_name`).
pub(crate) fn valid_name(name: &str) -> bool {
    let bad = |byte: u8| byte.is_ascii_whitespace() || matches!(byte, b'/' | b':' | 0 | 0x0b);
    !matches!(name, "" | "." | "..") && name.len() < IFNAMSIZ && !name.bytes().any(bad)
}
