//! Which cgroup hierarchies are mounted where: found by fact (statfs, mountinfo), never guessed.
//! Runs in: the parent, first thing of every command that needs a cgroup.

use rustix::fs::{FsWord, statfs};

use crate::beneath;
use crate::error::{Error, Step};

/// How cgroups are mounted on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layout {
    /// One unified hierarchy.
    V2 {
        /// Its mountpoint.
        root: String,
    },
    /// One hierarchy for each controller or few; hybrid where `unified` is there too.
    V1 {
        /// In the order of mountinfo, each once.
        hierarchies: Vec<Hierarchy>,
        /// The mountpoint of a cgroup2 beside them, and which directory of it is mounted there.
        unified: Option<Hierarchy>,
    },
    /// Nothing is mounted.
    None,
}

/// One mounted hierarchy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hierarchy {
    /// Controllers attached to it; empty for v2 and for a named hierarchy.
    pub controllers: Vec<String>,
    /// Its name, such as `systemd` in `name=systemd`.
    pub name: Option<String>,
    /// Where it is mounted.
    pub mountpoint: String,
    /// Which of its directories is mounted there: `/`, unless somebody bound a part of it (a container in a container).
    pub root: String,
}

impl Layout {
    /// Looks at this machine. On v2 this is one `statfs`.
    ///
    /// # Errors
    /// `/proc/self/mountinfo` cannot be read where it has to be.
    pub fn probe() -> Result<Layout, Error> {
        Layout::probe_at("/sys/fs/cgroup", "/proc")
    }

    /// Looks at the file system mounted on `cgroup`, and if that is not cgroup2 at `self/mountinfo` below `proc`.
    ///
    /// # Errors
    /// `mountinfo` cannot be read.
    pub fn probe_at(cgroup: &str, proc: &str) -> Result<Layout, Error> {
        match statfs(cgroup) {
            Ok(stat) if stat.f_type == CGROUP2_SUPER_MAGIC => {
                return Ok(Layout::V2 { root: cgroup.to_owned() });
            }
            // Also where the path is missing: the hierarchies may be mounted elsewhere.
            Ok(_) | Err(_) => {}
        }
        let path = format!("{proc}/self/mountinfo");
        let text = beneath::read_proc(&path).map_err(|errno| Error::call(Step::FindLayout, path, errno))?;
        Ok(parse_mountinfo(&text))
    }
}

/// The layout that the text of `/proc/PID/mountinfo` (proc_pid_mountinfo(5)) describes.
///
/// Other people's mounts are in it too, with names of their choice: a line that makes no sense is passed over. Of a
/// hierarchy mounted more than once the first mount below `/sys/fs/cgroup` counts, else the first.
pub fn parse_mountinfo(text: &[u8]) -> Layout {
    let mut hierarchies: Vec<Hierarchy> = Vec::new();
    let mut unified: Option<Hierarchy> = None;
    for line in text.split(|&byte| byte == b'\n') {
        match parse_line(line) {
            Some((Version::V1, found)) => {
                match hierarchies
                    .iter_mut()
                    .find(|h| h.controllers == found.controllers && h.name == found.name)
                {
                    Some(known) => prefer(known, found),
                    None => hierarchies.push(found),
                }
            }
            Some((Version::V2, found)) => match &mut unified {
                Some(known) => prefer(known, found),
                None => unified = Some(found),
            },
            None => {}
        }
    }
    match unified {
        Some(only) if hierarchies.is_empty() => Layout::V2 { root: only.mountpoint },
        None if hierarchies.is_empty() => Layout::None,
        unified => Layout::V1 { hierarchies, unified },
    }
}

/// Where a file system of that kind is mounted first, in the text of `/proc/PID/mountinfo`.
pub(crate) fn mountpoint_of(text: &[u8], kind: &[u8]) -> Option<String> {
    text.split(|&byte| byte == b'\n').find_map(|line| {
        let mut fields = line.split(|&byte| byte == b' ');
        let mountpoint = fields.nth(4)?;
        let found = fields.skip_while(|field| *field != b"-").nth(1)?;
        if found == kind { unescape(mountpoint) } else { None }
    })
}

