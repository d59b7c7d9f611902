//! What several containers share: namespaces that outlive each of them, and a cgroup above theirs.
//! Runs in: the parent.

use std::sync::Arc;
use std::time::{Duration, Instant};

use brig_cgroup::{Cgroup, Denied, Layout, Membership, Paths};
use brig_plan::limits::{self as plan, Version};
use brig_plan::resources;
use brig_plan::spec::{LinuxDeviceCgroup, LinuxResources};
use brig_plan::{device_rules, rules};

use super::{Launch, Namespaces};
use crate::create::in_kernel;
use crate::error::Result;
use crate::limits;

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
        Ok(self.cgroup.freeze(Instant::now() + PATIENCE)?)
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
        let deadline = Instant::now() + PATIENCE;
        self.cgroup.kill(deadline)?;
        Ok(self.cgroup.remove(deadline)?)
    }
}

/// How long the kernel may take to stop or end every process.
const PATIENCE: Duration = Duration::from_secs(10);
