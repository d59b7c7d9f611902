//! Hints: why a step failed, beyond what the kernel said, where looking once more tells.
//! Runs in: the parent, after the failure. What is looked at may have changed since: a hint is never acted upon.
#![allow(clippy::wildcard_enum_match_arm, reason = "for most steps nothing more is known")]

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use brig_handshake::mounts::{Filesystem, Mount, What};
use brig_handshake::process::Process;
use brig_handshake::{Fault, Step};
use brig_plan::plan::{IdMap, Plan};
use rustix::io::Errno;

use super::program;

/// For a container's first process.
pub(super) fn of_init(plan: &Plan<'_>, fault: &Fault<'_>) -> Option<String> {
    let Some(errno) = super::errno_of(fault) else { return without_errno(plan, fault) };
    let mount = || plan.task.rootfs.mounts.iter().find(|mount| mount.index == fault.index);
    match fault.step {
        Step::MountSource => source(plan, &super::source_of(mount()?), errno),
        Step::MountTarget => target(plan, mount()?, errno),
        Step::Mount => match &mount()?.what {
            What::Filesystem(filesystem) => new_file_system(plan, filesystem, errno),
            What::Bind(bind) => one_is_a_directory(&bind.source.to_string_lossy(), errno),
            What::Cgroup1(_) | What::Cgroup2(_) => None,
        },
        Step::JoinNamespaces => join(plan, fault.index, errno),
        Step::Sysctl => sysctl(plan, fault.index, errno),
        Step::FindExecutable => program::not_found(plan, fault),
        Step::Exec => program::not_executed(plan, errno, &fault.text),
        Step::Cwd => program::cwd(plan, errno),
        Step::User if fault.index == 0 => mapped("linux.uidMappings", |maps| &maps.uid, plan, errno),
        Step::User | Step::Groups => mapped("linux.gidMappings", |maps| &maps.gid, plan, errno),
        Step::DeviceNode if errno == Errno::PERM => {
            Some("making devices is a privilege that this user namespace does not have".to_owned())
        }
        Step::DeviceNode if errno == Errno::EXIST => {
            Some("there is something else at that path, in the image or of a mount".to_owned())
        }
        Step::PivotRoot if errno == Errno::INVAL => {
            Some("a root on a ramdisk (rootfs of an initrd) cannot be pivoted from: --no-pivot".to_owned())
        }
        Step::CreateContainerHook | Step::StartContainerHook => without_errno(plan, fault),
        step => of_process(&plan.task.process, step, fault, errno),
    }
}

/// Where the words are those of who failed.
fn without_errno(plan: &Plan<'_>, fault: &Fault<'_>) -> Option<String> {
    match fault.step {
        Step::FindExecutable => program::not_found(plan, fault),
        Step::CreateContainerHook => hook(&fault.text, "on the host, in the container's namespaces"),
        Step::StartContainerHook => hook(&fault.text, "in the rootfs"),
        _ => None,
    }
}

/// For a further process.
pub(super) fn of_exec(process: &Process<'_>, fault: &Fault<'_>) -> Option<String> {
    match fault.step {
        Step::FindExecutable => program::not_in_path(process, fault),
        step => of_process(process, step, fault, super::errno_of(fault)?),
    }
}

fn of_process(process: &Process<'_>, step: Step, fault: &Fault<'_>, errno: Errno) -> Option<String> {
    match (step, errno) {
        (Step::Limits | Step::Ready, Errno::PERM) => Some(RAISED.to_owned()),
        (Step::Label, Errno::NOENT) if fault.index == 0 => {
            let profile = process.apparmor_profile.as_ref()?.to_string_lossy();
            Some(format!("no profile {profile} is loaded: load it with apparmor_parser, or name another"))
        }
        (Step::Label, Errno::INVAL) if fault.index == 1 => {
            let label = process.selinux_label.as_ref()?.to_string_lossy();
            Some(format!("the loaded policy does not know the label {label}"))
        }
        (Step::Label, Errno::ACCESS | Errno::PERM) => Some(
            "the security module denies this change: see its audit log (dmesg, ausearch -m avc)".to_owned(),
        ),
        (Step::Scheduler, Errno::PERM) => Some(
            "real-time policies and better nice values need CAP_SYS_NICE or a limit that permits them"
                .to_owned(),
        ),
        _ => None,
    }
}

pub(super) const RAISED: &str = "raising a hard limit needs CAP_SYS_RESOURCE: the caller's own (ulimit -aH) is the most that can be had without";

/// A hook's output says why it failed, but for one that did not run.
fn hook(text: &[u8], place: &str) -> Option<String> {
    let text = String::from_utf8_lossy(text);
    let missing = text.contains("fork/exec") && text.contains("no such file");
    missing.then(|| format!("the hook's path is looked up {place}"))
}

