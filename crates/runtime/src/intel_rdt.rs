//! Intel RDT: the container's class of service and monitoring group, made, joined, changed and removed again.
//! Runs in: the parent, on the host. Decided in `plan/src/intel_rdt.rs`; the files are `brig_cgroup::resctrl`'s.
//!
//! What was made is in the record, and before that, in the intent, what may be made: so that another process can remove just
//! that. A class that `closID` names is never removed, even if it was made for this container: others may have come to share
//! it (config-linux.md). Only a creation that fails takes it back, if nobody is in it.

use std::borrow::Cow;
use std::time::Duration;

use brig_cgroup::Resctrl;
use brig_cgroup::resctrl::{self, Made, Statistics};
use brig_handshake::wire_struct;
use brig_plan::plan::{Class, IntelRdtPlan};
use brig_plan::{host, intel_rdt};
use rustix::process::Pid;

use crate::error::{Error, Result};
use crate::patience::Patience;
use crate::pid::Identity;

wire_struct! {
    /// Where a container stands in resctrl.
    pub struct IntelRdt<'a> {
        /// Where that is mounted.
        pub mount: Cow<'a, [u8]>,
        /// Its class of service: a path beneath, empty for the root.
        pub class: Cow<'a, [u8]>,
        /// Its monitoring group, likewise.
        pub monitoring: Option<Cow<'a, [u8]>>,
        /// Groups that are removed with the container, parents first. In an intent: that may have been made.
        pub made: Vec<Cow<'a, [u8]>>,
    }
}

/// Which groups to remove.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remove {
    /// All that were made.
    All,
    /// Those without a living process: the others are somebody else's, or have become so.
    Unused,
}

/// Where resctrl is mounted and what it can do; `None` where it is not.
///
/// # Errors
/// `Cgroup`.
pub fn probe(mount: Option<&str>) -> Result<Option<host::Resctrl>> {
    let found = match mount {
        Some(mount) => Some(mount.to_owned()),
        None => Resctrl::find().map_err(failed)?,
    };
    let Some(mount) = found else { return Ok(None) };
    let features = Resctrl::open(&mount).map_err(failed)?.features();
    Ok(Some(host::Resctrl {
        mount,
        cache: features.cache,
        bandwidth: features.bandwidth,
        monitoring: features.monitoring,
    }))
}

/// What a plan may make, for the intent: nothing is made yet.
///
/// # Errors
/// `Cgroup`.
pub(crate) fn look(plan: &IntelRdtPlan) -> Result<IntelRdt<'static>> {
    let resctrl = Resctrl::open(&plan.mount).map_err(in_context)?;
    let class = match &plan.class {
        Class::Root => "",
        Class::Own(name) | Class::Existing(name) | Class::Shared(name) => name,
    };
    let monitoring = plan.monitoring.as_ref().map(|name| match class {
        "" => format!("mon_groups/{name}"),
        class => format!("{class}/mon_groups/{name}"),
    });
    let makes_class = matches!(plan.class, Class::Own(_) | Class::Shared(_)).then(|| class.to_owned());
    let missing = |group: &String| !resctrl.has(group);
    Ok(IntelRdt {
        mount: keep(plan.mount.clone()),
        class: keep(class.to_owned()),
        monitoring: monitoring.clone().map(keep),
        made: makes_class.into_iter().chain(monitoring).filter(missing).map(keep).collect(),
    })
}

/// Makes what [`look`] found missing, and says in `rdt.made` what that was, also when it fails.
///
/// # Errors
/// `Cgroup`, with what the kernel says about it.
pub(crate) fn make(plan: &IntelRdtPlan, rdt: &mut IntelRdt<'_>, patience: &Patience) -> Result<()> {
    let missing = std::mem::take(&mut rdt.made);
    make_groups(plan, rdt, &missing, patience).map_err(in_context)
}

fn make_groups<'a>(
    plan: &IntelRdtPlan,
    rdt: &mut IntelRdt<'a>,
    missing: &[Cow<'a, [u8]>],
    patience: &Patience,
) -> Result<(), resctrl::Error> {
    let resctrl = Resctrl::open(&plan.mount)?;
    let _lock = resctrl.lock(patience.at_most(DEADLINE))?;
    let mut make = |group: &Cow<'a, [u8]>| {
        if !missing.contains(group) {
            return Ok(Made::Before);
        }
        let made = resctrl.make(&text(group))?;
        if made == Made::Now {
            rdt.made.push(group.clone());
        }
        Ok(made)
    };
    let (class, monitoring) = (rdt.class.clone(), rdt.monitoring.clone());
    let made = match &plan.class {
        Class::Root => Made::Before,
        Class::Existing(name) => resctrl.must_have(name).map(|()| Made::Before)?,
        Class::Own(_) | Class::Shared(_) => make(&class)?,
    };
    if !plan.schemata.is_empty() {
        match (&plan.class, made) {
            (Class::Own(_), _) | (_, Made::Now) => resctrl.write_schemata(&text(&class), &plan.schemata)?,
            (Class::Root | Class::Existing(_) | Class::Shared(_), Made::Before) => {
                resctrl.has_schemata(&text(&class), &plan.schemata)?;
            }
        }
    }
    if let Some(monitoring) = monitoring {
        make(&monitoring)?;
    }
    Ok(())
}

