//! The container's first process, and all others, made by CRIU of images.
//! Runs in: the parent, on the host.
//!
//! CRIU stands in the container's cgroup, so that what it makes is born there, and in a mount namespace of its own, where the
//! rootfs is a mount. What it makes are siblings of it: our children.

mod network;
mod root;
mod sources;

use std::fs::{DirBuilder, canonicalize};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use brig_cgroup::Membership;
use brig_handshake::task::Walls;
use brig_plan::checkpoint;
use brig_plan::plan::ExecTemplate;
use brig_sys::keyctl;
use rustix::fs::{AtFlags, CWD, statat};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::{Created, Making, Streams, in_context};
use crate::criu::{
    self, Criu, Desk, Directories, EXTERNAL, Job, Launch, Message, Options, Phase, Surroundings, inherit,
    option, pair,
};
use crate::error::{Error, Result, best_effort};
use crate::hooks::{self, Hooks};
use crate::network::Network;
use crate::restore::Images;
use crate::spawn::{self, Parked};
use crate::status::Status;
use crate::terminal::Terminals;
use crate::{seccomp, state};
use sources::Mapped;

impl Making<'_> {
    /// Has CRIU make the processes.
    pub(super) fn restore(&mut self, images: &Images<'_>, parked: Option<&Parked>) -> Result<Created> {
        let directories = Directories::open(&images.options)?;
        let descriptors = criu::read_descriptors(&directories.images, images.options.images)?;
        criu::check_memory(directories.images.as_fd())?;
        let stand = Stand::make(self.place.path(), "criu-root")?;
        let sources = Stand::make(self.place.path(), "criu-sources")?;
        let mapped = Mapped::open(self.plan, &self.joined, &sources.path)?;
        let external = checkpoint::external(self.plan);
        let mounts = Mutex::new(Vec::new());
        let points = checkpoint::mount_points(self.plan);
        let rootfs = &self.plan.facts.rootfs;
        let prepare = || {
            if let Some(keyring) = &self.plan.task.keyring {
                // Or they would have the session keyring of whoever restores them.
                best_effort(
                    keyctl::join_session_keyring(&keyring.name),
                    "a kernel without keys has none to protect",
                );
            }
            root::keep_to_ourselves()?;
            mapped.mount(self.store.root(), [&stand.path, &sources.path])?;
            let resolved = root::mount(rootfs, &stand.path, &points)?;
            let all = sources::all(&external, &mapped, &resolved)?;
            if let Ok(mut mounts) = mounts.lock() {
                *mounts = all;
            }
            Ok(())
        };
        let namespaces = self.external_namespaces();
        let inherited: Vec<BorrowedFd<'_>> = namespaces.iter().map(|(namespace, _)| *namespace).collect();
        let launch = Launch {
            program: images.options.program,
            streams: Some(match &self.request.streams {
                Streams::Passed(streams) => *streams,
                Streams::Inherited
                | Streams::Foreground(_)
                | Streams::Terminal { .. }
                | Streams::ConsoleSocket(_) => brig_sys::stdio::streams(),
            }),
            inherited: &inherited,
            surroundings: Some(Surroundings { prepare: &prepare, work: &directories.work }),
            patience: &self.request.patience,
        };
        // Its working directory has to stay open for as long as it is asked, which is as long as it lives.
        let criu = Criu::start(&launch)?;
        images.options.tell(Phase::Started(criu.version));
        let mounts = mounts.into_inner().unwrap_or_default();
        let mut request = self.request_to_criu(images, &directories, &criu)?;
        request.text(option::ROOT, stand.path.as_os_str().as_bytes());
        for (number, link) in (0..3).zip(&descriptors) {
            if link.starts_with("pipe:") {
                request.message(option::INHERIT_FD, &inherit(link, number));
            }
        }
        for ((_, key), number) in namespaces.iter().zip(&criu.inherited) {
            request.message(option::INHERIT_FD, &inherit(key, *number));
        }
        for (place, source) in &mounts {
            request.message(option::EXT_MNT, &pair(place, source));
        }
        drop(namespaces);
        self.enter_cgroup(&criu, parked)?;
        name_cgroups(&mut request, &criu)?;
        self.converse_with(criu, &request, &images.options)
            .map_err(|error| criu::quote_log(error, &directories.log(LOG)))
    }

    fn request_to_criu(
        &self,
        images: &Images<'_>,
        directories: &Directories,
        criu: &Criu,
    ) -> Result<Message> {
        let mut request = images.options.request(LOG, &self.plan.facts);
        let work = criu.work.as_ref().ok_or_else(|| criu::broken("criu has no working directory"))?;
        directories.name_in(&mut request, work);
        request.flag(option::RST_SIBLING, true).flag(option::EVASIVE_DEVICES, true);
        // Without somebody who takes a new terminal, that of a shell's job is the one that we stand on.
        request.flag(option::ORPHAN_PTS_MASTER, self.plan.task.process.terminal.is_some());
        let lsm = [
            (images.lsm_profile, option::LSM_PROFILE, "--lsm-profile"),
            (images.lsm_mount_context, option::LSM_MOUNT_CONTEXT, "--lsm-mount-context"),
        ];
        for (value, field, flag) in lsm {
            if let Some(value) = value {
                criu::at_least(criu.version, CHANGES_LSM, flag)?;
                request.text(field, value);
            }
        }
        for (kind, name, _, needed) in EXTERNAL {
            if self.plan.start.join.iter().any(|join| join.kind == kind) {
                criu::at_least(criu.version, needed, &format!("to join a {name} namespace"))?;
            }
        }
        self.name_joined(&mut request)?;
        Ok(request)
    }

    /// Network and PID namespaces that are joined, with what the images call them.
    fn external_namespaces(&self) -> Vec<(BorrowedFd<'_>, &'static str)> {
        let joined = self.plan.start.join.iter().zip(&self.joined);
        let external = |kind| EXTERNAL.iter().find(|(known, ..)| *known == kind).map(|(_, _, key, _)| *key);
        joined.filter_map(|(join, open)| Some((open.as_fd(), external(join.kind)?))).collect()
    }

    /// All others that are joined.
    fn name_joined(&self, request: &mut Message) -> Result<()> {
        for join in &self.plan.start.join {
            let Some((_, name)) = JOINED.iter().find(|(kind, _)| *kind == join.kind) else {
                if EXTERNAL.iter().any(|(kind, ..)| *kind == join.kind) {
                    continue;
                }
                let words = "CRIU cannot restore into this kind of namespace of somebody else's";
                let at = format!("linux.namespaces[{}].path", join.index);
                return Err(brig_plan::refusal::Refusal::at(at, words).into());
            };
            request.message(option::JOIN_NS, &pair(name, join.path.to_bytes()));
        }
        Ok(())
    }

    /// CRIU is the first in it. What was parked there has then done its duty.
    fn enter_cgroup(&mut self, criu: &Criu, parked: Option<&Parked>) -> Result<()> {
        if let Some(cgroup) = &mut self.cgroup {
            cgroup.join(criu.pid()).map_err(super::cgroup::in_cgroup)?;
        }
        if let Some(parked) = parked {
            parked.dismiss();
        }
        if self.plan.task.walls == Walls::Finished { Ok(()) } else { self.restrict_devices() }
    }

    fn converse_with(&self, criu: Criu, request: &Message, options: &Options<'_>) -> Result<Created> {
        let mut desk = RestoreDesk {
            making: self,
            options,
            terminals: Terminals::new(&self.request.streams),
            terminal: None,
            restored: None,
            network: None,
        };
        let done = criu.carry_out(Job::Restore, request, &mut desk);
        let RestoreDesk { terminal, restored, network, .. } = desk;
        let settled = done.and_then(|_| {
            self.place.settle_record()?;
            restored.as_ref().ok_or_else(|| criu::broken("criu failed: it restored nothing"))
        });
        match settled {
            Ok(_) => {}
            Err(error) => {
                if let Some((_, pidfd)) = &restored {
                    spawn::end(pidfd.as_fd());
                }
                if let Some(network) = network {
                    network.take_back();
                }
                return Err(error);
            }
        }
        let (pid, pidfd) = restored.ok_or_else(|| criu::broken("criu failed: it restored nothing"))?;
        Ok(Created { pid, pidfd, terminal, notify: None })
    }
}

