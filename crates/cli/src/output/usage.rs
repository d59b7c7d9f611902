//! What `stats` prints: one row for each container. Runs in: parent; pure.

use std::time::Duration;

use brig_runtime::stats::{DeviceCount, Interface, Statistics};
use serde_json::{Value, json};

use super::{
    Colour,
    size::bytes,
    table::{BETWEEN, padded},
};

/// What one container uses.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    id: String,
    /// Hundredths of one processor, since the look before; `None` at the first.
    cpu: Option<f64>,
    /// Bytes, without page cache that the kernel could drop at once.
    memory: u64,
    memory_limit: Option<u64>,
    pids: u64,
    pids_limit: Option<u64>,
    /// Bytes in and out, of all interfaces but `lo`.
    network: (u64, u64),
    /// Bytes read and written.
    block: (u64, u64),
}

impl Row {
    /// What is used by now; `before` is the look before, and how long ago it was.
    #[must_use]
    pub fn new(id: &str, now: &Statistics, before: Option<(Duration, &Statistics)>) -> Self {
        let total = |statistics: &Statistics| statistics.cgroup.cpu.usage.total;
        let cpu = before.filter(|(apart, _)| !apart.is_zero()).map(|(apart, before)| {
            let used = Duration::from_nanos(total(now).saturating_sub(total(before)));
            100.0 * used.as_secs_f64() / apart.as_secs_f64()
        });
        let memory = &now.cgroup.memory;
        let inactive = ["total_inactive_file", "inactive_file"].iter().find_map(|name| memory.raw.get(*name));
        let limit = memory.usage.limit;
        let outer = || now.interfaces.iter().filter(|one| one.name != "lo");
        let sum = |of: fn(&Interface) -> u64| outer().map(of).sum();
        Self {
            id: id.to_owned(),
            cpu,
            memory: memory.usage.current.saturating_sub(inactive.copied().unwrap_or(0)),
            memory_limit: limit.bytes().filter(|bytes| *bytes > 0),
            pids: now.cgroup.pids.current,
            pids_limit: now.cgroup.pids.limit,
            network: (sum(|one| one.received.bytes), sum(|one| one.sent.bytes)),
            block: (moved(&now.cgroup.block_io.bytes, "read"), moved(&now.cgroup.block_io.bytes, "write")),
        }
    }

    fn json(&self) -> Value {
        json!({
            "id": self.id,
            "cpu_percent": self.cpu.map(|cpu| (cpu * 100.0).round() / 100.0),
            "memory": { "usage": self.memory, "limit": self.memory_limit },
            "pids": { "current": self.pids, "limit": self.pids_limit },
            "network": { "received": self.network.0, "sent": self.network.1 },
            "block": { "read": self.block.0, "written": self.block.1 },
        })
    }

    fn cells(&self) -> [String; 7] {
        let of_limit = |used: String, limit: Option<String>| match limit {
            Some(limit) => format!("{used} / {limit}"),
            None => used,
        };
        let share = self.memory_limit.map(|limit| 100 * self.memory / limit.max(1));
        [
            self.id.clone(),
            self.cpu.map_or_else(|| "-".to_owned(), |cpu| format!("{cpu:.1} %")),
            of_limit(bytes(self.memory), self.memory_limit.map(bytes)),
            share.map_or_else(|| "-".to_owned(), |share| format!("{share} %")),
            of_limit(self.pids.to_string(), self.pids_limit.map(|limit| limit.to_string())),
            format!("{} / {}", bytes(self.network.0), bytes(self.network.1)),
            format!("{} / {}", bytes(self.block.0), bytes(self.block.1)),
        ]
    }

    /// From four fifths of the memory limit on it is close.
    fn is_close(&self) -> bool {
        self.memory_limit.is_some_and(|limit| self.memory >= limit / 5 * 4)
    }
}

fn moved(table: &[DeviceCount], operation: &str) -> u64 {
    let of = table.iter().filter(|count| count.operation.eq_ignore_ascii_case(operation));
    of.map(|count| count.value).sum()
}

const HEADING: [&str; 7] =
    ["ID", "CPU", "MEMORY / LIMIT", "SHARE", "PIDS / LIMIT", "NET IN / OUT", "BLOCK READ / WRITTEN"];

/// A line for each under a heading. In colour the heading is bold, and who is close to his memory limit is red.
#[must_use]
pub fn rows_table(rows: &[Row], colour: Colour) -> String {
    let heading = HEADING.map(str::to_owned);
    let cells: Vec<[String; 7]> = std::iter::once(heading).chain(rows.iter().map(Row::cells)).collect();
    let mut table = String::new();
    for (place, row) in padded(cells).into_iter().enumerate() {
        let line = row.join(BETWEEN);
        let is_close = place.checked_sub(1).and_then(|place| rows.get(place)).is_some_and(Row::is_close);
        table.push_str(&match (colour, place) {
            (Colour::On, 0) => format!("\x1b[1m{line}\x1b[0m"),
            (Colour::On, _) if is_close => format!("\x1b[31m{line}\x1b[0m"),
            _ => line,
        });
        table.push('\n');
    }
    table
}

/// One object on a line for each.
#[must_use]
pub fn rows_json(rows: &[Row]) -> String {
    rows.iter().map(|row| row.json().to_string() + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Row {
        Row {
            id: "web".to_owned(),
            cpu: Some(12.345),
            memory: 45 << 20,
            memory_limit: Some(50 << 20),
            pids: 3,
            pids_limit: None,
            network: (1500, 0),
            block: (0, 4096),
        }
    }

    #[test]
    fn a_row_is_one_line_in_columns() {
        let expected = "\
ID   CPU     MEMORY / LIMIT       SHARE  PIDS / LIMIT  NET IN / OUT   BLOCK READ / WRITTEN
web  12.3 %  45.0 MiB / 50.0 MiB  90 %   3             1.4 KiB / 0 B  0 B / 4.0 KiB
";
        assert_eq!(rows_table(&[row()], Colour::Off), expected);
        assert!(rows_table(&[row()], Colour::On).contains("\x1b[31mweb"));
    }

    #[test]
    fn the_first_look_knows_no_share_of_a_processor() {
        let mut now = Statistics::default();
        now.cgroup.cpu.usage.total = 1_000_000_000;
        assert_eq!(Row::new("a", &now, None).cpu, None);
        let before = Statistics::default();
        let cpu = Row::new("a", &now, Some((Duration::from_secs(2), &before))).cpu;
        assert_eq!(cpu, Some(50.0));
    }

    #[test]
    fn a_program_reads_one_object_on_a_line() {
        let value: Value = serde_json::from_str(rows_json(&[row()]).trim()).unwrap();
        assert_eq!(value["memory"]["limit"], 50 << 20);
        assert_eq!(value["cpu_percent"], 12.35);
        assert_eq!(value["pids"]["limit"], Value::Null);
    }
}
