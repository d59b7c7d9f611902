//! Walls in the file system: the root, devices, and what the kernel shows in `/proc` and `/sys`. Runs in: the container.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _},
    os::unix::fs::{FileTypeExt as _, MetadataExt as _},
    path::Path,
};

use rustix::{
    fs::{CWD, FileType, Mode, StatVfsMountFlags, major, makedev, minor, mknodat, statvfs},
    io::Errno,
};

use super::{Found, listed, refused};
use crate::demo::{
    config::{HOSTNAME, MASKED, READONLY},
    facts::Facts,
};

/// The nodes that a container has, by number (admin-guide/devices.txt).
const NODES: [(&str, (u32, u32)); 6] = [
    ("null", (1, 3)),
    ("zero", (1, 5)),
    ("full", (1, 7)),
    ("random", (1, 8)),
    ("urandom", (1, 9)),
    ("tty", (5, 0)),
];
/// First SCSI disk: any disk would do.
const A_DISK: (u32, u32) = (8, 0);

/// The host's files are not there, and there is nothing above the root.
pub(super) fn root(host: &Facts) -> Found {
    if fs::symlink_metadata(&host.host_path).is_ok() {
        return Err(format!("{} of the host can be seen", host.host_path));
    }
    let place =
        |path| fs::metadata(path).map(|found| (found.dev(), found.ino())).map_err(|error| error.to_string());
    if place("/")? != place("/..")? {
        return Err("/.. leads out".to_owned());
    }
    let name = fs::read_to_string("/etc/hostname").map_err(|error| format!("/etc/hostname: {error}"))?;
    if name.trim() != HOSTNAME {
        return Err("/etc is the host's".to_owned());
    }
    Ok("the folder it was made from cannot be found; /.. is / again".to_owned())
}

/// Neither the root nor `/usr` can be written.
pub(super) fn readonly_root(_: &Facts) -> Found {
    for path in ["/written", "/etc/written", "/usr/written"] {
        refused(&format!("writing {path}"), Errno::ROFS, fs::write(path, ""))?;
    }
    let scratch = "/tmp/written";
    fs::write(scratch, "")
        .and_then(|()| fs::remove_file(scratch))
        .map_err(|error| format!("{scratch}: {error}"))?;
    Ok("writing to /, /etc and /usr: read-only; /tmp is new, and takes it".to_owned())
}

/// There are only harmless devices, and no way to another.
pub(super) fn devices(host: &Facts) -> Found {
    let entries = fs::read_dir("/dev").map_err(|error| format!("/dev: {error}"))?;
    let mut nodes = 0;
    for entry in entries.flatten() {
        let metadata = entry.metadata().map_err(|error| format!("/dev: {error}"))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        match Node::of(&metadata) {
            Node::None => {}
            Node::Character(number) if NODES.contains(&(&name, number)) => nodes += 1,
            Node::Character(_) | Node::Block => {
                return Err(format!("/dev/{name} is no device for a container"));
            }
        }
    }
    let disk = makedev(A_DISK.0, A_DISK.1);
    let made = mknodat(CWD, "/tmp/disk", FileType::BlockDevice, Mode::from_raw_mode(0o600), disk);
    refused("making a disk's node", Errno::PERM, made)?;
    for path in &host.disks {
        refused(&format!("opening {path}"), Errno::NOENT, File::open(path))?;
    }
    let disks = match host.disks.as_slice() {
        [] => String::new(),
        [path] => format!("; the host's {path} is not there"),
        [path, ..] => format!("; of the host's {} disks, {path} and others, none is there", host.disks.len()),
    };
    Ok(format!("{nodes} harmless ones; making another: not permitted{disks}"))
}

/// What tells about the host's kernel is absent or empty.
pub(super) fn masked(_: &Facts) -> Found {
    let mut present = Vec::new();
    for path in MASKED {
        match is_empty(Path::new(path)) {
            Ok(true) => present.push(path),
            Ok(false) => return Err(format!("{path} can be read")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(format!("{path} is there: {error}")),
        }
    }
    let shown = listed(present.get(..present.len().min(3)).unwrap_or_default());
    Ok(match present.len() {
        0..=3 => format!("reading {shown}: empty"),
        count => format!("reading {shown} and {} more: empty", count - 3),
    }
    .replace(" and /", ", /"))
}

/// What kind of device a file is.
enum Node {
    /// None: a folder, a link, a socket.
    None,
    /// One for characters, with its number.
    Character((u32, u32)),
    /// A disk.
    Block,
}

impl Node {
    fn of(metadata: &fs::Metadata) -> Self {
        match (metadata.file_type().is_char_device(), metadata.file_type().is_block_device()) {
            (true, _) => Self::Character((major(metadata.rdev()), minor(metadata.rdev()))),
            (false, true) => Self::Block,
            (false, false) => Self::None,
        }
    }
}

fn is_empty(path: &Path) -> io::Result<bool> {
    if fs::metadata(path)?.is_dir() {
        return Ok(fs::read_dir(path)?.next().is_none());
    }
    File::open(path)?.read(&mut [0; 1]).map(|count| count == 0)
}

/// What would change the host's kernel cannot be written.
pub(super) fn controls(_: &Facts) -> Found {
    for path in READONLY {
        match statvfs(path) {
            Ok(found) if found.f_flag.contains(StatVfsMountFlags::RDONLY) => {}
            Ok(_) => return Err(format!("{path} is not read-only")),
            Err(Errno::NOENT) => {}
            Err(errno) => return Err(format!("{path}: {}", io::Error::from(errno))),
        }
    }
    for path in ["/proc/sysrq-trigger", "/proc/sys/kernel/hostname", "/proc/sys/kernel/core_pattern"] {
        if OpenOptions::new().write(true).open(path).is_ok() {
            return Err(format!("{path} can be opened for writing"));
        }
    }
    Ok("opening /proc/sysrq-trigger and files of /proc/sys for writing: refused".to_owned())
}
