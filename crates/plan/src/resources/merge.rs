//! A change of what was asked: what holds afterwards, and what has to be written for it.
//! Runs in: the parent; pure. For `update`.
//!
//! What the change does not mention stays. Unlike runc's, which forgets quota, tasks and cpusets in its own state as soon as
//! something else is changed, the result is all that holds.

use super::{BlockIo, Cpu, HugePages, Memory, Network, OfDevice, Priority, Rdma, Resources, Unified, upsert};
use crate::limits::Version;

impl<'r> Resources<'r> {
    /// What holds after `change`.
    pub fn merged(&self, change: &Resources<'r>, version: Version) -> Resources<'r> {
        Resources {
            memory: memory(&self.memory, &change.memory, version),
            cpu: cpu(&self.cpu, change),
            pids: change.pids.or(self.pids),
            block_io: block_io(&self.block_io, &change.block_io),
            huge_pages: with(&self.huge_pages, &change.huge_pages, same_size),
            network: Network {
                class_id: change.network.class_id.or(self.network.class_id),
                priorities: with(&self.network.priorities, &change.network.priorities, same_interface),
            },
            rdma: rdma(&self.rdma, &change.rdma),
            unified: unified(&self.unified, change),
        }
    }

    /// Whether the group is to be idle: `unified` has the last word.
    pub(crate) fn is_idle(&self) -> bool {
        self.unified_value(IDLE).map_or(self.cpu.idle == Some(1), |value| value.trim() == "1")
    }

    /// Whether a weight is asked for, in shares or as it is.
    pub(crate) fn has_weight(&self) -> bool {
        self.cpu.shares.is_some() || self.unified_value(WEIGHT).is_some()
    }

    /// Whoever gives a weight to a group and says nothing of idleness means that it is to have it: runc, with systemd.
    fn wakes(&self) -> bool {
        self.has_weight() && self.cpu.idle.is_none() && self.unified_value(IDLE).is_none()
    }

    fn unified_value(&self, file: &str) -> Option<&str> {
        self.unified.iter().find(|line| line.file == file).map(|line| &*line.value)
    }

    /// The part of it that `change` touches: what it mentions, and what shares a file with that, or an order.
    pub fn touched(&self, change: &Resources<'r>) -> Resources<'r> {
        let (cpu, memory) = (&change.cpu, &change.memory);
        let time = cpu.quota.is_some() || cpu.period.is_some();
        let realtime = cpu.realtime_runtime.is_some() || cpu.realtime_period.is_some();
        // The kernel forgets the weight of a group that becomes idle.
        let weight = change.has_weight() || cpu.idle.is_some();
        Resources {
            memory: Memory {
                // Swap is counted from the limit on.
                limit: memory.limit.or(self.memory.limit.filter(|_| memory.swap.is_some())),
                swap: memory.swap,
                ..memory.clone()
            },
            cpu: Cpu {
                quota: self.cpu.quota.filter(|_| time),
                period: self.cpu.period.filter(|_| time),
                realtime_runtime: self.cpu.realtime_runtime.filter(|_| realtime),
                realtime_period: self.cpu.realtime_period.filter(|_| realtime),
                shares: self.cpu.shares.filter(|_| weight),
                idle: self.cpu.idle.filter(|_| weight),
                ..cpu.clone()
            },
            unified: self
                .unified
                .iter()
                .filter(|line| change.wakes() && line.file == IDLE)
                .chain(&change.unified)
                .cloned()
                .collect(),
            ..change.clone()
        }
    }
}

fn memory(old: &Memory, change: &Memory, version: Version) -> Memory {
    Memory {
        limit: change.limit.or(old.limit),
        reservation: change.reservation.or(old.reservation),
        swap: change.swap.or_else(|| swap(old, change.limit, version)),
        swappiness: change.swappiness.or(old.swappiness),
        disable_oom_killer: change.disable_oom_killer.or(old.disable_oom_killer),
        check_before_update: change.check_before_update.or(old.check_before_update),
    }
}

/// Memory and swap together, where only the memory limit changes. Without a limit of memory there is none of both. On v2 swap
/// has a file of its own, which stays as it is: the sum moves.
fn swap(old: &Memory, limit: Option<i64>, version: Version) -> Option<i64> {
    match (version, limit, old.limit, old.swap) {
        (_, Some(-1), _, swap) => swap.map(|_| -1),
        (Version::V2, Some(limit), Some(before), Some(swap)) if before >= 0 && swap >= 0 => {
            Some(limit.saturating_add(swap.saturating_sub(before)))
        }
        (_, _, _, swap) => swap,
    }
}

fn cpu<'r>(old: &Cpu<'r>, change: &Resources<'r>) -> Cpu<'r> {
    let idle = if change.wakes() { old.idle.map(|_| 0) } else { old.idle };
    let change = &change.cpu;
    Cpu {
        shares: change.shares.or(old.shares),
        quota: change.quota.or(old.quota),
        burst: change.burst.or(old.burst),
        period: change.period.or(old.period),
        realtime_runtime: change.realtime_runtime.or(old.realtime_runtime),
        realtime_period: change.realtime_period.or(old.realtime_period),
        cpus: change.cpus.clone().or_else(|| old.cpus.clone()),
        mems: change.mems.clone().or_else(|| old.mems.clone()),
        idle: change.idle.or(idle),
    }
}

fn block_io(old: &BlockIo, change: &BlockIo) -> BlockIo {
    let devices = |old: &[OfDevice], change: &[OfDevice]| {
        let mut list = old.to_vec();
        change.iter().for_each(|device| upsert(&mut list, *device));
        list
    };
    BlockIo {
        weight: change.weight.or(old.weight),
        leaf_weight: change.leaf_weight.or(old.leaf_weight),
        weights: devices(&old.weights, &change.weights),
        leaf_weights: devices(&old.leaf_weights, &change.leaf_weights),
        read_bps: devices(&old.read_bps, &change.read_bps),
        write_bps: devices(&old.write_bps, &change.write_bps),
        read_iops: devices(&old.read_iops, &change.read_iops),
        write_iops: devices(&old.write_iops, &change.write_iops),
    }
}

fn rdma<'r>(old: &[Rdma<'r>], change: &[Rdma<'r>]) -> Vec<Rdma<'r>> {
    let same = |one: &Rdma<'_>, other: &Rdma<'_>| one.device == other.device;
    let whole = |new: &Rdma<'r>| {
        let known = old.iter().find(|known| same(known, new));
        Rdma {
            device: new.device.clone(),
            handles: new.handles.or(known.and_then(|known| known.handles)),
            objects: new.objects.or(known.and_then(|known| known.objects)),
        }
    };
    with(old, &change.iter().map(whole).collect::<Vec<_>>(), same)
}

/// `old`, in which what is the `same` as something of `change` is replaced by it, and the rest of `change` behind.
fn with<T: Clone>(old: &[T], change: &[T], same: impl Fn(&T, &T) -> bool) -> Vec<T> {
    let mut list = old.to_vec();
    for new in change {
        match list.iter_mut().find(|known| same(known, new)) {
            Some(known) => *known = new.clone(),
            None => list.push(new.clone()),
        }
    }
    list
}

fn unified<'r>(old: &[Unified<'r>], change: &Resources<'r>) -> Vec<Unified<'r>> {
    let mut lines = with(old, &change.unified, same_file);
    if change.wakes() {
        lines.iter_mut().filter(|line| line.file == IDLE).for_each(|line| line.value = "0".into());
    }
    lines
}

