//! Limits on cgroup v1. Runs in: the parent; pure.

use super::{Refused, Shape, Write, device, plain};
use crate::refusal::Refusal;
use crate::resources::{BlockIo, Cpu, HugePages, Memory, Network, OfDevice, Rdma, Resources};

/// The controllers in runc's order.
pub(super) fn writes(resources: &Resources<'_>) -> Vec<Write> {
    let mut writes = Vec::new();
    cpuset(&resources.cpu, &mut writes);
    memory(&resources.memory, &mut writes);
    cpu(&resources.cpu, &mut writes);
    writes.extend(resources.pids.map(super::pids));
    block_io(&resources.block_io, &mut writes);
    huge_pages(&resources.huge_pages, &mut writes);
    network(&resources.network, &mut writes);
    rdma(&resources.rdma, &mut writes);
    writes
}

/// What the files of v1 take for something else, or not at all.
pub(super) fn check(
    resources: &Resources<'_>,
    refuse: impl Fn(&str, String) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    // The kernel would take the nearest that it knows (MIN_SHARES, MAX_SHARES of kernel/sched/sched.h), in silence.
    match resources.cpu.shares {
        Some(shares) if shares < 2 => {
            return refuse("cpu.shares", "the minimum allowed cpu-shares is 2".to_owned());
        }
        Some(shares) if shares > 1 << 18 => {
            return refuse("cpu.shares", "the maximum allowed cpu-shares is 262144".to_owned());
        }
        Some(_) | None => {}
    }
    if let Some(swappiness) = resources.memory.swappiness.filter(|&swappiness| swappiness > 100) {
        let words = format!("invalid memory swappiness value: {swappiness} (valid range is 0-100)");
        return refuse("memory.swappiness", words);
    }
    if !resources.unified.is_empty() {
        return refuse("unified", "invalid configuration: cannot use unified on cgroup v1".to_owned());
    }
    Ok(())
}

fn cpuset(cpu: &Cpu<'_>, writes: &mut Vec<Write>) {
    writes.extend(cpu.cpus.as_ref().map(|list| plain("cpuset", "cpuset.cpus", list, "cpu.cpus")));
    writes.extend(cpu.mems.as_ref().map(|list| plain("cpuset", "cpuset.mems", list, "cpu.mems")));
}

/// Memory may not exceed memory and swap together, so which of them goes first depends on what holds now.
fn memory(memory: &Memory, writes: &mut Vec<Write>) {
    let file = |file, value: i64, field| plain("memory", file, value, field);
    if let Some(limit) = memory.limit {
        let limit = file("memory.limit_in_bytes", limit, "memory.limit");
        writes.push(Write { refused: Refused::Again, ..limit });
    }
    if let Some(swap) = memory.swap.or(memory.limit.filter(|&limit| limit == -1)) {
        let refused = if swap == -1 { Refused::PassOver } else { Refused::Fail };
        writes.push(Write { refused, ..file("memory.memsw.limit_in_bytes", swap, "memory.swap") });
    }
    writes.extend(
        memory.reservation.map(|soft| file("memory.soft_limit_in_bytes", soft, "memory.reservation")),
    );
    if let Some(disable) = memory.disable_oom_killer {
        let shape = Shape::Field { name: "oom_kill_disable" };
        let value = u8::from(disable);
        writes
            .push(Write { shape, ..plain("memory", "memory.oom_control", value, "memory.disableOOMKiller") });
    }
    let swappiness = memory.swappiness;
    writes.extend(swappiness.map(|value| plain("memory", "memory.swappiness", value, "memory.swappiness")));
}

