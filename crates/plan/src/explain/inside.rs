//! What `brig-init` does in the container's namespaces.
//! Runs in: the parent; pure.

use brig_handshake::devices::Making;
use brig_handshake::hooks::Hook;
use brig_handshake::mounts::{
    Cgroup1, Extra, Filesystem, Instance, Mount, Opener, SourceLink, Target, TargetLink, What,
};
use brig_handshake::process::{Process, SeccompLoad};
use brig_handshake::rootfs::RootSwitch;
use brig_seccomp::Shape;

use super::words::{attributes, flags, list, or, or_none, propagation, quoted, texts};
use super::{Known, Section};
use crate::plan::Plan;
use crate::{capabilities, seccomp};

pub(super) fn file_system(plan: &Plan<'_>) -> Section {
    let (mut section, rootfs) = (Section::new("file system"), &plan.task.rootfs);
    section.line("rootfs", quoted(&rootfs.path), Known::WhenDone);
    if rootfs.propagation != 0 {
        let parent = if rootfs.private_parent { ", what holds the rootfs private" } else { "" };
        section.line("host's tree", format!("{}{parent}", propagation(rootfs.propagation)), Known::Now);
    }
    for entry in &rootfs.mounts {
        section.line("mount", mount(entry), Known::WhenDone);
    }
    if let Some(devices) = &rootfs.devices {
        for node in &devices.nodes {
            let permissions = node.mode & 0o7777;
            let (major, minor) = (node.major, node.minor);
            let value =
                format!("{} {major}:{minor} {permissions:04o} {}:{}", quoted(&node.path), node.uid, node.gid);
            let how = match devices.making {
                Making::Mknod => "device",
                Making::Bind => "device, bound",
            };
            section.line(how, value, Known::WhenDone);
        }
        for link in &devices.links {
            section.line(
                "link",
                format!("{} to {}", quoted(&link.path), quoted(&link.target)),
                Known::WhenDone,
            );
        }
    }
    if rootfs.make_cwd {
        section.line("make", quoted(&plan.task.process.cwd), Known::WhenDone);
    }
    section
}

fn links(source: SourceLink, target: TargetLink) -> String {
    let source = match source {
        SourceLink::Followed => "",
        SourceLink::Mounted => ", itself if it is a symbolic link",
        SourceLink::Copied => ", or a copy if it is a symbolic link",
    };
    let target = match target {
        TargetLink::Followed => "",
        TargetLink::Covered => ", over the link itself if there is one",
    };
    format!("{source}{target}")
}

fn mount(mount: &Mount<'_>) -> String {
    let what = match &mount.what {
        What::Filesystem(value) => filesystem(value),
        What::Bind(bind) => {
            let opener = match bind.opener {
                Opener::Init => "",
                Opener::InitThenParent => ", opened by the parent if need be",
                Opener::Parent => ", opened by the parent",
                Opener::InitForParent => ", id-mapped by the parent",
            };
            let kind = if bind.recursive { "rbind" } else { "bind" };
            let attrs = bind.attrs.as_ref().map(|attrs| attributes(attrs.set, attrs.clear));
            let attrs = attrs.map_or("flags as they are".to_owned(), or_none);
            let links = links(bind.source_link, bind.target_link);
            format!("{kind} of {}, {attrs}{links}{opener}", quoted(&bind.source))
        }
        What::Cgroup2(value) => {
            let (flags, source) = (flags(value.flags), quoted(&value.source));
            match value.instance {
                Instance::New => format!("cgroup2 {flags}, or {source} bound"),
                Instance::Bound => format!("{source} bound {flags}"),
            }
        }
        What::Cgroup1(value) => hierarchies(value),
    };
    let spread = list(mount.propagation.iter().map(|kind| format!(", {}", propagation(*kind))), "");
    let recursive = mount.recursive.as_ref().map(|attrs| attributes(attrs.set, attrs.clear));
    let recursive = recursive.map(|attrs| format!(", all below {attrs}")).unwrap_or_default();
    format!("{}: {what}{spread}{recursive}", quoted(&mount.destination))
}

