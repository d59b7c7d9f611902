//! See `brig_hostile::mountinfo`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| brig_hostile::mountinfo(input));
