//! `--no-pivot` leaves the host's tree behind the new root. Every whole proc and sysfs in it is taken away, or a new user
//! namespace could use them as proof that it may mount its own.
//! Runs in: init, before the root is moved.

use alloc::ffi::CString;
use alloc::vec::Vec;
use core::ffi::CStr;

use rustix::fs::{self, CWD, Mode, OFlags};
use rustix::io::{self, Errno};
use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_change, unmount};

use crate::rootfs;

/// Unmounts them, and covers those that cannot be unmounted.
pub(crate) fn hide_proc_and_sys(rootfs: &CStr) -> Result<(), Errno> {
    let mountinfo = read_all(c"/proc/self/mountinfo")?;
    // Later mounts may lie on earlier ones.
    for path in whole_instances(&mountinfo, rootfs.to_bytes()).into_iter().rev() {
        let path = CString::new(path).map_err(|_| Errno::INVAL)?;
        stop_telling_peers(&path)?;
        match unmount(&*path, UnmountFlags::DETACH) {
            Err(Errno::INVAL | Errno::PERM) => mount(c"tmpfs", &*path, c"tmpfs", MountFlags::empty(), None)?,
            other => other?,
        }
    }
    Ok(())
}

/// What goes from a mount that the host shares goes from the host's, too (mount_namespaces(7)): so neither what holds `path`
/// nor what lies below is shared any longer.
fn stop_telling_peers(path: &CStr) -> Result<(), Errno> {
    let text = path.to_bytes();
    let slash = text.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
    let above = CString::new(&text[..slash.max(1)]).map_err(|_| Errno::INVAL)?;
    rootfs::change_holder(&above, MountPropagationFlags::DOWNSTREAM)?;
    mount_change(path, MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC)
}

/// Mount points of proc and sysfs that show their file system's root, outside `rootfs`.
fn whole_instances(mountinfo: &[u8], rootfs: &[u8]) -> Vec<Vec<u8>> {
    mountinfo.split(|byte| *byte == b'\n').filter_map(|line| whole_instance(line, rootfs)).collect()
}

fn whole_instance(line: &[u8], rootfs: &[u8]) -> Option<Vec<u8>> {
    let mut fields = line.split(|byte| *byte == b' ');
    let (root, point) = (fields.nth(3)?, fields.next()?);
    let kind = fields.skip_while(|field| *field != b"-").nth(1)?;
    let point = unescaped(point);
    let inside = point.strip_prefix(rootfs).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"));
    (root == b"/" && matches!(kind, b"proc" | b"sysfs") && !inside).then_some(point)
}

/// mountinfo writes space, tab, newline and backslash as three octal digits (proc_pid_mountinfo(5)).
fn unescaped(field: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(field.len());
    let mut rest = field;
    while let [first, tail @ ..] = rest {
        match (first, tail) {
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..]) => {
                out.push((a - b'0') * 64 + (b - b'0') * 8 + (c - b'0'));
                rest = after;
            }
            _ => {
                out.push(*first);
                rest = tail;
            }
        }
    }
    out
}

/// All of a file that is not large.
pub(crate) fn read_all(path: &CStr) -> Result<Vec<u8>, Errno> {
    let file = fs::openat(CWD, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let mut all = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match io::read(&file, &mut buffer) {
            Ok(0) => return Ok(all),
            Ok(count) => all.extend_from_slice(&buffer[..count]),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_proc_and_sysfs_outside_the_rootfs_are_hidden() {
        let text = b"1 0 0:1 / /proc rw shared:2 - proc proc rw\n2 0 0:1 /sys /a rw - proc proc rw\n\
                     3 0 0:2 / /r/sys rw - sysfs sysfs rw\n4 0 0:2 / /s\\040y rw - sysfs sysfs rw\n5 0 0:3 / /t rw - tmpfs t rw\n";
        assert_eq!(whole_instances(text, b"/r"), [b"/proc".to_vec(), b"/s y".to_vec()]);
    }
}
