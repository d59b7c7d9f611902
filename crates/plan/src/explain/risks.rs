//! What weakens isolation: walls that are missing, and holes in those that stand, with one sentence on the risk of each.
//! Runs in: the parent; pure.

use brig_handshake::mounts::{Mount, What};
use brig_handshake::rootfs::RootSwitch;

use super::words::quoted;
use crate::capabilities;
use crate::kernel::{attr, clone, ms};
use crate::plan::{DeviceDefault, Plan};

/// One weakness.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Risk {
    /// What is missing or open.
    pub what: String,
    /// The entry of `config.json` that says so, or could say otherwise.
    pub path: String,
    /// What that lets somebody do.
    pub risk: String,
}

pub(super) fn of(plan: &Plan<'_>) -> Vec<Risk> {
    let mut risks = Vec::new();
    namespaces(plan, &mut risks);
    privileges(plan, &mut risks);
    devices(plan, &mut risks);
    plan.task.rootfs.mounts.iter().for_each(|entry| mount(entry, plan, &mut risks));
    kernel_files(plan, &mut risks);
    limits(plan, &mut risks);
    risks
}

fn add(risks: &mut Vec<Risk>, what: impl Into<String>, path: impl Into<String>, risk: impl Into<String>) {
    risks.push(Risk { what: what.into(), path: path.into(), risk: risk.into() });
}

/// What a container without the namespace of its own, or with that of another, shares.
const SHARED: [(u32, &str, &str); 7] = [
    (clone::NEWUSER, "user", "root inside is root outside: whatever gets out may do everything"),
    (clone::NEWPID, "pid", "it sees all processes, and may signal and trace those of its user"),
    (clone::NEWNS, "mount", "what it mounts and unmounts is mounted and unmounted for all"),
    (
        clone::NEWNET,
        "network",
        "it has all network devices, listens on all ports, and reaches abstract sockets",
    ),
    (clone::NEWIPC, "ipc", "it reads and writes shared memory and queues of others"),
    (clone::NEWUTS, "uts", "with CAP_SYS_ADMIN it may change the hostname for all"),
    (clone::NEWCGROUP, "cgroup", "it sees the names of the groups above its own"),
];

fn namespaces(plan: &Plan<'_>, risks: &mut Vec<Risk>) {
    let own = made(plan);
    for (kind, name, risk) in SHARED {
        let join = plan.start.join.iter().find(|join| join.kind == kind);
        match join {
            Some(join) => add(
                risks,
                format!("{name} namespace of {}", quoted(&join.path)),
                format!("linux.namespaces[{}].path", join.index),
                format!("shared with who is in it: {risk}"),
            ),
            None if own & kind == 0 => {
                add(risks, format!("no {name} namespace"), "linux.namespaces", risk);
            }
            None => {}
        }
    }
    if plan.task.rootfs.switch != RootSwitch::Pivot {
        let (what, path) = ("the host's root stays behind the container's", "--no-pivot, linux.namespaces");
        add(risks, what, path, "root inside may find a way back: chroot is no wall against root");
    }
}

fn made(plan: &Plan<'_>) -> u32 {
    let entry = &plan.task.entry;
    let cgroup = if plan.task.cgroup_namespace { clone::NEWCGROUP } else { 0 };
    plan.start.create | entry.unshare | entry.unshare_as_root | entry.second.unwrap_or(0) | cgroup
}

/// By number (capabilities(7)): what gives the host away where there is no user namespace.
const DANGEROUS: [(u8, &str); 13] = [
    (2, "it reads every file of a file system that it can name, also the host's (open_by_handle_at)"),
    (12, "it configures network devices, routes and firewalls of its network namespace"),
    (16, "it loads modules: its code runs in the kernel"),
    (17, "it reads and writes ports and memory of devices"),
    (19, "it reads and changes the memory of processes that it sees"),
    (21, "it mounts, and does most else of what only an administrator may"),
    (22, "it reboots the machine"),
    (25, "it sets the clock of the machine"),
    (32, "it overrides mandatory access control"),
    (33, "it changes the policy of mandatory access control"),
    (34, "it reads the kernel's log, which tells addresses"),
    (38, "it measures other processes, which tells their secrets"),
    (39, "it loads BPF programs into the kernel"),
];

fn privileges(plan: &Plan<'_>, risks: &mut Vec<Risk>) {
    let process = &plan.task.process;
    if process.seccomp.is_none() {
        add(
            risks,
            "no seccomp filter",
            "linux.seccomp",
            "every system call, and every fault in one, is within reach",
        );
    }
    if !process.no_new_privileges {
        let risk = "set-user-ID programs of the image give more privileges than the process has";
        add(risks, "no_new_privs is not set", "process.noNewPrivileges", risk);
    }
    let is_in_user_namespace = made(plan) & clone::NEWUSER != 0;
    let bounding = process.capabilities.as_ref().map(|sets| sets.bounding | sets.permitted);
    match bounding {
        None => add(risks, "all capabilities", "process.capabilities", "nothing is kept from root inside"),
        Some(mask) if !is_in_user_namespace => {
            for (number, risk) in DANGEROUS.iter().filter(|(number, _)| mask & (1 << number) != 0) {
                let name = capabilities::capability_name(u32::from(*number));
                add(risks, name, "process.capabilities", *risk);
            }
        }
        Some(_) => {}
    }
}

