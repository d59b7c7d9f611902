//! The first process of a container: the table of contents of its start. `docs/order.md` says why each line stands where it
//! stands.

use alloc::vec::IntoIter;

use brig_handshake::process::SeccompLoad;
use brig_handshake::task::{InitTask, Walls};
use brig_handshake::{Ask, Step};
use brig_sys::{netdevice, setns};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::Mode;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
use rustix::{process, system, thread};

use crate::fault::{At, Outcome};
use crate::hooks::When;
use crate::identity::Unprivileged;
use crate::parent::Parent;
use crate::payload::Payload;
use crate::pivot::Inside;
use crate::seccomp::Filter;
use crate::{
    Never, hooks, identity, keyring, namespaces, paths, payload, pivot, procfs, rootfs, scheduling, seccomp,
    sysctl,
};
use crate::{fds, gate, stdio, terminal};

/// `CLONE_NEWCGROUP`.
const CGROUP: u32 = 0x200_0000;

/// Carries out `task` and becomes the user's program.
pub(crate) fn become_first(
    task: &InitTask<'_>,
    mut descriptors: IntoIter<OwnedFd>,
    parent: &mut Parent,
) -> Never {
    // Modes of nodes and directories are exactly those that are asked for; the user's umask is set at the end. An exec
    // makes none, and keeps the caller's.
    process::umask(Mode::empty());
    stdio::take(&task.fds, &mut descriptors)?;
    scheduling::first_affinity(&task.process)?;
    parent.begins(Step::JoinNamespaces)?;
    namespaces::join(&task.entry, &task.fds, &mut descriptors, parent)?;
    namespaces::enter(&task.entry, parent)?;
    parent.begins(Step::CgroupNamespace)?;
    let gate = gate::take(&task.fds, &mut descriptors)?;
    process::setsid().at(Step::Arrive)?;
    enter_rest(task, parent)?;

    if task.walls == Walls::AtOnce {
        parent.finish_walls()?;
    }
    let proc = own_proc(task)?;
    parent.begins(Step::Propagation)?;
    let (root, late) = rootfs::build(&task.rootfs, parent)?;
    if task.walls == Walls::AfterMounts {
        parent.finish_walls()?;
        parent.walls_are_finished()?;
    }
    parent.begins(Step::PivotRoot)?;
    let inside = switch_root(task, &root, parent)?;
    match &task.process.terminal {
        Some(wanted) => terminal::take(wanted, &root, parent, &inside)?,
        None => stdio::reopen_null(&root, &inside),
    }
    parent.network_is_up()?;
    parent.begins(Step::ReadonlyRoot)?;
    finish_rootfs(task, &root, late, proc.as_ref(), parent, &inside)?;

    // Also where there is no filter: what follows the task follows the record too. Whoever comes to the gate without it would be
    // a container that nobody knows, should brig be killed.
    let filter = seccomp::take(&task.process, parent)?;
    parent.begins(Step::NoNewPrivileges)?;
    let unprivileged = settle(task, proc.as_ref(), parent, &filter, &inside)?;
    parent.begins(Step::FindExecutable)?;
    let found = payload::find(&task.process, &unprivileged)?;
    filter.load_when(SeccompLoad::WithListener, parent)?;
    fds::leave_to_execve(root);
    fds::leave_any_to_execve(proc);
    pass_gate(task, gate, &found, &filter, parent)
}

/// Namespaces and kernel objects that are not files.
fn enter_rest(task: &InitTask<'_>, parent: &Parent) -> Outcome<()> {
    if task.cgroup_namespace {
        setns::unshare(CGROUP).at(Step::CgroupNamespace)?;
    }
    if let Some(wanted) = &task.keyring {
        parent.enters(Step::Keyring, 0);
        keyring::join(wanted, parent)?;
    }
    if task.loopback {
        parent.enters(Step::Loopback, 0);
        let socket = socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)
            .at(Step::Loopback)?;
        netdevice::loopback_up(&socket).at(Step::Loopback)?;
        fds::leave_to_execve(socket);
    }
    if task.network {
        parent.enters(Step::Network, 0);
        let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)
            .at(Step::Network)?;
        parent.set_up_network(socket.as_fd())?;
    }
    Ok(())
}

