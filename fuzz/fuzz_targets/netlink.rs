//! See `brig_hostile::netlink`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| brig_hostile::netlink(input));
