//! See `brig_hostile::dbus`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| brig_hostile::dbus(input));
