//! Faults in words: what was attempted, on what, why it failed, and which entry of config.json asked for it; in runc's words
//! where callers match them.
//! Runs in: the parent, which has the plan.
#![allow(clippy::wildcard_enum_match_arm, reason = "steps without words of their own share a form")]

use std::borrow::Cow;

use brig_handshake::mounts::{Mount, What};
use brig_handshake::process::Process;
use brig_handshake::{Fault, Step};
use brig_plan::plan::Plan;
use rustix::io::Errno;

use crate::error::{Error, Kind};
use crate::missing;

/// A fault of a container's first process.
pub(crate) fn of_init(plan: &Plan<'_>, fault: &Fault<'_>) -> Error {
    let words = match fault.step {
        Step::MountSource | Step::MountTarget | Step::Mount | Step::MountAttributes | Step::Remount => {
            mount(plan, fault)
        }
        Step::JoinNamespaces => join(plan, fault),
        Step::DeviceNode => device(plan, fault),
        Step::Sysctl => sysctl(plan, fault),
        Step::BindRootfs => format!(
            "invalid rootfs: {}: {} (root.path)",
            plan.task.rootfs.path.to_string_lossy(),
            errno(fault)
        ),
        Step::ReadonlyPath => path_of("linux.readonlyPaths", &plan.task.rootfs.readonly_paths, fault),
        Step::MaskedPath => path_of("linux.maskedPaths", &plan.task.rootfs.masked_paths, fault),
        Step::Scheduler if is_deadline_on_some_processors(plan, fault) => {
            "error setting scheduler: process scheduler can't be used together with AllowedCPUs \
             (process.scheduler, linux.resources.cpu.cpus)"
                .to_owned()
        }
        Step::Hostname => format!("sethostname: {} (hostname)", errno(fault)),
        Step::Domainname => format!("setdomainname: {} (domainname)", errno(fault)),
        _ => of_process(&plan.task.process, fault),
    };
    finish(fault, words)
}

/// Who may not run on every processor of his root domain gets no deadline (sched(7)).
fn is_deadline_on_some_processors(plan: &Plan<'_>, fault: &Fault<'_>) -> bool {
    const DEADLINE: u32 = 6;
    let scheduler = plan.task.process.scheduler.as_ref();
    fault.errno == Errno::PERM.raw_os_error()
        && scheduler.is_some_and(|scheduler| scheduler.policy == DEADLINE)
        && plan.cgroup.resources.cpu.cpus.is_some()
}

/// A fault of a further process.
pub(crate) fn of_exec(process: &Process<'_>, fault: &Fault<'_>) -> Error {
    let words = of_process(process, fault);
    let kind = kind(fault);
    Error::new(kind, words)
}

fn finish(fault: &Fault<'_>, words: String) -> Error {
    // runc's own order: what fails before the gate is "during container init"; the program's failure is bare.
    match fault.step {
        Step::Exec | Step::StartContainerHook => Error::new(kind(fault), words),
        _ => Error::new(kind(fault), format!("error during container init: {words}")),
    }
}

fn kind(fault: &Fault<'_>) -> Kind {
    match fault.step {
        Step::CreateContainerHook => Kind::Hook,
        step => Kind::Step { step, errno: (fault.errno != 0).then(|| Errno::from_raw_os_error(fault.errno)) },
    }
}

/// Something that was left out.
pub(crate) fn note(fault: &Fault<'_>) {
    match fault.step {
        Step::Capabilities => {
            log::warn!(
                "can't raise ambient capability {}: {}",
                brig_plan::capability_name(fault.index),
                errno(fault)
            );
        }
        step => log::warn!("{}: {}", step.name(), errno(fault)),
    }
}

