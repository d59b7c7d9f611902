//! Statistics from files as kernels wrote them: `data/v1` by Linux 6.18 on a hybrid machine, `data/v2` by Linux 6.12. In each a cgroup
//! with a processor quota and 30 MB of memory, in which a process had read and written 20 or 40 MiB, spun, and been killed by the
//! OOM killer. Then the same files cut short anywhere.
#![allow(clippy::unwrap_used, reason = "a test ends where its preparation fails")]

use std::fs;
use std::path::{Path, PathBuf};

use brig_cgroup::{Cgroup, Error, MemoryEvents, Paths, Place, Statistics, Throttling};

const V1: [&str; 6] = ["cpu", "cpuacct", "cpuset", "memory", "pids", "blkio"];

fn data(version: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(version)
}

fn read(controllers: &[&str], mount: &Path, below: &str) -> Result<Statistics, Error> {
    let controllers = controllers.iter().map(|&name| name.to_owned()).collect();
    let place = Place { controllers, mount: mount.to_str().unwrap().to_owned(), below: below.to_owned() };
    Cgroup::open(&Paths { places: vec![place] }).statistics()
}

#[test]
fn what_a_kernel_wrote_for_version_1_is_read() {
    let found = read(&V1, &data("v1"), "").unwrap();
    assert_eq!((found.cpu.usage.total, found.cpu.usage.user), (289_485_891, 240_000_000));
    assert_eq!(found.cpu.usage.per_cpu, [222_317_086, 67_168_805]);
    assert_eq!(found.cpu.usage.per_cpu_kernel, [0, 44_000_000]);
    let throttling = Throttling {
        periods: 17,
        throttled_periods: 13,
        throttled_time: 943_203_012,
        ..Throttling::default()
    };
    assert_eq!(found.cpu.throttling, throttling);
    assert_eq!((found.cpuset.cpus.as_slice(), found.cpuset.mems.as_slice()), (&[0, 1][..], &[0][..]));
    assert_eq!((found.cpuset.sched_load_balance, found.cpuset.sched_relax_domain_level), (1, -1));
    assert_eq!(found.memory.usage.limit.bytes(), Some(29_999_104));
    assert_eq!((found.memory.usage.failures, found.memory.cache), (369, 4096));
    assert_eq!(found.memory.with_swap.limit.bytes(), None);
    assert_eq!(found.memory.with_swap.limit.raw(), 9_223_372_036_854_771_712);
    assert_eq!(found.memory.events, MemoryEvents { oom_kill: 1, ..MemoryEvents::default() });
    assert_eq!((found.memory.raw.len(), found.memory.raw["total_pgfault"]), (42, 12_120));
    assert_eq!((found.pids.limit, found.pids.peak), (None, 2));
    assert_eq!(found.block_io.bytes, [], "a total is no device");
    assert!(found.cpu.pressure.is_none() && found.hugetlb.is_empty());
}

#[test]
fn what_a_kernel_wrote_for_version_2_is_read() {
    let found = read(&[], &data("v2"), "").unwrap();
    assert_eq!((found.cpu.usage.total, found.cpu.usage.kernel), (2_710_341_000, 790_227_000));
    assert!(found.cpu.usage.per_cpu.is_empty());
    let throttling = Throttling {
        periods: 138,
        throttled_periods: 133,
        throttled_time: 10_751_292_000,
        ..Throttling::default()
    };
    assert_eq!(found.cpu.throttling, throttling);
    assert_eq!((found.cpuset.cpus.as_slice(), found.cpuset.mems.as_slice()), (&[0, 1][..], &[0][..]));
    assert_eq!(found.memory.usage.limit.bytes(), Some(31_457_280));
    assert_eq!((found.memory.usage.peak, found.memory.usage.failures), (31_457_280, 73));
    assert_eq!((found.memory.swap.limit.bytes(), found.memory.with_swap.limit.bytes()), (None, None));
    assert_eq!(found.memory.with_swap.current, found.memory.usage.current + found.memory.swap.current);
    assert_eq!(found.memory.kernel.current, 8192);
    assert_eq!(found.memory.events, MemoryEvents { max: 73, oom: 2, oom_kill: 1, ..MemoryEvents::default() });
    assert_eq!((found.pids.current, found.pids.peak, found.pids.limit), (0, 2, None));
    let [read, write] = [&found.block_io.bytes[0], &found.block_io.bytes[1]];
    assert_eq!((read.major, read.operation.as_str(), read.value), (254, "Read", 21_049_344));
    assert_eq!((write.minor, write.operation.as_str(), write.value), (0, "Write", 20_971_520));
    assert_eq!(found.block_io.operations[0].value, 22);
    assert_eq!(found.hugetlb.keys().collect::<Vec<_>>(), ["1GB", "2MB"]);
    assert!(found.hugetlb["2MB"].reserved.is_some());
    let pressure = found.memory.pressure.unwrap();
    assert_eq!((pressure.some.total, pressure.full.avg60.to_bits()), (275_761, 0.38_f64.to_bits()));
    assert!(found.cpu.pressure.is_some() && found.block_io.pressure.is_some());
}

/// A copy of the files that goes when the test ends.
struct Copy(PathBuf);

impl Copy {
    fn of(version: &str) -> Copy {
        let path = std::env::temp_dir().join(format!("brig-statistics-{version}-{}", std::process::id()));
        fs::create_dir(&path).unwrap();
        let copy = Copy(path);
        for entry in fs::read_dir(data(version)).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), copy.0.join(entry.file_name())).unwrap();
        }
        copy
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

#[test]
fn files_that_are_cut_short_or_empty_or_no_text_are_read_or_refused_with_their_path() {
    for (version, controllers) in [("v1", &V1[..]), ("v2", &[][..])] {
        let copy = Copy::of(version);
        for entry in fs::read_dir(data(version)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let whole = fs::read(copy.0.join(&name)).unwrap();
            let cuts = (0..whole.len()).step_by(whole.len() / 40 + 1).map(|end| whole[..end].to_vec());
            let hostile = [vec![0xff; 300], vec![b'9'; 5000], b"-\n-1 -1\n: =\n\0".to_vec()];
            for text in cuts.chain(hostile) {
                fs::write(copy.0.join(&name), text).unwrap();
                match read(controllers, &copy.0, "") {
                    Ok(_) => {}
                    Err(Error::Malformed { path, .. }) => assert!(path.ends_with(&name), "{path}"),
                    Err(other) => panic!("{name}: {other}"),
                }
            }
            fs::write(copy.0.join(&name), whole).unwrap();
        }
    }
}

#[test]
fn a_number_that_is_none_is_refused_and_a_file_that_is_not_there_counts_nothing() {
    let copy = Copy::of("v2");
    fs::write(copy.0.join("memory.current"), "lots\n").unwrap();
    let error = read(&[], &copy.0, "").unwrap_err().to_string();
    assert!(error.ends_with("/memory.current: \"lots\\n\" makes no sense"), "{error}");
    for name in ["memory.current", "memory.peak", "memory.swap.current", "io.stat", "cpu.pressure"] {
        fs::remove_file(copy.0.join(name)).unwrap();
    }
    let found = read(&[], &copy.0, "").unwrap();
    assert_eq!((found.memory.usage.current, found.memory.usage.peak), (0, 0));
    assert!(found.cpu.pressure.is_none() && found.block_io.bytes.is_empty());
}
