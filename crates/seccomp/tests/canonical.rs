//! A profile as bytes: nothing of it is lost, nothing of it is left out.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::BTreeMap;

use brig_seccomp::{Action, Arch, Canonical, Condition, Flag, Operator, Profile, Rule, hash};
use support::Random;
use support::generate::{generate, names};

fn small() -> Profile<'static> {
    let condition = Condition { index: 1, value: 2, value_two: 3, op: Operator::Eq };
    Profile {
        default_action: Action::Errno,
        default_errno_ret: Some(1),
        architectures: vec![Arch::X86, Arch::X32],
        flags: Some(vec![Flag::Log]),
        rules: vec![Rule {
            names: vec!["read", "write"],
            action: Action::Allow,
            errno_ret: None,
            args: vec![condition],
        }],
    }
}

#[test]
fn what_was_written_is_read() {
    let names = names();
    let mut random = Random(5);
    for _ in 0..500 {
        let native = random.pick(&Arch::ALL);
        let mut profile = generate(&mut random, native, &Arch::ALL, &names);
        profile.flags = random
            .pick(&[None, Some(0), Some(1), Some(4)])
            .map(|count| [Flag::Tsync, Flag::Log, Flag::SpecAllow, Flag::WaitKillableRecv][..count].to_vec());
        let canonical = Canonical::new(&profile, native);
        assert_eq!(Canonical::read(canonical.bytes()), Some((profile, native)));
    }
}

#[test]
fn no_other_bytes_are_read_as_a_profile() {
    let canonical = Canonical::new(&small(), Arch::X86_64);
    let bytes = canonical.bytes();
    for end in 0..bytes.len() {
        assert_eq!(Canonical::read(&bytes[..end]), None);
    }
    assert_eq!(Canonical::read(&[bytes, &[0]].concat()), None, "something behind the end");
    for at in 0..bytes.len() {
        for other in 0..=u8::MAX {
            let mut changed = bytes.to_vec();
            changed[at] = other;
            let Some((profile, native)) = Canonical::read(&changed) else { continue };
            assert_eq!(Canonical::new(&profile, native).bytes(), changed, "one profile, two encodings");
        }
    }
}

#[test]
fn every_field_makes_a_difference() {
    fn changed(with: impl FnOnce(&mut Profile<'static>)) -> Canonical {
        let mut profile = small();
        with(&mut profile);
        Canonical::new(&profile, Arch::X86_64)
    }
    let all = [
        Canonical::new(&small(), Arch::X86_64),
        Canonical::new(&small(), Arch::Aarch64),
        changed(|p| p.default_action = Action::KillThread),
        changed(|p| p.default_errno_ret = None),
        changed(|p| p.default_errno_ret = Some(38)),
        changed(|p| p.architectures = vec![]),
        changed(|p| p.architectures = vec![Arch::X32, Arch::X86]),
        changed(|p| p.flags = None),
        changed(|p| p.flags = Some(vec![])),
        changed(|p| p.flags = Some(vec![Flag::SpecAllow])),
        changed(|p| p.rules = vec![]),
        changed(|p| p.rules.push(p.rules[0].clone())),
        // the same letters, other words
        changed(|p| p.rules[0].names = vec!["readwrite"]),
        changed(|p| p.rules[0].names = vec!["readw", "rite"]),
        changed(|p| p.rules[0].names = vec!["write", "read"]),
        changed(|p| p.rules[0].action = Action::Log),
        changed(|p| p.rules[0].errno_ret = Some(0)),
        changed(|p| p.rules[0].args = vec![]),
        changed(|p| p.rules[0].args[0].index = 0),
        changed(|p| p.rules[0].args[0].value = 3),
        changed(|p| p.rules[0].args[0].value_two = 2),
        changed(|p| p.rules[0].args[0].op = Operator::Ne),
    ];
    for (at, one) in all.iter().enumerate() {
        for other in &all[..at] {
            assert_ne!(one, other);
            assert_ne!(one.hash(), other.hash());
        }
    }
}

#[test]
fn an_abridgement_is_of_one_profile_only() {
    let names = names();
    let mut random = Random(6);
    let profiles: Vec<Canonical> = (0..60)
        .map(|_| {
            let native = random.pick(&Arch::ALL);
            Canonical::new(&generate(&mut random, native, &Arch::ALL, &names), native)
        })
        .collect();
    for one in &profiles {
        let abridged = one.abridged().unwrap();
        for other in &profiles {
            assert_eq!(other.is(&abridged), other == one);
        }
        for end in 0..abridged.len() {
            assert!(!one.is(&abridged[..end]) || end == abridged.len());
        }
        assert!(!one.is(&[&abridged[..], &[0, 0]].concat()));
        let at = random.below(abridged.len());
        let mut changed = abridged.clone();
        changed[at] ^= 1 << random.below(8);
        assert!(!one.is(&changed), "{at}");
    }
}

#[test]
fn a_name_that_is_in_no_table_has_no_abridgement() {
    let mut profile = small();
    profile.rules[0].names.push("no_such_call");
    assert_eq!(Canonical::new(&profile, Arch::X86_64).abridged(), None);
}

#[test]
fn one_changed_bit_changes_the_hash() {
    let bytes: Vec<u8> = (0..100).collect();
    let mut seen = BTreeMap::from([(hash(&bytes), (0, 0))]);
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << bit;
            assert_eq!(seen.insert(hash(&changed), (at, bit)), None, "{at} {bit}");
        }
    }
    let lengths: Vec<u128> = (0..64).map(|length| hash(&vec![0; length])).collect();
    assert!(lengths.iter().enumerate().all(|(at, one)| !lengths[..at].contains(one)));
}

#[test]
fn a_profile_that_check_lets_pass_fails_for_its_rules_alone() {
    use brig_seccomp::{Error, compile};
    let names = names();
    let mut random = Random(9);
    for _ in 0..500 {
        let native = random.pick(&Arch::ALL);
        let mut profile = generate(&mut random, native, &Arch::ALL, &names);
        if random.one_in(8) {
            profile.default_action = Action::Notify;
        }
        if random.one_in(8) {
            profile.architectures.push(random.pick(&Arch::ALL));
        }
        if let Some(condition) = profile.rules.iter_mut().find_map(|rule| rule.args.first_mut()) {
            condition.index = random.pick(&[condition.index, condition.index, 6]);
        }
        match (profile.check(native), compile(&profile, native)) {
            (Ok(()), Ok(compiled)) => assert_eq!(
                (compiled.flags, compiled.uses_notify),
                (profile.load_flags(), profile.uses_notify())
            ),
            (Ok(()), Err(error)) => assert!(matches!(error, Error::Conflict { .. } | Error::TooLong { .. })),
            (Err(checked), compiled) => assert_eq!(compiled, Err(checked)),
        }
    }
}
