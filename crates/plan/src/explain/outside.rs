//! What the parent does, and how `brig-init` gets into its namespaces.
//! Runs in: the parent; pure.

use super::words::{list, namespaces, or_none, quoted, texts};
use super::{Known, Section};
use crate::limits::Refused;
use crate::network::{Address, Veth};
use crate::plan::{
    Class, DeviceDefault, IdMap, IntelRdtPlan, MapWriter, MountMaps, NetworkPlan, ParentHook, Plan,
    PlannedVeth, Whose,
};
use crate::rlimits;

pub(super) fn start(plan: &Plan<'_>) -> Section {
    let mut section = Section::new("start");
    section.line("container", quoted(&plan.facts.id), Known::Now);
    section.line("bundle", quoted(&plan.facts.bundle), Known::Now);
    let cgroup = if plan.cgroup.optional { "may be missing" } else { "must be made" };
    section.line("cgroup", cgroup, Known::Now);
    for limit in plan.cgroup.limits.iter().chain(&plan.cgroup.late) {
        let known = if limit.refused == Refused::Fail { Known::Now } else { Known::WhenDone };
        section.line("limit", format!("{} = {}", limit.file, limit.value), known);
    }
    if let Some(unit) = &plan.cgroup.unit {
        let whose = match unit.whose {
            Whose::System => "systemd",
            Whose::User => "the user's systemd",
        };
        section.line("unit", format!("{} of {whose}", unit.name), Known::Now);
        for property in &unit.properties {
            let value = format!("{} {}", property.name, property.value);
            section.line("unit property", value, Known::Now);
        }
    }
    if let Some(uid) = plan.cgroup.delegate {
        section.line("cgroup handed over to", format!("uid {uid}"), Known::Now);
    }
    if let Some(rules) = &plan.cgroup.devices {
        let lines = list(rules.exceptions.iter(), ", ");
        let value = match rules.default {
            DeviceDefault::Allow => format!("all but {lines}"),
            DeviceDefault::Deny => format!("none but {lines}"),
        };
        section.line("usable devices", value, Known::Now);
    }
    if let Some(rdt) = &plan.intel_rdt {
        intel_rdt(&mut section, rdt);
    }
    if let Some(adj) = plan.limits.oom_score_adj {
        section.line("oom_score_adj", adj, Known::Now);
    }
    section.line("first clone", namespaces(plan.start.create), Known::Now);
    for join in &plan.start.join {
        let value =
            format!("{} at {} (linux.namespaces[{}])", namespaces(join.kind), quoted(&join.path), join.index);
        section.line("join", value, Known::WhenDone);
    }
    if let Some(maps) = &plan.start.id_maps {
        section.line("uid map", map(&maps.uid), Known::Now);
        section.line("gid map", map(&maps.gid), Known::Now);
        let writer = match maps.writer {
            MapWriter::Parent => "the parent",
            MapWriter::Helpers => "newuidmap and newgidmap",
        };
        section.line("maps written by", writer, Known::Now);
        section.line("setgroups", if maps.deny_setgroups { "denied" } else { "allowed" }, Known::Now);
    }
    section
}

fn intel_rdt(section: &mut Section, rdt: &IntelRdtPlan) {
    let (class, known) = match &rdt.class {
        Class::Root => ("the root's".to_owned(), Known::Now),
        Class::Own(name) => (format!("{name}, made if it is missing"), Known::WhenDone),
        Class::Existing(name) => (format!("{name}, which must be there"), Known::WhenDone),
        Class::Shared(name) => (format!("{name}, made if it is missing and kept"), Known::WhenDone),
    };
    section.line("class of service", format!("{class} ({})", rdt.mount), known);
    if !rdt.schemata.is_empty() {
        section.line("schemata", list(rdt.schemata.lines(), ", "), Known::Now);
    }
    if let Some(name) = &rdt.monitoring {
        section.line("monitoring group", name, Known::Now);
    }
}

pub(super) fn entry(plan: &Plan<'_>) -> Section {
    let (mut section, entry) = (Section::new("entry"), &plan.task.entry);
    if entry.unshare != 0 {
        section.line("unshare", namespaces(entry.unshare), Known::Now);
    }
    if let Some(offsets) = &entry.time_offsets {
        section.line("time offsets", list(offsets.to_string_lossy().lines(), "; "), Known::Now);
    }
    if let Some(second) = entry.second {
        section.line("second clone", namespaces(second), Known::Now);
    }
    if entry.become_root {
        section.line("become root", "of the user namespace", Known::Now);
    }
    if entry.unshare_as_root != 0 {
        section.line("unshare as root", namespaces(entry.unshare_as_root), Known::Now);
    }
    if plan.task.cgroup_namespace {
        section.line("cgroup namespace", "unshared", Known::Now);
    }
    if let Some(keyring) = &plan.task.keyring {
        section.line("session keyring", quoted(&keyring.name), Known::Now);
    }
    if plan.task.loopback {
        section.line("lo", "up", Known::Now);
    }
    section
}