fn devices(plan: &Plan<'_>, risks: &mut Vec<Risk>) {
    let all = match &plan.cgroup.devices {
        // In a user namespace nobody makes a node, and what is bound has the host's own mode.
        None => made(plan) & clone::NEWUSER == 0,
        Some(rules) => rules.default == DeviceDefault::Allow,
    };
    if all {
        let risk = "with CAP_MKNOD it makes nodes of disks, and reads and writes them past every file system";
        add(risks, "all devices may be used", "linux.resources.devices", risk);
    }
}

/// Sources that are more than files.
const POWERFUL: [(&str, &str); 7] = [
    ("docker.sock", "who talks to this socket has the host: it starts containers of any kind"),
    ("containerd.sock", "who talks to this socket has the host: it starts containers of any kind"),
    ("podman.sock", "who talks to this socket starts containers of any kind as its user"),
    ("crio.sock", "who talks to this socket has the host: it starts containers of any kind"),
    ("/proc", "the host's processes and settings are in it"),
    ("/sys", "the host's devices and settings are in it"),
    ("/dev", "the host's devices are in it"),
];

fn mount(mount: &Mount<'_>, plan: &Plan<'_>, risks: &mut Vec<Risk>) {
    let (path, destination) = (format!("mounts[{}]", mount.index), quoted(&mount.destination));
    let is_readonly = |set: Option<u64>| set.is_some_and(|set| set & attr::RDONLY != 0);
    let below = is_readonly(mount.recursive.as_ref().map(|attrs| attrs.set));
    match &mount.what {
        What::Bind(bind) => {
            let source = bind.source.to_string_lossy();
            let powerful = POWERFUL
                .iter()
                .find(|(name, _)| *name == source || (!name.starts_with('/') && source.ends_with(name)));
            let is_readonly = below || is_readonly(bind.attrs.as_ref().map(|attrs| attrs.set));
            match powerful {
                Some((_, risk)) => {
                    add(risks, format!("{source} of the host at {destination}"), path.clone(), *risk)
                }
                None if source == "/" => {
                    add(
                        risks,
                        format!("the host's root at {destination}"),
                        path.clone(),
                        "every file of the host is in it",
                    );
                }
                None if !is_readonly => {
                    let what = format!("{source} of the host, writable at {destination}");
                    add(risks, what, path.clone(), "what is written there, the host and others read");
                }
                None => {}
            }
        }
        What::Cgroup1(value) if value.flags & ms::RDONLY == 0 && value.remount.is_none() => {
            cgroups(&destination, &path, plan, risks)
        }
        What::Cgroup2(value) if value.flags & ms::RDONLY == 0 => cgroups(&destination, &path, plan, risks),
        What::Cgroup1(_) | What::Cgroup2(_) | What::Filesystem(_) => {}
    }
    if mount.propagation.iter().any(|kind| kind & ms::SHARED != 0) {
        add(
            risks,
            format!("{destination} is shared"),
            path,
            "what is mounted below it inside is mounted on the host",
        );
    }
}

fn cgroups(destination: &str, path: &str, plan: &Plan<'_>, risks: &mut Vec<Risk>) {
    if plan.cgroup.delegate.is_none() {
        add(risks, format!("cgroups, writable at {destination}"), path, "root inside changes its own limits");
    }
}

fn kernel_files(plan: &Plan<'_>, risks: &mut Vec<Risk>) {
    let rootfs = &plan.task.rootfs;
    if rootfs.masked_paths.is_empty() {
        let risk = "files of /proc and /sys tell about the host: its memory, keys and timers";
        add(risks, "nothing is masked", "linux.maskedPaths", risk);
    }
    if rootfs.readonly_paths.is_empty() {
        let risk = "root inside changes settings of the whole kernel (/proc/sys, /proc/sysrq-trigger)";
        add(risks, "no path of /proc is read-only", "linux.readonlyPaths", risk);
    }
}

fn limits(plan: &Plan<'_>, risks: &mut Vec<Risk>) {
    let has =
        |name: &str| plan.cgroup.limits.iter().chain(&plan.cgroup.late).any(|write| write.controller == name);
    for (controller, path, risk) in [
        ("memory", "linux.resources.memory.limit", "it may take all memory of the host"),
        ("pids", "linux.resources.pids.limit", "it may take all process ids of the host"),
    ] {
        if !has(controller) {
            add(risks, format!("no {controller} limit"), path, risk);
        }
    }
}
