//! Into the container's namespaces: join, make, clone once more, become root.
//! Runs in: the namespaces of the first clone, and after the second in the container's.

use core::convert::Infallible;

use alloc::vec::Vec;

use brig_handshake::namespaces::Entry;
use brig_handshake::task::Fds;
use brig_handshake::{Ask, Step};
use brig_sys::clone::Twin;
use brig_sys::setns;
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno;
use rustix::process::{self, DumpableBehavior};
use rustix::thread::{self, Gid, Uid};

use crate::arrive;
use crate::fault::{At, Outcome};
use crate::parent::Parent;
use crate::procfs;

/// `CLONE_NEWUSER`.
const USER: u32 = 0x1000_0000;
/// `CLONE_NEWTIME`.
const TIME: u32 = 0x80;

/// Joins those of `entry` that are joined.
pub(crate) fn join(
    entry: &Entry<'_>,
    fds: &Fds,
    descriptors: &mut impl Iterator<Item = OwnedFd>,
    parent: &Parent,
) -> Outcome<()> {
    if fds.namespaces > 0 {
        // Before the first: processes in there may not look at us (CVE-2016-9962).
        process::set_dumpable_behavior(DumpableBehavior::NotDumpable).at(Step::JoinNamespaces)?;
        let namespaces = descriptors.by_ref().take(fds.namespaces as usize).collect::<Vec<_>>();
        join_each(entry, &namespaces)?;
        if let Some(timeline) = parent.timeline() {
            timeline.set_clock();
        }
    }
    Ok(())
}

/// Makes the others. Where a second clone is needed it is the copy that returns; the original leaves. From then on who is in a
/// PID namespace that was joined sees us.
pub(crate) fn enter(entry: &Entry<'_>, parent: &Parent) -> Outcome<()> {
    if entry.unshare & TIME != 0 {
        parent.enters(Step::TimeNamespace, 0);
        setns::unshare(TIME).at(Step::TimeNamespace)?;
        if let Some(offsets) = &entry.time_offsets {
            procfs::host()
                .and_then(|proc| procfs::write_own(&proc, c"timens_offsets", offsets.to_bytes()))
                .at(Step::TimeNamespace)?;
        }
    }
    if let Some(namespaces) = entry.second {
        second_clone(namespaces, parent)?;
    }
    if entry.become_root {
        parent.enters(Step::BecomeRoot, 0);
        become_root(entry, parent)?;
    }
    if entry.unshare_as_root != 0 {
        setns::unshare(entry.unshare_as_root).at(Step::BecomeRoot)?;
    }
    Ok(())
}

fn join_each(entry: &Entry<'_>, namespaces: &[OwnedFd]) -> Outcome<()> {
    if let (true, Some(init)) = (entry.by_pidfd != 0, namespaces.first()) {
        return setns::setns(init, entry.by_pidfd).at(Step::JoinNamespaces);
    }
    // Those that the host owns need the privilege that we have now, those of the user namespace the one that it gives.
    let mut left = Vec::new();
    for (index, (namespace, kind)) in (0..).zip(namespaces.iter().zip(&entry.join)) {
        match if *kind == USER { Err(Errno::PERM) } else { setns::setns(namespace, *kind) } {
            Err(Errno::PERM) => left.push((index, namespace, *kind)),
            other => other.at_entry(Step::JoinNamespaces, index)?,
        }
    }
    let (user, others): (Vec<_>, Vec<_>) = left.into_iter().partition(|(_, _, kind)| *kind == USER);
    for (index, namespace, kind) in user.into_iter().chain(others) {
        setns::setns(namespace, kind).at_entry(Step::JoinNamespaces, index)?;
        if kind == USER {
            become_ids_zero()?;
        }
    }
    Ok(())
}

/// Only the copy returns. The original tells the parent who that is; the copy waits until the parent knows.
fn second_clone(namespaces: u32, parent: &Parent) -> Outcome<()> {
    parent.enters(Step::SecondClone, 0);
    match brig_sys::clone::sibling(parent.alone, namespaces).at(Step::SecondClone)? {
        Twin::Original(pid, pidfd) => {
            let pid = pid.as_raw_nonzero().get().cast_unsigned();
            let Err(fault) =
                leave_after(parent.tell(&Ask::Spawned(pid), &[pidfd.as_fd()]).at(Step::SecondClone));
            Err(fault)
        }
        Twin::Copy => {
            arrive::die_with_parent()?;
            if let Some(timeline) = parent.timeline() {
                timeline.go_on_in_copy(Step::SecondClone);
            }
            parent.wait_for_done(Step::SecondClone)
        }
    }
}

fn leave_after(told: Outcome<()>) -> Outcome<Infallible> {
    told?;
    crate::leave(0)
}

fn become_root(entry: &Entry<'_>, parent: &Parent) -> Outcome<()> {
    if entry.second.is_some_and(|namespaces| namespaces & USER != 0) {
        parent.ask(Step::BecomeRoot, &Ask::MapIds)?;
    }
    become_ids_zero()?;
    // Changing ids clears it.
    arrive::die_with_parent()
}

fn become_ids_zero() -> Outcome<()> {
    thread::set_thread_res_gid(Gid::ROOT, Gid::ROOT, Gid::ROOT).at(Step::BecomeRoot)?;
    thread::set_thread_res_uid(Uid::ROOT, Uid::ROOT, Uid::ROOT).at(Step::BecomeRoot)
}
