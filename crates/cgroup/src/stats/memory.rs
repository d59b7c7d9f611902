//! Memory and swap: `memory.*`.

use std::collections::BTreeMap;

use super::files::Files;
use super::pressure::Pressure;
use super::text::Pairs;
use crate::error::Error;

/// Memory and swap.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Memory {
    /// Page cache, in bytes.
    pub cache: u64,
    /// Memory. On version 2 `failures` counts how often it went to the limit (`max` of `memory.events`).
    pub usage: MemoryUsage,
    /// Memory and swap together. Version 2 counts them apart: usage and limit are sums then, and `peak` is 0.
    pub with_swap: MemoryUsage,
    /// Swap alone: version 2. `failures` counts how often it went to its limit.
    pub swap: MemoryUsage,
    /// The kernel's part; on version 2 without a limit of its own.
    pub kernel: MemoryUsage,
    /// Buffers of sockets; on version 1 those of TCP.
    pub sockets: MemoryUsage,
    /// What happened at the limits, in this cgroup and below.
    pub events: MemoryEvents,
    /// All of `memory.stat`: mostly bytes, some are counts. Names differ between versions.
    pub raw: BTreeMap<String, u64>,
    /// Waits for memory; `None` where the kernel does not tell.
    pub pressure: Option<Pressure>,
}

/// One kind of memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MemoryUsage {
    /// Bytes at this moment.
    pub current: u64,
    /// The most bytes at any moment; 0 where the kernel does not tell (`memory.peak`: Linux 5.19).
    pub peak: u64,
    /// The limit.
    pub limit: Limit,
    /// How often the limit was met.
    pub failures: u64,
}

/// A limit in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Limit(pub(crate) u64);

impl Limit {
    /// Bytes; `None` if there is no limit.
    pub const fn bytes(self) -> Option<u64> {
        // Version 1 rounds the greatest signed number down to whole pages, which may have 64 KiB.
        if self.0 >= (i64::MAX as u64) & !0xffff { None } else { Some(self.0) }
    }

    /// As the kernel has it: no limit is the greatest number of pages on version 1, and [`u64::MAX`] for `max`. 0 where there
    /// is no such limit to be set.
    pub const fn raw(self) -> u64 {
        self.0
    }

    fn plus(self, other: Limit) -> Limit {
        match (self.bytes(), other.bytes()) {
            (Some(one), Some(two)) => Limit(one.saturating_add(two)),
            _ => Limit(u64::MAX),
        }
    }
}

/// How often something happened: `memory.events`. Of version 1 the kernel counts `oom_kill` alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MemoryEvents {
    /// Reclaimed although below `memory.low`.
    pub low: u64,
    /// Throttled at `memory.high`.
    pub high: u64,
    /// About to pass `memory.max`.
    pub max: u64,
    /// Nothing left to reclaim: an allocation was about to fail.
    pub oom: u64,
    /// Processes killed for it, whoever ran out of memory: the cgroup, one above it, or the machine.
    pub oom_kill: u64,
    /// Whole groups killed (`memory.oom.group`).
    pub oom_group_kill: u64,
}

impl MemoryEvents {
    pub(crate) fn of(events: &Pairs) -> MemoryEvents {
        MemoryEvents {
            low: events.count("low"),
            high: events.count("high"),
            max: events.count("max"),
            oom: events.count("oom"),
            oom_kill: events.count("oom_kill"),
            oom_group_kill: events.count("oom_group_kill"),
        }
    }

    /// What has happened since `before`. Counters never fall; one that did counts as unchanged.
    #[must_use]
    pub fn since(&self, before: &MemoryEvents) -> MemoryEvents {
        MemoryEvents {
            low: self.low.saturating_sub(before.low),
            high: self.high.saturating_sub(before.high),
            max: self.max.saturating_sub(before.max),
            oom: self.oom.saturating_sub(before.oom),
            oom_kill: self.oom_kill.saturating_sub(before.oom_kill),
            oom_group_kill: self.oom_group_kill.saturating_sub(before.oom_group_kill),
        }
    }
}