enum Version {
    V1,
    V2,
}

/// `31 23 0:29 ROOT MOUNTPOINT OPTIONS [optional…] - FSTYPE SOURCE SUPER_OPTIONS`
fn parse_line(line: &[u8]) -> Option<(Version, Hierarchy)> {
    let mut fields = line.split(|&byte| byte == b' ');
    let root = fields.nth(3)?;
    let mountpoint = fields.next()?;
    let mut rest = fields.skip_while(|field| *field != b"-").skip(1);
    let version = match rest.next()? {
        b"cgroup" => Version::V1,
        b"cgroup2" => Version::V2,
        _ => return None,
    };
    let options = rest.nth(1)?;
    let mut found =
        Hierarchy { mountpoint: unescape(mountpoint)?, root: unescape(root)?, ..Hierarchy::default() };
    if !found.mountpoint.starts_with('/') || !found.root.starts_with('/') {
        return None;
    }
    if matches!(version, Version::V1) {
        read_options(options, &mut found);
        if found.controllers.is_empty() && found.name.is_none() {
            return None;
        }
    }
    Some((version, found))
}

fn read_options(options: &[u8], found: &mut Hierarchy) {
    for option in options.split(|&byte| byte == b',').filter_map(|option| str::from_utf8(option).ok()) {
        if let Some(name) = option.strip_prefix("name=") {
            found.name = Some(name.to_owned());
        } else if V1_CONTROLLERS.contains(&option) {
            found.controllers.push(option.to_owned());
        }
    }
}

fn prefer(known: &mut Hierarchy, found: Hierarchy) {
    let usual = |h: &Hierarchy| h.mountpoint.starts_with("/sys/fs/cgroup/");
    if usual(&found) && !usual(known) {
        *known = found;
    }
}

/// Undoes `\040` and its kin. None for what is no UTF-8: such a path cannot be written to a record.
fn unescape(field: &[u8]) -> Option<String> {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&first, after)) = rest.split_first() {
        match (first, after) {
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..]) => {
                bytes.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                rest = after;
            }
            _ => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).ok().filter(|path| !path.contains('\0'))
}

/// linux/magic.h
const CGROUP2_SUPER_MAGIC: FsWord = 0x6367_7270;

