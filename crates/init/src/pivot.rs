//! The root switch: the rootfs becomes `/`, the host's tree goes.
//! Runs in: init, all namespaces entered. Afterwards no host path exists.

use brig_handshake::Step;
use brig_handshake::rootfs::{RootSwitch, Rootfs};
use rustix::fd::OwnedFd;
use rustix::fs::{self, CWD, Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{MountPropagationFlags, UnmountFlags, mount_change, mount_move, unmount};
use rustix::process;

use crate::fault::{At, Outcome};
use crate::{old_root, rootfs};

/// Evidence that the root has been switched. Made here only.
pub(crate) struct Inside(());

/// Switches the root.
pub(crate) fn switch(plan: &Rootfs<'_>, root: &OwnedFd) -> Outcome<Inside> {
    match plan.switch {
        RootSwitch::Pivot => pivot(plan, root).at(Step::PivotRoot)?,
        RootSwitch::MoveRoot => {
            // The host must see nothing mounted over its root.
            mount_change(c"/", MountPropagationFlags::DOWNSTREAM).at(Step::PivotRoot)?;
            old_root::hide_proc_and_sys(&plan.path).at(Step::PivotRoot)?;
            move_root(root).at(Step::PivotRoot)?;
        }
        RootSwitch::Chroot => chroot_into(root).at(Step::PivotRoot)?,
        RootSwitch::Stay => process::chdir(c"/").at(Step::PivotRoot)?,
    }
    Ok(Inside(()))
}

/// `linux.rootfsPropagation`. The last of all mounting: of an unbindable mount no part could be masked or made read-only.
pub(crate) fn propagate(plan: &Rootfs<'_>, _: &Inside) -> Outcome<()> {
    if plan.final_propagation == 0 {
        return Ok(());
    }
    mount_change(c"/", rootfs::propagation(plan.final_propagation)).at(Step::Propagation)
}

/// For a process that joined a container's mount namespace: it is inside already.
pub(crate) fn joined() -> Inside {
    Inside(())
}

fn pivot(plan: &Rootfs<'_>, root: &OwnedFd) -> Result<(), Errno> {
    const MS_SHARED: u32 = 1 << 20;
    let shared = plan.propagation & MS_SHARED != 0;
    let old = match shared {
        true => {
            Some(fs::openat(CWD, c"/", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?)
        }
        false => None,
    };
    process::fchdir(root)?;
    // The old root ends up on top of the new one (pivot_root(2), "pivot_root(".", ".")"), and "." resolves to it.
    process::pivot_root(c".", c".")?;
    if let Some(old) = old {
        // The host must not see its own tree being unmounted.
        process::fchdir(&old)?;
        mount_change(c".", MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC)?;
    }
    unmount(c".", UnmountFlags::DETACH)?;
    process::chdir(c"/")
}

fn move_root(root: &OwnedFd) -> Result<(), Errno> {
    process::fchdir(root)?;
    mount_move(c".", c"/")?;
    process::chroot(c".")?;
    process::chdir(c"/")
}

fn chroot_into(root: &OwnedFd) -> Result<(), Errno> {
    process::fchdir(root)?;
    process::chroot(c".")?;
    process::chdir(c"/")
}
