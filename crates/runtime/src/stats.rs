//! What a container has used: its cgroup's counters, and those of the interfaces in its network namespace.
//! Runs in: the parent. Nobody enters the namespace: `/proc/PID/net/dev` tells those of the process's own.

pub use brig_cgroup::{
    BlockIo, Cpu, CpuUsage, Cpuset, DeviceCount, Hugetlb, HugetlbUsage, Limit, Memory, MemoryEvents,
    MemoryUsage, Misc, Pids, Pressure, Rdma, RdmaUse, Stall, Throttling,
};

pub use brig_cgroup::resctrl;

use std::fs;

use brig_cgroup::Cgroup;
use rustix::io::Errno;

use crate::error::{Error, Kind, Result};
use crate::intel_rdt;
use crate::record::{self, Part, Record};
use crate::status::{self, Status};
use crate::store::{ContainerId, Store};

/// What a container has used.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Statistics {
    /// As its cgroup counts: processors, memory, processes, devices.
    pub cgroup: brig_cgroup::Statistics,
    /// The interfaces of its network namespace, `lo` included, in the kernel's order. None where it has the caller's
    /// namespace.
    pub interfaces: Vec<Interface>,
    /// Its class of service and its monitors, where it has `linux.intelRdt` and the class is still there.
    pub intel_rdt: Option<resctrl::Statistics>,
}

/// What has passed through a network interface since it was made, seen from the container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// What came in.
    pub received: Traffic,
    /// What went out.
    pub sent: Traffic,
}

/// One direction of an interface.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes.
    pub bytes: u64,
    /// Packets.
    pub packets: u64,
    /// Packets that were found broken, or could not be sent.
    pub errors: u64,
    /// Packets that were thrown away for want of room.
    pub dropped: u64,
}

/// Reads what a container has used by now.
///
/// # Errors
/// `NotFound`; `WrongStatus`: `container with id X is not running`; `Cgroup`, `Record`, `Os`.
pub fn stats(store: &Store, id: &ContainerId) -> Result<Statistics> {
    let (place, file) = store.load(id, Part::Head)?;
    let record = file.ready().map_err(|error| refused(id, error))?;
    if status::of_record(&place, &record)? == Status::Stopped {
        return Err(not_running(id));
    }
    of_record(&record)
}

/// As [`stats`], for one whose record was read and that is alive, or was a moment ago.
///
/// # Errors
/// `Cgroup`, `Os`.
pub fn of_record(record: &Record<'_>) -> Result<Statistics> {
    let cgroup = match Cgroup::open(&record::paths(&record.cgroup)).statistics() {
        // It was not given one: what it uses is counted with its owner's.
        Err(error) if record.rootless_cgroups && (error.is_permission() || error.is_missing()) => {
            log::debug!("{error}");
            brig_cgroup::Statistics::default()
        }
        statistics => statistics?,
    };
    let intel_rdt = record.intel_rdt.as_ref().map(intel_rdt::statistics).transpose()?.flatten();
    Ok(Statistics { cgroup, interfaces: interfaces(record)?, intel_rdt })
}

/// `container with id X is not running`
pub(crate) fn not_running(id: &ContainerId) -> Error {
    Error::wrong_status(format!("container with id {id} is not running"))
}

/// One that is being created is not running in these words either.
pub(crate) fn refused(id: &ContainerId, error: Error) -> Error {
    if *error.kind() == Kind::WrongStatus { not_running(id) } else { error }
}

fn interfaces(record: &Record<'_>) -> Result<Vec<Interface>> {
    if record.namespaces & NETWORK == 0 {
        return Ok(Vec::new());
    }
    // Held while the file is opened and read: the number cannot become another's in between.
    let Some(pidfd) = record.init.pidfd()? else { return Ok(Vec::new()) };
    let path = format!("/proc/{}/net/dev", record.init.pid);
    let text = fs::read(&path).map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO));
    drop(pidfd);
    match text {
        Ok(text) => Ok(parse(&String::from_utf8_lossy(&text))),
        // It has ended meanwhile, and has no namespace any more.
        Err(Errno::NOENT | Errno::SRCH | Errno::INVAL) => Ok(Vec::new()),
        Err(errno) => Err(Error::os(format_args!("open {path}"), errno)),
    }
}

/// Two lines of heading, then `name: bytes packets errs drop fifo frame compressed multicast`, received, and
/// `bytes packets errs drop fifo colls carrier compressed`, sent (proc_pid_net(5)). No name has a colon.
fn parse(text: &str) -> Vec<Interface> {
    let line = |line: &str| {
        let (name, numbers) = line.split_once(':')?;
        let numbers: Vec<u64> =
            numbers.split_ascii_whitespace().map_while(|number| number.parse().ok()).collect();
        let traffic = |first: usize| match *numbers.get(first..first + 4)? {
            [bytes, packets, errors, dropped] => Some(Traffic { bytes, packets, errors, dropped }),
            _ => None,
        };
        Some(Interface { name: name.trim().to_owned(), received: traffic(0)?, sent: traffic(8)? })
    };
    text.lines().filter_map(line).collect()
}

/// `CLONE_NEWNET`.
const NETWORK: u32 = 0x4000_0000;

#[cfg(test)]
mod tests {
    use super::*;

    const HEADING: &str = "Inter-|   Receive                                                |  Transmit\n \
        face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n";

    #[test]
    fn interfaces_are_read_in_both_directions() {
        let text = format!(
            "{HEADING}    lo:     840      10    0    0    0     0          0         0      840      10    0    0    0     0       0          0\n  \
             eth0: 1500 12 1 2 3 4 5 6 700 8 9 10 11 12 13 14\n"
        );
        let found = parse(&text);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].name, "lo");
        assert_eq!(found[0].received, Traffic { bytes: 840, packets: 10, errors: 0, dropped: 0 });
        assert_eq!(found[1].received, Traffic { bytes: 1500, packets: 12, errors: 1, dropped: 2 });
        assert_eq!(found[1].sent, Traffic { bytes: 700, packets: 8, errors: 9, dropped: 10 });
    }

    #[test]
    fn lines_that_are_cut_short_are_passed_over() {
        for text in ["", HEADING, "eth0: 1 2 3\n", "eth0: 1 2 3 4 5 6 7 8 9 10 11\n", "eth0 1 2\n", ":\n"] {
            assert_eq!(parse(text), [], "{text:?}");
        }
        assert_eq!(parse("eth0: 1 2 3 4 5 6 7 x 9 10 11 12 13 14 15 16\n"), []);
    }
}
