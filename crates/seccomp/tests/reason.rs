//! Why a call gets what it gets: what is said must be what the program does.

#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm, reason = "a test")]

mod support;

use brig_seccomp::interp::{Data, run};
use brig_seccomp::{Action, Arch, Error, Profile, Reason, compile, reason};
use support::generate::{arguments, conditional_numbers, generate, names, numbers};
use support::judge::belongs;
use support::{Random, engines, read};

/// Whether `why` says `value`.
fn says(profile: &Profile<'_>, why: &Reason<'_>, data: &Data, value: u32) -> bool {
    match why {
        Reason::Rule(found) => {
            let rule = &profile.rules[found.rule];
            rule.action.return_value(rule.errno_ret) == value && rule.names.contains(&found.name)
        }
        Reason::Default => profile.default_action.return_value(profile.default_errno_ret) == value,
        Reason::Newer(last) => data.nr > *last && value == Action::Errno.return_value(Some(38)),
        Reason::Architecture => value == Action::KillThread.return_value(None),
    }
}

#[test]
fn the_reason_says_what_the_program_does() {
    let names = names();
    let mut random = Random(77);
    for _ in 0..40 {
        let native = random.pick(&Arch::ALL);
        let profile = generate(&mut random, native, &Arch::ALL, &names);
        let program = match compile(&profile, native) {
            Ok(compiled) => compiled.program,
            Err(Error::Conflict { .. }) => continue,
            Err(other) => panic!("{other}"),
        };
        for arch in Arch::ALL {
            let conditional = conditional_numbers(&profile, arch);
            for nr in numbers(arch).filter(|nr| belongs(arch, *nr)) {
                let samples = if conditional.contains(&nr) { 10 } else { usize::from(random.one_in(20)) };
                for _ in 0..samples {
                    let args = arguments(&mut random, &profile, arch);
                    let data = Data { nr, arch: arch.audit(), args, ..Data::default() };
                    let value = run(&program, &data, native.byte_order()).unwrap().value;
                    let (why, _) = reason(&profile, native, &data, value).unwrap();
                    assert!(says(&profile, &why, &data, value), "{why:?} {value:#x} {data:x?}\n{profile:#?}");
                }
            }
        }
    }
}

#[test]
fn rules_that_name_a_call_without_applying_are_told_with_the_condition_that_fails() {
    let sections = engines();
    let (_, section) = sections.iter().find(|(name, _)| name.contains("docker")).unwrap();
    let profile = read(section, Arch::X86_64);
    let clone = Arch::X86_64.number("clone").unwrap();
    let data =
        Data { nr: clone, arch: Arch::X86_64.audit(), args: [0x1000_0000, 0, 0, 0, 0, 0], ..Data::default() };
    let refused = Action::Errno.return_value(Some(1));
    let (why, others) = reason(&profile, Arch::X86_64, &data, refused).unwrap();
    assert_eq!(why, Reason::Default);
    assert!(others.len() == 1 && others[0].name == "clone", "{others:?}");
    assert!(others[0].args.iter().any(|held| !held.holds), "{others:?}");
}
