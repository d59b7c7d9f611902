//! See `brig_hostile::passwd`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| brig_hostile::passwd(input));
