//! See `brig_hostile::cgroup_files`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| brig_hostile::cgroup_files(input));
