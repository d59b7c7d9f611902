//! New file systems that are more than mounted: the mount is made detached, and its descriptor does for all that is left.
//! Looked up a second time, its destination might by then be something else (CVE-2021-30465).
//! Runs in: init, all namespaces entered.
//!
//! What needs no second look is mounted by mount(2), in two system calls instead of five and more.

use alloc::ffi::CString;
use alloc::vec::Vec;
use core::ffi::CStr;

use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsconfig_set_flag, fsconfig_set_string,
    fsmount, fsopen,
};

use crate::fds;

/// The mount that mount(2) would make of these, attached nowhere yet.
pub(crate) fn new(source: &CStr, fs_type: &CStr, flags: u32, data: Option<&CStr>) -> Result<OwnedFd, Errno> {
    let context = fsopen(fs_type, FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_set_string(&context, c"source", source)?;
    for (_, word) in OF_THE_FILE_SYSTEM.iter().filter(|(flag, _)| flags & flag != 0) {
        fsconfig_set_flag(&context, *word)?;
    }
    for option in split(data.map_or(&[], CStr::to_bytes)) {
        match option.iter().position(|byte| *byte == b'=') {
            Some(equals) => {
                fsconfig_set_string(&context, text(&option[..equals])?, unquoted(&option[equals + 1..])?)?;
            }
            None => fsconfig_set_flag(&context, text(option)?)?,
        }
    }
    fsconfig_create(&context)?;
    let mount = fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes(flags))?;
    fds::leave_to_execve(context);
    Ok(mount)
}

/// `MS_*` that mount(2) hands on to the file system, in the words of mount(8).
const OF_THE_FILE_SYSTEM: [(u32, &CStr); 5] =
    [(0x1, c"ro"), (0x10, c"sync"), (0x40, c"mand"), (0x80, c"dirsync"), (1 << 25, c"lazytime")];

/// `MS_*` of a mount, and the attributes of fsmount(2). Access times are one field of these; mount(2) takes the last of
/// relatime, noatime and strictatime in this order.
fn attributes(flags: u32) -> MountAttrFlags {
    const MS_NOATIME: u32 = 0x400;
    const MS_STRICTATIME: u32 = 1 << 24;
    let plain = [
        (0x1, MountAttrFlags::MOUNT_ATTR_RDONLY),
        (0x2, MountAttrFlags::MOUNT_ATTR_NOSUID),
        (0x4, MountAttrFlags::MOUNT_ATTR_NODEV),
        (0x8, MountAttrFlags::MOUNT_ATTR_NOEXEC),
        (0x100, MountAttrFlags::MOUNT_ATTR_NOSYMFOLLOW),
        (0x800, MountAttrFlags::MOUNT_ATTR_NODIRATIME),
    ];
    let times = match flags {
        flags if flags & MS_STRICTATIME != 0 => MountAttrFlags::MOUNT_ATTR_STRICTATIME,
        flags if flags & MS_NOATIME != 0 => MountAttrFlags::MOUNT_ATTR_NOATIME,
        _ => MountAttrFlags::empty(),
    };
    plain.into_iter().filter(|(flag, _)| flags & flag != 0).fold(times, |all, (_, attribute)| all | attribute)
}

/// At commas, but for those between quotes, as labels have them.
fn split(data: &[u8]) -> Vec<&[u8]> {
    let mut quoted = false;
    let parts = data.split(|byte| {
        quoted ^= *byte == b'"';
        *byte == b',' && !quoted
    });
    parts.filter(|part| !part.is_empty()).collect()
}

fn unquoted(value: &[u8]) -> Result<CString, Errno> {
    let inner = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\""));
    text(inner.unwrap_or(value))
}

fn text(bytes: &[u8]) -> Result<CString, Errno> {
    CString::new(bytes).map_err(|_| Errno::INVAL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_parted_at_commas_outside_of_quotes() {
        let data = br#"mode=755,,size=64k,context="system_u:object_r:x:s0:c1,c2""#;
        let parts = split(data);
        assert_eq!(parts, [&b"mode=755"[..], b"size=64k", br#"context="system_u:object_r:x:s0:c1,c2""#]);
        assert_eq!(unquoted(br#""a,b""#).unwrap().to_bytes(), b"a,b");
        assert_eq!(unquoted(b"a\"").unwrap().to_bytes(), b"a\"");
    }

    #[test]
    fn flags_of_mount_become_attributes_and_the_stricter_access_time_wins() {
        let all = attributes(0x1 | 0x2 | 0x400 | 0x800 | 1 << 24);
        let wanted = MountAttrFlags::MOUNT_ATTR_RDONLY
            | MountAttrFlags::MOUNT_ATTR_NOSUID
            | MountAttrFlags::MOUNT_ATTR_NODIRATIME
            | MountAttrFlags::MOUNT_ATTR_STRICTATIME;
        assert_eq!(all, wanted);
        assert_eq!(attributes(1 << 21), MountAttrFlags::empty());
    }
}
