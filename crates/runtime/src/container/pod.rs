//! What several containers share: namespaces that outlive each of them, and a cgroup above theirs.
//! Runs in: the parent.

use std::sync::Arc;
use std::time::Duration;

use brig_cgroup::{Cgroup, Denied, Layout, Membership, Paths};
use brig_plan::limits::{self as plan, Version};
use brig_plan::resources;
use brig_plan::spec::{LinuxCpu, LinuxDeviceCgroup, LinuxResources};
use brig_plan::{device_rules, rules};

use super::{Launch, Namespaces};
use crate::create::in_kernel;
use crate::error::{Error, Result};
use crate::limits;
use crate::patience::Patience;

/// What several containers share. It is theirs for as long as this value lives: dropping it closes the namespaces' descriptors,
/// and leaves the cgroup, which [`Pod::destroy`] removes.
#[derive(Debug)]
pub struct Pod {
    cgroups_path: String,
    paths: Paths,
    cgroup: Cgroup,
    namespaces: Arc<Namespaces>,
}

impl Pod {
    /// Makes the cgroup, in every hierarchy. `cgroups_path` is absolute, from the mountpoint on, as `linux.cgroupsPath` is.
    ///
    /// # Errors
    /// `Cgroup`: also where that cgroup is there and has processes.
    pub fn new(cgroups_path: &str, namespaces: Arc<Namespaces>) -> Result<Self> {
        let layout = Layout::probe()?;
        let paths = Paths::resolve(&layout, Some(cgroups_path), "", Membership::of_self)?;
        let cgroup = Cgroup::create(&paths, &[], Denied::Refuse)?;
        Ok(Self { cgroups_path: cgroups_path.to_owned(), paths, cgroup, namespaces })
    }

    /// Its namespaces.
    pub const fn namespaces(&self) -> &Arc<Namespaces> {
        &self.namespaces
    }

    /// Puts a container into it: its namespaces are the pod's, of those kinds, and its cgroup is `name` below the pod's.
    pub fn launch<'a>(&self, launch: Launch<'a>, name: &str) -> Launch<'a> {
        let path = format!("{}/{name}", self.cgroups_path.trim_end_matches('/'));
        launch.join(&self.namespaces).cgroups_path(path)
    }

    /// Devices that nobody in it may use, whatever a container's own rules say; both have to allow one. Every container's own
    /// devices (`/dev/null` and its kin) stay. To be called before there are containers in it: cgroup v1 takes no new rules
    /// afterwards.
    ///
    /// # Errors
    /// `Refused`; `Cgroup`.
    pub fn restrict_devices(&self, rules: &[LinuxDeviceCgroup<'_>]) -> Result<()> {
        let mut warnings = Vec::new();
        let rules = device_rules(rules, &mut warnings)?;
        for warning in warnings {
            log::warn!("{warning}");
        }
        Ok(self.cgroup.restrict_devices(&in_kernel(&rules))?)
    }

    /// Limits for all of it together.
    ///
    /// # Errors
    /// `Refused`; `Cgroup`. What was written before the one that failed is taken back.
    pub fn limit(&self, spec: &LinuxResources<'_>) -> Result<()> {
        for warning in rules::check_resources(spec, "")? {
            log::warn!("{warning}");
        }
        let version = if self.paths.v2_alone().is_some() { Version::V2 } else { Version::V1 };
        let settled = resources::settle(spec);
        plan::check(&settled, version, "")?;
        let writes = plan::writes(&settled, version);
        let replaced = self.cgroup.replace(&limits::borrowed(&writes));
        replaced.map(drop).map_err(|error| limits::not_set(&writes, "", *error.why))
    }

    /// Gives it these processors (`0-3,7`, cpuset(7)), and every cgroup above it, from the top down, those of `above`: for
    /// processors that came after the pod. Its containers are next: [`Container::set_cpus_along`](super::Container::set_cpus_along).
    ///
    /// # Errors
    /// As for [`Pod::limit`]: nothing is changed then.
    pub fn set_cpus_along(&self, above: &str, own: &str) -> Result<()> {
        let changed = self.cgroup.set_above("cpuset", "cpuset.cpus", above)?;
        let cpu = LinuxCpu { cpus: own.to_owned().into(), ..LinuxCpu::default() };
        let own = LinuxResources { cpu: Some(cpu), ..LinuxResources::default() };
        self.limit(&own).inspect_err(|_| {
            changed.take_back().err().iter().for_each(|error| log::warn!("{error}"));
        })
    }

    /// What all of it has used.
    ///
    /// # Errors
    /// `Cgroup`.
    pub fn stats(&self) -> Result<brig_cgroup::Statistics> {
        Ok(self.cgroup.statistics()?)
    }

    /// Stops every process in it.
    ///
    /// # Errors
    /// `Cgroup`, after which it is not paused.
    pub fn pause(&self) -> Result<()> {
        self.pause_within(&Patience::ENDLESS)
    }

    /// As [`Pod::pause`], not longer than this: then every process goes on.
    ///
    /// # Errors
    /// As for [`Pod::pause`]; `Deadline`, `Cancelled`.
    pub fn pause_within(&self, patience: &Patience) -> Result<()> {
        let frozen = self.cgroup.freeze(patience.at_most(PATIENCE));
        patience.ended("pause", frozen.map_err(Error::from))
    }

    /// Lets them go on.
    ///
    /// # Errors
    /// `Cgroup`.
    pub fn resume(&self) -> Result<()> {
        Ok(self.cgroup.thaw()?)
    }

    /// Kills whatever is in it, and removes the cgroup. Containers are destroyed before: this knows nothing of their directories.
    ///
    /// # Errors
    /// `Cgroup`.
    pub fn destroy(&self) -> Result<()> {
        self.destroy_within(&Patience::ENDLESS)
    }

    /// As [`Pod::destroy`], not longer than this. What is left is removed by the next call.
    ///
    /// # Errors
    /// As for [`Pod::destroy`]; `Deadline`, `Cancelled`.
    pub fn destroy_within(&self, patience: &Patience) -> Result<()> {
        let until = patience.at_most(PATIENCE);
        let gone = self.cgroup.kill(&until).and_then(|()| self.cgroup.remove(&until));
        patience.ended("destroy", gone.map_err(Error::from))
    }
}

/// How long the kernel may take to stop or end every process.
const PATIENCE: Duration = Duration::from_secs(10);
