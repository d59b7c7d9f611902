//! How a container begins: of which configuration, with whose streams, namespaces and networks.
//! Runs in: the parent.

use std::borrow::Cow;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output};
use std::sync::Arc;

use brig_plan::load;
use brig_plan::network::Network;
use brig_plan::plan::Whose;
use brig_plan::spec::{LinuxNamespace, Spec};
use rustix::process::geteuid;

use super::Container;
use super::exec::process;
use super::namespaces::Namespaces;
use super::stdio::{Wanted, stream_setters};
use crate::create::{self, Request};
use crate::error::Result;
use crate::patience::Patience;
use crate::restore::{self, Images};
use crate::store::{ContainerId, Store};
use crate::timeline::Timeline;

/// A container to be, and everything that is not in its configuration.
#[derive(Debug)]
#[must_use = "it does nothing before it is created"]
pub struct Launch<'a> {
    bundle: PathBuf,
    /// `None`: the bundle's `config.json`.
    spec: Option<Box<Spec<'a>>>,
    streams: Wanted,
    joined: Vec<Arc<Namespaces>>,
    cgroups_path: Option<String>,
    networks: Vec<Network>,
    no_pivot: bool,
    no_new_keyring: bool,
    rootless_cgroups: bool,
    systemd: Option<Whose>,
    patience: Patience,
    timeline: Option<&'a Timeline>,
}

impl<'a> Launch<'a> {
    /// The container of a bundle: an absolute path of a directory with a `config.json`.
    pub fn bundle(bundle: impl Into<PathBuf>) -> Self {
        Self {
            bundle: bundle.into(),
            spec: None,
            streams: Wanted::default(),
            joined: Vec::new(),
            cgroups_path: None,
            networks: Vec::new(),
            no_pivot: false,
            no_new_keyring: false,
            rootless_cgroups: !geteuid().is_root(),
            systemd: None,
            patience: Patience::ENDLESS,
            timeline: None,
        }
    }

    /// A container of this configuration. The bundle is where relative paths and hooks begin; no file is read there.
    pub fn spec(bundle: impl Into<PathBuf>, spec: Spec<'a>) -> Self {
        Self { spec: Some(Box::new(spec)), ..Self::bundle(bundle) }
    }

    stream_setters!();

    /// It joins these namespaces, instead of what `linux.namespaces` says of their kinds.
    pub fn join(mut self, namespaces: &Arc<Namespaces>) -> Self {
        self.joined.push(Arc::clone(namespaces));
        self
    }

    /// `linux.cgroupsPath`.
    pub fn cgroups_path(mut self, path: impl Into<String>) -> Self {
        self.cgroups_path = Some(path.into());
        self
    }

    /// Sets this up in its network namespace, beside what annotations ask for.
    pub fn network(mut self, network: Network) -> Self {
        self.networks.push(network);
        self
    }

    /// Its cgroup is a unit of this systemd.
    pub fn systemd(mut self, whose: Whose) -> Self {
        self.systemd = Some(whose);
        self
    }

    /// The root is switched without pivot_root(2), for a root that is on a ramdisk.
    pub fn no_pivot(mut self) -> Self {
        self.no_pivot = true;
        self
    }

    /// It keeps the caller's session keyring.
    pub fn no_new_keyring(mut self) -> Self {
        self.no_new_keyring = true;
        self
    }

    /// Whether failures to make a cgroup are forgiven where no limits were asked for. The default is yes for who is not root.
    pub fn rootless_cgroups(mut self, forgiven: bool) -> Self {
        self.rootless_cgroups = forgiven;
        self
    }

    /// How long creating it may take, hooks included. When that is over what was begun is taken back.
    pub fn patience(mut self, patience: Patience) -> Self {
        self.patience = patience;
        self
    }

    /// Notes there what takes how long: the phases of this process and of `brig-init` until the program runs, or waits.
    pub fn timeline(mut self, timeline: &'a Timeline) -> Self {
        self.timeline = Some(timeline);
        self
    }

    /// Creates it; its program waits for [`Container::start`].
    ///
    /// # Errors
    /// `InvalidId`, `AlreadyExists`, `Refused`, `Step`, `Hook`, `Cgroup`, `Deadline`, `Cancelled`, `Os`. Nothing is left behind.
    pub fn create(self, store: &Store, id: &str) -> Result<Container> {
        self.make(store, id, &How::Created)
    }

