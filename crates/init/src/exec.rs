//! One more process in a running container: the same steps without a file system to build.

use alloc::vec::IntoIter;

use brig_handshake::Step;
use brig_handshake::process::{KeyringOf, SeccompLoad};
use brig_handshake::task::ExecTask;
use rustix::fd::OwnedFd;
use rustix::fs::{self, CWD, Mode, OFlags};
use rustix::{process, thread};

use crate::fault::At;
use crate::parent::Parent;
use crate::{
    Never, gate, identity, keyring, namespaces, payload, pivot, procfs, scheduling, seccomp, stdio, terminal,
};

/// Carries out `task` and becomes the user's program.
pub(crate) fn become_another(
    task: &ExecTask<'_>,
    mut descriptors: IntoIter<OwnedFd>,
    parent: &mut Parent,
) -> Never {
    let process = &task.process;
    stdio::take(&task.fds, &mut descriptors)?;
    // For the execve to come, which inherits them. Through the host's proc while it is in sight: what we join may be hostile,
    // and who may trace everybody there would find the host behind that descriptor.
    if process.apparmor_profile.is_some() || process.selinux_label.is_some() {
        identity::set_labels(process, Some(&procfs::host().at(Step::Label)?))?;
    }
    // Filters deny keyctl(2).
    keyring::join_of(KeyringOf::Starting, task, parent)?;
    scheduling::first_affinity(process)?;
    parent.begins(Step::JoinNamespaces)?;
    namespaces::join(&task.entry, &task.fds, &mut descriptors, parent)?;
    // While nobody in there sees us, and who may trace everybody cannot take what we still have.
    identity::bound(process, parent)?;
    scheduling::io_priority(process)?;
    let filter = seccomp::take(process, parent)?;
    filter.load_when(SeccompLoad::OutOfSight, parent)?;
    identity::keep(task.kept)?;
    namespaces::enter(&task.entry, parent)?;
    process::setsid().at(Step::Arrive)?;
    keyring::join_of(KeyringOf::Joined, task, parent)?;

    let inside = pivot::joined();
    if let Some(wanted) = &process.terminal {
        let root = fs::openat(CWD, c"/", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
        terminal::take(wanted, &root.at(Step::Terminal)?, parent, &inside)?;
    }
    parent.begins(Step::NoNewPrivileges)?;
    if process.no_new_privileges {
        thread::set_no_new_privs(true).at(Step::NoNewPrivileges)?;
    }
    scheduling::policy(process)?;
    scheduling::apply(process)?;
    scheduling::limit(process, parent)?;
    filter.load_when(SeccompLoad::BeforeDrop, parent)?;
    let unprivileged = identity::drop_privileges(process, parent, &inside)?;
    parent.begins(Step::FindExecutable)?;
    let found = payload::find(process, &unprivileged)?;
    filter.load_when(SeccompLoad::WithListener, parent)?;

    let environment = payload::environment(process);
    gate::wait(None, task.fds.preserved, parent)?;
    filter.load_when(SeccompLoad::JustBeforeExec, parent)?;
    payload::execute(&found, process, &environment, &filter.in_force()?)
}