fn filesystem(value: &Filesystem<'_>) -> String {
    let mut text = format!("{} {}", quoted(&value.fs_type), or("defaults", flags(value.flags)));
    if let Some(data) = &value.data {
        text.push_str(&format!(" [{}]", data.to_string_lossy()));
    }
    text.push_str(match value.target {
        Target::Directory => "",
        Target::OrdinaryDirectory => ", through no link",
        Target::DirectoryGivesMode => ", mode of the directory beneath",
    });
    text.push_str(&match &value.extra {
        Extra::None => String::new(),
        Extra::CopyUp => ", contents copied up".to_owned(),
        Extra::Label(label) => format!(", label {}", quoted(label)),
    });
    text.push_str(if value.remount.is_some() { ", ro at the end" } else { "" });
    text
}

fn hierarchies(value: &Cgroup1<'_>) -> String {
    let each = value.hierarchies.iter().map(|hierarchy| match &hierarchy.data {
        Some(data) => format!("{} [{}]", quoted(&hierarchy.name), data.to_string_lossy()),
        None => {
            let or = hierarchy.fallback.as_ref().map(|it| format!(" or {}", quoted(it))).unwrap_or_default();
            format!("{} from {}{or}", quoted(&hierarchy.name), quoted(&hierarchy.source))
        }
    });
    let end = if value.remount.is_some() { ", ro at the end" } else { "" };
    format!("cgroup {} of {}{end}", flags(value.flags), list(each, ", "))
}

pub(super) fn switched(plan: &Plan<'_>) -> Section {
    let (mut section, task) = (Section::new("inside"), &plan.task);
    hooks(&mut section, "createContainer hook", &task.hooks.create_container);
    let switch = match task.rootfs.switch {
        RootSwitch::Pivot => "pivot_root",
        RootSwitch::MoveRoot => "move over / and chroot",
        RootSwitch::Chroot => "chroot only",
        RootSwitch::Stay => "none",
    };
    section.line("root", switch, Known::Now);
    if task.rootfs.final_propagation != 0 {
        section.line("root is", propagation(task.rootfs.final_propagation), Known::Now);
    }
    if let Some(terminal) = &task.process.terminal {
        let place = if terminal.console { ", also /dev/console" } else { "" };
        let size = match (terminal.columns, terminal.rows) {
            (0, _) | (_, 0) => "of any size".to_owned(),
            (columns, rows) => format!("{columns} by {rows}"),
        };
        section.line("terminal", format!("{size}{place}"), Known::WhenDone);
    }
    if task.rootfs.readonly {
        section.line("root is", "ro", Known::Now);
    }
    if let Some(name) = &task.hostname {
        section.line("hostname", quoted(name), Known::Now);
    }
    if let Some(name) = &task.domainname {
        section.line("domainname", quoted(name), Known::Now);
    }
    for sysctl in &task.sysctls {
        section.line("sysctl", format!("{} = {}", quoted(&sysctl.path), quoted(&sysctl.value)), Known::Now);
    }
    for path in &task.rootfs.readonly_paths {
        section.line("read-only", quoted(path), Known::WhenDone);
    }
    for path in &task.rootfs.masked_paths {
        section.line("masked", quoted(path), Known::WhenDone);
    }
    section
}

