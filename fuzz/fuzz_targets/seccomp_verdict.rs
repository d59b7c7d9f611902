//! See `brig_hostile::seccomp_verdict`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| brig_hostile::seccomp_verdict(input));