pub(super) fn parent_while_init_works(plan: &Plan<'_>) -> Section {
    let mut section = Section::new("parent, while brig-init works");
    network(&mut section, &plan.network);
    for source in &plan.sources {
        let mount = plan.task.rootfs.mounts.get(usize::try_from(source.mount).unwrap_or(usize::MAX));
        let destination = mount.map(|mount| quoted(&mount.destination)).unwrap_or_default();
        let how = source.id_map.as_ref().map_or("if brig-init may not".to_owned(), |id_map| {
            let maps = match &id_map.maps {
                MountMaps::Own(maps) => format!("uid {}, gid {}", map(&maps.uid), map(&maps.gid)),
                MountMaps::Container => "the container's maps".to_owned(),
            };
            format!("id-mapped{}: {maps}", if id_map.recursive { " with all below it" } else { "" })
        });
        section.line("open source", format!("for {destination}, {how}"), Known::WhenDone);
    }
    hooks(&mut section, "prestart hook", &plan.hooks.prestart);
    hooks(&mut section, "createRuntime hook", &plan.hooks.create_runtime);
    for limit in plan.limits.rlimits.iter().chain(&plan.task.process.rlimits) {
        let number = |limit: u64| if limit == u64::MAX { "unlimited".to_owned() } else { limit.to_string() };
        let value = format!("{} {}", number(limit.soft), number(limit.hard));
        section.line(rlimits::name(limit.resource), value, Known::Now);
    }
    if let Some(listener) = &plan.exec.listener {
        section.line("seccomp listener goes to", quoted(&listener.path), Known::WhenDone);
    }
    if let Some(socket) = &plan.pidfd_receiver {
        section.line("pidfd goes to", quoted(socket), Known::WhenDone);
    }
    section
}

fn network(section: &mut Section, plan: &NetworkPlan) {
    for device in &plan.devices {
        let value = format!("{}, called {} in the container", device.name, device.inside);
        section.line("move network device", value, Known::WhenDone);
    }
    for PlannedVeth { veth, .. } in &plan.veths {
        section.line("veth pair", veth_pair(veth), Known::WhenDone);
    }
}

fn veth_pair(veth: &Veth) -> String {
    let host_name = veth.host_name.as_deref().unwrap_or("under a name of its own");
    let mut parts = vec![format!("{} in the container, {host_name} on the host", veth.name)];
    parts.extend(veth.mac.map(|mac| format!("hardware address {mac}")));
    parts.extend(veth.mtu.map(|mtu| format!("mtu {mtu}")));
    let mut named = |what: &str, addresses: &[Address]| match addresses {
        [] => {}
        some => parts.push(format!("{what} {}", list(some.iter(), ", "))),
    };
    named("addresses", &veth.addresses);
    named("on the host", &veth.host_addresses);
    for route in &veth.routes {
        let way = route.gateway.map(|gateway| format!(" by way of {gateway}")).unwrap_or_default();
        let metric = route.metric.map(|metric| format!(" metric {metric}")).unwrap_or_default();
        parts.push(format!("route to {}{way}{metric}", route.destination));
    }
    parts.extend(veth.gateways.iter().map(|gateway| format!("default route by way of {gateway}")));
    parts.extend(veth.bridge.as_ref().map(|bridge| match &bridge.make {
        None => format!("port of bridge {}", bridge.name),
        Some(make) => {
            let addresses = or_none(list(make.addresses.iter(), ", "));
            format!("port of bridge {}, made if it is missing, with addresses {addresses}", bridge.name)
        }
    }));
    parts.join("; ")
}

pub(super) fn parent_afterwards(plan: &Plan<'_>) -> Section {
    let mut section = Section::new("parent, afterwards");
    hooks(&mut section, "poststart hook", &plan.hooks.poststart);
    hooks(&mut section, "poststop hook", &plan.hooks.poststop);
    section.line("exec joins", namespaces(plan.exec.namespaces), Known::Now);
    section
}

fn hooks(section: &mut Section, name: &'static str, hooks: &[ParentHook<'_>]) {
    for hook in hooks {
        let argv = if hook.args.is_empty() { quoted(&hook.path) } else { texts(&hook.args) };
        let env = hook.env.as_ref().map_or("the caller's environment".to_owned(), |env| or_none(texts(env)));
        let timeout = hook.timeout.map(|ms| format!(", at most {ms} ms")).unwrap_or_default();
        section.line(
            name,
            format!("{}, argv {argv}, env {env}{timeout}", quoted(&hook.path)),
            Known::WhenDone,
        );
    }
}

fn map(lines: &[IdMap]) -> String {
    let line = |map: &IdMap| format!("{} is {} (+{})", map.container_id, map.host_id, map.size);
    or_none(list(lines.iter().map(line), ", "))
}