pub(super) fn process(plan: &Plan<'_>) -> Section {
    let (mut section, process) = (Section::new("process"), &plan.task.process);
    let set = |yes| if yes { "set" } else { "not set" };
    section.line("no_new_privs", set(process.no_new_privileges), Known::Now);
    scheduling(&mut section, process);
    for (name, label) in [("apparmor", &process.apparmor_profile), ("selinux", &process.selinux_label)] {
        if let Some(label) = label {
            section.line(name, quoted(label), Known::Now);
        }
    }
    if let Some(filter) = &process.seccomp {
        let when = match filter.load {
            SeccompLoad::OutOfSight => "before the process is seen inside",
            SeccompLoad::BeforeDrop => "before privileges drop",
            SeccompLoad::JustBeforeExec => "just before execve",
            SeccompLoad::WithListener => "while the parent takes the listener",
        };
        let program = match plan.filter.as_ref().map(seccomp::compile) {
            Some(Ok(compiled)) => {
                let Shape { instructions, deepest } = brig_seccomp::shape(&compiled.program);
                format!("{instructions} instructions, at most {deepest} for a call")
            }
            Some(Err(refusal)) => format!("refused: {refusal}"),
            None => "no program".to_owned(),
        };
        section.line("seccomp", format!("{program}, flags {:#x}, {when}", filter.flags), Known::Now);
    }
    section.line("user", format!("{}:{}", process.uid, process.gid), Known::Now);
    let groups =
        process.groups.as_ref().map_or("as they are".to_owned(), |groups| or_none(list(groups, " ")));
    section.line("groups", groups, Known::Now);
    sets(&mut section, process);
    let umask = process.umask.map_or("the caller's".to_owned(), |umask| format!("{umask:04o}"));
    section.line("umask", umask, Known::Now);
    section.line("cwd", quoted(&process.cwd), Known::WhenDone);
    let argv = texts(&process.args);
    let bare = process.args.first().is_some_and(|name| !name.to_bytes().contains(&b'/'));
    section.line("argv", argv, if bare { Known::WhenDone } else { Known::Now });
    for entry in &process.env {
        section.line("env", quoted(entry), Known::Now);
    }
    if process.find_home {
        section.line("env", "HOME, from the container's passwd file", Known::WhenDone);
    }
    section.line("gate", if plan.task.fds.gate { "waits for start" } else { "none" }, Known::Now);
    hooks(&mut section, "startContainer hook", &plan.task.hooks.start_container);
    section
}

fn scheduling(section: &mut Section, process: &Process<'_>) {
    if let Some(it) = &process.scheduler {
        let times = format!("{}/{}/{} ns", it.runtime, it.deadline, it.period);
        let value = format!(
            "policy {}, nice {}, priority {}, {times}, flags {:#x}",
            it.policy, it.nice, it.priority, it.flags
        );
        section.line("scheduler", value, Known::Now);
    }
    if let Some(priority) = process.io_priority {
        section.line(
            "I/O priority",
            format!("class {}, level {}", priority >> 13, priority & 0x1fff),
            Known::Now,
        );
    }
    if let Some(personality) = process.personality {
        section.line("personality", personality, Known::Now);
    }
    if let Some(policy) = &process.memory_policy {
        section.line(
            "memory policy",
            format!("mode {:#x}, nodes {:x?}", policy.mode, policy.nodes),
            Known::Now,
        );
    }
}

fn sets(section: &mut Section, process: &Process<'_>) {
    let Some(sets) = &process.capabilities else {
        section.line("capabilities", "all kept", Known::Now);
        return;
    };
    for (name, mask) in [
        ("bounding", sets.bounding),
        ("effective", sets.effective),
        ("inheritable", sets.inheritable),
        ("permitted", sets.permitted),
        ("ambient", sets.ambient),
    ] {
        section.line(name, or_none(list(capabilities::names(mask), " ")), Known::Now);
    }
}

fn hooks(section: &mut Section, name: &'static str, hooks: &[Hook<'_>]) {
    for hook in hooks {
        let timeout = hook.timeout.map(|ms| format!(", at most {ms} ms")).unwrap_or_default();
        let value = format!(
            "{}, argv {}, env {}{timeout}",
            quoted(&hook.path),
            texts(&hook.args),
            or_none(texts(&hook.env))
        );
        section.line(name, value, Known::WhenDone);
    }
}
