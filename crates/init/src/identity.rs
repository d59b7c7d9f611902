//! Credentials: labels, bounding set, groups, user, working directory, capabilities.
//! Runs in: init, inside, with everything that needs more than the user has behind it.

use alloc::vec::Vec;

use brig_handshake::process::{Capabilities, Process};
use brig_handshake::{Fault, Step};
use brig_sys::prctl;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{self, Mode};
use rustix::io::Errno;
use rustix::process;
use rustix::thread::{self, CapabilitySet, CapabilitySets, Gid, Uid};

use crate::fault::{At, Outcome, in_words};
use crate::parent::Parent;
use crate::paths::is_null;
use crate::pivot::Inside;
use crate::procfs;

/// Evidence that the process is what the user asked for, and no more.
pub(crate) struct Unprivileged(());

/// Labels for the next execve, through a proc that the container cannot have touched.
pub(crate) fn set_labels(process: &Process<'_>, proc: Option<&OwnedFd>) -> Outcome<()> {
    let Some(proc) = proc else { return Ok(()) };
    if let Some(profile) = &process.apparmor_profile {
        let text = [b"exec ", profile.to_bytes()].concat();
        let own =
            if procfs::exists(proc, c"self/attr/apparmor") { c"attr/apparmor/exec" } else { c"attr/exec" };
        procfs::write_own(proc, own, &text).at(Step::Label)?;
    }
    if let Some(label) = &process.selinux_label {
        procfs::write_own(proc, c"attr/exec", label.to_bytes()).at_entry(Step::Label, 1)?;
    }
    Ok(())
}

/// The bounding set.
pub(crate) fn bound(process: &Process<'_>, parent: &Parent) -> Outcome<()> {
    parent.enters(Step::Bounding, 0);
    process.capabilities.as_ref().map_or(Ok(()), |sets| drop_bounding(sets).at(Step::Bounding))
}

/// Gives up all capabilities but `kept`, where there is something to give up.
pub(crate) fn keep(kept: Option<u64>) -> Outcome<()> {
    let Some(kept) = kept.map(CapabilitySet::from_bits_retain) else { return Ok(()) };
    let held = thread::capabilities(None).at(Step::Capabilities)?;
    let sets = CapabilitySets {
        effective: held.effective & kept,
        permitted: held.permitted & kept,
        inheritable: held.inheritable & kept,
    };
    thread::set_capabilities(None, sets).at(Step::Capabilities)
}

/// From root to the user: the order is the point, and is explained at each [`Step`].
pub(crate) fn drop_privileges(process: &Process<'_>, parent: &Parent, _: &Inside) -> Outcome<Unprivileged> {
    let cwd_for_user = change_directory(process)?;
    become_user(process)?;
    if cwd_for_user {
        process::chdir(&*process.cwd).at(Step::Cwd)?;
    }
    check_directory()?;
    if let Some(capabilities) = &process.capabilities {
        set_capabilities(capabilities).at(Step::Capabilities)?;
        raise_ambient(capabilities, parent)?;
    }
    if let Some(umask) = process.umask {
        process::umask(Mode::from_raw_mode(umask));
    }
    Ok(Unprivileged(()))
}

fn drop_bounding(capabilities: &Capabilities) -> Result<(), Errno> {
    let unwanted = (0..=capabilities.last).filter(|number| capabilities.bounding >> number & 1 == 0);
    match unwanted.into_iter().try_for_each(prctl::drop_from_bounding_set) {
        // An unprivileged caller without a user namespace has not what it takes, and gains nothing by the set.
        Err(Errno::PERM) if !may_change_bounding()? => Ok(()),
        other => other,
    }
}

fn may_change_bounding() -> Result<bool, Errno> {
    Ok(thread::capabilities(None)?.effective.contains(CapabilitySet::SETPCAP))
}

