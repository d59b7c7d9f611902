//! A container described in words, for people without a config.json.
//! Runs in: the parent; it looks at who the caller is and which cgroups there are, and changes nothing.
//!
//! It is closed where nothing is said: every namespace is its own, the network too; three capabilities; nothing new by execve; no
//! device but `/dev/null` and its kin; nothing of the host but the root file system.

mod defaults;

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output};

use brig_plan::network::Network;
use brig_plan::spec::{
    Hook, Hooks, Linux, LinuxCpu, LinuxIdMapping, LinuxMemory, LinuxPids, LinuxResources, LinuxSeccomp,
    Mount, PosixRlimit, Process, Spec, User,
};
use rustix::process::{getegid, geteuid};

use defaults::{capabilities, default_spec, namespace};

use super::stdio::{Wanted, stream_setters};
use super::{Container, Launch};
use crate::error::Result;
use crate::patience::Patience;
use crate::store::Store;

/// A container to be, in words.
///
/// Who is not root gets a user namespace, in which he is root. Everything is a value of the [`Spec`] that [`Builder::spec`]
/// returns, and [`Builder::edit`] reaches what has no word here.
#[derive(Debug)]
#[must_use = "it does nothing before it is created"]
pub struct Builder {
    spec: Spec<'static>,
    bundle: PathBuf,
    streams: Wanted,
    networks: Vec<Network>,
    patience: Patience,
}

impl Builder {
    pub(super) fn new(rootfs: impl Into<PathBuf>) -> Self {
        let rootfs = rootfs.into();
        let ids = (geteuid().as_raw(), getegid().as_raw());
        Self {
            spec: default_spec(&rootfs, (ids.0 != 0).then_some(ids), is_v2()),
            bundle: rootfs,
            streams: Wanted::default(),
            networks: Vec::new(),
            patience: Patience::ENDLESS,
        }
    }

    /// The program and its arguments; a shell where nothing is said.
    pub fn command<S: Into<String>>(self, command: impl IntoIterator<Item = S>) -> Self {
        self.process(|process| process.args = command.into_iter().map(|word| word.into().into()).collect())
    }

    /// Adds a variable to its environment, which has a `PATH` and no more, or changes one.
    pub fn env(self, name: &str, value: &str) -> Self {
        self.process(|process| {
            let named = format!("{name}=");
            process.env.retain(|entry| !entry.starts_with(&named));
            process.env.push(format!("{named}{value}").into());
        })
    }

    /// Where it begins; absolute. `/` where nothing is said.
    pub fn current_dir(self, path: impl Into<String>) -> Self {
        self.process(|process| process.cwd = path.into().into())
    }

    /// Whom it runs as, in the container; root where nothing is said.
    pub fn user(self, uid: u32, gid: u32) -> Self {
        self.process(|process| process.user = User { uid, gid, ..std::mem::take(&mut process.user) })
    }

    /// Its capabilities, instead of `CAP_AUDIT_WRITE`, `CAP_KILL` and `CAP_NET_BIND_SERVICE`.
    pub fn capabilities<S: Into<String>>(self, names: impl IntoIterator<Item = S>) -> Self {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        self.process(|process| process.capabilities = Some(capabilities(&names)))
    }

    /// A limit of setrlimit(2), such as `RLIMIT_NOFILE`, soft and hard.
    pub fn rlimit(self, kind: &str, soft: u64, hard: u64) -> Self {
        self.process(|process| {
            process.rlimits.retain(|limit| limit.kind.as_str() != kind);
            process.rlimits.push(PosixRlimit { kind: kind.to_owned().into(), hard, soft });
        })
    }

    /// Nobody in it can write to its root file system.
    pub fn read_only(mut self) -> Self {
        if let Some(root) = &mut self.spec.root {
            root.readonly = true;
        }
        self
    }

    /// Its host name.
    pub fn hostname(mut self, name: impl Into<String>) -> Self {
        self.spec.hostname = name.into().into();
        self
    }

    /// A file or directory of the host, which it may write to as far as its user may.
    pub fn bind(self, source: impl AsRef<Path>, destination: impl Into<String>) -> Self {
        self.bound(source.as_ref(), destination.into(), &["rbind", "nosuid", "nodev"])
    }