fn errno(fault: &Fault<'_>) -> Cow<'static, str> {
    missing::words(fault.errno)
}

fn text(fault: &Fault<'_>) -> String {
    String::from_utf8_lossy(&fault.text).into_owned()
}

fn of_process(process: &Process<'_>, fault: &Fault<'_>) -> String {
    let program = process.args.first().map(|name| name.to_string_lossy()).unwrap_or_default();
    match fault.step {
        Step::FindExecutable if fault.errno == 0 => format!("exec: \"{program}\": {}", text(fault)),
        Step::FindExecutable => match Errno::from_raw_os_error(fault.errno) {
            Errno::ISDIR | Errno::ACCESS => format!("exec: \"{program}\": {}", errno(fault)),
            _ => format!("exec: \"{program}\": stat {program}: {}", errno(fault)),
        },
        Step::Exec | Step::StartContainerHook | Step::CreateContainerHook if !fault.text.is_empty() => {
            text(fault)
        }
        Step::Cwd if fault.errno == 0 => text(fault),
        Step::Cwd => {
            format!(
                "chdir to cwd (\"{}\") set in config.json failed: {}",
                process.cwd.to_string_lossy(),
                errno(fault)
            )
        }
        Step::User if fault.index == 0 && fault.errno == Errno::INVAL.raw_os_error() => {
            format!("cannot setuid to unmapped uid {} in user namespace", process.uid)
        }
        Step::User if fault.errno == Errno::INVAL.raw_os_error() => {
            format!("cannot setgid to unmapped gid {} in user namespace", process.gid)
        }
        Step::MakeCwd => format!("mkdir {}: {} (process.cwd)", process.cwd.to_string_lossy(), errno(fault)),
        Step::Groups => format!("setgroups: {} (process.user.additionalGids)", errno(fault)),
        Step::Limits => format!("error setting rlimits: {} (process.rlimits[{}])", errno(fault), fault.index),
        Step::Scheduler => format!("error setting scheduler: {}", errno(fault)),
        Step::Label if fault.index == 1 => {
            format!("write SELinux label: {} (process.selinuxLabel)", errno(fault))
        }
        Step::Label => {
            format!("unable to apply apparmor profile: {} (process.apparmorProfile)", errno(fault))
        }
        Step::Seccomp => {
            format!("unable to init seccomp: error loading seccomp filter into kernel: {}", errno(fault))
        }
        step if fault.errno == 0 => format!("{}: {}", step.name(), text(fault)),
        step => format!("{}: {}", step.name(), errno(fault)),
    }
}

fn mount(plan: &Plan<'_>, fault: &Fault<'_>) -> String {
    let Some(mount) = plan.task.rootfs.mounts.iter().find(|mount| mount.index == fault.index) else {
        return format!("{}: {}", fault.step.name(), errno(fault));
    };
    let (source, destination) = (source_of(mount), mount.destination.to_string_lossy());
    let entry = format!("mounts[{}]", fault.index);
    let reason = match fault.step {
        _ if fault.errno == 0 => format!("{} ({entry})", text(fault)),
        Step::MountSource => {
            format!("failed to fulfil mount request: open {source}: {} ({entry}.source)", errno(fault))
        }
        Step::MountTarget => {
            if is_not_ordinary(mount, fault) {
                format!("filesystem {source:?} must be mounted on ordinary directory ({entry}.destination)")
            } else {
                format!(
                    "create mountpoint for {destination} mount: make mountpoint \"{destination}\": {} ({entry}.destination)",
                    errno(fault)
                )
            }
        }
        Step::MountAttributes if !fault.text.is_empty() => {
            format!("{}: {} ({entry}.options)", text(fault), errno(fault))
        }
        Step::MountAttributes => format!("set mount attributes: {} ({entry}.options)", errno(fault)),
        Step::Remount => format!("remount: {} ({entry}.options)", errno(fault)),
        _ => format!("{} ({entry})", mount_failure(mount, fault)),
    };
    format!("error mounting \"{source}\" to rootfs at \"{destination}\": {reason}")
}

fn mount_failure(mount: &Mount<'_>, fault: &Fault<'_>) -> String {
    let source = source_of(mount);
    match &mount.what {
        What::Filesystem(filesystem) => {
            let data = filesystem.data.as_ref().map(|data| format!(", data={}", data.to_string_lossy()));
            format!(
                "mount src={source}, dst={}, flags={:#x}{}: {}",
                mount.destination.to_string_lossy(),
                filesystem.flags,
                data.unwrap_or_default(),
                errno(fault)
            )
        }
        What::Bind(_) | What::Cgroup1(_) | What::Cgroup2(_) => {
            format!("mount src={source}, dst={}: {}", mount.destination.to_string_lossy(), errno(fault))
        }
    }
}

/// proc and sysfs on something that is no directory, or behind a link (CVE-2019-19921).
fn is_not_ordinary(mount: &Mount<'_>, fault: &Fault<'_>) -> bool {
    let strict = match &mount.what {
        What::Filesystem(filesystem) => {
            filesystem.target == brig_handshake::mounts::Target::OrdinaryDirectory
        }
        What::Bind(_) | What::Cgroup1(_) | What::Cgroup2(_) => false,
    };
    strict && matches!(Errno::from_raw_os_error(fault.errno), Errno::LOOP | Errno::NOTDIR)
}

fn source_of(mount: &Mount<'_>) -> String {
    match &mount.what {
        What::Filesystem(filesystem) => filesystem.source.to_string_lossy().into_owned(),
        What::Bind(bind) => bind.source.to_string_lossy().into_owned(),
        What::Cgroup1(_) | What::Cgroup2(_) => "cgroup".to_owned(),
    }
}

fn join(plan: &Plan<'_>, fault: &Fault<'_>) -> String {
    let join = usize::try_from(fault.index).ok().and_then(|index| plan.start.join.get(index));
    match join {
        Some(join) => {
            format!(
                "setns {}: {} (linux.namespaces[{}].path)",
                join.path.to_string_lossy(),
                errno(fault),
                join.index
            )
        }
        None => format!("setns: {}", errno(fault)),
    }
}

fn device(plan: &Plan<'_>, fault: &Fault<'_>) -> String {
    let nodes = plan.task.rootfs.devices.as_ref().map(|devices| &devices.nodes);
    let node = nodes.and_then(|nodes| nodes.get(usize::try_from(fault.index).ok()?));
    match node {
        Some(node) if node.index == u32::MAX => {
            format!("mknod {}: {}", node.path.to_string_lossy(), errno(fault))
        }
        Some(node) => {
            format!("mknod {}: {} (linux.devices[{}])", node.path.to_string_lossy(), errno(fault), node.index)
        }
        None => format!("mknod: {}", errno(fault)),
    }
}

fn sysctl(plan: &Plan<'_>, fault: &Fault<'_>) -> String {
    let sysctl = usize::try_from(fault.index).ok().and_then(|index| plan.task.sysctls.get(index));
    match sysctl {
        Some(sysctl) => {
            let path = sysctl.path.to_string_lossy();
            let (key, errno) = (path.replace('/', "."), errno(fault));
            format!("write sysctl key {key}: /proc/sys/{path}: {errno} (linux.sysctl[{key:?}])")
        }
        None => format!("write sysctl: {}", errno(fault)),
    }
}

fn path_of(list: &str, paths: &[brig_handshake::Text<'_>], fault: &Fault<'_>) -> String {
    let path = usize::try_from(fault.index).ok().and_then(|index| paths.get(index));
    let path = path.map(|path| path.to_string_lossy().into_owned()).unwrap_or_default();
    format!("{} {path}: {} ({list})", fault.step.name(), errno(fault))
}
