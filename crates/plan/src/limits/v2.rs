//! Limits on cgroup v2. Runs in: the parent; pure.

use super::{Refused, Shape, Write, device, plain, swap_alone};
use crate::refusal::member;
use crate::resources::{BlockIo, Cpu, HugePages, Memory, OfDevice, Resources, Unified};

/// The controllers in runc's order; `unified` last, so that it has the last word.
pub(super) fn writes(resources: &Resources<'_>) -> Vec<Write> {
    let mut writes = Vec::new();
    writes.extend(resources.pids.map(super::pids));
    memory(&resources.memory, &mut writes);
    block_io(&resources.block_io, &mut writes);
    cpu(&resources.cpu, &mut writes);
    cpuset(&resources.cpu, &mut writes);
    huge_pages(&resources.huge_pages, &mut writes);
    writes.extend(resources.rdma.iter().map(super::rdma));
    unified(&resources.unified, &mut writes);
    // A group that is idle has no weight: the kernel would refuse one, and forgets the one that it had.
    if resources.is_idle() {
        writes.retain(|write| write.file != "cpu.weight");
    }
    // Until it is woken it takes none either.
    if writes.iter().any(|write| write.file == "cpu.idle") {
        writes.sort_by_key(|write| write.file == "cpu.weight");
    }
    writes
}

