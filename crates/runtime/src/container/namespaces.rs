//! Namespaces that are kept by descriptor: made before there is a container, or taken from one, and joined by others.
//! Runs in: the parent. New ones are made by a thread that ends at once, so that no other thread leaves the caller's.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::thread;

use brig_sys::unshare;
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;

use super::Container;
use crate::error::{Error, Result};

/// A kind of namespace (namespaces(7)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Namespace {
    /// Process ids.
    Pid,
    /// Network interfaces.
    Network,
    /// System V IPC and POSIX message queues.
    Ipc,
    /// Host name and domain name.
    Uts,
    /// Mounts.
    Mount,
    /// User and group ids.
    User,
    /// The cgroup that is seen as the root.
    Cgroup,
    /// Clocks.
    Time,
}

impl Namespace {
    /// The word of config.json.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pid => "pid",
            Self::Network => "network",
            Self::Ipc => "ipc",
            Self::Uts => "uts",
            Self::Mount => "mount",
            Self::User => "user",
            Self::Cgroup => "cgroup",
            Self::Time => "time",
        }
    }

    /// Its file in `/proc/PID/ns`.
    const fn file(self) -> &'static str {
        match self {
            Self::Network => "net",
            Self::Mount => "mnt",
            Self::Pid | Self::Ipc | Self::Uts | Self::User | Self::Cgroup | Self::Time => self.as_str(),
        }
    }

    /// `CLONE_NEW*`, of those that a thread may make for itself alone.
    const fn flag(self) -> Option<u32> {
        match self {
            Self::Network => Some(0x4000_0000),
            Self::Ipc => Some(0x0800_0000),
            Self::Uts => Some(0x0400_0000),
            Self::Pid | Self::Mount | Self::User | Self::Cgroup | Self::Time => None,
        }
    }
}

/// Namespaces, for as long as this value lives: neither a path nor a process has to stay for that.
#[derive(Debug)]
pub struct Namespaces {
    kept: Vec<(Namespace, OwnedFd)>,
}

impl Namespaces {
    /// Makes new ones: of the kinds network, ipc and uts. A PID namespace needs a first process; take it from a container that has
    /// one. For root.
    ///
    /// # Errors
    /// `Os`: INVAL for another kind, PERM without CAP_SYS_ADMIN.
    pub fn new(kinds: &[Namespace]) -> Result<Arc<Self>> {
        let flags = kinds.iter().try_fold(0, |flags, kind| Some(flags | kind.flag()?));
        let flags = flags.ok_or_else(|| Error::os("unshare", Errno::INVAL))?;
        let make = move || {
            unshare::namespaces(flags).map_err(|errno| Error::os("unshare", errno))?;
            Ok(())
        };
        let open = |kinds: &[Namespace]| {
            kinds
                .iter()
                .map(|kind| Ok((*kind, open(&format!("/proc/thread-self/ns/{}", kind.file()))?)))
                .collect()
        };
        thread::scope(|scope| {
            let maker = scope.spawn(move || make().and_then(|()| open(kinds)));
            maker.join().unwrap_or_else(|_| Err(Error::os("unshare", Errno::IO)))
        })
        .map(|kept| Arc::new(Self { kept }))
    }

    /// Those of a container's first process.
    ///
    /// # Errors
    /// `WrongStatus` if that has ended; `Os`.
    pub fn of(container: &Container, kinds: &[Namespace]) -> Result<Arc<Self>> {
        let init = container.init().ok_or_else(Error::not_running)?;
        let pid = init.pid();
        let kept = kinds
            .iter()
            .map(|kind| Ok((*kind, open(&format!("/proc/{pid}/ns/{}", kind.file()))?)))
            .collect::<Result<Vec<_>>>()?;
        // The number was its own as long as it had not ended.
        init.signal(0)?;
        Ok(Arc::new(Self { kept }))
    }

    /// What somebody else has kept.
    pub fn from_descriptors(kept: impl IntoIterator<Item = (Namespace, OwnedFd)>) -> Arc<Self> {
        Arc::new(Self { kept: kept.into_iter().collect() })
    }

    /// The descriptor of one of them.
    pub fn get(&self, kind: Namespace) -> Option<BorrowedFd<'_>> {
        self.iter().find(|(kept, _)| *kept == kind).map(|(_, namespace)| namespace)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (Namespace, BorrowedFd<'_>)> {
        self.kept.iter().map(|(kind, namespace)| (*kind, namespace.as_fd()))
    }
}

fn open(path: &str) -> Result<OwnedFd> {
    openat(CWD, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        .map_err(|errno| Error::os(format_args!("open {path}"), errno))
}
