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

mod hints;
mod host;
mod program;

pub(crate) use host::{of_error, subordinate_ids};

/// What is said of a fault. Empty texts are left out.
struct Said {
    words: String,
    /// What it was done to.
    subject: String,
    /// The entry of the configuration that asked for it.
    path: String,
}

impl Said {
    fn new(words: impl Into<String>) -> Self {
        Self { words: words.into(), subject: String::new(), path: String::new() }
    }

    fn about(self, subject: impl Into<String>) -> Self {
        Self { subject: subject.into(), ..self }
    }

    fn by(self, path: impl Into<String>) -> Self {
        Self { path: path.into(), ..self }
    }

    fn into_error(self, kind: Kind) -> Error {
        let error = Error::new(kind, self.words).about(self.subject);
        if self.path.is_empty() { error } else { error.asked_for_by(self.path) }
    }
}

/// A fault of a container's first process.
pub(crate) fn of_init(plan: &Plan<'_>, fault: &Fault<'_>) -> Error {
    let said = match fault.step {
        Step::MountSource | Step::MountTarget | Step::Mount | Step::MountAttributes | Step::Remount => {
            mount(plan, fault)
        }
        Step::JoinNamespaces => join(plan, fault),
        Step::DeviceNode => device(plan, fault),
        Step::Sysctl => sysctl(plan, fault),
        Step::BindRootfs => {
            let rootfs = plan.task.rootfs.path.to_string_lossy();
            Said::new(format!("invalid rootfs: {rootfs}: {}", errno(fault))).about(rootfs).by("root.path")
        }
        Step::ReadonlyPath => path_of("linux.readonlyPaths", &plan.task.rootfs.readonly_paths, fault),
        Step::MaskedPath => path_of("linux.maskedPaths", &plan.task.rootfs.masked_paths, fault),
        Step::Scheduler if is_deadline_on_some_processors(plan, fault) => {
            Said::new("error setting scheduler: process scheduler can't be used together with AllowedCPUs")
                .by("process.scheduler, linux.resources.cpu.cpus")
        }
        Step::Hostname => Said::new(format!("sethostname: {}", errno(fault))).by("hostname"),
        Step::Domainname => Said::new(format!("setdomainname: {}", errno(fault))).by("domainname"),
        _ => of_process(&plan.task.process, fault),
    };
    let error = said.into_error(kind(fault)).because(hints::of_init(plan, fault));
    let error = match fault.step {
        Step::CreateContainerHook => error.of_entry(format!("hooks.createContainer[{}]", fault.index)),
        Step::StartContainerHook => error.of_entry(format!("hooks.startContainer[{}]", fault.index)),
        _ => error,
    };
    // runc's own order: what fails before the gate is "during container init"; the program's failure is bare.
    match fault.step {
        Step::Exec | Step::StartContainerHook => error,
        _ => error.within("error during container init"),
    }
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
    let said = of_process(process, fault);
    let said = match fault.step {
        // The command line asked for these, not config.json.
        Step::FindExecutable | Step::Exec | Step::Cwd | Step::User => said.by(""),
        _ => said,
    };
    said.into_error(kind(fault)).because(hints::of_exec(process, fault))
}

