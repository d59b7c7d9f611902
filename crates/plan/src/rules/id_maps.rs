//! Rules for id mappings: of the container's user namespace and of mounts.
//! Runs in: the parent, while a configuration is checked.

use super::{Facts, Warning, namespace, warn};
use crate::refusal::Refusal;
use crate::spec::{Linux, LinuxIdMapping};

/// How many lines a uid_map or gid_map can have: user_namespaces(7).
const MOST_LINES: usize = 340;

/// The maps that hold in the container's user namespace.
pub(super) struct Maps<'s> {
    pub(super) uid: &'s [LinuxIdMapping],
    pub(super) gid: &'s [LinuxIdMapping],
}

/// The maps that will hold in the container, if it has a user namespace and they are known.
pub(super) fn effective<'s>(linux: &'s Linux<'_>, facts: &Facts<'s>) -> Option<Maps<'s>> {
    match namespace(linux, "user") {
        Some(user) if user.path.is_empty() => {
            Some(Maps { uid: &linux.uid_mappings, gid: &linux.gid_mappings })
        }
        Some(_) => facts.joined_user.map(|joined| Maps { uid: joined.uid, gid: joined.gid }),
        None => None,
    }
}

/// A new user namespace needs maps with root in them; one that is joined has its own.
///
/// Maps without a user namespace are ignored, as runc does.
pub(super) fn user_namespace(
    linux: &Linux<'_>,
    facts: &Facts<'_>,
    warnings: &mut Vec<Warning>,
) -> Result<(), Refusal> {
    let Some(user) = namespace(linux, "user") else { return Ok(()) };
    let has_maps = !linux.uid_mappings.is_empty() || !linux.gid_mappings.is_empty();
    if has_maps && !user.path.is_empty() {
        path_and_maps(linux, facts, warnings)?;
    }
    if user.path.is_empty() {
        sound("linux.uidMappings", &linux.uid_mappings)?;
        sound("linux.gidMappings", &linux.gid_mappings)?;
    }
    let Some(maps) = effective(linux, facts) else { return Ok(()) };
    mapped("uid", maps.uid, 0).map_err(|words| Refusal::runc("linux.uidMappings", words))?;
    mapped("gid", maps.gid, 0).map_err(|words| Refusal::runc("linux.gidMappings", words))
}

/// containerd and CRI-O write down both the path of a user namespace and its maps.
fn path_and_maps(linux: &Linux<'_>, facts: &Facts<'_>, warnings: &mut Vec<Warning>) -> Result<(), Refusal> {
    if let Some(joined) = facts.joined_user
        && !(same(joined.uid, &linux.uid_mappings) && same(joined.gid, &linux.gid_mappings))
    {
        let words = "user namespaces enabled, but both namespace path and non-matching mapping specified \
                     -- you may only provide one";
        return Err(Refusal::runc("linux.uidMappings", words));
    }
    let words = "given together with the path of a user namespace, whose own maps count";
    warn(warnings, format_args!("linux.uidMappings"), words);
    Ok(())
}

fn same(one: &[LinuxIdMapping], other: &[LinuxIdMapping]) -> bool {
    let sorted = |maps: &[LinuxIdMapping]| {
        let mut lines: Vec<_> = maps.iter().map(|m| (m.container_id, m.host_id, m.size)).collect();
        lines.sort_unstable();
        lines
    };
    sorted(one) == sorted(other)
}

/// Whether an id of the container is mapped; if not, runc's words for that. `kind` is `uid` or `gid`.
pub(super) fn mapped(kind: &str, maps: &[LinuxIdMapping], id: i64) -> Result<(), String> {
    let holds = |map: &LinuxIdMapping| {
        let first = i64::from(map.container_id);
        (first..first + i64::from(map.size)).contains(&id)
    };
    match maps {
        [] => Err(format!("user namespaces enabled, but no {kind} mappings found")),
        maps if maps.iter().any(holds) => Ok(()),
        _ => Err(format!("user namespaces enabled, but no mapping found for {kind} {id}")),
    }
}

/// What the kernel asks of a map: lines that are not empty, do not wrap, do not overlap, and not too many.
pub(super) fn sound(at: &str, maps: &[LinuxIdMapping]) -> Result<(), Refusal> {
    if maps.len() > MOST_LINES {
        return Err(Refusal::at(at, format!("{} lines, the kernel takes {MOST_LINES}", maps.len())));
    }
    for (i, map) in maps.iter().enumerate() {
        if map.size == 0 {
            return Err(Refusal::at(format!("{at}[{i}].size"), "is 0"));
        }
        for (field, first) in [("containerID", map.container_id), ("hostID", map.host_id)] {
            if first.checked_add(map.size).is_none() {
                return Err(Refusal::at(format!("{at}[{i}].{field}"), "with size goes beyond the last id"));
            }
        }
        let earlier = maps.iter().take(i);
        if let Some(other) =
            earlier.clone().position(|other| overlap(map.container_id, other.container_id, map, other))
        {
            return Err(Refusal::at(
                format!("{at}[{i}].containerID"),
                format!("overlaps with {at}[{other}]"),
            ));
        }
        if let Some(other) = earlier.clone().position(|other| overlap(map.host_id, other.host_id, map, other))
        {
            return Err(Refusal::at(format!("{at}[{i}].hostID"), format!("overlaps with {at}[{other}]")));
        }
    }
    Ok(())
}

fn overlap(first: u32, other_first: u32, map: &LinuxIdMapping, other: &LinuxIdMapping) -> bool {
    first < other_first.saturating_add(other.size) && other_first < first.saturating_add(map.size)
}
