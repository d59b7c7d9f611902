//! The unit of systemd that a container lives in: its name, its slice, and all its properties.
//! Runs in: the parent; pure. Done in the crate `brig-cgroup`, in the file of the same name.
//!
//! Limits are said twice: as properties, so that systemd knows them and applies them again when it is reloaded, and to the
//! files, for what it has no words for. Both come from the same list, so `unified` is translated like the rest.

mod annotations;
mod limits;
mod name;

use brig_dbus::{Property, Value};

use crate::limits::Write;
use crate::options::Options;
use crate::plan::{UnitKind, UnitPlan};
use crate::refusal::Refusal;
use crate::spec::{Linux, Spec};

pub use annotations::PREFIX as ANNOTATIONS;
pub use limits::{of_file, properties, round};
pub use name::{UnitName, unit_name};

/// The unit, if systemd is to make one. `writes` are the limits as files, in which values that systemd would round are rounded
/// as well: else its next reload would change them.
pub(crate) fn plan(
    spec: &Spec<'_>,
    linux: &Linux<'_>,
    options: &Options<'_>,
    writes: &mut [Write],
) -> Result<Option<UnitPlan>, Refusal> {
    let Some(whose) = options.systemd else { return Ok(None) };
    let unit = unit_name(&linux.cgroups_path, options.id, whose)?;
    round(writes);
    let mut all = of_the_unit(&unit, options.id);
    all.extend(properties(writes));
    all.extend(annotations::properties(&spec.annotations)?);
    Ok(Some(UnitPlan { name: unit.name, kind: unit.kind, whose, properties: all }))
}

fn of_the_unit(unit: &UnitName, id: &str) -> Vec<Property> {
    let mut properties = vec![Property::new("Description", Value::text(format!("brig container {id}")))];
    match unit.kind {
        UnitKind::Slice => properties.push(Property::new("Wants", Value::texts([unit.slice.clone()]))),
        UnitKind::Scope => properties.extend([
            Property::new("Slice", Value::text(unit.slice.clone())),
            Property::new("Delegate", Value::Bool(true)),
            // One that failed, because the kernel killed something in it, is not kept once it is empty.
            Property::since(236, "CollectMode", Value::text("inactive-or-failed")),
        ]),
    }
    let accounting = ["MemoryAccounting", "CPUAccounting", "IOAccounting", "TasksAccounting"];
    properties.extend(accounting.map(|name| Property::new(name, Value::Bool(true))));
    properties.push(Property::new("DefaultDependencies", Value::Bool(false)));
    properties
}
