//! See `brig_hostile::resources`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| brig_hostile::resources(input));
