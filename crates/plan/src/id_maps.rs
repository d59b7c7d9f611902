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

fn lines(mappings: &[LinuxIdMapping]) -> Vec<IdMap> {
    let line = |&LinuxIdMapping { container_id, host_id, size }| IdMap { container_id, host_id, size };
    mappings.iter().map(line).collect()
}

/// A map that an unprivileged process may write itself: one line with nothing but its own id.
fn is_only(lines: &[IdMap], id: u32) -> bool {
    matches!(lines, [IdMap { host_id, size: 1, .. }] if *host_id == id)
}
