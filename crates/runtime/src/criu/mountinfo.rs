//! Mounts as `/proc/PID/mountinfo` lists them (proc_pid_mountinfo(5)), and which of one list are those of another.
//! Runs in: the parent.

use std::collections::BTreeMap;

use crate::error::{Error, Result};

/// A line of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mount {
    id: u32,
    parent: u32,
    /// `MAJOR:MINOR`.
    device: Vec<u8>,
    /// What of the file system is mounted.
    root: Vec<u8>,
    /// Where, seen from the root of the process.
    pub(crate) point: Vec<u8>,
}

/// What a process sees: `self`, `thread-self` or a number.
pub(crate) fn of(process: &str) -> Result<Vec<Mount>> {
    let path = format!("/proc/{process}/mountinfo");
    std::fs::read(&path)
        .map(|text| read(&text))
        .map_err(|error| Error::io(format_args!("read {path}"), &error))
}

/// The lines of a list. Those that are none are passed over.
fn read(text: &[u8]) -> Vec<Mount> {
    text.split(|byte| *byte == b'\n').filter_map(mount).collect()
}

fn mount(line: &[u8]) -> Option<Mount> {
    let mut words = line.split(|byte| *byte == b' ');
    let mut number = || std::str::from_utf8(words.next()?).ok()?.parse().ok();
    let (id, parent) = (number()?, number()?);
    let mut word = || words.next().map(plain);
    Some(Mount { id, parent, device: word()?, root: word()?, point: word()? })
}

/// The text without its escapes: `\040` is a space.
fn plain(word: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(word.len());
    let mut rest = word;
    while let Some((&first, behind)) = rest.split_first() {
        let escaped = behind.split_at_checked(3).filter(|_| first == b'\\').and_then(|(digits, behind)| {
            let digits = std::str::from_utf8(digits).ok()?;
            Some((u8::from_str_radix(digits, 8).ok()?, behind))
        });
        let (byte, behind) = escaped.unwrap_or((first, behind));
        plain.push(byte);
        rest = behind;
    }
    plain
}

/// What stands behind `above` in a path that is below it, with its slash.
pub(crate) fn below<'p>(path: &'p [u8], above: &[u8]) -> Option<&'p [u8]> {
    let above = above.strip_suffix(b"/").unwrap_or(above);
    path.strip_prefix(above).filter(|rest| rest.len() > 1 && rest.starts_with(b"/"))
}

/// Mounts of a container that stand on one of `outside`, or on another of them, and are the host's: the host has the same at the
/// same place of the same file system. They came along when the host's tree was bound; what a container mounted itself is not
/// among them.
pub(crate) fn brought_along(container: &[Mount], host: &[Mount], outside: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let (host_by_id, by_id) = (by_id(host), by_id(container));
    let known: Vec<_> = host.iter().filter_map(|mount| sight(mount, &host_by_id)).collect();
    let mut standing: Vec<u32> =
        container.iter().filter(|mount| outside.contains(&mount.point)).map(|mount| mount.id).collect();
    let mut found = Vec::new();
    loop {
        let next = container.iter().find(|mount| {
            standing.contains(&mount.parent)
                && !standing.contains(&mount.id)
                && sight(mount, &by_id).is_some_and(|sight| known.contains(&sight))
        });
        let Some(next) = next else { return found };
        standing.push(next.id);
        found.push(next.point.clone());
    }
}

fn by_id(mounts: &[Mount]) -> BTreeMap<u32, &Mount> {
    mounts.iter().map(|mount| (mount.id, mount)).collect()
}

/// What is mounted, and where in which file system.
type Sight<'m> = (&'m [u8], &'m [u8], &'m [u8], Vec<u8>);

fn sight<'m>(mount: &'m Mount, by_id: &BTreeMap<u32, &'m Mount>) -> Option<Sight<'m>> {
    let parent = by_id.get(&mount.parent)?;
    let inside = below(&mount.point, &parent.point)?;
    let root = parent.root.strip_suffix(b"/").unwrap_or(&parent.root);
    Some((&mount.device, &mount.root, &parent.device, [root, inside].concat()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &[u8] = b"20 1 8:1 / / rw - ext4 /dev/sda rw\n\
        30 20 0:30 / /src/sub rw - tmpfs a rw\n\
        31 30 8:1 /disk /src/sub/a\\040b rw shared:3 - ext4 /dev/sda rw\n\
        32 20 0:40 / /proc rw - proc proc rw\n";

    fn points(container: &[u8]) -> Vec<String> {
        let found = brought_along(&read(container), &read(HOST), &[b"/mnt".to_vec()]);
        found.into_iter().map(|point| String::from_utf8(point).unwrap()).collect()
    }

    #[test]
    fn mounts_that_came_along_with_one_are_found_and_the_container_s_own_are_not() {
        let container = b"100 1 8:1 /rootfs / rw - ext4 /dev/sda rw\n\
            101 100 8:1 /src /mnt rw - ext4 /dev/sda rw\n\
            102 101 0:30 / /mnt/sub rw - tmpfs a rw\n\
            103 102 8:1 /disk /mnt/sub/a\\040b rw - ext4 /dev/sda rw\n\
            104 101 0:99 / /mnt/own rw - tmpfs own rw\n\
            105 101 0:40 / /mnt/proc rw - proc proc rw\n\
            106 100 0:30 / /other rw - tmpfs a rw\n\
            nonsense\n";
        assert_eq!(points(container), ["/mnt/sub", "/mnt/sub/a b"]);
    }

    #[test]
    fn a_path_is_below_another_only_behind_a_slash() {
        assert_eq!(below(b"/a/b", b"/a"), Some(&b"/b"[..]));
        assert_eq!(below(b"/a/b", b"/"), Some(&b"/a/b"[..]));
        assert_eq!((below(b"/ab", b"/a"), below(b"/a", b"/a"), below(b"/a/", b"/a")), (None, None, None));
    }

    #[test]
    fn escapes_are_undone_and_what_is_none_stays() {
        assert_eq!(plain(b"a\\040b\\134"), b"a b\\");
        assert_eq!(plain(b"a\\04"), b"a\\04");
        assert_eq!(plain(b"\\999"), b"\\999");
    }
}
