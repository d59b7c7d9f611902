//! Limits as properties of a unit, from what is written to the files of its cgroup (systemd.resource-control(5)).
//! Runs in: the parent; pure.
//!
//! What systemd has no property for is left to the files.

use brig_dbus::{Property, Value};

use crate::limits::Write;

/// The properties that say what these writes do, in their order.
pub fn properties(writes: &[Write]) -> Vec<Property> {
    writes.iter().flat_map(|write| of_file(&write.file, &write.value)).collect()
}

/// The properties that say what a file with this content does.
pub fn of_file(file: &str, value: &str) -> Vec<Property> {
    let value = value.trim();
    let number = |name| limit(value).map(|limit| Property::new(name, Value::U64(limit)));
    let set = |name| cpu_set(value).map(|set| Property::since(244, name, Value::bytes(&set)));
    let only = |property: Option<Property>| property.into_iter().collect();
    match file {
        "pids.max" => only(number("TasksMax")),
        "memory.min" => only(number("MemoryMin")),
        "memory.low" => only(number("MemoryLow")),
        "memory.high" => only(number("MemoryHigh")),
        "memory.max" => only(number("MemoryMax")),
        "memory.swap.max" => only(number("MemorySwapMax")),
        "cpu.weight" => only(number("CPUWeight")),
        // systemd's word for an idle group is a weight of 0.
        "cpu.idle" if value == "1" => vec![Property::since(252, "CPUWeight", Value::U64(0))],
        "cpu.max" => bandwidth(value),
        "cpuset.cpus" => only(set("AllowedCPUs")),
        "cpuset.mems" => only(set("AllowedMemoryNodes")),
        _ => Vec::new(),
    }
}

/// Rounds what systemd would round, so that both mean the same: it counts CPU time in percent of one processor.
pub fn round(writes: &mut [Write]) {
    for write in writes.iter_mut().filter(|write| write.file == "cpu.max") {
        if let Some((Some(quota), period)) = quota_and_period(&write.value) {
            let rounded = per_second(quota, period).saturating_mul(period) / SECOND;
            if rounded > quota {
                write.value = format!("{rounded} {period}");
            }
        }
    }
}

fn bandwidth(value: &str) -> Vec<Property> {
    let Some((quota, period)) = quota_and_period(value) else { return Vec::new() };
    let quota = quota.map_or(u64::MAX, |quota| per_second(quota, period));
    vec![
        Property::since(242, "CPUQuotaPeriodUSec", Value::U64(period)),
        Property::new("CPUQuotaPerSecUSec", Value::U64(quota)),
    ]
}

/// `50000 100000`, or `max`; the period may be left out.
fn quota_and_period(value: &str) -> Option<(Option<u64>, u64)> {
    let mut words = value.split_ascii_whitespace();
    let quota = match words.next()? {
        "max" => None,
        quota => Some(quota.parse().ok()?),
    };
    let period = words.next().map_or(Some(PERIOD), |period| period.parse().ok())?;
    (period > 0).then_some((quota, period))
}

/// Microseconds of each second, in whole hundredths of it.
fn per_second(quota: u64, period: u64) -> u64 {
    let exact = u128::from(quota) * u128::from(SECOND) / u128::from(period);
    u64::try_from(exact).unwrap_or(u64::MAX - HUNDREDTH).next_multiple_of(HUNDREDTH)
}

/// systemd's infinity is the largest number.
fn limit(value: &str) -> Option<u64> {
    if value == "max" { Some(u64::MAX) } else { value.parse().ok() }
}

/// A list such as `0-2,7` as a mask: the first byte has the first eight.
fn cpu_set(list: &str) -> Option<Vec<u8>> {
    let mut mask = Vec::new();
    for range in list.split(',').map(str::trim).filter(|range| !range.is_empty()) {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (usize, usize) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        if last >= MOST || first > last {
            return None;
        }
        if mask.len() <= last / 8 {
            mask.resize(last / 8 + 1, 0);
        }
        for number in first..=last {
            if let Some(byte) = mask.get_mut(number / 8) {
                *byte |= 1 << (number % 8);
            }
        }
    }
    // An empty list is one too: all that the parents have.
    Some(mask)
}

/// What the kernel begins with, in microseconds.
const PERIOD: u64 = 100_000;
const SECOND: u64 = 1_000_000;
const HUNDREDTH: u64 = 10_000;

