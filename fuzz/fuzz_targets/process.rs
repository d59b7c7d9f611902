//! See `brig_hostile::process`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| brig_hostile::process(input));
