//! The container's cgroup, as `create` makes it: before there is a process, with its walls finished wherever that can be.
//! Runs in: the parent, on the host.

use brig_cgroup::{Cgroup, Denied, DeviceDefault, DeviceRules};
use brig_handshake::Step;
use brig_handshake::task::Walls;
use brig_plan::limits::Write;

use super::Making;
use crate::error::{Error, Result};
use crate::record::PidNamespace;
use crate::{limits, systemd};

impl Making<'_> {
    pub(super) fn make_cgroup(&mut self) -> Result<()> {
        if self.cgroup_paths.places.is_empty() {
            return match self.plan.cgroup.devices {
                Some(_) => Err(in_cgroup(brig_cgroup::Error::NoDeviceRules)),
                None => Ok(()),
            };
        }
        for place in &self.cgroup_paths.places {
            log::debug!("{}: {}", Step::MakeCgroup.name(), place.absolute());
        }
        let plan = &self.plan.cgroup;
        let denied = if plan.optional { Denied::Skip } else { Denied::Refuse };
        match Cgroup::create(&self.cgroup_paths, &self.controllers(), denied) {
            Ok(cgroup) => {
                // Where it was denied and done without, no later command need look.
                if self.cgroup_paths.v2_alone().is_none() {
                    self.cgroup_paths = cgroup.paths();
                }
                self.cgroup = Some(cgroup);
                self.has_cgroup = true;
            }
            Err(error) if plan.optional && error.is_permission() => {
                log::debug!("no cgroup: {error}");
                if self.pid_namespace() == PidNamespace::Shared {
                    log::warn!("{CANNOT_BE_KILLED}");
                }
            }
            Err(error)
                if self.request.rootless_cgroups && !plan.resources.is_empty() && error.is_permission() =>
            {
                return Err(in_cgroup(error).within(NEEDS_PERMISSION));
            }
            Err(error) => return Err(in_cgroup(error)),
        }
        if let Some(cgroup) = &self.cgroup {
            set(cgroup, &plan.limits)?;
        }
        if self.plan.task.walls == Walls::Finished { self.restrict_devices() } else { Ok(()) }
    }

    pub(super) fn controllers(&self) -> Vec<&str> {
        let plan = &self.plan.cgroup;
        limits::controllers(plan.limits.iter().chain(&plan.late))
    }

    /// What would have been in the way of making the first process.
    pub(super) fn set_late_limits(&self) -> Result<()> {
        match self.plan.cgroup.late.as_slice() {
            late if self.has_cgroup && !late.is_empty() => {
                if let Some(unit) = &self.unit {
                    systemd::set(unit, &brig_plan::systemd::properties(late), &self.request.patience)?;
                }
                set(&Cgroup::open(&self.cgroup_paths), late)
            }
            _ => Ok(()),
        }
    }

    /// Device rules. A program of version 2 takes the kernel longer than all else that the parent does: it is loaded while
    /// brig-init builds the file system. A group that was forgiven has none.
    pub(super) fn restrict_devices(&self) -> Result<()> {
        match &self.plan.cgroup.devices {
            Some(rules) if self.has_cgroup => {
                Cgroup::open(&self.cgroup_paths).restrict_devices(&in_kernel(rules)).map_err(in_cgroup)
            }
            Some(_) | None => Ok(()),
        }
    }
}

pub(super) fn set(cgroup: &Cgroup, writes: &[Write]) -> Result<()> {
    cgroup.set(&limits::borrowed(writes)).map_err(|error| {
        limits::not_set(writes, "linux.resources.", error)
            .within("unable to start container process: error setting cgroup config for procHooks process")
    })
}

pub(crate) fn in_kernel(rules: &brig_plan::plan::DeviceRules) -> DeviceRules<'_> {
    let default = match rules.default {
        brig_plan::plan::DeviceDefault::Allow => DeviceDefault::Allow,
        brig_plan::plan::DeviceDefault::Deny => DeviceDefault::Deny,
    };
    DeviceRules { default, exceptions: &rules.exceptions, program: &rules.program }
}

pub(super) fn in_cgroup(error: brig_cgroup::Error) -> Error {
    Error::from(error).within("unable to start container process: unable to apply cgroup configuration")
}

/// What runc says to a user to whom no cgroup was delegated.
const NEEDS_PERMISSION: &str =
    "rootless needs no limits + no cgrouppath when no permission is granted for cgroups";

/// And to one whose processes can be ended neither by way of a cgroup nor with the first of them, in runc's words.
const CANNOT_BE_KILLED: &str = "Creating a rootless container with no cgroup and no private pid namespace. \
     Such configuration is strongly discouraged (as it is impossible to properly kill all container's processes)";