/// More processors, or memory nodes, than a kernel can be built for.
const MOST: usize = 1 << 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{Version, writes};
    use crate::resources::{Cpu, Memory, Resources, Unified};

    fn said(resources: &Resources<'_>) -> Vec<(String, Value)> {
        let mut writes = writes(resources, Version::V2);
        round(&mut writes);
        properties(&writes).into_iter().map(|property| (property.name, property.value)).collect()
    }

    fn numbers(pairs: &[(&str, u64)]) -> Vec<(String, Value)> {
        pairs.iter().map(|(name, number)| ((*name).to_owned(), Value::U64(*number))).collect()
    }

    fn of_cpu(quota: Option<i64>, period: Option<u64>) -> Vec<(String, Value)> {
        said(&Resources { cpu: Cpu { quota, period, ..Cpu::default() }, ..Resources::default() })
    }

    #[test]
    fn limits_have_the_names_and_units_of_systemd() {
        let memory = Memory {
            limit: Some(1 << 20),
            reservation: Some(-1),
            swap: Some(3 << 20),
            swappiness: Some(7),
            ..Memory::default()
        };
        let cpu = Cpu { shares: Some(1024), ..Cpu::default() };
        let asked = Resources { memory, cpu, pids: Some(-1), ..Resources::default() };
        let want = [
            ("TasksMax", u64::MAX),
            ("MemorySwapMax", 2 << 20),
            ("MemoryMax", 1 << 20),
            ("MemoryLow", u64::MAX),
            ("CPUWeight", 100),
        ];
        assert_eq!(said(&asked), numbers(&want));
    }

    #[test]
    fn cpu_time_is_rounded_up_to_whole_percents() {
        let period =
            |period, quota| numbers(&[("CPUQuotaPeriodUSec", period), ("CPUQuotaPerSecUSec", quota)]);
        assert_eq!(of_cpu(Some(50_000), Some(100_000)), period(100_000, 500_000));
        assert_eq!(of_cpu(Some(12_345), Some(100_000)), period(100_000, 130_000));
        assert_eq!(of_cpu(Some(300_000), None), period(100_000, 3_000_000));
        assert_eq!(of_cpu(None, Some(10_000)), period(10_000, u64::MAX));
        assert_eq!(of_cpu(Some(-1), Some(10_000)), period(10_000, u64::MAX));
        assert_eq!(of_cpu(None, None), []);
    }

    #[test]
    fn what_is_written_to_the_file_is_rounded_as_well() {
        let rounded = |quota, period| {
            let cpu = Cpu { quota: Some(quota), period: Some(period), ..Cpu::default() };
            let mut writes = writes(&Resources { cpu, ..Resources::default() }, Version::V2);
            round(&mut writes);
            writes[0].value.clone()
        };
        assert_eq!(rounded(12_345, 100_000), "13000 100000");
        assert_eq!(rounded(50_000, 100_000), "50000 100000");
        assert_eq!(rounded(-1, 100_000), "max 100000");
        // A period in which a hundredth is no whole number of microseconds: never less than was asked for.
        assert_eq!(rounded(1001, 1050), "1008 1050");
        assert_eq!(rounded(i64::MAX, 1000), format!("{} 1000", i64::MAX), "what cannot be rounded stays");
    }

    #[test]
    fn an_idle_group_is_one_without_weight_to_those_who_know() {
        let cpu = Cpu { idle: Some(1), shares: Some(512), ..Cpu::default() };
        let idle = properties(&writes(&Resources { cpu, ..Resources::default() }, Version::V2));
        assert_eq!(idle, [Property::since(252, "CPUWeight", Value::U64(0))]);
    }

    #[test]
    fn lists_of_processors_become_masks() {
        let table: [(&str, Option<&[u8]>); 8] = [
            ("0", Some(&[1])),
            ("1,3", Some(&[0b1010])),
            ("0-2,7", Some(&[0b1000_0111])),
            (" 8 - 9 , 16", Some(&[0, 3, 1])),
            ("", Some(&[])),
            ("3-1", None),
            ("x", None),
            ("99999999", None),
        ];
        for (list, want) in table {
            assert_eq!(cpu_set(list).as_deref(), want, "{list}");
        }
    }

    #[test]
    fn unified_is_translated_like_the_rest() {
        let line =
            |file: &'static str, value: &'static str| Unified { file: file.into(), value: value.into() };
        let unified = vec![
            line("memory.high", "4096"),
            line("memory.min", "max"),
            line("pids.max", "99\n"),
            line("cpu.weight", "5"),
            line("cpu.max", "max 1000"),
            line("cpuset.mems", "1"),
            line("hugetlb.2MB.max", "0"),
            line("cpu.max", "nonsense"),
        ];
        let mut want = numbers(&[
            ("MemoryHigh", 4096),
            ("MemoryMin", u64::MAX),
            ("TasksMax", 99),
            ("CPUWeight", 5),
            ("CPUQuotaPeriodUSec", 1000),
            ("CPUQuotaPerSecUSec", u64::MAX),
        ]);
        want.push(("AllowedMemoryNodes".to_owned(), Value::bytes(&[2])));
        assert_eq!(said(&Resources { unified, ..Resources::default() }), want);
    }
}
