//! What a cgroup has used, and what it was refused: typed, one file for each family of controllers.
//! Runs in: the parent.
//!
//! Every number says its unit. A controller that is not there, or a kernel that does not count something, leaves zeros and
//! empty lists; a file that is there and says something else than it may is an error.

mod block_io;
mod cpu;
mod cpuset;
mod files;
mod hugetlb;
mod memory;
mod pids;
mod pressure;
mod rdma;
mod scalar;
mod text;

use std::collections::BTreeMap;

pub use block_io::{BlockIo, DeviceCount};
pub use cpu::{Cpu, CpuUsage, Throttling};
pub use cpuset::Cpuset;
pub use hugetlb::{Hugetlb, HugetlbUsage};
pub use memory::{Limit, Memory, MemoryEvents, MemoryUsage};
pub use pids::Pids;
pub use pressure::{Pressure, Stall};
pub use rdma::{Rdma, RdmaUse};
pub use scalar::Misc;

use crate::error::{Error, Step};
use crate::group::{Cgroup, Group};
use files::Files;
pub(crate) use text::{Pairs, number};

/// What the cgroup of a container, and those below it, have used since they were made.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Statistics {
    /// Processor time.
    pub cpu: Cpu,
    /// Which processors and memory nodes it may use.
    pub cpuset: Cpuset,
    /// Memory and swap.
    pub memory: Memory,
    /// Processes and threads.
    pub pids: Pids,
    /// Block devices.
    pub block_io: BlockIo,
    /// Huge pages, by their size as the kernel names it: `2MB`.
    pub hugetlb: BTreeMap<String, Hugetlb>,
    /// RDMA devices.
    pub rdma: Rdma,
    /// Resources of the misc controller, by name.
    pub misc: BTreeMap<String, Misc>,
}

impl Cgroup {
    /// Reads all that the kernel counts. On a hybrid layout the cgroup of version 2 adds what those of version 1 do not have:
    /// pressure, and the controllers that are attached there.
    ///
    /// # Errors
    /// `is_missing` if the cgroup is nowhere (any more); `Malformed`, or what the kernel answers. A cgroup without
    /// hierarchies has used nothing.
    pub fn statistics(&self) -> Result<Statistics, Error> {
        let mut statistics = Statistics::default();
        let mut missing = None;
        let mut found = self.groups.is_empty();
        for group in &self.groups {
            match group.dir(Step::Statistics) {
                Ok(_) => {
                    found = true;
                    group.add_statistics(&mut statistics)?;
                }
                Err(error) if error.is_missing() => missing = Some(error),
                Err(error) => return Err(error),
            }
        }
        missing.filter(|_| !found).map_or(Ok(statistics), Err)
    }
}

impl Group {
    fn add_statistics(&self, statistics: &mut Statistics) -> Result<(), Error> {
        let files = Files::of(self);
        if self.place.is_v2() {
            return add_v2(&files, statistics);
        }
        for controller in &self.place.controllers {
            match controller.as_str() {
                "cpu" => statistics.cpu.throttling = cpu::throttling_v1(&files)?,
                "cpuacct" => statistics.cpu.usage = cpu::usage_v1(&files)?,
                "cpuset" => statistics.cpuset = cpuset::v1(&files)?,
                "memory" => {
                    let pressure = statistics.memory.pressure.take();
                    statistics.memory = Memory { pressure, ..memory::v1(&files)? };
                }
                "pids" => statistics.pids = pids::read(&files)?,
                "blkio" => {
                    let pressure = statistics.block_io.pressure.take();
                    statistics.block_io = BlockIo { pressure, ..block_io::v1(&files)? };
                }
                "hugetlb" => statistics.hugetlb = hugetlb::v1(&files)?,
                "rdma" => statistics.rdma = rdma::read(&files)?,
                "misc" => statistics.misc = scalar::read(&files)?,
                _ => {}
            }
        }
        Ok(())
    }
}

/// Beside hierarchies of version 1 this one has fewer controllers: what it lacks must not take away what they told.
fn add_v2(files: &Files<'_>, statistics: &mut Statistics) -> Result<(), Error> {
    let controllers = files.text("cgroup.controllers")?.unwrap_or_default();
    let has = |name: &str| controllers.split_ascii_whitespace().any(|controller| controller == name);
    // cpu.stat is there without its controller (cgroup-v2: "CPU Interface Files"), and is the second choice where cpuacct is.
    if statistics.cpu.usage == CpuUsage::default() {
        statistics.cpu.usage = cpu::usage_v2(files)?;
    }
    if has("cpu") {
        statistics.cpu.throttling = cpu::throttling_v2(files)?;
    }
    if has("cpuset") {
        statistics.cpuset = cpuset::v2(files)?;
    }
    if has("memory") {
        statistics.memory = memory::v2(files)?;
    }
    if has("pids") {
        statistics.pids = pids::read(files)?;
    }
    if has("io") {
        statistics.block_io = block_io::v2(files)?;
    }
    if has("hugetlb") {
        statistics.hugetlb = hugetlb::v2(files)?;
    }
    if has("rdma") {
        statistics.rdma = rdma::read(files)?;
    }
    if has("misc") {
        statistics.misc = scalar::read(files)?;
    }
    statistics.cpu.pressure = pressure::read(files, "cpu.pressure")?;
    statistics.memory.pressure = pressure::read(files, "memory.pressure")?;
    statistics.block_io.pressure = pressure::read(files, "io.pressure")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::{Paths, Place};

    #[test]
    fn a_cgroup_that_is_nowhere_is_missing_and_one_without_hierarchies_has_used_nothing() {
        let place = Place { mount: "/nonexistent".into(), below: "a".into(), ..Place::default() };
        assert!(Cgroup::open(&Paths { places: vec![place] }).statistics().unwrap_err().is_missing());
        let none = Cgroup::open(&Paths::default()).statistics().unwrap();
        assert_eq!(none, Statistics::default());
    }
}
