//! Which system calls are missing, for the words of a failure: "function not implemented" does not say which. An old kernel
//! has not got them; a seccomp filter around brig, such as an old engine's, answers the same.
//! Runs in: the parent, and only once something has failed.

use std::borrow::Cow;

use brig_sys::clone;
use brig_sys::mount_setattr::{MountAttr, Reach, mount_setattr};
use rustix::fs::{CWD, MemfdFlags, Mode, OFlags, ResolveFlags, memfd_create, openat2};
use rustix::io::Errno;
use rustix::mount::{FsOpenFlags, MoveMountFlags, OpenTreeFlags, fsopen, move_mount, open_tree};
use rustix::process::{PidfdFlags, getpid, pidfd_open};

use crate::errno::errno_text;

/// The words of [`errno_text`]; for ENOSYS those calls too that are missing here, of all without which something fails.
pub(crate) fn words(errno: i32) -> Cow<'static, str> {
    let text = errno_text(errno);
    if errno != Errno::NOSYS.raw_os_error() {
        return Cow::Borrowed(text);
    }
    calls().map_or(Cow::Borrowed(text), |calls| format!("{text} ({calls})").into())
}

/// `missing: openat2(2) of Linux 5.6, …`, if any is.
pub(crate) fn calls() -> Option<String> {
    let missing = CALLS.iter().filter(|(.., try_it)| try_it() == Err(Errno::NOSYS));
    let names: Vec<String> = missing.map(|(call, since, _)| format!("{call} of Linux {since}")).collect();
    (!names.is_empty()).then(|| format!("missing: {}", names.join(", ")))
}

/// A call, since when it is there, and a use of it that does nothing.
type Row = (&'static str, &'static str, fn() -> Result<(), Errno>);

const CALLS: [Row; 8] = [
    ("memfd_create(2)", "3.17", || memfd_create(c"", MemfdFlags::from_bits_retain(u32::MAX)).map(drop)),
    ("open_tree(2)", "5.2", || open_tree(CWD, c"", OpenTreeFlags::OPEN_TREE_CLOEXEC).map(drop)),
    ("move_mount(2)", "5.2", || move_mount(CWD, c"", CWD, c"", MoveMountFlags::empty())),
    ("fsopen(2)", "5.2", || fsopen(c"", FsOpenFlags::FSOPEN_CLOEXEC).map(drop)),
    ("clone3(2)", "5.3", clone::refuse),
    ("pidfd_open(2)", "5.3", || pidfd_open(getpid(), PidfdFlags::empty()).map(drop)),
    ("openat2(2)", "5.6", || openat2(CWD, c"", OFlags::PATH, Mode::empty(), ResolveFlags::empty()).map(drop)),
    ("mount_setattr(2)", "5.12", || mount_setattr(CWD, Reach::One, &MountAttr::default())),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_said_to_be_missing_that_is_there() {
        assert_eq!(words(Errno::NOSYS.raw_os_error()), "function not implemented");
        assert_eq!(words(Errno::PERM.raw_os_error()), "operation not permitted");
    }

    #[test]
    fn looking_for_a_call_does_nothing_but_be_refused() {
        for (call, _, try_it) in CALLS {
            let answer = try_it();
            let harmless = matches!(call, "pidfd_open(2)" | "mount_setattr(2)") && answer.is_ok();
            assert!(harmless || answer.is_err(), "{call}: {answer:?}");
        }
    }
}