/// What v2 has no file for.
pub(super) fn without_effect(resources: &Resources<'_>) -> Vec<&'static str> {
    let (memory, cpu, block, network) =
        (&resources.memory, &resources.cpu, &resources.block_io, &resources.network);
    [
        ("memory.swappiness", memory.swappiness.is_some()),
        ("memory.disableOOMKiller", memory.disable_oom_killer == Some(true)),
        ("cpu.realtimeRuntime", cpu.realtime_runtime.is_some()),
        ("cpu.realtimePeriod", cpu.realtime_period.is_some()),
        ("blockIO.leafWeight", block.leaf_weight.is_some()),
        ("blockIO.weightDevice[].leafWeight", !block.leaf_weights.is_empty()),
        ("network.classID", network.class_id.is_some_and(|class| class != 0)),
        ("network.priorities", !network.priorities.is_empty()),
    ]
    .into_iter()
    .filter_map(|(field, asked)| asked.then_some(field))
    .collect()
}

fn memory(memory: &Memory, writes: &mut Vec<Write>) {
    let file = |file, value, field| plain("memory", file, bytes(value), field);
    // What cannot be told apart was refused before.
    if let Ok(Some(swap)) = swap_alone(memory) {
        // Without swap in the kernel there is no file, and neither value takes anything away.
        let refused = if matches!(swap, -1 | 0) { Refused::PassOver } else { Refused::Fail };
        writes.push(Write { refused, ..file("memory.swap.max", swap, "memory.swap") });
    }
    writes.extend(memory.limit.map(|limit| file("memory.max", limit, "memory.limit")));
    writes.extend(memory.reservation.map(|low| file("memory.low", low, "memory.reservation")));
}

fn block_io(block: &BlockIo, writes: &mut Vec<Write>) {
    // bfq has the specification's unit, and is asked for first; other schedulers share by io.cost, in a unit of their own.
    let weight = |key: &str, none: &str, weight: u64, field| Write {
        refused: Refused::Instead { file: "io.weight".into(), value: format!("{key} {}", io_weight(weight)) },
        shape: Shape::Lines { key: key.to_owned(), none: format!("{key} {none}") },
        ..plain("io", "io.bfq.weight", format!("{key} {weight}"), field)
    };
    if let Some(of_all) = block.weight {
        writes.push(weight("default", "100", of_all.into(), "blockIO.weight"));
    }
    for of_one in &block.weights {
        writes.push(weight(&device(of_one), "default", of_one.value, "blockIO.weightDevice"));
    }
    for (rates, name, field) in [
        (&block.read_bps, "rbps", "blockIO.throttleReadBpsDevice"),
        (&block.write_bps, "wbps", "blockIO.throttleWriteBpsDevice"),
        (&block.read_iops, "riops", "blockIO.throttleReadIOPSDevice"),
        (&block.write_iops, "wiops", "blockIO.throttleWriteIOPSDevice"),
    ] {
        writes.extend(rates.iter().map(|rate| throttle(rate, name, field)));
    }
}

/// 0 lifts a throttle, as in the files of v1; here that is a word.
fn throttle(rate: &OfDevice, name: &str, field: &'static str) -> Write {
    let key = device(rate);
    let rate = if rate.value == 0 { "max".to_owned() } else { rate.value.to_string() };
    let value = format!("{key} {name}={rate}");
    let none = format!("{key} rbps=max wbps=max riops=max wiops=max");
    Write { shape: Shape::Lines { key, none }, ..plain("io", "io.max", value, field) }
}

fn cpu(cpu: &Cpu<'_>, writes: &mut Vec<Write>) {
    writes.extend(cpu.idle.map(|idle| plain("cpu", "cpu.idle", idle, "cpu.idle")));
    if let Some(shares) = cpu.shares {
        writes.push(plain("cpu", "cpu.weight", weight(shares), "cpu.shares"));
    }
    if let Some(burst) = cpu.burst {
        let refused = Refused::Again;
        writes.push(Write { refused, ..plain("cpu", "cpu.max.burst", burst, "cpu.burst") });
    }
    if cpu.quota.is_some() || cpu.period.is_some() {
        let quota = cpu.quota.filter(|&quota| quota > 0).map_or("max".to_owned(), |quota| quota.to_string());
        let value = format!("{quota} {}", cpu.period.unwrap_or(PERIOD));
        let field = if cpu.quota.is_some() { "cpu.quota" } else { "cpu.period" };
        writes.push(plain("cpu", "cpu.max", value, field));
    }
}

fn cpuset(cpu: &Cpu<'_>, writes: &mut Vec<Write>) {
    writes.extend(cpu.cpus.as_ref().map(|list| plain("cpuset", "cpuset.cpus", list, "cpu.cpus")));
    writes.extend(cpu.mems.as_ref().map(|list| plain("cpuset", "cpuset.mems", list, "cpu.mems")));
}

fn huge_pages(limits: &[HugePages<'_>], writes: &mut Vec<Write>) {
    for HugePages { page_size, limit } in limits {
        let of = |kind, refused| Write {
            file: format!("hugetlb.{page_size}{kind}.max").into(),
            refused,
            ..plain("hugetlb", "", limit, "hugepageLimits")
        };
        writes.extend([of("", Refused::Fail), of(".rsvd", Refused::PassOver)]);
    }
}

/// The kernel takes a line in each write.
fn unified(lines: &[Unified<'_>], writes: &mut Vec<Write>) {
    for Unified { file, value } in lines {
        let controller = file.split('.').next().unwrap_or_default().to_owned();
        let write = |line: &str| Write {
            controller: controller.clone().into(),
            file: file.to_string().into(),
            value: line.to_owned(),
            refused: Refused::Fail,
            shape: Shape::Value,
            field: member("unified", file).into(),
        };
        writes.extend(value.lines().filter(|line| !line.trim().is_empty()).map(write));
    }
}

fn bytes(value: i64) -> String {
    if value < 0 { "max".to_owned() } else { value.to_string() }
}

/// `cpu.weight` of shares: 2, 1024 and 262144 become 1, 100 and 10000, and in between a parabola of their logarithms runs
/// through these points (runc 1.3.2, crun 1.23; before that a straight line, on which 1024 were 39).
pub fn weight(shares: u64) -> u64 {
    match shares {
        0..=2 => 1,
        262_144.. => 10_000,
        _ => {
            #[allow(clippy::cast_precision_loss, reason = "below 2^18")]
            let logarithm = (shares as f64).log2();
            let exponent = (logarithm * logarithm + 125.0 * logarithm) / 612.0 - 7.0 / 34.0;
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and 10000")]
            let weight = 10_f64.powf(exponent).ceil() as u64;
            weight
        }
    }
}

/// `io.weight`, 1 to 10000, of a weight from 10 to 1000.
fn io_weight(weight: u64) -> u64 {
    1 + weight.saturating_sub(10) * 9999 / 990
}

/// What the kernel begins with, in microseconds.
const PERIOD: u64 = 100_000;
