//! See `brig_hostile::record`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| brig_hostile::record(input));
