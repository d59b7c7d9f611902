//! See `brig_hostile::handshake`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| brig_hostile::handshake(input));
