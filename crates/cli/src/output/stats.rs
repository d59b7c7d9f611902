//! What `events` prints: lines of JSON with runc's keys in runc's order, zeros left out where runc leaves them out.
//! Runs in: parent.

mod intel_rdt;

use std::collections::BTreeMap;

use brig_runtime::stats::{
    self, BlockIo, Cpu, Cpuset, DeviceCount, Hugetlb, Interface, Memory, MemoryUsage, Pids, Statistics,
};
use serde::{Serialize, Serializer};

use intel_rdt::IntelRdtDocument;

/// One line of `events`.
#[derive(Debug, Serialize)]
struct Line<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Document<'a>>,
}

/// The line that says what a container has used.
///
/// # Errors
/// None in practice: see [`indented`](super::indented).
pub fn stats_line(id: &str, statistics: &Statistics) -> serde_json::Result<String> {
    line(&Line { kind: "stats", id, data: Some(document(statistics)) })
}

/// The line that says that a container ran out of memory.
///
/// # Errors
/// None in practice: see [`indented`](super::indented).
pub fn oom_line(id: &str) -> serde_json::Result<String> {
    line(&Line { kind: "oom", id, data: None })
}

fn line(line: &Line<'_>) -> serde_json::Result<String> {
    Ok(serde_json::to_string(line)? + "\n")
}

#[derive(Debug, Serialize)]
struct Document<'a> {
    cpu: CpuDocument<'a>,
    cpuset: CpusetDocument<'a>,
    memory: MemoryDocument<'a>,
    pids: PidsDocument,
    blkio: BlkioDocument<'a>,
    hugetlb: BTreeMap<&'a str, HugetlbDocument>,
    intel_rdt: IntelRdtDocument<'a>,
    /// Null where there are none.
    network_interfaces: Option<Vec<InterfaceDocument<'a>>>,
}

fn document(statistics: &Statistics) -> Document<'_> {
    let cgroup = &statistics.cgroup;
    let interfaces: Vec<_> = statistics.interfaces.iter().filter(|one| one.name != "lo").collect();
    Document {
        cpu: cpu(&cgroup.cpu),
        cpuset: cpuset(&cgroup.cpuset),
        memory: memory(&cgroup.memory),
        pids: pids(cgroup.pids),
        blkio: blkio(&cgroup.block_io),
        hugetlb: cgroup.hugetlb.iter().map(|(size, pages)| (size.as_str(), hugetlb(*pages))).collect(),
        intel_rdt: statistics.intel_rdt.as_ref().map(intel_rdt::intel_rdt).unwrap_or_default(),
        network_interfaces: (!interfaces.is_empty()).then(|| interfaces.into_iter().map(interface).collect()),
    }
}

#[derive(Debug, Serialize)]
struct CpuDocument<'a> {
    usage: CpuUsageDocument<'a>,
    throttling: ThrottlingDocument,
    #[serde(skip_serializing_if = "Option::is_none")]
    psi: Option<PressureDocument>,
}

#[derive(Debug, Serialize)]
struct CpuUsageDocument<'a> {
    #[serde(skip_serializing_if = "is_zero")]
    total: u64,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    percpu: &'a [u64],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    percpu_kernel: &'a [u64],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    percpu_user: &'a [u64],
    kernel: u64,
    user: u64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ThrottlingDocument {
    #[serde(skip_serializing_if = "is_zero")]
    periods: u64,
    #[serde(skip_serializing_if = "is_zero")]
    throttled_periods: u64,
    #[serde(skip_serializing_if = "is_zero")]
    throttled_time: u64,
}

fn cpu(cpu: &Cpu) -> CpuDocument<'_> {
    CpuDocument {
        usage: CpuUsageDocument {
            total: cpu.usage.total,
            percpu: &cpu.usage.per_cpu,
            percpu_kernel: &cpu.usage.per_cpu_kernel,
            percpu_user: &cpu.usage.per_cpu_user,
            kernel: cpu.usage.kernel,
            user: cpu.usage.user,
        },
        throttling: ThrottlingDocument {
            periods: cpu.throttling.periods,
            throttled_periods: cpu.throttling.throttled_periods,
            throttled_time: cpu.throttling.throttled_time,
        },
        psi: cpu.pressure.map(pressure),
    }
}

#[derive(Debug, Serialize)]
struct CpusetDocument<'a> {
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    cpus: &'a [u16],
    cpu_exclusive: u64,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    mems: &'a [u16],
    mem_hardwall: u64,
    mem_exclusive: u64,
    memory_migrate: u64,
    memory_spread_page: u64,
    memory_spread_slab: u64,
    memory_pressure: u64,
    sched_load_balance: u64,
    sched_relax_domain_level: i64,
}

fn cpuset(cpuset: &Cpuset) -> CpusetDocument<'_> {
    CpusetDocument {
        cpus: &cpuset.cpus,
        cpu_exclusive: cpuset.cpu_exclusive,
        mems: &cpuset.mems,
        mem_hardwall: cpuset.mem_hardwall,
        mem_exclusive: cpuset.mem_exclusive,
        memory_migrate: cpuset.memory_migrate,
        memory_spread_page: cpuset.memory_spread_page,
        memory_spread_slab: cpuset.memory_spread_slab,
        memory_pressure: cpuset.memory_pressure,
        sched_load_balance: cpuset.sched_load_balance,
        sched_relax_domain_level: cpuset.sched_relax_domain_level,
    }
}

#[derive(Debug, Serialize)]
struct MemoryDocument<'a> {
    #[serde(skip_serializing_if = "is_zero")]
    cache: u64,
    usage: MemoryUsageDocument,
    swap: MemoryUsageDocument,
    kernel: MemoryUsageDocument,
    #[serde(rename = "kernelTCP")]
    kernel_tcp: MemoryUsageDocument,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    raw: &'a BTreeMap<String, u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    psi: Option<PressureDocument>,
}

