//! `linux.resources`, settled: what was asked of the container's cgroup, in the specification's units.
//! Runs in: the parent; pure. Kept in the record, so that `update` knows what holds; `limits` turns it into files.
//!
//! Go programs write a number that nobody chose as 0, and runc takes it so: where 0 cannot be meant it is "not asked".

mod merge;

use std::borrow::Cow;

use brig_handshake::wire_struct;

use crate::spec::{
    LinuxBlockIo, LinuxCpu, LinuxInterfacePriority, LinuxMemory, LinuxNetwork, LinuxResources,
    LinuxThrottleDevice, LinuxWeightDevice,
};

wire_struct! {
    /// What was asked of the cgroup; `None` and empty: nothing, and so it stays as it is.
    #[derive(Default)]
    pub struct Resources<'a> {
        /// `memory`
        pub memory: Memory,
        /// `cpu`
        pub cpu: Cpu<'a>,
        /// `pids.limit`; negative: no limit.
        pub pids: Option<i64>,
        /// `blockIO`
        pub block_io: BlockIo,
        /// `hugepageLimits`
        pub huge_pages: Vec<HugePages<'a>>,
        /// `network`
        pub network: Network<'a>,
        /// `rdma`
        pub rdma: Vec<Rdma<'a>>,
        /// `unified`
        pub unified: Vec<Unified<'a>>,
    }
}

wire_struct! {
    /// Bytes; -1: no limit.
    #[derive(Default)]
    pub struct Memory {
        /// `limit`
        pub limit: Option<i64>,
        /// `reservation`
        pub reservation: Option<i64>,
        /// `swap`: memory and swap together.
        pub swap: Option<i64>,
        /// `swappiness`
        pub swappiness: Option<u64>,
        /// `disableOOMKiller`
        pub disable_oom_killer: Option<bool>,
        /// `checkBeforeUpdate`
        pub check_before_update: Option<bool>,
    }
}

wire_struct! {
    /// Times in microseconds.
    #[derive(Default)]
    pub struct Cpu<'a> {
        /// `shares`
        pub shares: Option<u64>,
        /// `quota`; negative: no limit.
        pub quota: Option<i64>,
        /// `burst`
        pub burst: Option<u64>,
        /// `period`
        pub period: Option<u64>,
        /// `realtimeRuntime`
        pub realtime_runtime: Option<i64>,
        /// `realtimePeriod`
        pub realtime_period: Option<u64>,
        /// `cpus`
        pub cpus: Option<Cow<'a, str>>,
        /// `mems`
        pub mems: Option<Cow<'a, str>>,
        /// `idle`
        pub idle: Option<i64>,
    }
}

wire_struct! {
    /// Weights are 10 to 1000, rates per second; a rate of 0: no throttle.
    #[derive(Default)]
    pub struct BlockIo {
        /// `weight`
        pub weight: Option<u16>,
        /// `leafWeight`
        pub leaf_weight: Option<u16>,
        /// `weightDevice[].weight`
        pub weights: Vec<OfDevice>,
        /// `weightDevice[].leafWeight`
        pub leaf_weights: Vec<OfDevice>,
        /// `throttleReadBpsDevice`
        pub read_bps: Vec<OfDevice>,
        /// `throttleWriteBpsDevice`
        pub write_bps: Vec<OfDevice>,
        /// `throttleReadIOPSDevice`
        pub read_iops: Vec<OfDevice>,
        /// `throttleWriteIOPSDevice`
        pub write_iops: Vec<OfDevice>,
    }
}

wire_struct! {
    /// A number for one block device.
    #[derive(Copy)]
    pub struct OfDevice {
        /// Major number.
        pub major: i64,
        /// Minor number.
        pub minor: i64,
        /// The number.
        pub value: u64,
    }
}

wire_struct! {
    /// `hugepageLimits[]`
    pub struct HugePages<'a> {
        /// `pageSize`, such as `2MB`.
        pub page_size: Cow<'a, str>,
        /// Bytes.
        pub limit: u64,
    }
}

wire_struct! {
    /// `network`
    #[derive(Default)]
    pub struct Network<'a> {
        /// `classID`
        pub class_id: Option<u32>,
        /// `priorities`
        pub priorities: Vec<Priority<'a>>,
    }
}

wire_struct! {
    /// `network.priorities[]`
    pub struct Priority<'a> {
        /// Interface.
        pub name: Cow<'a, str>,
        /// Priority.
        pub priority: u32,
    }
}

wire_struct! {
    /// `rdma`, of one device.
    pub struct Rdma<'a> {
        /// Device.
        pub device: Cow<'a, str>,
        /// `hcaHandles`
        pub handles: Option<u32>,
        /// `hcaObjects`
        pub objects: Option<u32>,
    }
}

wire_struct! {
    /// A line of `unified`.
    pub struct Unified<'a> {
        /// File of the cgroup's directory.
        pub file: Cow<'a, str>,
        /// What is written to it.
        pub value: Cow<'a, str>,
    }
}