fn kind(fault: &Fault<'_>) -> Kind {
    match fault.step {
        Step::CreateContainerHook => Kind::Hook,
        step => Kind::Step { step, errno: errno_of(fault) },
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

/// `None` where the text says all.
fn errno_of(fault: &Fault<'_>) -> Option<Errno> {
    // The numbers that system calls return.
    (1..4096).contains(&fault.errno).then(|| Errno::from_raw_os_error(fault.errno))
}

fn errno(fault: &Fault<'_>) -> Cow<'static, str> {
    missing::words(fault.errno)
}

fn text(fault: &Fault<'_>) -> String {
    String::from_utf8_lossy(&fault.text).into_owned()
}

fn of_process(process: &Process<'_>, fault: &Fault<'_>) -> Said {
    let program = process.args.first().map(|name| name.to_string_lossy()).unwrap_or_default();
    let (why, index) = (errno(fault), fault.index);
    match fault.step {
        Step::FindExecutable => {
            let reason = match errno_of(fault) {
                None => text(fault),
                Some(Errno::ISDIR | Errno::ACCESS) => why.into_owned(),
                Some(_) => format!("stat {program}: {why}"),
            };
            Said::new(format!("exec: \"{program}\": {reason}")).about(program).by("process.args[0]")
        }
        // runc's bare line, which callers compare.
        Step::Exec if !fault.text.is_empty() => Said::new(text(fault)).about(program),
        Step::StartContainerHook | Step::CreateContainerHook if !fault.text.is_empty() => {
            Said::new(text(fault))
        }
        Step::Cwd if fault.errno == 0 => Said::new(text(fault)),
        Step::Cwd => {
            let cwd = process.cwd.to_string_lossy();
            Said::new(format!("chdir to cwd (\"{cwd}\") set in config.json failed: {why}"))
                .about(cwd)
                .by("process.cwd")
        }
        Step::User if index == 0 && fault.errno == Errno::INVAL.raw_os_error() => {
            Said::new(format!("cannot setuid to unmapped uid {} in user namespace", process.uid))
                .by("process.user.uid")
        }
        Step::User if fault.errno == Errno::INVAL.raw_os_error() => {
            Said::new(format!("cannot setgid to unmapped gid {} in user namespace", process.gid))
                .by("process.user.gid")
        }
        Step::MakeCwd => {
            let cwd = process.cwd.to_string_lossy();
            Said::new(format!("mkdir {cwd}: {why}")).about(cwd).by("process.cwd")
        }
        Step::Groups => Said::new(format!("setgroups: {why}")).by("process.user.additionalGids"),
        Step::Limits => {
            Said::new(format!("error setting rlimits: {why}")).by(format!("process.rlimits[{index}]"))
        }
        Step::Scheduler => Said::new(format!("error setting scheduler: {why}")).by("process.scheduler"),
        Step::Label if index == 1 => {
            Said::new(format!("write SELinux label: {why}")).by("process.selinuxLabel")
        }
        Step::Label => {
            Said::new(format!("unable to apply apparmor profile: {why}")).by("process.apparmorProfile")
        }
        Step::Seccomp => {
            Said::new(format!("unable to init seccomp: error loading seccomp filter into kernel: {why}"))
                .by("linux.seccomp")
        }
        step if fault.errno == 0 => Said::new(format!("{}: {}", step.name(), text(fault))),
        step => Said::new(format!("{}: {why}", step.name())),
    }
}

fn mount(plan: &Plan<'_>, fault: &Fault<'_>) -> Said {
    let Some(mount) = plan.task.rootfs.mounts.iter().find(|mount| mount.index == fault.index) else {
        return Said::new(format!("{}: {}", fault.step.name(), errno(fault)));
    };
    let (source, destination, why) = (source_of(mount), mount.destination.to_string_lossy(), errno(fault));
    let (reason, member) = match fault.step {
        _ if fault.errno == 0 => (text(fault), ""),
        Step::MountSource => (format!("failed to fulfil mount request: open {source}: {why}"), ".source"),
        Step::MountTarget if is_not_ordinary(mount, fault) => {
            (format!("filesystem {source:?} must be mounted on ordinary directory"), ".destination")
        }
        Step::MountTarget => {
            let make = format!("make mountpoint \"{destination}\": {why}");
            (format!("create mountpoint for {destination} mount: {make}"), ".destination")
        }
        Step::MountAttributes if !fault.text.is_empty() => (format!("{}: {why}", text(fault)), ".options"),
        Step::MountAttributes => (format!("set mount attributes: {why}"), ".options"),
        Step::Remount => (format!("remount: {why}"), ".options"),
        _ => (mount_failure(mount, fault), ""),
    };
    let path = format!("mounts[{}]{member}", fault.index);
    let subject = if member == ".source" { source.clone() } else { destination.clone().into_owned() };
    Said::new(format!("error mounting \"{source}\" to rootfs at \"{destination}\": {reason}"))
        .about(subject)
        .by(path)
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
    strict && matches!(errno_of(fault), Some(Errno::LOOP | Errno::NOTDIR))
}

fn source_of(mount: &Mount<'_>) -> String {
    match &mount.what {
        What::Filesystem(filesystem) => filesystem.source.to_string_lossy().into_owned(),
        What::Bind(bind) => bind.source.to_string_lossy().into_owned(),
        What::Cgroup1(_) | What::Cgroup2(_) => "cgroup".to_owned(),
    }
}

fn join(plan: &Plan<'_>, fault: &Fault<'_>) -> Said {
    let join = usize::try_from(fault.index).ok().and_then(|index| plan.start.join.get(index));
    match join {
        Some(join) => {
            let path = join.path.to_string_lossy();
            Said::new(format!("setns {path}: {}", errno(fault)))
                .about(path)
                .by(format!("linux.namespaces[{}].path", join.index))
        }
        None => Said::new(format!("setns: {}", errno(fault))),
    }
}

fn device(plan: &Plan<'_>, fault: &Fault<'_>) -> Said {
    let nodes = plan.task.rootfs.devices.as_ref().map(|devices| &devices.nodes);
    let node = nodes.and_then(|nodes| nodes.get(usize::try_from(fault.index).ok()?));
    let Some(node) = node else { return Said::new(format!("mknod: {}", errno(fault))) };
    let path = node.path.to_string_lossy();
    let said = Said::new(format!("mknod {path}: {}", errno(fault))).about(path);
    // One of those that every container has is nobody's entry.
    if node.index == u32::MAX { said } else { said.by(format!("linux.devices[{}]", node.index)) }
}

fn sysctl(plan: &Plan<'_>, fault: &Fault<'_>) -> Said {
    let sysctl = usize::try_from(fault.index).ok().and_then(|index| plan.task.sysctls.get(index));
    match sysctl {
        Some(sysctl) => {
            let path = sysctl.path.to_string_lossy();
            let key = path.replace('/', ".");
            Said::new(format!("write sysctl key {key}: /proc/sys/{path}: {}", errno(fault)))
                .about(format!("/proc/sys/{path}"))
                .by(format!("linux.sysctl[{key:?}]"))
        }
        None => Said::new(format!("write sysctl: {}", errno(fault))),
    }
}

fn path_of(list: &str, paths: &[brig_handshake::Text<'_>], fault: &Fault<'_>) -> Said {
    let path = usize::try_from(fault.index).ok().and_then(|index| paths.get(index));
    let path = path.map(|path| path.to_string_lossy().into_owned()).unwrap_or_default();
    Said::new(format!("{} {path}: {}", fault.step.name(), errno(fault))).about(path).by(list)
}
