//! systemd as the commands use it: which one, where the cgroups of its units are, and how long it is waited for.
//! Runs in: the parent, on the host. What is said to it is in the crate `brig-cgroup`.

use std::env;
use std::time::Duration;

use brig_cgroup::{Environment, Layout, Manager, Paths, Place, Until, servers};
use brig_dbus::Property;
use brig_plan::plan::Whose;
use brig_plan::refusal::Refusal;
use brig_plan::systemd::unit_name;
use rustix::process::Pid;

use crate::error::Result;
use crate::patience::Patience;
use crate::record::Unit;

/// Connects to it. All that is asked must have come to an end before that.
pub(crate) fn connect(whose: Whose, until: Until) -> Result<Manager> {
    let variable = |name| env::var(name).ok().filter(|value| !value.is_empty());
    let environment = Environment {
        system_bus: variable("DBUS_SYSTEM_BUS_ADDRESS"),
        session_bus: variable("DBUS_SESSION_BUS_ADDRESS"),
        runtime_directory: variable("XDG_RUNTIME_DIR"),
    };
    let whose = match whose {
        Whose::System => brig_cgroup::Whose::System,
        Whose::User => brig_cgroup::Whose::User,
    };
    Ok(Manager::connect(&servers(whose, &environment), until)?)
}

/// Where the cgroup of the container's unit will be. Below the machine's systemd that is told by the unit's name; a user's has to
/// be asked which cgroup it was given itself.
pub(crate) fn paths(
    layout: &Layout,
    cgroups_path: &str,
    id: &str,
    whose: Whose,
    patience: &Patience,
) -> Result<Paths> {
    let Layout::V2 { root } = layout else {
        let words =
            "--systemd-cgroup: units of systemd are used on cgroup v2 alone, and this machine has version 1";
        return Err(Refusal::at("", words).into());
    };
    let unit = unit_name(cgroups_path, id, whose)?;
    let above = match whose {
        Whose::System => String::new(),
        Whose::User => connect(whose, patience.at_most(PATIENCE))?.control_group()?,
    };
    let below = match above.trim_matches('/') {
        "" => unit.path,
        above => format!("{above}/{}", unit.path),
    };
    Ok(Paths { places: vec![Place { controllers: Vec::new(), mount: root.clone(), below }] })
}

/// Moves a process into the unit, for a caller who may not do it himself: common ancestors of his cgroup and the unit's are not
/// his, and systemd's helper for that is the machine's own.
pub(crate) fn attach(unit: &Unit<'_>, pid: Pid, patience: &Patience) -> Result<()> {
    let number = pid.as_raw_nonzero().get().unsigned_abs();
    Ok(connect(unit.whose, patience.at_most(PATIENCE))?.attach(&unit.name, &[number])?)
}

/// Changes properties of a unit.
pub(crate) fn set(unit: &Unit<'_>, properties: &[Property], patience: &Patience) -> Result<()> {
    Ok(connect(unit.whose, patience.at_most(PATIENCE))?.set_properties(&unit.name, properties)?)
}

/// Stops a unit whose processes are gone, and lets systemd forget it. One that cannot be asked about, because no systemd is
/// there, goes by itself: its cgroup is empty.
pub(crate) fn stop(unit: &Unit<'_>, until: Until) -> Result<()> {
    match connect(unit.whose, until) {
        Err(error) if error.is_unreachable() => {
            log::warn!("unit {} is left to systemd: {error}", unit.name);
            Ok(())
        }
        manager => Ok(manager?.stop(&unit.name)?),
    }
}

/// How long systemd may take for one unit.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