/// Every controller that a v1 hierarchy can be mounted with (cgroups(7); linux/cgroup_subsys.h for the last two). The
/// other words among the mount options (`xattr`, `clone_children`, `seclabel`…) are none.
const V1_CONTROLLERS: &[&str] = &[
    "cpuset",
    "cpu",
    "cpuacct",
    "blkio",
    "memory",
    "devices",
    "freezer",
    "net_cls",
    "perf_event",
    "net_prio",
    "hugetlb",
    "pids",
    "rdma",
    "misc",
    "debug",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn v1(layout: Layout) -> (Vec<Hierarchy>, Option<Hierarchy>) {
        match layout {
            Layout::V1 { hierarchies, unified } => (hierarchies, unified),
            other @ (Layout::V2 { .. } | Layout::None) => panic!("{other:?}"),
        }
    }

    #[test]
    fn hybrid_is_v1_with_a_unified_mount() {
        let text = b"31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n\
            32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 master:1 - cgroup cgroup rw,cpu,cpuacct\n\
            40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,release_agent=/x,name=systemd\n\
            41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";
        let (hierarchies, unified) = v1(parse_mountinfo(text));
        assert_eq!(hierarchies.len(), 2);
        assert_eq!(hierarchies[0].controllers, ["cpu", "cpuacct"]);
        assert_eq!(hierarchies[0].mountpoint, "/sys/fs/cgroup/cpu,cpuacct");
        assert_eq!(hierarchies[1].name.as_deref(), Some("systemd"));
        assert!(hierarchies[1].controllers.is_empty());
        assert_eq!(unified.unwrap().mountpoint, "/sys/fs/cgroup/unified");
    }

    #[test]
    fn cgroup2_alone_is_v2_wherever_it_is_mounted() {
        let layout = parse_mountinfo(b"41 31 0:38 / /mnt/a\\040b rw,relatime - cgroup2 none rw\n");
        assert_eq!(layout, Layout::V2 { root: "/mnt/a b".into() });
    }

    #[test]
    fn nothing_mounted_is_none() {
        assert_eq!(parse_mountinfo(b""), Layout::None);
        assert_eq!(parse_mountinfo(b"31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n"), Layout::None);
    }

    #[test]
    fn the_usual_mountpoint_wins_over_a_container_s_copy() {
        let text = b"1 1 0:1 /docker/x /var/c/rootfs/sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n\
            2 1 0:1 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n\
            3 1 0:1 /docker/y /sys/fs/cgroup/other rw - cgroup cgroup rw,pids\n";
        let (hierarchies, _) = v1(parse_mountinfo(text));
        assert_eq!(hierarchies.len(), 1);
        assert_eq!((&*hierarchies[0].mountpoint, &*hierarchies[0].root), ("/sys/fs/cgroup/pids", "/"));
    }

    #[test]
    fn hostile_and_broken_lines_are_passed_over() {
        let lines: &[&[u8]] = &[
            b"garbage",
            b"1 2 3",
            b"1 1 0:1 / /x rw - ",
            b"1 1 0:1 / /x rw - cgroup",
            b"1 1 0:1 / /x rw - cgroup cgroup",
            b"1 1 0:1 / /x rw - cgroup cgroup rw,seclabel",
            b"1 1 0:1 / relative rw - cgroup cgroup rw,pids",
            b"1 1 0:1 / /\xff rw - cgroup cgroup rw,pids",
            b"1 1 0:1 / /nul\\000 rw - cgroup cgroup rw,pids",
            b"1 1 0:1 / /x rw cgroup cgroup rw,pids",
            b"1 1 0:1 / /-\\040cgroup\\040cgroup\\040rw,pids rw - tmpfs tmpfs rw",
        ];
        for line in lines {
            assert_eq!(parse_mountinfo(line), Layout::None, "{}", String::from_utf8_lossy(line));
        }
    }

    #[test]
    fn a_file_system_of_another_kind_is_found_by_its_name_alone() {
        let text = b"1 1 0:1 / /resctrl rw shared:1 - tmpfs resctrl rw\n\
            2 1 0:2 / /mnt/a\\040b rw - resctrl none rw\n3 1 0:2 / /later rw - resctrl resctrl rw\n";
        assert_eq!(mountpoint_of(text, b"resctrl").as_deref(), Some("/mnt/a b"));
        assert_eq!(mountpoint_of(text, b"cgroup2"), None);
        assert_eq!(mountpoint_of(b"1 2 3\n\n", b"resctrl"), None);
    }

    #[test]
    fn octal_escapes_are_undone_and_others_left_alone() {
        let table: &[(&[u8], Option<&str>)] = &[
            (b"/a\\040b\\011c\\012d\\134e", Some("/a b\tc\nd\\e")),
            (b"/a\\04", Some("/a\\04")),
            (b"/a\\999", Some("/a\\999")),
            (b"/a\\", Some("/a\\")),
            (b"/a\\777", Some("/a\\777")),
            (b"/\\303\\244", Some("/\u{e4}")),
            (b"/\\377", None),
        ];
        for (text, want) in table {
            assert_eq!(unescape(text).as_deref(), *want);
        }
    }

    #[test]
    fn a_missing_mountinfo_is_an_error_with_its_path() {
        let error = Layout::probe_at("/nonexistent", "/nonexistent").unwrap_err();
        assert_eq!(
            error.to_string(),
            "find cgroups: /nonexistent/self/mountinfo: no such file or directory (ENOENT)"
        );
        assert!(error.is_missing());
    }
}
