//! `/dev`: the devices that the specification promises, those of `linux.devices`, and the usual links.
//! Runs in: the parent; pure. Done in `brig-init`'s file of the same name.

use brig_handshake::devices::{Devices, Making, Node};
use brig_handshake::mounts::Link;

use crate::host::Host;
use crate::kernel::{clone, stat};
use crate::namespaces::Listed;
use crate::refusal::Refusal;
use crate::spec::{Linux, LinuxDevice};
use crate::text::{clean, text};

/// Character devices of every container: config-linux.md, "Default Devices". `/dev/console` comes with the terminal.
const DEFAULT: [(&str, u32, u32); 6] = [
    ("/dev/null", 1, 3),
    ("/dev/zero", 1, 5),
    ("/dev/full", 1, 7),
    ("/dev/tty", 5, 0),
    ("/dev/random", 1, 8),
    ("/dev/urandom", 1, 9),
];

/// Links of every container: config-linux.md, "Dev symbolic links", and `core`.
const LINKS: [(&str, &str); 6] = [
    ("/dev/fd", "/proc/self/fd"),
    ("/dev/stdin", "/proc/self/fd/0"),
    ("/dev/stdout", "/proc/self/fd/1"),
    ("/dev/stderr", "/proc/self/fd/2"),
    ("/dev/core", "/proc/kcore"),
    (PTMX, "pts/ptmx"),
];

const PTMX: &str = "/dev/ptmx";

/// A device without `fileMode`, and every default one.
const MODE: u32 = 0o666;

/// Plans `/dev` for a container that has one of its own.
pub(crate) fn plan<'a>(linux: &Linux<'_>, listed: &Listed<'_>, host: &Host) -> Result<Devices<'a>, Refusal> {
    let mut nodes = Vec::with_capacity(DEFAULT.len() + linux.devices.len());
    let own: Vec<String> = linux.devices.iter().map(|device| clean(&device.path)).collect();
    for (path, major, minor) in DEFAULT.into_iter().filter(|(path, ..)| !own.iter().any(|own| own == path)) {
        let path = text(path, format_args!("linux.devices"))?;
        nodes.push(Node { index: u32::MAX, path, mode: stat::IFCHR | MODE, major, minor, uid: 0, gid: 0 });
    }
    for (index, (device, path)) in (0..).zip(linux.devices.iter().zip(own)) {
        if path != PTMX {
            nodes.push(node(index, device, path, listed)?);
        }
    }
    let link = |(path, target)| -> Result<Link<'a>, Refusal> {
        Ok(Link {
            path: text(path, format_args!("linux.devices"))?,
            target: text(target, format_args!("linux.devices"))?,
        })
    };
    // mknod(2) of a device asks for CAP_MKNOD in the first user namespace.
    let making =
        if listed.has(clone::NEWUSER) || host.in_user_namespace { Making::Bind } else { Making::Mknod };
    Ok(Devices { nodes, links: LINKS.into_iter().map(link).collect::<Result<_, _>>()?, making })
}

fn node<'a>(
    index: u32,
    device: &LinuxDevice<'_>,
    path: String,
    listed: &Listed<'_>,
) -> Result<Node<'a>, Refusal> {
    let file_type = match &*device.kind {
        "c" | "u" => stat::IFCHR,
        "b" => stat::IFBLK,
        "p" => stat::IFIFO,
        other => {
            let words = format!("invalid device type {other:?}");
            return Err(Refusal::runc(format!("linux.devices[{index}].type"), words));
        }
    };
    // The owner of a bound node is the host's affair.
    let owner = |id: Option<u32>| if listed.has(clone::NEWUSER) { 0 } else { id.unwrap_or(0) };
    let (major, minor) = if file_type == stat::IFIFO { (0, 0) } else { (device.major, device.minor) };
    Ok(Node {
        index,
        path: text(path, format_args!("linux.devices[{index}].path"))?,
        mode: file_type | device.file_mode.unwrap_or(MODE) & stat::PERMISSIONS,
        major: number(major, index, "major")?,
        minor: number(minor, index, "minor")?,
        uid: owner(device.uid),
        gid: owner(device.gid),
    })
}

fn number(number: i64, index: u32, field: &str) -> Result<u32, Refusal> {
    u32::try_from(number).map_err(|_| {
        Refusal::at(format!("linux.devices[{index}].{field}"), format!("{number} is not a device number"))
    })
}
