//! Whether the OOM killer was at work in the cgroup, and under which limit: two small files.
//! Runs in: the parent, also when the processes are gone.

use crate::error::{Error, Step};
use crate::group::{Cgroup, Group, missing_is_fine};
use crate::stats::{Limit, MemoryEvents, Pairs, number};

/// What the OOM killer has done in a cgroup and those below it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OutOfMemory {
    /// How many processes it has killed since the cgroup was made; 0 if it was never there.
    pub kills: u64,
    /// The cgroup's own memory limit in bytes; without one it was the machine that ran out, or a cgroup above.
    pub limit: Option<u64>,
}

impl Cgroup {
    /// Looks what the OOM killer has done. A cgroup without the memory controller, or that is gone, says 0, and no limit.
    ///
    /// # Errors
    /// What the kernel answers.
    pub fn out_of_memory(&self) -> Result<OutOfMemory, Error> {
        let v1 = self.groups.iter().find(|group| group.place.has("memory"));
        let (group, events, limit) = match v1.or_else(|| self.groups.iter().find(|one| one.place.is_v2())) {
            Some(v2) if v2.place.is_v2() => (v2, "memory.events", "memory.max"),
            Some(v1) => (v1, "memory.oom_control", "memory.limit_in_bytes"),
            None => return Ok(OutOfMemory::default()),
        };
        let kills = MemoryEvents::of(&Pairs::parse(&group.text(events)?)).oom_kill;
        let limit = number(&group.text(limit)?).and_then(|limit| Limit(limit).bytes());
        Ok(OutOfMemory { kills, limit })
    }
}

impl Group {
    fn text(&self, file: &str) -> Result<String, Error> {
        let bytes = missing_is_fine(self.read(file, Step::Statistics))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}