pub(super) fn v1(files: &Files<'_>) -> Result<Memory, Error> {
    let raw: BTreeMap<String, u64> = files.pairs("memory.stat")?.into_iter().collect();
    let usage = |kind: &str| -> Result<MemoryUsage, Error> {
        let number = |what: &str| files.number(&format!("memory{kind}.{what}"));
        Ok(MemoryUsage {
            current: number("usage_in_bytes")?,
            peak: number("max_usage_in_bytes")?,
            limit: Limit(number("limit_in_bytes")?),
            failures: number("failcnt")?,
        })
    };
    Ok(Memory {
        cache: raw.get("cache").copied().unwrap_or(0),
        usage: usage("")?,
        with_swap: usage(".memsw")?,
        swap: MemoryUsage::default(),
        kernel: usage(".kmem")?,
        sockets: usage(".kmem.tcp")?,
        events: MemoryEvents::of(&files.pairs("memory.oom_control")?),
        raw,
        pressure: None,
    })
}

pub(super) fn v2(files: &Files<'_>) -> Result<Memory, Error> {
    let raw: BTreeMap<String, u64> = files.pairs("memory.stat")?.into_iter().collect();
    let events = MemoryEvents::of(&files.pairs("memory.events")?);
    let usage = |kind: &str, failures: u64| -> Result<MemoryUsage, Error> {
        let number = |what: &str| files.number(&format!("memory{kind}.{what}"));
        let limit = Limit(number("max")?);
        Ok(MemoryUsage { current: number("current")?, peak: number("peak")?, limit, failures })
    };
    let memory = usage("", events.max)?;
    let swap = usage(".swap", files.pairs("memory.swap.events")?.count("max"))?;
    let part = |name: &str| {
        let current = raw.get(name).copied().unwrap_or(0);
        MemoryUsage { current, ..MemoryUsage::default() }
    };
    Ok(Memory {
        cache: raw.get("file").copied().unwrap_or(0),
        usage: memory,
        with_swap: together(&memory, &swap),
        swap,
        kernel: part("kernel"),
        sockets: part("sock"),
        events,
        raw,
        pressure: None,
    })
}

fn together(memory: &MemoryUsage, swap: &MemoryUsage) -> MemoryUsage {
    MemoryUsage {
        current: memory.current.saturating_add(swap.current),
        peak: 0,
        limit: memory.limit.plus(swap.limit),
        failures: swap.failures,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_limit_is_none_in_the_words_of_either_version() {
        assert_eq!(Limit(9_223_372_036_854_771_712).bytes(), None);
        assert_eq!(Limit(9_223_372_036_854_710_272).bytes(), None, "pages of 64 KiB");
        assert_eq!(Limit(u64::MAX).bytes(), None);
        assert_eq!(Limit(524_288).bytes(), Some(524_288));
    }

    #[test]
    fn memory_and_swap_together_are_limited_only_if_both_are() {
        let usage = |current, limit| MemoryUsage { current, limit: Limit(limit), peak: 7, failures: 1 };
        let sum = together(&usage(10, 100), &usage(5, 50));
        assert_eq!((sum.current, sum.limit.bytes(), sum.peak), (15, Some(150), 0));
        assert_eq!(together(&usage(10, u64::MAX), &usage(5, 50)).limit, Limit(u64::MAX));
        assert_eq!(together(&usage(u64::MAX, 1), &usage(5, u64::MAX)).current, u64::MAX);
    }

    #[test]
    fn events_are_those_of_both_versions_and_never_count_backwards() {
        let v2 =
            Pairs::parse("low 0\nhigh 1\nmax 369\noom 2\noom_kill 3\noom_group_kill 4\nsock_throttled 0\n");
        let now = MemoryEvents::of(&v2);
        assert_eq!((now.high, now.max, now.oom, now.oom_kill, now.oom_group_kill), (1, 369, 2, 3, 4));
        let v1 = MemoryEvents::of(&Pairs::parse("oom_kill_disable 0\nunder_oom 0\noom_kill 1\n"));
        assert_eq!(v1, MemoryEvents { oom_kill: 1, ..MemoryEvents::default() });
        assert_eq!(now.since(&v1).oom_kill, 2);
        assert_eq!(v1.since(&now), MemoryEvents::default());
    }
}