const IDLE: &str = "cpu.idle";
const WEIGHT: &str = "cpu.weight";

fn same_size(one: &HugePages<'_>, other: &HugePages<'_>) -> bool {
    one.page_size == other.page_size
}

fn same_interface(one: &Priority<'_>, other: &Priority<'_>) -> bool {
    one.name == other.name
}

fn same_file(one: &Unified<'_>, other: &Unified<'_>) -> bool {
    one.file == other.file
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::writes;
    use crate::load;
    use crate::resources::settle;

    fn settled(json: &str) -> Resources<'static> {
        settle(&load::resources(json.as_bytes()).unwrap())
    }

    #[track_caller]
    fn changes(version: Version, old: &str, change: &str, holds: &str, lines: &[&str]) {
        let (old, change) = (settled(old), settled(change));
        let merged = old.merged(&change, version);
        assert_eq!(merged, settled(holds));
        let written: Vec<String> = writes(&merged.touched(&change), version)
            .iter()
            .map(|write| format!("{} = {}", write.file, write.value))
            .collect();
        assert_eq!(written, lines);
    }

    #[test]
    fn what_is_not_mentioned_is_neither_written_nor_forgotten() {
        changes(
            Version::V2,
            r#"{"memory":{"limit":5,"reservation":4},"cpu":{"shares":100,"cpus":"0","quota":7,"burst":1},
                "pids":{"limit":3},"unified":{"a.b":"1","a.c":"2"}}"#,
            r#"{"memory":{"reservation":3},"unified":{"a.c":"3"}}"#,
            r#"{"memory":{"limit":5,"reservation":3},"cpu":{"shares":100,"cpus":"0","quota":7,"burst":1},
                "pids":{"limit":3},"unified":{"a.b":"1","a.c":"3"}}"#,
            &["memory.low = 3", "a.c = 3"],
        );
        let all = r#"{"memory":{"limit":5},"cpu":{"shares":9},"pids":{"limit":3}}"#;
        changes(Version::V1, all, r#"{"memory":null,"cpu":null,"pids":null,"blockIO":null}"#, all, &[]);
        changes(Version::V2, all, "null", all, &[]);
    }

    #[test]
    fn quota_and_period_keep_each_other() {
        let old = r#"{"cpu":{"quota":5000,"period":10000}}"#;
        let period = r#"{"cpu":{"period":20000}}"#;
        let holds = r#"{"cpu":{"quota":5000,"period":20000}}"#;
        changes(Version::V2, old, period, holds, &["cpu.max = 5000 20000"]);
        changes(Version::V1, old, period, holds, &["cpu.cfs_period_us = 20000", "cpu.cfs_quota_us = 5000"]);
        let holds = r#"{"cpu":{"quota":-1,"period":10000}}"#;
        changes(Version::V2, old, r#"{"cpu":{"quota":-1}}"#, holds, &["cpu.max = max 10000"]);
        let burst = r#"{"cpu":{"quota":5000,"period":10000,"burst":3}}"#;
        changes(Version::V2, old, r#"{"cpu":{"burst":3}}"#, burst, &["cpu.max.burst = 3"]);
    }

    #[test]
    fn a_group_that_is_no_longer_idle_gets_its_weight_again() {
        let old = r#"{"cpu":{"shares":1024,"idle":1}}"#;
        let awake = r#"{"cpu":{"shares":1024,"idle":0}}"#;
        let lines = ["cpu.idle = 0", "cpu.weight = 100"];
        changes(Version::V2, old, r#"{"cpu":{"idle":0}}"#, awake, &lines);
    }

    #[test]
    fn who_gives_a_weight_alone_to_an_idle_group_wakes_it() {
        let awake = r#"{"cpu":{"shares":1024,"idle":0}}"#;
        let lines = ["cpu.idle = 0", "cpu.weight = 100"];
        changes(Version::V2, r#"{"cpu":{"idle":1}}"#, r#"{"cpu":{"shares":1024}}"#, awake, &lines);
        let both = r#"{"cpu":{"shares":1024,"idle":1}}"#;
        changes(Version::V2, awake, both, both, &["cpu.idle = 1"]);
        let idle = r#"{"unified":{"cpu.idle":"1","cpu.weight":"8"}}"#;
        changes(Version::V2, "{}", idle, idle, &["cpu.idle = 1"]);
        let weight = r#"{"unified":{"cpu.weight":"9"}}"#;
        let awake = r#"{"unified":{"cpu.idle":"0","cpu.weight":"9"}}"#;
        changes(Version::V2, idle, weight, awake, &["cpu.idle = 0", "cpu.weight = 9"]);
        let shares = r#"{"cpu":{"shares":1024},"unified":{"cpu.idle":"0"}}"#;
        let idle = r#"{"unified":{"cpu.idle":"1"}}"#;
        changes(Version::V2, idle, r#"{"cpu":{"shares":1024}}"#, shares, &lines);
    }

    #[test]
    fn swap_follows_memory_as_the_files_do() {
        let old = r#"{"memory":{"limit":100,"swap":150}}"#;
        let more = r#"{"memory":{"limit":300}}"#;
        changes(Version::V2, old, more, r#"{"memory":{"limit":300,"swap":350}}"#, &["memory.max = 300"]);
        let less = r#"{"memory":{"limit":120}}"#;
        let holds = r#"{"memory":{"limit":120,"swap":150}}"#;
        changes(Version::V1, old, less, holds, &["memory.limit_in_bytes = 120"]);
        let swap = r#"{"memory":{"swap":200}}"#;
        let holds = r#"{"memory":{"limit":100,"swap":200}}"#;
        changes(Version::V2, old, swap, holds, &["memory.swap.max = 100", "memory.max = 100"]);
        let lines = ["memory.limit_in_bytes = 100", "memory.memsw.limit_in_bytes = 200"];
        changes(Version::V1, old, swap, holds, &lines);
        let unlimited = r#"{"memory":{"limit":-1,"swap":-1}}"#;
        let lines = ["memory.swap.max = max", "memory.max = max"];
        changes(Version::V2, old, r#"{"memory":{"limit":-1}}"#, unlimited, &lines);
        let lines = ["memory.limit_in_bytes = -1", "memory.memsw.limit_in_bytes = -1"];
        changes(Version::V1, old, r#"{"memory":{"limit":-1}}"#, unlimited, &lines);
        let again = r#"{"memory":{"limit":7,"swap":-1}}"#;
        changes(Version::V2, unlimited, r#"{"memory":{"limit":7}}"#, again, &["memory.max = 7"]);
    }

    #[test]
    fn lists_change_entry_by_entry() {
        changes(
            Version::V1,
            r#"{"blockIO":{"throttleReadBpsDevice":[{"major":8,"minor":0,"rate":1},{"major":8,"minor":1,"rate":2}]},
                "hugepageLimits":[{"pageSize":"2MB","limit":1},{"pageSize":"1GB","limit":2}],
                "network":{"priorities":[{"name":"a","priority":1}]},"rdma":{"m":{"hcaHandles":1,"hcaObjects":2}}}"#,
            r#"{"blockIO":{"throttleReadBpsDevice":[{"major":8,"minor":1,"rate":3},{"major":8,"minor":2,"rate":4}]},
                "hugepageLimits":[{"pageSize":"1GB","limit":3}],
                "network":{"priorities":[{"name":"b","priority":2}]},"rdma":{"m":{"hcaHandles":3}}}"#,
            r#"{"blockIO":{"throttleReadBpsDevice":[{"major":8,"minor":0,"rate":1},{"major":8,"minor":1,"rate":3},{"major":8,"minor":2,"rate":4}]},
                "hugepageLimits":[{"pageSize":"2MB","limit":1},{"pageSize":"1GB","limit":3}],
                "network":{"priorities":[{"name":"a","priority":1},{"name":"b","priority":2}]},
                "rdma":{"m":{"hcaHandles":3,"hcaObjects":2}}}"#,
            &[
                "blkio.throttle.read_bps_device = 8:1 3",
                "blkio.throttle.read_bps_device = 8:2 4",
                "hugetlb.1GB.limit_in_bytes = 3",
                "hugetlb.1GB.rsvd.limit_in_bytes = 3",
                "net_prio.ifpriomap = b 2",
                "rdma.max = m hca_handle=3",
            ],
        );
    }
}
