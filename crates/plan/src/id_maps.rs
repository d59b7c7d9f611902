//! Id maps of a new user namespace, and who may write them.
//! Runs in: the parent; pure. Written by the runtime, or by newuidmap(1) and newgidmap(1) on its behalf.

use crate::host::Host;
use crate::kernel::clone;
use crate::namespaces::Listed;
use crate::plan::{IdMap, IdMaps, MapWriter};
use crate::spec::{Linux, LinuxIdMapping};

/// The maps of the user namespace that is created, if one is.
pub(crate) fn plan(linux: &Linux<'_>, listed: &Listed<'_>, host: &Host) -> Option<IdMaps> {
    if !listed.creates(clone::NEWUSER) {
        return None;
    }
    let (uid, gid) = (lines(&linux.uid_mappings), lines(&linux.gid_mappings));
    let own_group_only = is_only(&gid, host.egid);
    let unprivileged = host.euid != 0;
    let writer = match unprivileged && !(is_only(&uid, host.euid) && own_group_only) {
        true => MapWriter::Helpers,
        false => MapWriter::Parent,
    };
    Some(IdMaps { uid, gid, deny_setgroups: unprivileged && own_group_only, writer })
}

/// The maps of an id-mapped mount, written into a user namespace that nobody lives in.
pub(crate) fn of_mount(uid: &[LinuxIdMapping], gid: &[LinuxIdMapping]) -> IdMaps {
    IdMaps { uid: lines(uid), gid: lines(gid), deny_setgroups: false, writer: MapWriter::Parent }
}

/// Maps of uids and of gids in crun's mount option, `uids=0-1-10#10-11-10;gids=@0-100-10`: first id of the file system, first id on
/// the host, how many. Behind `@` the second is the container's, and becomes what that is on the host.
pub(crate) fn in_option(
    text: &str,
    linux: &Linux<'_>,
) -> Result<(Vec<LinuxIdMapping>, Vec<LinuxIdMapping>), String> {
    let (mut uid, mut gid) = (Vec::new(), Vec::new());
    for part in text.split(';') {
        let (maps, container, lines) = match part.split_once('=') {
            Some(("uids", lines)) => (&mut uid, &linux.uid_mappings, lines),
            Some(("gids", lines)) => (&mut gid, &linux.gid_mappings, lines),
            _ => return Err(format!("{part:?} is neither uids= nor gids=")),
        };
        for line in lines.split('#') {
            maps.push(line_in_option(line, container)?);
        }
    }
    Ok((uid, gid))
}

fn line_in_option(line: &str, container: &[LinuxIdMapping]) -> Result<LinuxIdMapping, String> {
    let numbers = line.strip_prefix('@').unwrap_or(line).split('-').map(|number| number.parse().ok());
    let numbers: Option<Vec<u32>> = numbers.collect();
    let Some(&[container_id, mut host_id, size]) = numbers.as_deref() else {
        return Err(format!("{line:?} is not three numbers, such as 0-1000-1"));
    };
    if line.starts_with('@') {
        let holds =
            |map: &&LinuxIdMapping| host_id.checked_sub(map.container_id).is_some_and(|at| at < map.size);
        let map = container
            .iter()
            .find(holds)
            .ok_or_else(|| format!("{line:?}: {host_id} is not mapped in the container"))?;
        // A mapping that goes on behind the end of this one would lead to ids that are not the container's.
        if u64::from(host_id - map.container_id) + u64::from(size) > u64::from(map.size) {
            return Err(format!("{line:?}: the container maps not all of it in one line"));
        }
        host_id = map.host_id.checked_add(host_id - map.container_id).ok_or("too large")?;
    }
    Ok(LinuxIdMapping { container_id, host_id, size })
}

fn lines(mappings: &[LinuxIdMapping]) -> Vec<IdMap> {
    let line = |&LinuxIdMapping { container_id, host_id, size }| IdMap { container_id, host_id, size };
    mappings.iter().map(line).collect()
}

/// A map that an unprivileged process may write itself: one line with nothing but its own id.
fn is_only(lines: &[IdMap], id: u32) -> bool {
    matches!(lines, [IdMap { host_id, size: 1, .. }] if *host_id == id)
}