    /// Creates and starts it. Its program runs when this returns: what was wrong with executing it is the error.
    ///
    /// # Errors
    /// As for [`Launch::create`].
    pub fn run(self, store: &Store, id: &str) -> Result<Container> {
        self.make(store, id, &How::Started)
    }

    /// Makes it of images that [`Container::checkpoint`] wrote. It runs when this returns.
    ///
    /// # Errors
    /// As for [`Launch::create`], and `Criu`.
    pub fn restore(self, store: &Store, id: &str, images: &Images<'_>) -> Result<Container> {
        self.make(store, id, &How::Restored(images))
    }

    /// Runs it to its end, and destroys it.
    ///
    /// # Errors
    /// As for [`Launch::create`] and [`Container::destroy`].
    pub fn status(self, store: &Store, id: &str) -> Result<ExitStatus> {
        let patience = self.patience.clone();
        let container = self.run(store, id)?;
        let status = container.wait_for(&patience);
        container.destroy()?;
        status
    }

    /// Runs it to its end, with pipes for what it writes where nothing else was said; gathers that; and destroys it.
    ///
    /// # Errors
    /// As for [`Launch::status`].
    pub fn output(mut self, store: &Store, id: &str) -> Result<Output> {
        self.streams.pipe_output();
        let patience = self.patience.clone();
        let container = self.run(store, id)?;
        let output = container.init().map(|init| init.output(&patience));
        container.destroy()?;
        output.unwrap_or_else(|| Err(crate::Error::not_running()))
    }

    pub(super) fn streams(mut self, streams: Wanted) -> Self {
        self.streams = streams;
        self
    }

    /// The configuration, as it will be carried out.
    ///
    /// # Errors
    /// `Refused`, `Os` where it is the bundle's and cannot be read.
    pub fn with_spec<T>(&self, with: impl FnOnce(&Spec<'_>) -> T) -> Result<T> {
        let text;
        let spec = match &self.spec {
            Some(spec) => Spec::clone(spec),
            None => {
                text = create::read_config(&self.bundle)?;
                load::config(&text)?
            }
        };
        Ok(with(&self.adapted(spec)))
    }

    fn adapted<'s>(&self, mut spec: Spec<'s>) -> Spec<'s> {
        spec.process = spec.process.map(|process| self.streams.terminal_of(process));
        if let Some(linux) = &mut spec.linux {
            if let Some(path) = &self.cgroups_path {
                linux.cgroups_path = path.clone().into();
            }
            for (kind, namespace) in self.joined.iter().flat_map(|joined| joined.iter()) {
                linux.namespaces.retain(|listed| listed.kind.as_str() != kind.as_str());
                // The descriptor is open until the container is made: `self` has it.
                let path = format!("/proc/self/fd/{}", namespace.as_raw_fd());
                linux.namespaces.push(LinuxNamespace { kind: kind.as_str().into(), path: path.into() });
            }
        }
        spec
    }

    fn make(mut self, store: &Store, id: &str, how: &How<'_>) -> Result<Container> {
        let id = ContainerId::new(id)?;
        let (ends, pipes) = self.streams.open()?;
        let bundle = absolute(&self.bundle)?;
        let created = self.with_spec(|spec| {
            let request = Request {
                config: Some(spec),
                streams: ends.streams(),
                gate: matches!(how, How::Created),
                no_pivot: self.no_pivot,
                no_new_keyring: self.no_new_keyring,
                networks: &self.networks,
                rootless_cgroups: self.rootless_cgroups,
                systemd: self.systemd,
                patience: self.patience.clone(),
                timeline: self.timeline,
                ..Request::of(&bundle)
            };
            match how {
                How::Created | How::Started => create::create(store, &id, &request),
                How::Restored(images) => restore::restore(store, &id, &request, images),
            }
        })??;
        Container::made(store, id, process(created, pipes, |_| Ok(()))?)
    }
}

/// How far it comes.
#[derive(Debug)]
enum How<'i> {
    Created,
    Started,
    Restored(&'i Images<'i>),
}

/// Seen from the working directory, which is not changed.
fn absolute(path: &Path) -> Result<Cow<'_, Path>> {
    if path.is_absolute() {
        return Ok(Cow::Borrowed(path));
    }
    let here = std::env::current_dir().map_err(|error| crate::Error::io("getwd", &error))?;
    Ok(Cow::Owned(here.join(path)))
}
