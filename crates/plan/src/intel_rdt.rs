//! Intel RDT (`linux.intelRdt`): the class of service and the monitoring group that the container's processes are put into.
//! Runs in: the parent; pure. Done in `runtime/src/intel_rdt.rs`, with the files of the crate `brig-cgroup`.

use crate::host::{Host, Resctrl};
use crate::plan::{Class, IntelRdtPlan};
use crate::refusal::Refusal;
use crate::spec::{Linux, LinuxIntelRdt};

/// The container's class, what is written into it, and whether it gets a monitoring group.
pub(crate) fn plan(linux: &Linux<'_>, host: &Host, id: &str) -> Result<Option<IntelRdtPlan>, Refusal> {
    let Some(rdt) = &linux.intel_rdt else { return Ok(None) };
    let Some(resctrl) = &host.resctrl else {
        let words = "intelRdt is specified in config, but Intel RDT is not enabled";
        return Err(Refusal::runc("linux.intelRdt", words));
    };
    is_supported(rdt, resctrl)?;
    let schemata = schemata(rdt);
    let class = class(rdt, id, &schemata)?;
    Ok(Some(IntelRdtPlan {
        mount: resctrl.mount.clone(),
        class,
        schemata,
        monitoring: rdt.enable_monitoring.then(|| id.to_owned()),
    }))
}

/// What `update` writes into a container's class: what is not named stays as it is.
///
/// # Errors
/// A schema of several lines, or of one that the machine does not have; a container without a class.
pub fn update(
    l3_cache: &str,
    memory_bandwidth: &str,
    resctrl: Option<&Resctrl>,
    class: Option<&str>,
) -> Result<String, Refusal> {
    for (flag, schema) in [("--l3-cache-schema", l3_cache), ("--mem-bw-schema", memory_bandwidth)] {
        if schema.contains(['\n', '\0']) {
            return Err(Refusal::at(flag, "is more than one line"));
        }
    }
    if !l3_cache.is_empty() && !resctrl.is_some_and(|resctrl| resctrl.cache) {
        return Err(Refusal::runc("--l3-cache-schema", "Intel RDT/CAT: l3 cache schema is not enabled"));
    }
    if !memory_bandwidth.is_empty() && !resctrl.is_some_and(|resctrl| resctrl.bandwidth) {
        return Err(Refusal::runc(
            "--mem-bw-schema",
            "Intel RDT/MBA: memory bandwidth schema is not enabled",
        ));
    }
    if class.is_none() {
        let words = "updating a non-existent Intel RDT configuration is not supported";
        return Err(Refusal::runc("linux.intelRdt", words));
    }
    Ok(joined([l3_cache, memory_bandwidth].map(str::to_owned)))
}

fn is_supported(rdt: &LinuxIntelRdt<'_>, resctrl: &Resctrl) -> Result<(), Refusal> {
    let not_enabled = |member: &str, feature: &str| {
        let words =
            format!("intelRdt.{member} is specified in config, but Intel RDT/{feature} is not enabled");
        Err(Refusal::runc(format!("linux.intelRdt.{member}"), words))
    };
    if !rdt.l3_cache_schema.is_empty() && !resctrl.cache {
        return not_enabled("l3CacheSchema", "CAT");
    }
    if !rdt.mem_bw_schema.is_empty() && !resctrl.bandwidth {
        return not_enabled("memBwSchema", "MBA");
    }
    if rdt.enable_monitoring && !resctrl.monitoring {
        return not_enabled("enableMonitoring", "CMT and MBM");
    }
    Ok(())
}

fn class(rdt: &LinuxIntelRdt<'_>, id: &str, schemata: &str) -> Result<Class, Refusal> {
    let clos_id = rdt.clos_id.as_str();
    let (name, path) = match clos_id {
        "/" => return Ok(Class::Root),
        "" => (id, "linux.intelRdt"),
        _ => (clos_id, "linux.intelRdt.closID"),
    };
    if DIRECTORIES.contains(&name) {
        let words = format!("{name:?} is a directory of resctrl itself, and can be no class of service");
        return Err(Refusal::at(path, words));
    }
    Ok(match (clos_id, schemata) {
        ("", _) => Class::Own(name.to_owned()),
        (_, "") => Class::Existing(name.to_owned()),
        _ => Class::Shared(name.to_owned()),
    })
}

/// `l3CacheSchema`, `memBwSchema`, then `schemata`, whose lines win (config-linux.md): the kernel takes all at once, so that
/// none is in force without the others, and refuses to be told twice of the same domain. So what a later member says again
/// is left out of the earlier one.
fn schemata(rdt: &LinuxIntelRdt<'_>) -> String {
    let given: Vec<&str> = rdt.schemata.iter().map(|line| line.as_str()).collect();
    let bandwidth = without(rdt.mem_bw_schema.as_str(), &given);
    let later: Vec<&str> = [rdt.mem_bw_schema.as_str()].into_iter().chain(given.iter().copied()).collect();
    let cache = rdt.l3_cache_schema.lines().map(|line| without(line, &later));
    joined(cache.chain([bandwidth]).chain(given.iter().map(|&line| line.to_owned())))
}

/// A line `L3:0=f;1=f` without the domains that `later` lines say of the same resource. One that cannot be read stays whole:
/// the kernel knows better what is wrong with it.
fn without(line: &str, later: &[&str]) -> String {
    let Some((resource, values)) = line.split_once(':') else { return line.to_owned() };
    let said: Vec<u64> = later
        .iter()
        .filter_map(|later| later.split_once(':'))
        .filter(|(other, _)| other.trim() == resource.trim())
        .flat_map(|(_, values)| values.split(';').filter_map(domain))
        .collect();
    let kept: Vec<&str> = values
        .split(';')
        .filter(|value| domain(value).is_none_or(|domain| !said.contains(&domain)))
        .collect();
    if kept.iter().all(|value| value.trim().is_empty()) && !said.is_empty() {
        return String::new();
    }
    format!("{resource}:{}", kept.join(";"))
}

fn domain(value: &str) -> Option<u64> {
    value.split_once('=')?.0.trim().parse().ok()
}

/// Every line ends in a newline, without which the kernel refuses the last one; an empty line it refuses too.
fn joined(lines: impl IntoIterator<Item = String>) -> String {
    lines.into_iter().filter(|line| !line.is_empty()).map(|line| line + "\n").collect()
}

/// What is in the root of resctrl besides classes.
const DIRECTORIES: [&str; 3] = ["info", "mon_data", "mon_groups"];