/// Whether the user must try again: some directories open only to root, others only to the user.
fn change_directory(process: &Process<'_>) -> Outcome<bool> {
    match process::chdir(&*process.cwd) {
        Err(Errno::ACCESS | Errno::PERM) => Ok(true),
        other => other.map(|()| false).at(Step::Cwd),
    }
}

/// A directory outside the root shows as "(unreachable)/…": someone smuggled a descriptor in (CVE-2024-21626).
fn check_directory() -> Outcome<()> {
    let cwd = process::getcwd(Vec::new()).at(Step::Cwd)?;
    if cwd.to_bytes().starts_with(b"/") {
        return Ok(());
    }
    let text = "current working directory is outside of container mount namespace root -- possible container breakout detected";
    Err(in_words(Step::Cwd, 0, text))
}

fn become_user(process: &Process<'_>) -> Outcome<()> {
    for stream in brig_sys::stdio::streams() {
        own_stream(stream, process.uid).at(Step::User)?;
    }
    if process.uid != 0 {
        thread::set_keep_capabilities(true).at(Step::User)?;
    }
    if let Some(groups) = &process.groups {
        let groups = groups.iter().copied().map(Gid::from_raw).collect::<Vec<_>>();
        match thread::set_thread_groups(&groups) {
            // A user namespace that denies setgroups(2) had its caller's groups from the start: nothing is gained by none.
            Err(Errno::PERM) if groups.is_empty() && setgroups_denied() => {}
            other => other.at(Step::Groups)?,
        }
    }
    let (uid, gid) = (Uid::from_raw(process.uid), Gid::from_raw(process.gid));
    thread::set_thread_res_gid(gid, gid, gid).at_entry(Step::User, 1)?;
    thread::set_thread_res_uid(uid, uid, uid).at(Step::User)?;
    if process.uid != 0 {
        thread::set_keep_capabilities(false).at(Step::User)?;
    }
    Ok(())
}

/// user_namespaces(7), `/proc/PID/setgroups`. Asked of the container's own proc: a wrong answer only turns an error into
/// another.
fn setgroups_denied() -> bool {
    crate::old_root::read_all(c"/proc/self/setgroups").is_ok_and(|text| text.starts_with(b"deny"))
}

/// The user must be able to open /dev/stdout again. What cannot be given away stays as it is.
fn own_stream(stream: BorrowedFd<'_>, uid: u32) -> Result<(), Errno> {
    let stat = match fs::fstat(stream) {
        // The caller closed it.
        Err(Errno::BADF) => return Ok(()),
        other => other?,
    };
    if stat.st_uid == uid || is_null(&stat) {
        return Ok(());
    }
    match fs::fchown(stream.as_fd(), Some(Uid::from_raw(uid)), None) {
        Err(Errno::INVAL | Errno::PERM | Errno::ROFS) => Ok(()),
        other => other,
    }
}

fn set_capabilities(capabilities: &Capabilities) -> Result<(), Errno> {
    thread::set_capabilities(
        None,
        CapabilitySets {
            effective: CapabilitySet::from_bits_retain(capabilities.effective),
            permitted: CapabilitySet::from_bits_retain(capabilities.permitted),
            inheritable: CapabilitySet::from_bits_retain(capabilities.inheritable),
        },
    )
}

/// Ambient capabilities that the kernel refuses are left out and reported, as runc does.
fn raise_ambient(capabilities: &Capabilities, parent: &Parent) -> Outcome<()> {
    match thread::clear_ambient_capability_set() {
        // Linux before 4.3 has none.
        Err(Errno::INVAL) if capabilities.ambient == 0 => return Ok(()),
        other => other.at(Step::Capabilities)?,
    }
    for number in (0..64).filter(|number| capabilities.ambient >> number & 1 == 1) {
        let set = CapabilitySet::from_bits_retain(1 << number);
        if let Err(errno) = thread::configure_capability_in_ambient_set(set, true) {
            let errno = errno.raw_os_error();
            parent.note(Fault { step: Step::Capabilities, index: number, errno, text: (&b""[..]).into() })?;
        }
    }
    Ok(())
}
