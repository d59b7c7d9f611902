//! See `brig_hostile::arguments`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| brig_hostile::arguments(input));