    /// A file or directory of the host, with all that is mounted below it, to be read.
    pub fn bind_read_only(self, source: impl AsRef<Path>, destination: impl Into<String>) -> Self {
        self.bound(source.as_ref(), destination.into(), &["rbind", "rro", "nosuid", "nodev"])
    }

    /// Memory to write files to, at most so many bytes.
    pub fn tmpfs(self, destination: impl Into<String>, bytes: u64) -> Self {
        let size = format!("size={bytes}");
        self.mount(Mount {
            destination: destination.into().into(),
            fs_type: "tmpfs".into(),
            source: "tmpfs".into(),
            options: vec!["nosuid".into(), "nodev".into(), size.into()],
            ..Mount::default()
        })
    }

    /// One more mount, as config.json has them.
    pub fn mount(mut self, mount: Mount<'static>) -> Self {
        self.spec.mounts.push(mount);
        self
    }

    /// It may not use more memory than this, in bytes.
    pub fn memory(self, bytes: u64) -> Self {
        let limit = i64::try_from(bytes).unwrap_or(i64::MAX);
        self.resources(|resources| {
            resources.memory =
                Some(LinuxMemory { limit: Some(limit), ..resources.memory.unwrap_or_default() });
        })
    }

    /// It may not use more time than so many processors have: 0.5 is half of one.
    pub fn cpus(self, processors: f64) -> Self {
        #[allow(clippy::cast_possible_truncation, reason = "a quota of more than 2^63 microseconds is none")]
        let quota = (processors * 100_000.0) as i64;
        self.cpu(|cpu| (cpu.quota, cpu.period) = (Some(quota), Some(100_000)))
    }

    /// It runs on these processors: `0-3,7` (cpuset(7)).
    pub fn cpuset(self, list: impl Into<String>) -> Self {
        self.cpu(|cpu| cpu.cpus = list.into().into())
    }

    /// It may not have more processes and threads than this.
    pub fn pids(self, most: u32) -> Self {
        self.resources(|resources| resources.pids = Some(LinuxPids { limit: Some(most.into()) }))
    }

    /// System calls that it may make: a profile, as `linux.seccomp` has it.
    pub fn seccomp(self, profile: LinuxSeccomp<'static>) -> Self {
        self.linux(|linux| linux.seccomp = Some(profile))
    }

    /// `linux.cgroupsPath`.
    pub fn cgroups_path(self, path: impl Into<String>) -> Self {
        self.linux(|linux| linux.cgroups_path = path.into().into())
    }

    /// A user namespace whose ids 0, 1, … are these of the host, for root; an ordinary user has one with his own id.
    pub fn map_ids(self, host_uid: u32, host_gid: u32, count: u32) -> Self {
        let map = |host_id| vec![LinuxIdMapping { container_id: 0, host_id, size: count }];
        self.linux(|linux| {
            linux.namespaces.retain(|namespace| namespace.kind.as_str() != "user");
            linux.namespaces.push(namespace("user"));
            (linux.uid_mappings, linux.gid_mappings) = (map(host_uid), map(host_gid));
        })
    }

    /// It has the caller's network, and no other.
    pub fn share_network(self) -> Self {
        self.linux(|linux| linux.namespaces.retain(|namespace| namespace.kind.as_str() != "network"))
    }

    /// Sets this up in its network namespace, which has a loopback interface and no more.
    pub fn network(mut self, network: Network) -> Self {
        self.networks.push(network);
        self
    }

    /// An annotation.
    pub fn annotation(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.spec.annotations.push((key.into().into(), value.into().into()));
        self
    }

    /// A program of the host that runs when the container is gone. The other kinds are set with [`Builder::edit`].
    pub fn poststop(mut self, hook: Hook<'static>) -> Self {
        self.spec.hooks.get_or_insert_with(Hooks::default).poststop.push(hook);
        self
    }

    /// Changes what there is no word for here.
    pub fn edit(mut self, change: impl FnOnce(&mut Spec<'static>)) -> Self {
        change(&mut self.spec);
        self
    }

    stream_setters!();

    /// How long creating it may take. When that is over what was begun is taken back.
    pub fn patience(mut self, patience: Patience) -> Self {
        self.patience = patience;
        self
    }

    /// What the words come to.
    pub fn spec(&self) -> &Spec<'static> {
        &self.spec
    }

