//! Namespaces: which are joined, which are created, and by which of the two clones.
//! Runs in: the parent; pure. Done in `brig-init`'s file of the same name, the first clone in the runtime.
//!
//! One clone is enough for most containers. A second one, made by `brig-init`, is needed where the first cannot see
//! what has to be there before:
//!
//! - a joined PID namespace takes in only children of who joined it (pid_namespaces(7));
//! - so does a created time namespace (time_namespaces(7));
//! - what is created has to belong to the container's user namespace, or its root could do nothing in it
//!   (user_namespaces(7)): with a joined user namespace it is created after joining;
//! - a privileged caller's joins need the caller's privilege, so a user namespace is created after them.
//!
//! Without a mount namespace of its own a container is only a change of root: nothing is ever mounted in the host's mount
//! namespace, nor in one that belongs to somebody else.

use std::fmt::Write;

use brig_handshake::Text;
use brig_handshake::namespaces::Entry;

use crate::host::Host;
use crate::kernel::clone;
use crate::plan::Join;
use crate::refusal::Refusal;
use crate::spec::{Linux, LinuxTimeOffset, Str};
use crate::text::text;

/// What config.json lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed<'a> {
    /// `CLONE_NEW*` of those to create.
    pub(crate) create: u32,
    /// Those to join, in the order of the file, a mount namespace last.
    pub(crate) join: Vec<Join<'a>>,
}

/// Which process creates what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Namespaces<'a> {
    /// `CLONE_NEW*` of the parent's clone.
    pub(crate) create: u32,
    /// What `brig-init` does.
    pub(crate) entry: Entry<'a>,
    /// `brig-init` unshares its cgroup namespace when it stands in its cgroup.
    pub(crate) cgroup: bool,
}

impl Listed<'_> {
    /// Whether all of `kinds` are created.
    pub(crate) fn creates(&self, kinds: u32) -> bool {
        self.create & kinds == kinds
    }

    /// Whether the namespace of this kind is joined.
    pub(crate) fn joins(&self, kind: u32) -> bool {
        self.joined() & kind != 0
    }

    /// Whether the container has a namespace of this kind that is not simply the caller's.
    pub(crate) fn has(&self, kind: u32) -> bool {
        self.all() & kind != 0
    }

    /// `CLONE_NEW*` of all that are listed.
    pub(crate) fn all(&self) -> u32 {
        self.create | self.joined()
    }

    fn joined(&self) -> u32 {
        self.join.iter().fold(0, |all, join| all | join.kind)
    }
}

/// Reads `linux.namespaces`.
pub(crate) fn listed<'a>(linux: &Linux<'_>) -> Result<Listed<'a>, Refusal> {
    let mut listed = Listed { create: 0, join: Vec::new() };
    for (index, namespace) in (0..).zip(&linux.namespaces) {
        let kind = kind(&namespace.kind).ok_or_else(|| {
            let words = format!("namespace {{{:?} {:?}}} does not exist", &*namespace.kind, &*namespace.path);
            Refusal::runc(format!("linux.namespaces[{index}].type"), words)
        })?;
        if namespace.path.is_empty() {
            listed.create |= kind;
        } else {
            let path = text(&*namespace.path, format_args!("linux.namespaces[{index}].path"))?;
            listed.join.push(Join { kind, path, index });
        }
    }
    // After a joined mount namespace the paths of the others would be looked up in it.
    listed.join.sort_by_key(|join| join.kind == clone::NEWNS);
    Ok(listed)
}

fn kind(name: &str) -> Option<u32> {
    clone::BY_NAME.iter().find(|(known, _)| *known == name).map(|&(_, kind)| kind)
}

/// Distributes them over the two clones.
pub(crate) fn plan<'a>(
    listed: &Listed<'_>,
    offsets: &[(Str<'_>, LinuxTimeOffset)],
    host: &Host,
) -> Result<Namespaces<'a>, Refusal> {
    let unshare_as_root = if listed.creates(clone::NEWUSER) { listed.create & clone::NEWIPC } else { 0 };
    let cloned = listed.create & !(clone::NEWCGROUP | clone::NEWTIME | unshare_as_root);
    let (create, second) = match second_clone(listed, cloned, host) {
        false => (cloned, None),
        // An unprivileged caller can do nothing at all, not even join, before it has a user namespace of its own.
        true if host.euid != 0 => (cloned & clone::NEWUSER, Some(cloned & !clone::NEWUSER)),
        true => (0, Some(cloned)),
    };
    let entry = Entry {
        by_pidfd: 0,
        join: listed.join.iter().map(|join| join.kind).collect(),
        unshare: listed.create & clone::NEWTIME,
        time_offsets: time_offsets(listed, offsets)?,
        second,
        unshare_as_root,
        become_root: listed.has(clone::NEWUSER),
    };
    Ok(Namespaces { create, entry, cgroup: listed.creates(clone::NEWCGROUP) })
}

fn second_clone(listed: &Listed<'_>, cloned: u32, host: &Host) -> bool {
    listed.joins(clone::NEWPID)
        || listed.creates(clone::NEWTIME)
        || listed.joins(clone::NEWUSER) && cloned != 0
        || listed.creates(clone::NEWUSER) && !listed.join.is_empty() && host.euid == 0
}

/// Lines for `/proc/self/timens_offsets`: clock, seconds, nanoseconds (time_namespaces(7)).
fn time_offsets(
    listed: &Listed<'_>,
    offsets: &[(Str<'_>, LinuxTimeOffset)],
) -> Result<Option<Text<'static>>, Refusal> {
    if offsets.is_empty() || !listed.creates(clone::NEWTIME) {
        return Ok(None);
    }
    let mut lines = String::new();
    for (clock, LinuxTimeOffset { secs, nanosecs }) in offsets {
        // Writing to a String does not fail.
        writeln!(lines, "{clock} {secs} {nanosecs}").ok();
    }
    text(lines, format_args!("linux.timeOffsets")).map(Some)
}