#[derive(Debug, Serialize)]
struct MemoryUsageDocument {
    limit: u64,
    #[serde(skip_serializing_if = "is_zero")]
    usage: u64,
    #[serde(skip_serializing_if = "is_zero")]
    max: u64,
    failcnt: u64,
}

fn memory(memory: &Memory) -> MemoryDocument<'_> {
    let usage = |usage: &MemoryUsage| MemoryUsageDocument {
        limit: usage.limit.raw(),
        usage: usage.current,
        max: usage.peak,
        failcnt: usage.failures,
    };
    MemoryDocument {
        cache: memory.cache,
        usage: usage(&memory.usage),
        swap: usage(&memory.with_swap),
        kernel: usage(&memory.kernel),
        kernel_tcp: usage(&memory.sockets),
        raw: &memory.raw,
        psi: memory.pressure.map(pressure),
    }
}

#[derive(Debug, Serialize)]
struct PidsDocument {
    #[serde(skip_serializing_if = "is_zero")]
    current: u64,
    /// No limit is left out, as zero.
    #[serde(skip_serializing_if = "is_zero")]
    limit: u64,
}

fn pids(pids: Pids) -> PidsDocument {
    PidsDocument { current: pids.current, limit: pids.limit.unwrap_or(0) }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct BlkioDocument<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    io_service_bytes_recursive: Vec<EntryDocument<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    io_serviced_recursive: Vec<EntryDocument<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    io_queue_recursive: Vec<EntryDocument<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    io_service_time_recursive: Vec<EntryDocument<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    io_wait_time_recursive: Vec<EntryDocument<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    io_merged_recursive: Vec<EntryDocument<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    io_time_recursive: Vec<EntryDocument<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sectors_recursive: Vec<EntryDocument<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    psi: Option<PressureDocument>,
}

#[derive(Debug, Serialize)]
struct EntryDocument<'a> {
    #[serde(skip_serializing_if = "is_zero")]
    major: u64,
    #[serde(skip_serializing_if = "is_zero")]
    minor: u64,
    #[serde(skip_serializing_if = "str::is_empty")]
    op: &'a str,
    #[serde(skip_serializing_if = "is_zero")]
    value: u64,
}

fn blkio(io: &BlockIo) -> BlkioDocument<'_> {
    BlkioDocument {
        io_service_bytes_recursive: entries(&io.bytes),
        io_serviced_recursive: entries(&io.operations),
        io_queue_recursive: entries(&io.queued),
        io_service_time_recursive: entries(&io.service_time),
        io_wait_time_recursive: entries(&io.wait_time),
        io_merged_recursive: entries(&io.merged),
        io_time_recursive: entries(&io.time),
        sectors_recursive: entries(&io.sectors),
        psi: io.pressure.map(pressure),
    }
}

fn entries(table: &[DeviceCount]) -> Vec<EntryDocument<'_>> {
    table
        .iter()
        .map(|DeviceCount { major, minor, operation, value }| EntryDocument {
            major: *major,
            minor: *minor,
            op: operation,
            value: *value,
        })
        .collect()
}

#[derive(Debug, Serialize)]
struct HugetlbDocument {
    #[serde(skip_serializing_if = "is_zero")]
    usage: u64,
    #[serde(skip_serializing_if = "is_zero")]
    max: u64,
    failcnt: u64,
}

/// What is reserved counts, where the kernel tells: use is a part of it. But failures are counted for use on version 2.
fn hugetlb(pages: Hugetlb) -> HugetlbDocument {
    let counted = pages.reserved.unwrap_or(pages.used);
    HugetlbDocument {
        usage: counted.current,
        max: counted.peak,
        failcnt: counted.failures.max(pages.used.failures),
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct InterfaceDocument<'a> {
    name: &'a str,
    rx_bytes: u64,
    rx_packets: u64,
    rx_errors: u64,
    rx_dropped: u64,
    tx_bytes: u64,
    tx_packets: u64,
    tx_errors: u64,
    tx_dropped: u64,
}

fn interface(interface: &Interface) -> InterfaceDocument<'_> {
    let (received, sent) = (interface.received, interface.sent);
    InterfaceDocument {
        name: &interface.name,
        rx_bytes: received.bytes,
        rx_packets: received.packets,
        rx_errors: received.errors,
        rx_dropped: received.dropped,
        tx_bytes: sent.bytes,
        tx_packets: sent.packets,
        tx_errors: sent.errors,
        tx_dropped: sent.dropped,
    }
}

#[derive(Debug, Serialize)]
struct PressureDocument {
    some: StallDocument,
    full: StallDocument,
}

#[derive(Debug, Serialize)]
struct StallDocument {
    #[serde(serialize_with = "share")]
    avg10: f64,
    #[serde(serialize_with = "share")]
    avg60: f64,
    #[serde(serialize_with = "share")]
    avg300: f64,
    total: u64,
}

fn pressure(pressure: stats::Pressure) -> PressureDocument {
    let stall = |stall: stats::Stall| StallDocument {
        avg10: stall.avg10,
        avg60: stall.avg60,
        avg300: stall.avg300,
        total: stall.total,
    };
    PressureDocument { some: stall(pressure.some), full: stall(pressure.full) }
}

/// Go writes whole numbers without a fraction: `0`, not `0.0`.
#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it in this form")]
fn share<S: Serializer>(share: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    let whole = (0_u32..=100).find(|whole| f64::from(*whole).to_bits() == share.to_bits());
    match whole {
        Some(whole) => serializer.serialize_u32(whole),
        None => serializer.serialize_f64(*share),
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it in this form")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests;
