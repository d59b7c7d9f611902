//! See `brig_hostile::config`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| brig_hostile::config(input));
