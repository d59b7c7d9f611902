//! What resctrl knows of a container: the limits of its class, and what the monitors of its group have counted.
//! Runs in: the parent.

use rustix::fs::{Dir, OFlags};

use super::{Error, Resctrl, failed, in_group};
use crate::beneath;

/// Limits and counters of one container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Statistics {
    /// The L3 cache, where it can be divided.
    pub cache: Option<CacheInfo>,
    /// Memory bandwidth, where it can be limited.
    pub bandwidth: Option<MemoryBandwidthInfo>,
    /// Lines of the root's schemata: what there is to divide.
    pub root_schemata: Vec<String>,
    /// Lines of the container's class.
    pub schemata: Vec<String>,
    /// What was counted, for each L3 cache: by the container's monitoring group, or its whole class if it has none.
    pub domains: Vec<Domain>,
}

/// `info/L3`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CacheInfo {
    /// The whole cache as a mask, hexadecimal.
    pub cbm_mask: String,
    /// How many bits a mask must have at least.
    pub min_cbm_bits: u64,
    /// How many classes there can be.
    pub num_closids: u64,
}

/// `info/MB`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemoryBandwidthInfo {
    /// In steps of how many percent it is limited.
    pub bandwidth_gran: u64,
    /// 1 where a limit grows like what passes.
    pub delay_linear: u64,
    /// The lowest limit, in percent.
    pub min_bandwidth: u64,
    /// How many classes there can be.
    pub num_closids: u64,
}

/// What the monitors of one L3 cache have counted. `None` where the hardware does not count it, or has no number now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Domain {
    /// Which cache.
    pub cache: u64,
    /// Bytes of it that are in use.
    pub llc_occupancy: Option<u64>,
    /// Bytes read and written, since the group was made.
    pub mbm_total_bytes: Option<u64>,
    /// Those among them to and from memory of the same package.
    pub mbm_local_bytes: Option<u64>,
}

impl Resctrl {
    /// Reads limits and counters of the class `class`, and of `monitoring`, the monitoring group within.
    ///
    /// # Errors
    /// A file cannot be read; `is_missing` if the group is gone.
    pub fn statistics(&self, class: &str, monitoring: Option<&str>) -> Result<Statistics, Error> {
        let mut statistics = Statistics::default();
        if self.has("info/L3") {
            statistics.cache = Some(CacheInfo {
                cbm_mask: self.text("info/L3/cbm_mask")?.trim().to_owned(),
                min_cbm_bits: self.number("info/L3/min_cbm_bits")?,
                num_closids: self.number("info/L3/num_closids")?,
            });
        }
        if self.has("info/MB") {
            statistics.bandwidth = Some(MemoryBandwidthInfo {
                bandwidth_gran: self.number("info/MB/bandwidth_gran")?,
                delay_linear: self.number("info/MB/delay_linear")?,
                min_bandwidth: self.number("info/MB/min_bandwidth")?,
                num_closids: self.number("info/MB/num_closids")?,
            });
        }
        // Hardware that only monitors has no schemata.
        if self.schemata("").is_ok() {
            statistics.root_schemata = self.lines("")?;
            statistics.schemata = self.lines(class)?;
        }
        if self.has("info/L3_MON") {
            statistics.domains = self.domains(monitoring.unwrap_or(class))?;
        }
        Ok(statistics)
    }

    fn lines(&self, group: &str) -> Result<Vec<String>, Error> {
        let text = self.schemata(group)?;
        Ok(text.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect())
    }

    /// Other monitors than those of L3 caches are passed over, and so are the parts of a cache (`mon_sub_L3_…`): its own files
    /// are their sums.
    fn domains(&self, group: &str) -> Result<Vec<Domain>, Error> {
        let at = in_group(group, "mon_data");
        let unreadable = |errno| failed("read", self.absolute(&at), errno);
        let dir = beneath::open(&self.dir, &at, OFlags::RDONLY | OFlags::DIRECTORY).map_err(unreadable)?;
        let mut domains = Vec::new();
        for entry in Dir::new(dir).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let name = entry.file_name().to_string_lossy();
            let Some(cache) = name.strip_prefix("mon_L3_").and_then(|number| number.parse().ok()) else {
                continue;
            };
            let read = |event: &str| self.counter(&format!("{at}/{name}/{event}"));
            domains.push(Domain {
                cache,
                llc_occupancy: read("llc_occupancy")?,
                mbm_total_bytes: read("mbm_total_bytes")?,
                mbm_local_bytes: read("mbm_local_bytes")?,
            });
        }
        domains.sort_by_key(|domain| domain.cache);
        Ok(domains)
    }

    /// A number, or `Unavailable`, `Unassigned`, `Error`.
    fn counter(&self, path: &str) -> Result<Option<u64>, Error> {
        match self.text(path) {
            Ok(text) => Ok(text.trim().parse().ok()),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error),
        }
    }
}