/// What cannot be opened on the host: the part of the path that is in the way.
fn source(plan: &Plan<'_>, path: &str, errno: Errno) -> Option<String> {
    let path = Path::new(path);
    match errno {
        Errno::NOENT => {
            let there = path.ancestors().skip(1).find(|parent| parent.exists())?;
            let missing = path.strip_prefix(there).ok()?.iter().next()?;
            Some(format!("on the host there is no {} in {}", missing.display(), there.display()))
        }
        Errno::NOTDIR => {
            let file = path.ancestors().skip(1).find(|parent| parent.is_file())?;
            Some(format!("on the host {} is a file", file.display()))
        }
        Errno::ACCESS => {
            let root = Walker::of(plan);
            let parents = path.ancestors().skip(1).collect::<Vec<_>>();
            let is_closed = |parent: &&Path| {
                !fs::metadata(parent).is_ok_and(|found| root.may_pass(found.uid(), found.gid(), found.mode()))
            };
            let closed = parents.into_iter().rev().find(is_closed)?;
            let mode = fs::metadata(closed).ok()?.mode() & 0o7777;
            Some(format!(
                "uid {} of the host may not pass {}, whose mode is {mode:04o}",
                root.uid,
                closed.display()
            ))
        }
        _ => None,
    }
}

/// Who the container's root is on the host.
fn root_of(plan: &Plan<'_>) -> u32 {
    let maps = plan.start.id_maps.as_ref();
    let root = maps.and_then(|maps| maps.uid.iter().find(|map| map.container_id == 0));
    root.map_or_else(|| rustix::process::geteuid().as_raw(), |map| map.host_id)
}

/// Who walks along a path, as the host knows him: the container's root. He keeps the caller's further groups until all is
/// mounted.
struct Walker {
    uid: u32,
    groups: Vec<u32>,
}

impl Walker {
    fn of(plan: &Plan<'_>) -> Self {
        let maps = plan.start.id_maps.as_ref();
        let group = maps.and_then(|maps| maps.gid.iter().find(|map| map.container_id == 0));
        let group = group.map_or_else(|| rustix::process::getegid().as_raw(), |map| map.host_id);
        let further = rustix::process::getgroups().unwrap_or_default();
        let groups = further.into_iter().map(rustix::process::Gid::as_raw).chain([group]).collect();
        Self { uid: root_of(plan), groups }
    }

    /// The first of owner, group and others that he is decides (path_resolution(7)); ACLs are not looked at.
    fn may_pass(&self, owner: u32, group: u32, mode: u32) -> bool {
        let needed = if owner == self.uid {
            0o100
        } else if self.groups.contains(&group) {
            0o010
        } else {
            0o001
        };
        self.uid == 0 || mode & needed != 0
    }
}

/// What cannot be made in the rootfs: who forbids it.
fn target(plan: &Plan<'_>, mount: &Mount<'_>, errno: Errno) -> Option<String> {
    let destination = mount.destination.to_string_lossy();
    match errno {
        Errno::ROFS => Some(match program::mount_above(plan, &destination, mount.index) {
            Some(above) => format!(
                "mounts[{}] ({}) is read-only: {destination} has to be there already, or that mount writable",
                above.index,
                above.destination.to_string_lossy()
            ),
            None => format!("the rootfs is read-only: {destination} has to be in the image already"),
        }),
        Errno::ACCESS | Errno::PERM | Errno::OVERFLOW => {
            let maps = plan.start.id_maps.as_ref()?;
            let rootfs = plan.task.rootfs.path.to_string_lossy();
            let owner = fs::metadata(&*rootfs).ok()?.uid();
            (!has(&maps.uid, owner)).then(|| {
                format!(
                    "{rootfs} belongs to uid {owner}, whom linux.uidMappings does not map: give it to uid {}",
                    root_of(plan)
                )
            })
        }
        Errno::NOTDIR => Some(format!("a part of {destination} is a file in the rootfs")),
        _ => None,
    }
}

fn has(maps: &[IdMap], host_id: u32) -> bool {
    maps.iter().any(|map| host_id.checked_sub(map.host_id).is_some_and(|offset| offset < map.size))
}

