//! Block devices: `blkio.*` (v1), `io.stat` (v2).

use super::files::Files;
use super::pressure::Pressure;
use super::text;
use crate::error::Error;

/// Block devices. Version 2 counts `bytes` and `operations`; the other tables are of version 1, and those from `queued` on
/// only where the scheduler of the device fills them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BlockIo {
    /// Bytes, by device and operation.
    pub bytes: Vec<DeviceCount>,
    /// Requests, by device and operation.
    pub operations: Vec<DeviceCount>,
    /// Requests that wait at this moment.
    pub queued: Vec<DeviceCount>,
    /// From dispatch to completion, in nanoseconds.
    pub service_time: Vec<DeviceCount>,
    /// In the scheduler's queues, in nanoseconds.
    pub wait_time: Vec<DeviceCount>,
    /// Requests that were merged into others.
    pub merged: Vec<DeviceCount>,
    /// Time on the device, in milliseconds.
    pub time: Vec<DeviceCount>,
    /// Sectors of 512 bytes.
    pub sectors: Vec<DeviceCount>,
    /// Waits for devices; `None` where the kernel does not tell.
    pub pressure: Option<Pressure>,
}

/// One number of one device.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeviceCount {
    /// Major number of the device.
    pub major: u64,
    /// Minor number of the device.
    pub minor: u64,
    /// `Read`, `Write`, `Discard`; on version 1 also `Sync`, `Async` and `Total`. Empty where operations are not told apart.
    pub operation: String,
    /// The number.
    pub value: u64,
}

/// Which files tell: the first family that has counted anything. Those of BFQ count the devices that it schedules, those of
/// CFQ were removed with it in Linux 5.0, and throttling counts whatever has passed by it.
pub(super) fn v1(files: &Files<'_>) -> Result<BlockIo, Error> {
    for (prefix, suffix) in FAMILIES {
        let table = |name: &str| -> Result<Vec<DeviceCount>, Error> {
            let text = files.text(&format!("blkio{prefix}.{name}{suffix}"))?;
            Ok(text.map(|text| table_v1(&text)).unwrap_or_default())
        };
        let bytes = table("io_service_bytes")?;
        if bytes.is_empty() {
            continue;
        }
        return Ok(BlockIo {
            bytes,
            operations: table("io_serviced")?,
            queued: table("io_queued")?,
            service_time: table("io_service_time")?,
            wait_time: table("io_wait_time")?,
            merged: table("io_merged")?,
            time: table("time")?,
            sectors: table("sectors")?,
            pressure: None,
        });
    }
    Ok(BlockIo::default())
}

const FAMILIES: [(&str, &str); 4] =
    [(".bfq", "_recursive"), ("", "_recursive"), (".throttle", "_recursive"), (".throttle", "")];

/// Lines `8:0 Read 42` or `8:0 42`. The last, `Total 42`, belongs to no device.
fn table_v1(text: &str) -> Vec<DeviceCount> {
    let line = |line: &str| {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let (name, operation, value) = match words.as_slice() {
            [name, operation, value] => (name, *operation, value),
            [name, value] => (name, "", value),
            _ => return None,
        };
        let (major, minor) = text::device(name)?;
        Some(DeviceCount { major, minor, operation: operation.to_owned(), value: value.parse().ok()? })
    };
    text.lines().filter_map(line).collect()
}

pub(super) fn v2(files: &Files<'_>) -> Result<BlockIo, Error> {
    Ok(files.text("io.stat")?.map(|text| table_v2(&text)).unwrap_or_default())
}

/// Lines `8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6`; other words are of controllers that estimate costs.
fn table_v2(text: &str) -> BlockIo {
    let mut io = BlockIo::default();
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        let Some((major, minor)) = words.next().and_then(text::device) else { continue };
        for (name, value) in words.filter_map(|word| word.split_once('=')) {
            let (table, operation) = match name {
                "rbytes" => (&mut io.bytes, "Read"),
                "wbytes" => (&mut io.bytes, "Write"),
                "dbytes" => (&mut io.bytes, "Discard"),
                "rios" => (&mut io.operations, "Read"),
                "wios" => (&mut io.operations, "Write"),
                "dios" => (&mut io.operations, "Discard"),
                _ => continue,
            };
            if let Ok(value) = value.parse() {
                table.push(DeviceCount { major, minor, operation: operation.to_owned(), value });
            }
        }
    }
    io
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(major: u64, minor: u64, operation: &str, value: u64) -> DeviceCount {
        DeviceCount { major, minor, operation: operation.to_owned(), value }
    }

    #[test]
    fn version_1_tells_devices_and_operations_and_the_sum_is_no_device() {
        let text = "8:0 Read 1282048\n8:0 Write 2195456\n8:0 Discard 0\n8:0 Total 3477504\nTotal 3477504\n";
        let table = table_v1(text);
        assert_eq!(table.len(), 4);
        assert_eq!(table[1], count(8, 0, "Write", 2_195_456));
        assert_eq!(table_v1("8:16 6792\n"), [count(8, 16, "", 6792)]);
        assert_eq!(table_v1("Total 0\n"), []);
        assert_eq!(table_v1("8:0 Read\n8:0 Read x\n8 Read 1\n\n8:0 Read 1 2\n"), []);
    }

    #[test]
    fn version_2_is_told_in_the_words_of_version_1() {
        let text = "254:0 rbytes=1069056 wbytes=41943040 rios=14 wios=40 dbytes=0 dios=0\n\
                    8:0 cost.usage=7 rbytes=x wios=3\n7:0\ngarbage rbytes=1\n";
        let io = table_v2(text);
        let want = [
            count(254, 0, "Read", 1_069_056),
            count(254, 0, "Write", 41_943_040),
            count(254, 0, "Discard", 0),
        ];
        assert_eq!(io.bytes, want);
        assert_eq!(io.operations.len(), 4);
        assert_eq!(io.operations[3], count(8, 0, "Write", 3));
    }
}