/// A proc of our own, if something is to be written through one. Before the host's is out of sight.
fn own_proc(task: &InitTask<'_>) -> Outcome<Option<OwnedFd>> {
    let labelled = task.process.apparmor_profile.is_some() || task.process.selinux_label.is_some();
    if !labelled && task.sysctls.is_empty() {
        return Ok(None);
    }
    procfs::own().map(Some).at(Step::Sysctl)
}

/// The working directory, the hooks that come before, and the switch itself.
fn switch_root(task: &InitTask<'_>, root: &OwnedFd, parent: &Parent) -> Outcome<Inside> {
    if task.rootfs.make_cwd {
        rootfs::make_cwd(root.as_fd(), &task.process.cwd)?;
    }
    if task.runtime_hooks {
        parent.enters(Step::RuntimeHooks, 0);
        parent.ask(Step::RuntimeHooks, &Ask::RunHooks)?;
    }
    if !task.hooks.create_container.is_empty() {
        parent.enters(Step::CreateContainerHook, 0);
        parent.walls_are_finished()?;
        process::fchdir(root).at(Step::CreateContainerHook)?;
        hooks::run(&task.hooks, When::CreateContainer, &[], parent.alone)?;
    }
    parent.enters(Step::PivotRoot, 0);
    pivot::switch(&task.rootfs, root)
}

/// What had to wait until `/dev` was complete, and what closes the file system up.
fn finish_rootfs(
    task: &InitTask<'_>,
    root: &OwnedFd,
    late: rootfs::Late,
    proc: Option<&OwnedFd>,
    parent: &Parent,
    inside: &Inside,
) -> Outcome<()> {
    for (index, mount) in late {
        rootfs::make_readonly(&mount).at_entry(Step::Remount, index)?;
        fds::leave_to_execve(mount);
    }
    if task.rootfs.readonly {
        rootfs::make_readonly(root).at(Step::ReadonlyRoot)?;
    }
    if let Some(hostname) = &task.hostname {
        system::sethostname(hostname.to_bytes()).at(Step::Hostname)?;
    }
    if let Some(domainname) = &task.domainname {
        system::setdomainname(domainname.to_bytes()).at(Step::Domainname)?;
    }
    if let Some(proc) = proc {
        parent.enters(Step::Sysctl, 0);
        sysctl::write(&task.sysctls, proc)?;
    }
    parent.enters(Step::ReadonlyPath, 0);
    let tree = paths::Tree::open(&task.rootfs, root, inside)?;
    paths::protect(&task.rootfs.readonly_paths, &tree)?;
    parent.enters(Step::MaskedPath, 0);
    paths::mask(&task.rootfs.masked_paths, &tree)?;
    tree.close();
    pivot::propagate(&task.rootfs, inside)
}

/// From root with everything to the user with nothing but what was asked for.
fn settle(
    task: &InitTask<'_>,
    proc: Option<&OwnedFd>,
    parent: &Parent,
    filter: &Filter<'_>,
    inside: &Inside,
) -> Outcome<Unprivileged> {
    let process = &task.process;
    if process.no_new_privileges {
        thread::set_no_new_privs(true).at(Step::NoNewPrivileges)?;
    }
    scheduling::policy(process)?;
    scheduling::io_priority(process)?;
    scheduling::apply(process)?;
    scheduling::limit(process, parent)?;
    identity::set_labels(process, proc)?;
    filter.load_when(SeccompLoad::BeforeDrop, parent)?;
    identity::bound(process, parent)?;
    identity::drop_privileges(process, parent, inside)
}

/// Waits for start, runs the last hooks, executes.
fn pass_gate(
    task: &InitTask<'_>,
    gate: Option<OwnedFd>,
    found: &Payload<'_>,
    filter: &Filter<'_>,
    parent: &mut Parent,
) -> Never {
    let environment = payload::environment(&task.process);
    parent.walls_are_finished()?;
    gate::wait(gate.as_ref(), task.fds.preserved, parent)?;
    filter.load_when(SeccompLoad::JustBeforeExec, parent)?;
    hooks::run(&task.hooks, When::StartContainer, &environment, parent.alone)?;
    payload::execute(found, &task.process, &environment, &filter.in_force()?)
}
