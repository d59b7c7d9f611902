//! `intel_rdt` of `events`: the class of service and its monitors. Empty without `linux.intelRdt`.
//! Runs in: parent.

use brig_runtime::stats::resctrl::{CacheInfo, Domain, MemoryBandwidthInfo, Statistics};
use serde::Serialize;

use super::is_zero;

#[derive(Debug, Default, Serialize)]
pub(super) struct IntelRdtDocument<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    l3_cache_info: Option<CacheDocument<'a>>,
    #[serde(skip_serializing_if = "str::is_empty")]
    l3_cache_schema_root: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    l3_cache_schema: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    mem_bw_info: Option<BandwidthDocument>,
    #[serde(skip_serializing_if = "str::is_empty")]
    mem_bw_schema_root: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    mem_bw_schema: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    schemata: &'a [String],
    /// A list, if the hardware counts that.
    #[serde(skip_serializing_if = "Option::is_none")]
    mbm_stats: Option<Vec<BandwidthUseDocument>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cmt_stats: Option<Vec<CacheUseDocument>>,
}

#[derive(Debug, Serialize)]
struct CacheDocument<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    cbm_mask: &'a str,
    #[serde(skip_serializing_if = "is_zero")]
    min_cbm_bits: u64,
    #[serde(skip_serializing_if = "is_zero")]
    num_closids: u64,
}

#[derive(Debug, Serialize)]
struct BandwidthDocument {
    #[serde(skip_serializing_if = "is_zero")]
    bandwidth_gran: u64,
    #[serde(skip_serializing_if = "is_zero")]
    delay_linear: u64,
    #[serde(skip_serializing_if = "is_zero")]
    min_bandwidth: u64,
    #[serde(skip_serializing_if = "is_zero")]
    num_closids: u64,
}

/// What the kernel has no number for now is left out: it is not 0.
#[derive(Debug, Serialize)]
struct BandwidthUseDocument {
    #[serde(skip_serializing_if = "Option::is_none")]
    mbm_total_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mbm_local_bytes: Option<u64>,
}

#[derive(Debug, Serialize)]
struct CacheUseDocument {
    #[serde(skip_serializing_if = "Option::is_none")]
    llc_occupancy: Option<u64>,
}

pub(super) fn intel_rdt(statistics: &Statistics) -> IntelRdtDocument<'_> {
    let (root, own) = (&statistics.root_schemata, &statistics.schemata);
    IntelRdtDocument {
        l3_cache_info: statistics.cache.as_ref().map(cache),
        l3_cache_schema_root: line(root, "L3:"),
        l3_cache_schema: line(own, "L3:"),
        mem_bw_info: statistics.bandwidth.as_ref().map(bandwidth),
        mem_bw_schema_root: line(root, "MB:"),
        mem_bw_schema: line(own, "MB:"),
        schemata: own,
        mbm_stats: counted(statistics, |domain| {
            let found = BandwidthUseDocument {
                mbm_total_bytes: domain.mbm_total_bytes,
                mbm_local_bytes: domain.mbm_local_bytes,
            };
            (found, domain.mbm_total_bytes.or(domain.mbm_local_bytes).is_some())
        }),
        cmt_stats: counted(statistics, |domain| {
            (CacheUseDocument { llc_occupancy: domain.llc_occupancy }, domain.llc_occupancy.is_some())
        }),
    }
}

fn cache(info: &CacheInfo) -> CacheDocument<'_> {
    CacheDocument { cbm_mask: &info.cbm_mask, min_cbm_bits: info.min_cbm_bits, num_closids: info.num_closids }
}

fn bandwidth(info: &MemoryBandwidthInfo) -> BandwidthDocument {
    BandwidthDocument {
        bandwidth_gran: info.bandwidth_gran,
        delay_linear: info.delay_linear,
        min_bandwidth: info.min_bandwidth,
        num_closids: info.num_closids,
    }
}

fn line<'a>(lines: &'a [String], resource: &str) -> &'a str {
    lines.iter().find(|line| line.starts_with(resource)).map_or("", String::as_str)
}

/// An entry for each cache, if one of them counts.
fn counted<T>(statistics: &Statistics, entry: impl Fn(&Domain) -> (T, bool)) -> Option<Vec<T>> {
    let (entries, counts): (Vec<T>, Vec<bool>) = statistics.domains.iter().map(entry).unzip();
    counts.contains(&true).then_some(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_and_monitors_are_told_in_runc_s_keys_and_order() {
        let lines = |lines: &[&str]| lines.iter().map(|&line| line.to_owned()).collect();
        let domain = |cache, llc, total, local| Domain {
            cache,
            llc_occupancy: llc,
            mbm_total_bytes: total,
            mbm_local_bytes: local,
        };
        let statistics = Statistics {
            cache: Some(CacheInfo { cbm_mask: "fffff".to_owned(), min_cbm_bits: 1, num_closids: 16 }),
            bandwidth: Some(MemoryBandwidthInfo {
                bandwidth_gran: 10,
                delay_linear: 1,
                min_bandwidth: 10,
                num_closids: 8,
            }),
            root_schemata: lines(&["L3:0=fffff;1=fffff", "MB:0=100;1=100"]),
            schemata: lines(&["L3:0=f;1=f", "L2:0=ff", "MB:0=20;1=70"]),
            domains: vec![domain(0, Some(4096), Some(9), Some(0)), domain(1, Some(0), None, Some(7))],
        };
        let expected = concat!(
            r#"{"l3_cache_info":{"cbm_mask":"fffff","min_cbm_bits":1,"num_closids":16},"#,
            r#""l3_cache_schema_root":"L3:0=fffff;1=fffff","l3_cache_schema":"L3:0=f;1=f","#,
            r#""mem_bw_info":{"bandwidth_gran":10,"delay_linear":1,"min_bandwidth":10,"num_closids":8},"#,
            r#""mem_bw_schema_root":"MB:0=100;1=100","mem_bw_schema":"MB:0=20;1=70","#,
            r#""schemata":["L3:0=f;1=f","L2:0=ff","MB:0=20;1=70"],"#,
            r#""mbm_stats":[{"mbm_total_bytes":9,"mbm_local_bytes":0},{"mbm_local_bytes":7}],"#,
            r#""cmt_stats":[{"llc_occupancy":4096},{"llc_occupancy":0}]}"#
        );
        assert_eq!(serde_json::to_string(&intel_rdt(&statistics)).unwrap(), expected);
    }

    #[test]
    fn what_the_hardware_does_not_have_is_left_out() {
        assert_eq!(serde_json::to_string(&intel_rdt(&Statistics::default())).unwrap(), "{}");
        let domains = vec![Domain { cache: 0, llc_occupancy: Some(1), ..Domain::default() }];
        let monitors = Statistics { domains, ..Statistics::default() };
        let text = serde_json::to_string(&intel_rdt(&monitors)).unwrap();
        assert_eq!(text, r#"{"cmt_stats":[{"llc_occupancy":1}]}"#);
    }
}
