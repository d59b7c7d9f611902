//! Any text as a `linux.seccomp` section: read, put into bytes and back, compiled. Nothing panics, and what comes out is a
//! program that the kernel would take.

#![no_main]

use brig_plan::{load, seccomp};
use brig_seccomp::{Arch, Canonical, Error, compile, disassemble};
use libfuzzer_sys::fuzz_target;

#[path = "../../crates/seccomp/tests/support/mod.rs"]
mod support;

use support::judge::is_well_formed;

fuzz_target!(|input: &[u8]| {
    let Some((first, text)) = input.split_first() else { return };
    let native = Arch::ALL[usize::from(*first) % Arch::ALL.len()];
    let Ok(section) = load::seccomp(text) else { return };
    let Ok(profile) = seccomp::profile(&section, u32::MAX) else { return };
    let canonical = Canonical::new(&profile, native);
    assert_eq!(Canonical::read(canonical.bytes()), Some((profile.clone(), native)));
    if let Some(abridged) = canonical.abridged() {
        assert!(canonical.is(&abridged));
    }
    match (profile.check(native), compile(&profile, native)) {
        (Ok(()), Ok(compiled)) => {
            assert!(is_well_formed(&compiled.program));
            assert_eq!(compiled.flags, profile.load_flags());
            assert!(!disassemble(&compiled.program, native.byte_order()).is_empty());
        }
        (Ok(()), Err(Error::Conflict { .. } | Error::TooLong { .. })) | (Err(_), Err(_)) => {}
        (checked, compiled) => panic!("{checked:?}, {:?}", compiled.map(|_| ())),
    }
});