fn cpu(cpu: &Cpu<'_>, writes: &mut Vec<Write>) {
    let file = |file, value: String, field| plain("cpu", file, value, field);
    let again =
        |file, value: u64, field| Write { refused: Refused::Again, ..plain("cpu", file, value, field) };
    writes.extend(cpu.idle.map(|idle| file("cpu.idle", idle.to_string(), "cpu.idle")));
    // A group that is idle has no shares: the kernel would refuse them, and forgets those that it had.
    if let Some(shares) = cpu.shares.filter(|_| cpu.idle != Some(1)) {
        writes.push(file("cpu.shares", shares.to_string(), "cpu.shares"));
    }
    writes.extend(cpu.period.map(|period| again("cpu.cfs_period_us", period, "cpu.period")));
    writes.extend(cpu.burst.map(|burst| again("cpu.cfs_burst_us", burst, "cpu.burst")));
    writes.extend(cpu.quota.map(|quota| file("cpu.cfs_quota_us", quota.to_string(), "cpu.quota")));
    writes.extend(cpu.realtime_period.map(|period| again("cpu.rt_period_us", period, "cpu.realtimePeriod")));
    if let Some(runtime) = cpu.realtime_runtime {
        let refused = Refused::RaiseParents;
        writes
            .push(Write { refused, ..file("cpu.rt_runtime_us", runtime.to_string(), "cpu.realtimeRuntime") });
    }
}

fn block_io(block: &BlockIo, writes: &mut Vec<Write>) {
    let or = |write: Write, file: &'static str| {
        let refused = Refused::Instead { file: file.into(), value: write.value.clone() };
        Write { refused, ..write }
    };
    if let Some(weight) = block.weight {
        writes.push(or(plain("blkio", "blkio.bfq.weight", weight, "blockIO.weight"), "blkio.weight"));
    }
    let leaf = block.leaf_weight;
    writes.extend(leaf.map(|weight| plain("blkio", "blkio.leaf_weight", weight, "blockIO.leafWeight")));
    for weight in &block.weights {
        let write = of_device("blkio.bfq.weight_device", weight, "default", "blockIO.weightDevice");
        writes.push(or(write, "blkio.weight_device"));
    }
    for weight in &block.leaf_weights {
        writes.push(of_device("blkio.leaf_weight_device", weight, "default", "blockIO.weightDevice"));
    }
    for (rates, file, field) in [
        (&block.read_bps, "blkio.throttle.read_bps_device", "blockIO.throttleReadBpsDevice"),
        (&block.write_bps, "blkio.throttle.write_bps_device", "blockIO.throttleWriteBpsDevice"),
        (&block.read_iops, "blkio.throttle.read_iops_device", "blockIO.throttleReadIOPSDevice"),
        (&block.write_iops, "blkio.throttle.write_iops_device", "blockIO.throttleWriteIOPSDevice"),
    ] {
        writes.extend(rates.iter().map(|rate| of_device(file, rate, "0", field)));
    }
}

fn of_device(file: &'static str, number: &OfDevice, none: &str, field: &'static str) -> Write {
    let key = device(number);
    let value = format!("{key} {}", number.value);
    let shape = Shape::Lines { none: format!("{key} {none}"), key };
    Write { shape, ..plain("blkio", file, value, field) }
}

fn huge_pages(limits: &[HugePages<'_>], writes: &mut Vec<Write>) {
    for HugePages { page_size, limit } in limits {
        let of = |kind, refused| Write {
            file: format!("hugetlb.{page_size}{kind}.limit_in_bytes").into(),
            refused,
            ..plain("hugetlb", "", limit, "hugepageLimits")
        };
        writes.extend([of("", Refused::Fail), of(".rsvd", Refused::PassOver)]);
    }
}

fn network(network: &Network<'_>, writes: &mut Vec<Write>) {
    if let Some(class) = network.class_id.filter(|&class| class != 0) {
        writes.push(plain("net_cls", "net_cls.classid", class, "network.classID"));
    }
    for priority in &network.priorities {
        let key = priority.name.to_string();
        let value = format!("{key} {}", priority.priority);
        let shape = Shape::Lines { none: format!("{key} 0"), key };
        writes.push(Write { shape, ..plain("net_prio", "net_prio.ifpriomap", value, "network.priorities") });
    }
}

fn rdma(limits: &[Rdma<'_>], writes: &mut Vec<Write>) {
    writes.extend(limits.iter().map(super::rdma));
}
