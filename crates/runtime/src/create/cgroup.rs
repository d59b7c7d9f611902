//! The container's cgroup, as `create` makes it: before there is a process, with its walls finished wherever that can be.
//! Runs in: the parent, on the host.

use brig_cgroup::{Cgroup, Denied, DeviceDefault, DeviceRules};
use brig_handshake::task::Walls;

use super::Making;
use crate::error::{Error, Result};
use crate::limits;

impl Making<'_> {
    pub(super) fn make_cgroup(&mut self) -> Result<()> {
        if self.cgroup_paths.places.is_empty() {
            return match self.plan.cgroup.devices {
                Some(_) => Err(in_cgroup(brig_cgroup::Error::NoDeviceRules)),
                None => Ok(()),
            };
        }
        let denied = if self.plan.cgroup.optional { Denied::Skip } else { Denied::Refuse };
        match Cgroup::create(&self.cgroup_paths, &limits::controllers(&self.plan.cgroup.limits), denied) {
            Ok(cgroup) => {
                self.cgroup = Some(cgroup);
                self.has_cgroup = true;
            }
            Err(error) if self.plan.cgroup.optional && error.is_permission() => {
                log::debug!("no cgroup: {error}");
            }
            Err(error) => return Err(in_cgroup(error)),
        }
        self.set_limits()?;
        if self.plan.task.walls == Walls::Finished { self.restrict_devices() } else { Ok(()) }
    }

    fn set_limits(&self) -> Result<()> {
        let Some(cgroup) = &self.cgroup else { return Ok(()) };
        let writes = &self.plan.cgroup.limits;
        cgroup.set(&limits::borrowed(writes)).map_err(|error| {
            limits::not_set(writes, "linux.resources.", error).within(
                "unable to start container process: error setting cgroup config for procHooks process",
            )
        })
    }

    /// Device rules. A program of version 2 takes the kernel longer than all else that the parent does: it is loaded while
    /// brig-init builds the file system. A group that was forgiven has none.
    pub(super) fn restrict_devices(&self) -> Result<()> {
        match &self.plan.cgroup.devices {
            Some(rules) if self.has_cgroup => {
                Cgroup::open(&self.cgroup_paths).restrict_devices(&device_rules(rules)).map_err(in_cgroup)
            }
            Some(_) | None => Ok(()),
        }
    }
}

fn device_rules(rules: &brig_plan::plan::DeviceRules) -> DeviceRules<'_> {
    let default = match rules.default {
        brig_plan::plan::DeviceDefault::Allow => DeviceDefault::Allow,
        brig_plan::plan::DeviceDefault::Deny => DeviceDefault::Deny,
    };
    DeviceRules { default, exceptions: &rules.exceptions, program: &rules.program }
}

fn in_cgroup(error: brig_cgroup::Error) -> Error {
    Error::from(error).within("unable to start container process: unable to apply cgroup configuration")
}
