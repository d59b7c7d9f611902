//! See `brig_hostile::criu_reply`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| brig_hostile::criu_reply(input));