    /// The same as a [`Launch`], for what has no word here.
    pub fn launch(self) -> Launch<'static> {
        let launch = Launch::spec(self.bundle, self.spec).streams(self.streams).patience(self.patience);
        self.networks.into_iter().fold(launch, Launch::network)
    }

    /// Creates it; its program waits for [`Container::start`].
    ///
    /// # Errors
    /// As for [`Launch::create`].
    pub fn create(self, store: &Store, id: &str) -> Result<Container> {
        self.launch().create(store, id)
    }

    /// Creates and starts it.
    ///
    /// # Errors
    /// As for [`Launch::run`].
    pub fn run(self, store: &Store, id: &str) -> Result<Container> {
        self.launch().run(store, id)
    }

    /// Runs it to its end, and destroys it.
    ///
    /// # Errors
    /// As for [`Launch::status`].
    pub fn status(self, store: &Store, id: &str) -> Result<ExitStatus> {
        self.launch().status(store, id)
    }

    /// Runs it to its end, gathers what it writes, and destroys it.
    ///
    /// # Errors
    /// As for [`Launch::output`].
    pub fn output(self, store: &Store, id: &str) -> Result<Output> {
        self.launch().output(store, id)
    }

    fn bound(self, source: &Path, destination: String, options: &'static [&'static str]) -> Self {
        self.mount(Mount {
            destination: destination.into(),
            fs_type: "bind".into(),
            source: source.to_string_lossy().into_owned().into(),
            options: options.iter().map(|option| (*option).into()).collect(),
            ..Mount::default()
        })
    }

    fn process(mut self, change: impl FnOnce(&mut Process<'static>)) -> Self {
        change(self.spec.process.get_or_insert_with(Process::default));
        self
    }

    fn linux(mut self, change: impl FnOnce(&mut Linux<'static>)) -> Self {
        change(self.spec.linux.get_or_insert_with(Linux::default));
        self
    }

    fn resources(self, change: impl FnOnce(&mut LinuxResources<'static>)) -> Self {
        self.linux(|linux| change(linux.resources.get_or_insert_with(LinuxResources::default)))
    }

    fn cpu(self, change: impl FnOnce(&mut LinuxCpu<'static>)) -> Self {
        self.resources(|resources| change(resources.cpu.get_or_insert_with(LinuxCpu::default)))
    }
}

/// Whether cgroups are of version 2 alone: only those can be seen through a cgroup namespace.
fn is_v2() -> bool {
    Path::new("/sys/fs/cgroup/cgroup.controllers").exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relative_root_file_system_is_looked_for_where_the_caller_is() {
        let builder = Container::builder("a/b");
        let here = std::env::current_dir().unwrap();
        assert_eq!(builder.spec().root.as_ref().unwrap().path.as_str(), here.join("a/b").to_str().unwrap());
    }

    #[test]
    fn words_are_values_of_the_spec() {
        let spec = Container::builder("/r")
            .command(["sh", "-c", "true"])
            .env("A", "1")
            .env("A", "2")
            .memory(64 << 20)
            .cpus(0.5)
            .pids(8)
            .read_only()
            .tmpfs("/tmp", 1 << 20)
            .bind_read_only("/usr", "/usr")
            .share_network()
            .launch();
        spec.with_spec(|spec| {
            let process = spec.process.as_ref().unwrap();
            assert_eq!(
                (&process.args[..], &process.env[..]),
                (
                    &["sh".into(), "-c".into(), "true".into()][..],
                    &[defaults::SEARCH.into(), "A=2".into()][..]
                )
            );
            let resources = spec.linux.as_ref().unwrap().resources.as_ref().unwrap();
            assert_eq!(resources.memory.unwrap().limit, Some(64 << 20));
            let cpu = resources.cpu.as_ref().unwrap();
            assert_eq!((cpu.quota, cpu.period), (Some(50_000), Some(100_000)));
            assert!(spec.root.as_ref().unwrap().readonly);
            assert!(
                spec.linux
                    .as_ref()
                    .unwrap()
                    .namespaces
                    .iter()
                    .all(|namespace| namespace.kind.as_str() != "network")
            );
        })
        .unwrap();
    }
}