/// What `delete` will remove of it.
pub(crate) fn kept<'a>(plan: &IntelRdtPlan, rdt: &IntelRdt<'a>) -> IntelRdt<'a> {
    let mut kept = rdt.clone();
    if let Class::Shared(_) = plan.class {
        kept.made.retain(|group| *group != rdt.class);
    }
    kept
}

/// Moves a `brig-init`, and so everything that comes of it, into the class and the monitoring group.
///
/// # Errors
/// `Cgroup`.
pub(crate) fn join(rdt: &IntelRdt<'_>, pid: Pid) -> Result<()> {
    let join = || {
        let resctrl = Resctrl::open(&text(&rdt.mount))?;
        resctrl.add_task(&text(&rdt.class), pid)?;
        rdt.monitoring.as_ref().map_or(Ok(()), |group| resctrl.add_task(&text(group), pid))
    };
    join().map_err(in_context)
}

/// Removes what was made. What is not there is fine: it may have been unmounted, with all its groups.
///
/// # Errors
/// `Cgroup`.
pub(crate) fn remove(rdt: &IntelRdt<'_>, which: Remove, patience: &Patience) -> Result<()> {
    if rdt.made.is_empty() {
        return Ok(());
    }
    let failed = |error| failed(error).within("unable to remove the container's Intel RDT group");
    let resctrl = match Resctrl::open(&text(&rdt.mount)) {
        Err(error) if error.is_missing() => return Ok(()),
        resctrl => resctrl.map_err(failed)?,
    };
    let _lock = match which {
        Remove::All => None,
        Remove::Unused => Some(resctrl.lock(patience.at_most(DEADLINE)).map_err(failed)?),
    };
    for group in rdt.made.iter().rev().map(|group| text(group)) {
        if which == Remove::Unused && is_used(&resctrl.tasks(&group).map_err(failed)?)? {
            log::warn!("{}/{group} is left alone: others are in it", text(&rdt.mount));
            return Ok(());
        }
        resctrl.remove(&group).map_err(failed)?;
    }
    Ok(())
}

/// One that was killed leaves its cgroup, which is waited for, before it has ended.
fn is_used(tasks: &[u32]) -> Result<bool> {
    for &pid in tasks {
        if let Some(process) = Identity::of(pid)?
            && !process.is_ending()?
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Limits and counters of a container; `None` if somebody removed its class.
///
/// # Errors
/// `Cgroup`.
pub fn statistics(rdt: &IntelRdt<'_>) -> Result<Option<Statistics>> {
    let monitoring = rdt.monitoring.as_deref().map(text);
    let found = Resctrl::open(&text(&rdt.mount))
        .and_then(|resctrl| resctrl.statistics(&text(&rdt.class), monitoring.as_deref()));
    match found {
        Err(error) if error.is_missing() => Ok(None),
        found => {
            found.map(Some).map_err(|error| failed(error).within("unable to get container Intel RDT stats"))
        }
    }
}

/// New schemata of a container's class; an empty text leaves its own as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Update {
    /// `--l3-cache-schema`.
    pub l3_cache: String,
    /// `--mem-bw-schema`.
    pub memory_bandwidth: String,
}

/// Lines to be written into a class, in one go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    mount: String,
    class: String,
    schemata: String,
}

impl Update {
    /// What has to be written for a container that has `rdt`; `None` if that is nothing. Nothing is written yet.
    ///
    /// # Errors
    /// `Refused`: the machine does not have it, or the container has no class; `Cgroup`.
    pub(crate) fn plan(&self, rdt: Option<&IntelRdt<'_>>) -> Result<Option<Change>> {
        if *self == Self::default() {
            return Ok(None);
        }
        let (mount, class) = (rdt.map(|rdt| text(&rdt.mount)), rdt.map(|rdt| text(&rdt.class)));
        let found = probe(mount.as_deref())?;
        let schemata =
            intel_rdt::update(&self.l3_cache, &self.memory_bandwidth, found.as_ref(), class.as_deref())?;
        Ok(mount.zip(class).map(|(mount, class)| Change { mount, class, schemata }))
    }
}

impl Change {
    /// Writes them. What comes back undoes it.
    ///
    /// # Errors
    /// `Cgroup`; nothing is changed then.
    pub(crate) fn carry_out(self, patience: &Patience) -> Result<Self> {
        let write = || {
            let resctrl = Resctrl::open(&self.mount)?;
            let _lock = resctrl.lock(patience.at_most(DEADLINE))?;
            let before = resctrl.schemata(&self.class)?;
            resctrl.write_schemata(&self.class, &self.schemata)?;
            Ok(before)
        };
        let before = write().map_err(failed)?;
        Ok(Self { schemata: before, ..self })
    }
}

fn in_context(error: resctrl::Error) -> Error {
    failed(error).within("unable to apply Intel RDT configuration (linux.intelRdt)")
}

fn failed(error: resctrl::Error) -> Error {
    brig_cgroup::Error::from(error).into()
}

fn keep(text: String) -> Cow<'static, [u8]> {
    Cow::Owned(text.into_bytes())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// How long others may hold the lock on resctrl.
const DEADLINE: Duration = Duration::from_secs(10);
