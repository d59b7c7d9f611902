//! Kernel parameters (`linux.sysctl`).
//! Runs in: init, inside, through a proc of our own.

use alloc::ffi::CString;

use brig_handshake::Step;
use brig_handshake::task::Sysctl;
use rustix::fd::OwnedFd;
use rustix::io::Errno;

use crate::fault::{At, Outcome};
use crate::procfs;

/// Writes them in order.
pub(crate) fn write(sysctls: &[Sysctl<'_>], proc: &OwnedFd) -> Outcome<()> {
    for (index, sysctl) in (0..).zip(sysctls) {
        write_one(sysctl, proc).at_entry(Step::Sysctl, index)?;
    }
    Ok(())
}

fn write_one(sysctl: &Sysctl<'_>, proc: &OwnedFd) -> Result<(), Errno> {
    let path = [b"sys/", sysctl.path.to_bytes()].concat();
    let path = CString::new(path).map_err(|_| Errno::INVAL)?;
    procfs::write(proc, &path, sysctl.value.to_bytes())
}