fn new_file_system(plan: &Plan<'_>, filesystem: &Filesystem<'_>, errno: Errno) -> Option<String> {
    const USER: u32 = 0x1000_0000;
    const NETWORK: u32 = 0x4000_0000;
    const PID: u32 = 0x2000_0000;
    let (kind, source) = (filesystem.fs_type.to_string_lossy(), filesystem.source.to_string_lossy());
    let made = plan.start.create | plan.task.entry.unshare | plan.task.entry.second.unwrap_or(0);
    match errno {
        Errno::NODEV => {
            let known = fs::read_to_string("/proc/filesystems").ok()?;
            let is_known = known.lines().any(|line| line.split_whitespace().last() == Some(&*kind));
            (!is_known).then(|| format!("this kernel has no file system {kind} (/proc/filesystems)"))
        }
        Errno::INVAL => match filesystem.data.as_ref()?.to_string_lossy() {
            data if data.contains(',') => Some(format!("{kind} does not take one of the options {data}")),
            data => Some(format!("{kind} does not take the option {data}")),
        },
        Errno::NOTBLK => Some(format!("{kind} is made on a disk, and {source} is none")),
        Errno::NOENT if kind == "overlay" => {
            Some("a directory of lowerdir, upperdir or workdir is missing on the host".to_owned())
        }
        Errno::NOENT => Some(format!("the host has no {source}")),
        Errno::NOTDIR => Some("what is there in the rootfs is no directory".to_owned()),
        Errno::PERM if plan.start.id_maps.is_some() || made & USER != 0 => Some(match &*kind {
            "sysfs" if made & NETWORK == 0 => {
                "a user namespace mounts sysfs only with a network namespace of its own (linux.namespaces): \
                 or bind /sys of the host"
                    .to_owned()
            }
            "proc" if made & PID == 0 => {
                "a user namespace mounts proc only with a pid namespace of its own (linux.namespaces)"
                    .to_owned()
            }
            "proc" | "sysfs" => format!(
                "a user namespace mounts {kind} only where nothing of the host's is hidden, and here something is mounted over it: is this itself in a container?"
            ),
            kind => format!("the kernel does not let a user namespace mount {kind}"),
        }),
        _ => None,
    }
}

/// A file on a directory, or the other way round.
fn one_is_a_directory(source: &str, errno: Errno) -> Option<String> {
    if errno != Errno::NOTDIR {
        return None;
    }
    let (one, other) = if Path::new(source).is_dir() { ("directory", "file") } else { ("file", "directory") };
    Some(format!("the source is a {one} on the host, the destination a {other} in the rootfs"))
}

fn join(plan: &Plan<'_>, index: u32, errno: Errno) -> Option<String> {
    let join = plan.start.join.get(usize::try_from(index).ok()?)?;
    let path = join.path.to_string_lossy();
    match errno {
        Errno::INVAL => {
            let link = fs::read_link(&*path).ok().filter(|link| link.to_string_lossy().contains(":["));
            let wanted = kind_of(join.kind);
            Some(match link {
                Some(link) => {
                    let link = link.to_string_lossy().into_owned();
                    let kind = link.split(':').next().unwrap_or_default();
                    format!("it is a namespace of the kind {kind}, and the entry's type is {wanted}")
                }
                None => format!("it is no {wanted} namespace"),
            })
        }
        Errno::PERM => Some("joining it needs CAP_SYS_ADMIN in the user namespace that owns it".to_owned()),
        _ => None,
    }
}

fn kind_of(kind: u32) -> &'static str {
    match kind {
        0x0000_0080 => "time",
        0x0002_0000 => "mount",
        0x0200_0000 => "cgroup",
        0x0400_0000 => "uts",
        0x0800_0000 => "ipc",
        0x1000_0000 => "user",
        0x2000_0000 => "pid",
        _ => "network",
    }
}

fn sysctl(plan: &Plan<'_>, index: u32, errno: Errno) -> Option<String> {
    let sysctl = plan.task.sysctls.get(usize::try_from(index).ok()?)?;
    match errno {
        Errno::NOENT => Some("this kernel has no such parameter in the container's namespaces".to_owned()),
        Errno::INVAL | Errno::RANGE => {
            Some(format!("the kernel does not take the value {:?}", sysctl.value.to_string_lossy()))
        }
        Errno::ACCESS | Errno::PERM => Some(
            "the container's user namespace may not write it: leave it out, or set it on the host".to_owned(),
        ),
        _ => None,
    }
}

/// Which ids there are instead.
fn mapped(
    list: &str,
    maps: impl Fn(&brig_plan::plan::IdMaps) -> &Vec<IdMap>,
    plan: &Plan<'_>,
    errno: Errno,
) -> Option<String> {
    let maps = maps(plan.start.id_maps.as_ref().filter(|_| errno == Errno::INVAL)?);
    let range = |map: &IdMap| format!("{} to {}", map.container_id, map.container_id + (map.size - 1));
    let ranges = maps.iter().map(range).collect::<Vec<_>>().join(", ");
    Some(format!("{list} maps {ranges}"))
}

#[cfg(test)]
mod tests {
    use super::Walker;

    #[test]
    fn who_may_pass_a_directory_is_its_owner_or_in_its_group_or_another() {
        let walker = Walker { uid: 1000, groups: vec![27, 1000] };
        assert!(walker.may_pass(1000, 0, 0o700) && !walker.may_pass(1000, 27, 0o011));
        assert!(walker.may_pass(0, 27, 0o750) && !walker.may_pass(0, 27, 0o701));
        assert!(walker.may_pass(0, 5, 0o701) && !walker.may_pass(0, 5, 0o770));
        assert!(Walker { uid: 0, groups: vec![] }.may_pass(1000, 1000, 0o000));
    }
}
