//! Generated profiles on every ABI: a verdict comes from a rule that matches, and from the right one where the order
//! of rules is all that decides. Needs nothing but this crate; `oracle` compares with libseccomp.

#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm, reason = "a test")]

mod support;

use brig_seccomp::interp::{Data, run};
use brig_seccomp::{Arch, Error, compile, shape};
use support::Random;
use support::generate::{arguments, conditional_numbers, generate, names, numbers};
use support::judge::{belongs, is_well_formed, judge};

#[test]
fn every_verdict_comes_from_a_rule_that_matches() {
    let names = names();
    let mut random = Random(21);
    let count = std::env::var("PROFILES").ok().map_or(20, |count| count.parse().unwrap());
    for _ in 0..count {
        let native = random.pick(&Arch::ALL);
        let profile = generate(&mut random, native, &Arch::ALL, &names);
        let program = match compile(&profile, native) {
            Ok(compiled) => compiled.program,
            Err(Error::Conflict { .. }) => continue,
            Err(other) => panic!("{other}"),
        };
        let order = native.byte_order();
        assert!(is_well_formed(&program), "{program:?}");
        let deepest = shape(&program).deepest;
        for arch in profile.architectures.iter().copied().chain([native]) {
            let conditional = conditional_numbers(&profile, arch);
            for nr in numbers(arch).filter(|nr| belongs(arch, *nr)) {
                let sampled = usize::from(random.one_in(5));
                for _ in 0..if conditional.contains(&nr) { 30 } else { sampled } {
                    let args = arguments(&mut random, &profile, arch);
                    let data = Data { nr, arch: arch.audit(), args, ..Data::default() };
                    let outcome = run(&program, &data, order).unwrap();
                    assert!(outcome.executed as usize <= deepest);
                    judge(&profile, arch, &data, outcome.value);
                }
            }
        }
    }
}