/// Settles `linux.resources`, which keeps its text: nothing is borrowed.
pub fn settle(spec: &LinuxResources<'_>) -> Resources<'static> {
    let text = |text: &str| Cow::Owned(text.to_owned());
    Resources {
        memory: spec.memory.as_ref().map(memory).unwrap_or_default(),
        cpu: spec.cpu.as_ref().map(cpu).unwrap_or_default(),
        pids: spec.pids.as_ref().and_then(|pids| pids.limit),
        block_io: spec.block_io.as_ref().map(block_io).unwrap_or_default(),
        huge_pages: spec
            .hugepage_limits
            .iter()
            .map(|limit| HugePages { page_size: text(&limit.page_size), limit: limit.limit })
            .collect(),
        network: spec.network.as_ref().map(network).unwrap_or_default(),
        rdma: spec
            .rdma
            .iter()
            .map(|(device, limit)| Rdma {
                device: text(device),
                handles: limit.hca_handles,
                objects: limit.hca_objects,
            })
            .filter(|rdma| rdma.handles.is_some() || rdma.objects.is_some())
            .collect(),
        unified: spec
            .unified
            .iter()
            .map(|(file, value)| Unified { file: text(file), value: text(value) })
            .collect(),
    }
}

impl Resources<'_> {
    /// Whether nothing was asked for.
    pub fn is_empty(&self) -> bool {
        let memory = Memory { check_before_update: None, ..self.memory.clone() };
        Resources { memory, ..self.clone() } == Resources::default()
    }
}

fn memory(memory: &LinuxMemory) -> Memory {
    Memory {
        limit: chosen(memory.limit),
        reservation: chosen(memory.reservation),
        swap: chosen(memory.swap),
        // -1 of a program that counts in 64 bits: as it is.
        swappiness: memory.swappiness.filter(|&swappiness| swappiness != u64::MAX),
        disable_oom_killer: memory.disable_oom_killer,
        check_before_update: memory.check_before_update,
    }
}

fn cpu(cpu: &LinuxCpu<'_>) -> Cpu<'static> {
    let list = |list: &str| (!list.is_empty()).then(|| Cow::Owned(list.to_owned()));
    Cpu {
        shares: chosen(cpu.shares),
        quota: chosen(cpu.quota),
        burst: cpu.burst,
        period: chosen(cpu.period),
        realtime_runtime: chosen(cpu.realtime_runtime),
        realtime_period: chosen(cpu.realtime_period),
        cpus: list(&cpu.cpus),
        mems: list(&cpu.mems),
        idle: cpu.idle,
    }
}

fn network(network: &LinuxNetwork<'_>) -> Network<'static> {
    let priority = |it: &LinuxInterfacePriority<'_>| Priority {
        name: Cow::Owned(it.name.to_string()),
        priority: it.priority,
    };
    Network { class_id: network.class_id, priorities: network.priorities.iter().map(priority).collect() }
}

fn block_io(block: &LinuxBlockIo) -> BlockIo {
    BlockIo {
        weight: chosen(block.weight),
        leaf_weight: chosen(block.leaf_weight),
        weights: weights(&block.weight_device, |device| device.weight),
        leaf_weights: weights(&block.weight_device, |device| device.leaf_weight),
        read_bps: rates(&block.throttle_read_bps_device),
        write_bps: rates(&block.throttle_write_bps_device),
        read_iops: rates(&block.throttle_read_iops_device),
        write_iops: rates(&block.throttle_write_iops_device),
    }
}

fn weights(
    devices: &[LinuxWeightDevice],
    weight: impl Fn(&LinuxWeightDevice) -> Option<u16>,
) -> Vec<OfDevice> {
    let of = |device: &LinuxWeightDevice| {
        let value = chosen(weight(device))?.into();
        Some(OfDevice { major: device.major, minor: device.minor, value })
    };
    latest(devices.iter().filter_map(of))
}

fn rates(devices: &[LinuxThrottleDevice]) -> Vec<OfDevice> {
    let of = |device: &LinuxThrottleDevice| OfDevice {
        major: device.major,
        minor: device.minor,
        value: device.rate,
    };
    latest(devices.iter().map(of))
}

/// Each device once; what comes last holds, as in the kernel.
fn latest(devices: impl Iterator<Item = OfDevice>) -> Vec<OfDevice> {
    let mut list = Vec::new();
    devices.for_each(|device| upsert(&mut list, device));
    list
}

/// Puts a device's number in place of the one that it had.
fn upsert(list: &mut Vec<OfDevice>, device: OfDevice) {
    let same = |known: &&mut OfDevice| (known.major, known.minor) == (device.major, device.minor);
    match list.iter_mut().find(same) {
        Some(known) => *known = device,
        None => list.push(device),
    }
}

/// The zero value of Go is no choice.
fn chosen<T: Default + PartialEq>(value: Option<T>) -> Option<T> {
    value.filter(|value| *value != T::default())
}
