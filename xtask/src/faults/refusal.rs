//! What somebody who traces brig refuses it, where a feature of the kernel is no system call of its own.

use std::fs::File;
use std::os::unix::fs::FileExt;

use nix::errno::Errno;
use nix::libc;
use nix::unistd::Pid;

use super::registers;
use crate::old::How;

/// What a kernel without a feature answers to a call that needs it.
pub(super) fn refusal(how: How, pid: Pid, call: i64) -> Result<Option<i32>, Errno> {
    /// In `flags`, the first field of `struct clone_args`.
    const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;
    let needs = match how {
        How::Calls(_) => None,
        How::IntoCgroup if call == libc::SYS_clone3 => {
            let flags = memory(pid, registers::argument(pid, 0)?, 8);
            let flags = flags.try_into().map_or(0, u64::from_ne_bytes);
            (flags & CLONE_INTO_CGROUP != 0).then_some(libc::E2BIG)
        }
        How::File(name) if [libc::SYS_openat, libc::SYS_openat2].contains(&call) => {
            let path = memory(pid, registers::argument(pid, 1)?, name.len() + 1);
            path.strip_suffix(b"\0").is_some_and(|path| path == name.as_bytes()).then_some(libc::ENOENT)
        }
        How::IntoCgroup | How::File(_) => None,
    };
    Ok(needs)
}

/// So many bytes of its memory, or none.
fn memory(pid: Pid, address: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    let file = File::open(format!("/proc/{pid}/mem"));
    match file.and_then(|file| file.read_exact_at(&mut bytes, address)) {
        Ok(()) => bytes,
        Err(_) => Vec::new(),
    }
}
