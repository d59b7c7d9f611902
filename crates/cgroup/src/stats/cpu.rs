//! Processor time: `cpuacct.*` and `cpu.stat` (v1), `cpu.stat` (v2).

use super::files::Files;
use super::pressure::Pressure;
use super::text::Pairs;
use crate::error::Error;

/// Processor time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Cpu {
    /// What was used.
    pub usage: CpuUsage,
    /// What the quota withheld.
    pub throttling: Throttling,
    /// Waits for a processor; `None` where the kernel does not tell.
    pub pressure: Option<Pressure>,
}

/// Processor time that was used, in nanoseconds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CpuUsage {
    /// All of it.
    pub total: u64,
    /// In the kernel.
    pub kernel: u64,
    /// Outside of it.
    pub user: u64,
    /// `total` by processor. Version 1 only: empty on version 2, as the next two.
    pub per_cpu: Vec<u64>,
    /// `kernel` by processor.
    pub per_cpu_kernel: Vec<u64>,
    /// `user` by processor.
    pub per_cpu_user: Vec<u64>,
}

/// What a quota (`linux.resources.cpu.quota`) withheld.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Throttling {
    /// Periods in which something ran, counted while there is a quota.
    pub periods: u64,
    /// Those in which the quota was exhausted.
    pub throttled_periods: u64,
    /// How long runnable processes were held up: nanoseconds, summed over processors.
    pub throttled_time: u64,
    /// Periods in which more than the quota was used, as `cpu.burst` allows.
    pub bursts: u64,
    /// How much more, in nanoseconds.
    pub burst_time: u64,
}

pub(super) fn usage_v1(files: &Files<'_>) -> Result<CpuUsage, Error> {
    let ticks = files.pairs("cpuacct.stat")?;
    let (per_cpu_user, per_cpu_kernel) =
        files.text("cpuacct.usage_all")?.map(|text| per_cpu_modes(&text)).unwrap_or_default();
    Ok(CpuUsage {
        total: files.number("cpuacct.usage")?,
        kernel: ticks.count("system").saturating_mul(TICK),
        user: ticks.count("user").saturating_mul(TICK),
        per_cpu: files.parsed("cpuacct.usage_percpu", numbers)?.unwrap_or_default(),
        per_cpu_kernel,
        per_cpu_user,
    })
}

pub(super) fn usage_v2(files: &Files<'_>) -> Result<CpuUsage, Error> {
    Ok(usage_of(&files.pairs("cpu.stat")?))
}

fn usage_of(stat: &Pairs) -> CpuUsage {
    CpuUsage {
        total: micro(stat, "usage_usec"),
        kernel: micro(stat, "system_usec"),
        user: micro(stat, "user_usec"),
        ..CpuUsage::default()
    }
}

pub(super) fn throttling_v1(files: &Files<'_>) -> Result<Throttling, Error> {
    let stat = files.pairs("cpu.stat")?;
    Ok(Throttling {
        throttled_time: stat.count("throttled_time"),
        burst_time: stat.count("burst_time"),
        ..counts(&stat)
    })
}

pub(super) fn throttling_v2(files: &Files<'_>) -> Result<Throttling, Error> {
    Ok(throttling_of(&files.pairs("cpu.stat")?))
}

fn throttling_of(stat: &Pairs) -> Throttling {
    Throttling {
        throttled_time: micro(stat, "throttled_usec"),
        burst_time: micro(stat, "burst_usec"),
        ..counts(stat)
    }
}

fn counts(stat: &Pairs) -> Throttling {
    Throttling {
        periods: stat.count("nr_periods"),
        throttled_periods: stat.count("nr_throttled"),
        bursts: stat.count("nr_bursts"),
        ..Throttling::default()
    }
}

fn micro(stat: &Pairs, name: &str) -> u64 {
    stat.count(name).saturating_mul(1000)
}

fn numbers(text: &str) -> Option<Vec<u64>> {
    text.split_ascii_whitespace().map(|word| word.parse().ok()).collect()
}

/// The lines `cpu user system` of `cpuacct.usage_all`, in nanoseconds: all of `user`, all of `system`.
fn per_cpu_modes(text: &str) -> (Vec<u64>, Vec<u64>) {
    let line = |line: &str| {
        let numbers = numbers(line)?;
        Some((*numbers.get(1)?, *numbers.get(2)?))
    };
    text.lines().filter_map(line).unzip()
}

/// Nanoseconds of a clock tick as user space counts them: USER_HZ is 100 wherever brig runs (time(7)).
const TICK: u64 = 1_000_000_000 / 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_2_counts_in_microseconds() {
        let stat = Pairs::parse(
            "usage_usec 289485\nuser_usec 243995\nsystem_usec 45490\nnice_usec 0\ncore_sched.force_idle_usec 0\n\
             nr_periods 17\nnr_throttled 13\nthrottled_usec 943203\nnr_bursts 2\nburst_usec 5\n",
        );
        assert_eq!(
            usage_of(&stat),
            CpuUsage { total: 289_485_000, kernel: 45_490_000, user: 243_995_000, ..CpuUsage::default() }
        );
        let want = Throttling {
            periods: 17,
            throttled_periods: 13,
            throttled_time: 943_203_000,
            bursts: 2,
            burst_time: 5000,
        };
        assert_eq!(throttling_of(&stat), want);
        let huge = Pairs::parse("usage_usec 18446744073709551615\n");
        assert_eq!(usage_of(&huge).total, u64::MAX);
    }

    #[test]
    fn processors_are_told_apart_on_version_1() {
        let text = "cpu user system\n0 220000000 0\n1 16000000 44000000\n";
        assert_eq!(per_cpu_modes(text), (vec![220_000_000, 16_000_000], vec![0, 44_000_000]));
        assert_eq!(per_cpu_modes("cpu user\n0 1\n\n2 3 x\n"), (vec![], vec![]));
        assert_eq!(numbers("222317086 67168805 \n"), Some(vec![222_317_086, 67_168_805]));
        assert_eq!(numbers("1 x"), None);
    }
}
