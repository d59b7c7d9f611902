//! What is written down of a container once its first process is there.
//! Runs in: the parent, on the host, while `brig-init` works.

use brig_handshake::Step;
use rustix::io::Errno;
use rustix::process::{Pid, geteuid};

use super::{Making, PID, streams};
use crate::error::{Error, Result};
use crate::pid::Identity;
use crate::record::{self, PidNamespace, Record};
use crate::timeline;

impl<'m> Making<'m> {
    /// Writes the record beside the intent, for whoever comes should this process be killed.
    pub(super) fn prepare_record(&self, pid: Pid, filter: &[u8]) -> Result<()> {
        timeline::begins(self.request.timeline, "prepare the record");
        self.place.prepare_record(&self.record(pid)?, &self.plan.exec, filter)
    }

    pub(super) fn record(&self, pid: Pid) -> Result<Record<'m>> {
        let number = pid.as_raw_nonzero().get().cast_unsigned();
        let init = Identity::of(number)?.ok_or_else(|| Error::step(Step::Ready, "", Errno::SRCH))?;
        let cgroup = self.cgroup_places();
        Ok(Record {
            facts: self.plan.facts.clone(),
            created: self.intent.created.clone(),
            init,
            cgroup,
            unit: self.unit.clone(),
            resources: self.plan.cgroup.resources.clone(),
            intel_rdt: self.kept_class(),
            network: self.intent.network.clone(),
            owner: geteuid().as_raw(),
            pid_namespace: self.pid_namespace(),
            namespaces: self.plan.exec.namespaces,
            gate: if self.request.gate { record::Gate::Waits } else { record::Gate::None },
            poststart: self.plan.hooks.poststart.clone(),
            poststop: self.plan.hooks.poststop.clone(),
            id_maps: self.plan.start.id_maps.clone(),
            rootless_cgroups: self.request.rootless_cgroups,
            outside: brig_plan::checkpoint::outside(self.plan, streams::that_are_pipes(self.streams())),
        })
    }

    /// Whose end is the end of all its processes.
    pub(super) fn pid_namespace(&self) -> PidNamespace {
        let second = self.plan.task.entry.second.unwrap_or(0);
        if (self.plan.start.create | second) & PID == 0 {
            PidNamespace::Shared
        } else {
            PidNamespace::Private
        }
    }

    fn cgroup_places(&self) -> Vec<record::CgroupPlace<'static>> {
        record::keep_paths(&self.cgroup_paths)
    }
}