/// What the parent does when CRIU says how far it is.
struct RestoreDesk<'d, 'm> {
    making: &'d Making<'m>,
    options: &'d Options<'d>,
    terminals: Terminals<'d>,
    /// The master of a foreground terminal.
    terminal: Option<OwnedFd>,
    restored: Option<(Pid, OwnedFd)>,
    /// What was set up for it.
    network: Option<Network>,
}

impl Desk for RestoreDesk<'_, '_> {
    fn notified(&mut self, script: &str, pid: Option<Pid>, descriptor: Option<OwnedFd>) -> Result<()> {
        match (script, pid, descriptor) {
            ("setup-namespaces", Some(pid), _) => {
                self.set_up_namespaces(pid)?;
                self.options.tell(Phase::Namespaces);
                Ok(())
            }
            ("post-restore", Some(pid), _) => {
                self.keep(pid)?;
                self.options.tell(Phase::Processes);
                Ok(())
            }
            ("orphan-pts-master", _, Some(master)) => {
                self.terminal = self.terminals.take(master)?;
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

impl RestoreDesk<'_, '_> {
    /// The namespaces are there, and nothing is in them.
    fn set_up_namespaces(&mut self, pid: Pid) -> Result<()> {
        let making = self.making;
        self.network = network::set_up(making, pid).map_err(in_context)?;
        let document = state::document(&making.plan.facts, Status::Creating, Some(number(pid)));
        let (hooks, bundle) = (&making.plan.hooks, Some(making.request.bundle));
        let run = |list, hooks| {
            hooks::run_within(&making.request.patience, list, hooks, document.as_bytes(), bundle)
        };
        run(Hooks::Prestart, &hooks.prestart)
            .and_then(|()| run(Hooks::CreateRuntime, &hooks.create_runtime))
            .map_err(in_context)
    }

    /// The processes are there, and do not run yet.
    fn keep(&mut self, pid: Pid) -> Result<()> {
        let making = self.making;
        let failed = |errno| Error::os(format_args!("pidfd_open {pid}"), errno);
        let pidfd = pidfd_open(pid, PidfdFlags::empty()).map_err(failed)?;
        self.restored = Some((pid, pidfd));
        making.set_late_limits()?;
        let mut template: ExecTemplate<'_> = making.plan.exec.clone();
        // Clocks go on from where they were: CRIU makes a time namespace for that.
        if has_own_clock(pid)? {
            template.namespaces |= TIME;
        }
        let mut record = making.record(pid)?;
        record.namespaces = template.namespaces;
        let filter = match &making.plan.filter {
            Some(profile) => seccomp::program(making.store, profile)?.bytes,
            None => std::borrow::Cow::Borrowed(&[][..]),
        };
        making.place.prepare_record(&record, &template, &filter)
    }
}

/// Whether a process is in another time namespace than we are.
fn has_own_clock(pid: Pid) -> Result<bool> {
    let inode = |path: &str| match statat(CWD, path, AtFlags::empty()) {
        Ok(stat) => Ok(Some(stat.st_ino)),
        // A kernel without time namespaces.
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(Error::os(format_args!("stat {path}"), errno)),
    };
    Ok(inode(&format!("/proc/{pid}/ns/time"))? != inode("/proc/self/ns/time")?)
}

fn number(pid: Pid) -> u32 {
    pid.as_raw_nonzero().get().cast_unsigned()
}

/// Where CRIU is now is where the container's processes go.
fn name_cgroups(request: &mut Message, criu: &Criu) -> Result<()> {
    let membership = Membership::of(criu.pid())?;
    for (controller, path) in membership.groups() {
        request.message(option::CG_ROOT, &pair(controller, path));
    }
    Ok(())
}

/// A place in the container's directory where CRIU finds the rootfs, or sources. It is a mount only in CRIU's namespace.
struct Stand {
    path: PathBuf,
}

impl Stand {
    fn make(directory: &Path, name: &str) -> Result<Self> {
        let path = directory.join(name);
        let failed = |error: &std::io::Error| Error::io(format_args!("mkdir {}", path.display()), error);
        DirBuilder::new().mode(0o755).create(&path).map_err(|error| failed(&error))?;
        Ok(Self { path: canonicalize(&path).map_err(|error| failed(&error))? })
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        best_effort(std::fs::remove_dir(&self.path), "it goes with the container's directory");
    }
}

const LOG: &str = "restore.log";

/// Before that it set the profile of the images all the same.
const CHANGES_LSM: criu::Version = criu::Version { major: 3, minor: 16, sublevel: 0 };

/// `CLONE_NEWTIME`.
const TIME: u32 = 0x80;

/// `CLONE_NEW*` of what CRIU joins by name.
const JOINED: [(u32, &str); 5] =
    [(0x0002_0000, "mnt"), (0x0400_0000, "uts"), (0x0800_0000, "ipc"), (0x1000_0000, "user"), (TIME, "time")];
