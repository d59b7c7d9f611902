//! What a profile means, rule by rule, proved by running its filter.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use brig_seccomp::interp::{ByteOrder, Data, Known, always_allows, run};
use brig_seccomp::{
    Action, Arch, Compiled, Condition, Error, Flag, Insn, Operator, Profile, Rule, compile, disassemble,
};
use support::{engines, read};

const ALLOW: u32 = 0x7fff_0000;
const EPERM: u32 = 0x0005_0001;
const ENOSYS: u32 = 0x0005_0026;
const KILL: u32 = 0;

fn profile<'a>(default_action: Action, rules: Vec<Rule<'a>>) -> Profile<'a> {
    Profile { default_action, default_errno_ret: None, architectures: vec![], flags: None, rules }
}

fn rule<'a>(names: &[&'a str], action: Action) -> Rule<'a> {
    Rule { names: names.to_vec(), action, errno_ret: None, args: vec![] }
}

fn rule_if<'a>(name: &'a str, action: Action, args: &[(u32, Operator, u64)]) -> Rule<'a> {
    let args = args.iter().map(|&(index, op, value)| Condition { index, op, value, value_two: 0 }).collect();
    Rule { args, ..rule(&[name], action) }
}

fn on(profile: &Profile<'_>, native: Arch) -> Compiled {
    compile(profile, native).unwrap()
}

fn verdict(compiled: &Compiled, arch: Arch, nr: u32, args: &[u64]) -> u32 {
    let mut data = Data { nr, arch: arch.audit(), ..Data::default() };
    data.args[..args.len()].copy_from_slice(args);
    run(&compiled.program, &data, arch.byte_order()).unwrap().value
}

fn call(compiled: &Compiled, arch: Arch, name: &str, args: &[u64]) -> u32 {
    verdict(compiled, arch, arch.number(name).unwrap(), args)
}

#[test]
fn a_named_syscall_gets_its_action_and_another_the_default() {
    let filter = on(&profile(Action::Errno, vec![rule(&["read", "statx"], Action::Allow)]), Arch::X86_64);
    assert_eq!(call(&filter, Arch::X86_64, "read", &[]), ALLOW);
    assert_eq!(call(&filter, Arch::X86_64, "write", &[]), EPERM);
}

#[test]
fn what_is_always_allowed_is_allowed_whatever_is_not_known() {
    let rules = vec![
        rule_if("ioctl", Action::Errno, &[(1, Operator::Eq, 0x1_0000_0007)]),
        rule_if("personality", Action::Errno, &[(0, Operator::Gt, 8), (2, Operator::MaskedEq, 1)]),
        rule(&["acct"], Action::Errno),
        rule(&["sync"], Action::Log),
    ];
    for arch in [Arch::X86_64, Arch::S390x] {
        let filter = on(&profile(Action::Allow, rules.clone()), arch);
        let always = |name: &str, args: &[Option<u64>]| {
            let mut known = Known { nr: arch.number(name).unwrap(), arch: arch.audit(), ..Known::default() };
            known.args[..args.len()].copy_from_slice(args);
            always_allows(&filter.program, &known, arch.byte_order()).unwrap()
        };
        assert!(always("read", &[]) && !always("acct", &[]) && !always("sync", &[]));
        assert!(!always("ioctl", &[]) && !always("ioctl", &[Some(0), Some(0x1_0000_0007)]));
        assert!(always("ioctl", &[None, Some(7)]) && always("ioctl", &[None, Some(0x1_0000_0000)]));
        assert!(!always("personality", &[Some(9)]) && always("personality", &[Some(8)]));
    }
    let known = Known { nr: u32::MAX, arch: Arch::X86.audit(), ..Known::default() };
    let filter = on(&profile(Action::Allow, vec![]), Arch::X86_64);
    assert_eq!(always_allows(&filter.program, &known, ByteOrder::Little), Ok(false), "a foreign one");
    assert!(always_allows(&filter.program[..1], &known, ByteOrder::Little).is_err());
}

#[test]
fn instructions_are_read_as_they_are_written() {
    for big_endian in [false, true] {
        let filter = on(&profile(Action::Errno, vec![rule(&["read"], Action::Allow)]), Arch::X86_64);
        for insn in filter.program {
            assert_eq!(Insn::from_bytes(written(insn, big_endian), big_endian), insn);
        }
    }
}

/// As `struct sock_filter` lies in memory.
fn written(insn: Insn, big_endian: bool) -> [u8; 8] {
    let Insn { code, jt, jf, k } = insn;
    let [code, k] = match big_endian {
        true => [code.to_be_bytes().to_vec(), k.to_be_bytes().to_vec()],
        false => [code.to_le_bytes().to_vec(), k.to_le_bytes().to_vec()],
    };
    [&code[..], &[jt, jf], &k].concat().try_into().unwrap()
}

#[test]
fn a_foreign_architecture_is_killed() {
    let filter = on(&profile(Action::Allow, vec![]), Arch::X86_64);
    assert_eq!(call(&filter, Arch::X86, "read", &[]), KILL);
    assert_eq!(call(&filter, Arch::X32, "read", &[]), KILL);
    assert_eq!(call(&filter, Arch::X86_64, "read", &[]), ALLOW);
    assert_eq!(verdict(&filter, Arch::X86_64, u32::MAX, &[]), ALLOW, "a tracer skips a call with -1");
}

#[test]
fn the_native_architecture_is_always_in_the_filter() {
    let mut profile = profile(Action::Allow, vec![]);
    profile.architectures = vec![Arch::X86];
    let filter = on(&profile, Arch::X86_64);
    assert_eq!(call(&filter, Arch::X86_64, "read", &[]), ALLOW);
    assert_eq!(call(&filter, Arch::X86, "read", &[]), ALLOW);
}

#[test]
fn what_is_newer_than_the_profile_does_not_exist() {
    let mut profile = profile(Action::Errno, vec![rule(&["statx"], Action::Allow)]);
    profile.architectures = vec![Arch::X86, Arch::X32];
    let filter = on(&profile, Arch::X86_64);
    for arch in [Arch::X86_64, Arch::X86, Arch::X32] {
        let last = arch.number("statx").unwrap();
        assert_eq!(verdict(&filter, arch, last, &[]), ALLOW);
        assert_eq!(verdict(&filter, arch, last - 1, &[]), EPERM);
        assert_eq!(verdict(&filter, arch, last + 1, &[]), ENOSYS, "{}", arch.name());
    }
}

#[test]
fn newer_syscalls_pass_where_the_default_lets_everything_pass() {
    for action in [Action::Allow, Action::Log, Action::Trace] {
        let filter = on(&profile(action, vec![rule(&["statx"], Action::Errno)]), Arch::X86_64);
        assert_eq!(verdict(&filter, Arch::X86_64, 1000, &[]), action.return_value(None));
    }
}

#[test]
fn syscall_zero_of_s390x_does_not_exist() {
    let filter = on(&profile(Action::Errno, vec![rule(&["statx"], Action::Allow)]), Arch::S390x);
    assert_eq!(verdict(&filter, Arch::S390x, 0, &[]), ENOSYS);
    assert_eq!(verdict(&filter, Arch::S390x, 1, &[]), EPERM);
}

#[test]
fn arguments_are_compared_in_64_bits_and_unsigned() {
    use Operator::{Eq, Ge, Gt, Le, Lt, Ne};
    let value = 0x1_0000_0005;
    for (op, holds) in [
        (Eq, [false, false, true, false, false]),
        (Ne, [true, true, false, true, true]),
        (Lt, [true, true, false, false, false]),
        (Le, [true, true, true, false, false]),
        (Gt, [false, false, false, true, true]),
        (Ge, [false, false, true, true, true]),
    ] {
        for arch in [Arch::X86_64, Arch::S390x] {
            let rules =
                vec![rule(&["statx"], Action::Allow), rule_if("read", Action::Allow, &[(5, op, value)])];
            let filter = on(&profile(Action::Errno, rules), arch);
            for (argument, holds) in [5, value - 1, value, value + 1, u64::MAX].into_iter().zip(holds) {
                let expected = if holds { ALLOW } else { EPERM };
                let got = call(&filter, arch, "read", &[0, 0, 0, 0, 0, argument]);
                assert_eq!(got, expected, "{op:?} {argument:#x} {}", arch.name());
            }
        }
    }
}

#[test]
fn a_masked_comparison_takes_the_mask_from_value_and_the_rest_from_value_two() {
    let masked = Condition { index: 0, op: Operator::MaskedEq, value: 0x7e02_0000, value_two: 0 };
    let rules =
        vec![rule(&["statx"], Action::Allow), Rule { args: vec![masked], ..rule(&["clone"], Action::Allow) }];
    let filter = on(&profile(Action::Errno, rules), Arch::X86_64);
    assert_eq!(call(&filter, Arch::X86_64, "clone", &[0x11]), ALLOW);
    assert_eq!(call(&filter, Arch::X86_64, "clone", &[0x1_0000_0011]), ALLOW);
    assert_eq!(call(&filter, Arch::X86_64, "clone", &[0x1000_0011]), EPERM);
}

#[test]
fn conditions_on_different_arguments_must_all_hold_and_on_one_argument_any() {
    use Operator::Eq;
    let rules = vec![
        rule(&["statx"], Action::Allow),
        rule_if("read", Action::Allow, &[(0, Eq, 1), (1, Eq, 2)]),
        rule_if("write", Action::Allow, &[(0, Eq, 1), (1, Eq, 2), (0, Eq, 3)]),
    ];
    let filter = on(&profile(Action::Errno, rules), Arch::X86_64);
    let of = |name, args: &[u64]| call(&filter, Arch::X86_64, name, args) == ALLOW;
    assert!(of("read", &[1, 2]) && !of("read", &[1, 0]) && !of("read", &[0, 2]));
    assert!(of("write", &[1, 0]) && of("write", &[3, 0]) && of("write", &[0, 2]) && !of("write", &[0, 0]));
}

#[test]
fn the_first_unconditional_rule_wins_over_everything() {
    let rules = vec![
        rule_if("read", Action::Trap, &[(0, Operator::Eq, 1)]),
        rule(&["read"], Action::Allow),
        rule(&["read"], Action::KillProcess),
        rule_if("read", Action::Trap, &[(0, Operator::Eq, 2)]),
        rule(&["statx"], Action::Allow),
    ];
    let filter = on(&profile(Action::Errno, rules), Arch::X86_64);
    for first in 0..3 {
        assert_eq!(call(&filter, Arch::X86_64, "read", &[first]), ALLOW);
    }
}

#[test]
fn rules_that_say_the_same_and_disagree_are_refused() {
    let rules = vec![
        rule_if("read", Action::Trap, &[(0, Operator::Eq, 1)]),
        rule_if("read", Action::Allow, &[(0, Operator::Eq, 1)]),
    ];
    let refused = compile(&profile(Action::Errno, rules), Arch::X86_64).unwrap_err();
    assert_eq!(refused, Error::Conflict { syscall: "read".to_string() });
}

#[test]
fn a_rule_that_repeats_the_default_is_no_rule_but_counts_for_what_is_newer() {
    let rules = vec![rule(&["read"], Action::Errno), rule_if("read", Action::Allow, &[(0, Operator::Eq, 1)])];
    let filter = on(&profile(Action::Errno, rules), Arch::X86);
    assert_eq!(call(&filter, Arch::X86, "read", &[1]), ALLOW);
    assert_eq!(call(&filter, Arch::X86, "write", &[1]), ENOSYS);
}

#[test]
fn errno_is_eperm_unless_given_and_only_for_errno_and_trace() {
    let mut rules = vec![rule(&["read", "statx"], Action::Errno), rule(&["write"], Action::Trace)];
    assert_eq!(
        call(&on(&profile(Action::Allow, rules.clone()), Arch::X86_64), Arch::X86_64, "read", &[]),
        EPERM
    );
    for rule in &mut rules {
        rule.errno_ret = Some(38);
    }
    let mut profile = profile(Action::Allow, rules);
    profile.default_errno_ret = Some(7);
    let filter = on(&profile, Arch::X86_64);
    assert_eq!(call(&filter, Arch::X86_64, "read", &[]), ENOSYS);
    assert_eq!(call(&filter, Arch::X86_64, "write", &[]), 0x7ff0_0026);
    assert_eq!(call(&filter, Arch::X86_64, "close", &[]), ALLOW);
}

#[test]
fn socket_calls_are_found_behind_socketcall() {
    let filter = on(&profile(Action::Allow, vec![rule(&["socket", "shmat"], Action::Errno)]), Arch::X86);
    assert_eq!(call(&filter, Arch::X86, "socket", &[]), EPERM);
    assert_eq!(call(&filter, Arch::X86, "socketcall", &[1]), EPERM);
    assert_eq!(call(&filter, Arch::X86, "socketcall", &[2]), ALLOW);
    assert_eq!(call(&filter, Arch::X86, "ipc", &[21]), EPERM);
    assert_eq!(call(&filter, Arch::X86, "ipc", &[0x1_0015]), EPERM, "with a version in the upper half");
    assert_eq!(call(&filter, Arch::X86, "ipc", &[22]), ALLOW);
}

#[test]
fn arm_keeps_its_own_syscalls_and_loses_the_newer_ones() {
    let names = ["statx", "cacheflush", "set_tls"];
    let filter = on(&profile(Action::Errno, vec![rule(&names, Action::Allow)]), Arch::Arm);
    assert_eq!(verdict(&filter, Arch::Arm, 0xf_0002, &[]), ALLOW);
    assert_eq!(verdict(&filter, Arch::Arm, 0xf_0001, &[]), EPERM);
    assert_eq!(verdict(&filter, Arch::Arm, 400, &[]), ENOSYS);
    assert_eq!(verdict(&filter, Arch::Arm, 0xf_0006, &[]), ENOSYS);
}

#[test]
fn unknown_names_are_skipped_and_reported_once() {
    let rules = vec![
        rule(&["read", "no_such_call"], Action::Allow),
        rule(&["no_such_call", "nor_this"], Action::Trap),
    ];
    let filter = on(&profile(Action::Errno, rules), Arch::X86_64);
    assert_eq!(filter.unknown, ["no_such_call", "nor_this"]);
}

#[test]
fn notification_is_refused_as_default_and_on_write() {
    let refused = compile(&profile(Action::Notify, vec![]), Arch::X86_64).unwrap_err();
    assert_eq!(refused.to_string(), "SCMP_ACT_NOTIFY cannot be used as default action");
    let rules = vec![rule(&["read", "write"], Action::Notify)];
    let refused = compile(&profile(Action::Allow, rules), Arch::X86_64).unwrap_err();
    assert_eq!(refused.to_string(), "SCMP_ACT_NOTIFY cannot be used for the write syscall");
}

#[test]
fn load_flags_are_spec_allow_by_default_and_a_listener_when_a_rule_notifies() {
    let mut asked = profile(Action::Allow, vec![]);
    assert_eq!(on(&asked, Arch::X86_64).flags, 4);
    asked.flags = Some(vec![]);
    assert_eq!(on(&asked, Arch::X86_64).flags, 0);
    asked.flags = Some(vec![Flag::Tsync, Flag::Log, Flag::WaitKillableRecv]);
    assert_eq!(on(&asked, Arch::X86_64).flags, 2, "WAIT_KILLABLE_RECV means nothing without a listener");
    asked.rules = vec![rule(&["mkdir"], Action::Notify)];
    let filter = on(&asked, Arch::X86_64);
    assert!(filter.uses_notify);
    assert_eq!(filter.flags, 2 | 8 | 32);
}

#[test]
fn an_argument_that_no_syscall_has_is_refused() {
    let rules = vec![rule_if("read", Action::Trap, &[(6, Operator::Eq, 1)])];
    let refused = compile(&profile(Action::Allow, rules), Arch::X86_64).unwrap_err();
    assert_eq!(refused.to_string(), "seccomp rule for syscall read: arguments are 0 to 5, argument 6 given");
}

#[test]
fn architectures_of_the_other_byte_order_are_refused() {
    let mut profile = profile(Action::Allow, vec![]);
    profile.architectures = vec![Arch::Mips];
    assert_eq!(compile(&profile, Arch::Mipsel), Err(Error::ByteOrder { arch: "SCMP_ARCH_MIPS" }));
}

#[test]
fn unknown_words_are_refused_by_name() {
    let text = |refused: brig_seccomp::UnknownWord| refused.to_string();
    let action = "FOO".parse::<Action>().map_err(text);
    assert_eq!(action, Err("string FOO is not a valid action for seccomp".to_string()));
    let flag = "FOO".parse::<Flag>().map_err(text);
    assert_eq!(flag, Err("seccomp flag FOO is not known to brig".to_string()));
    let arch = "SCMP_ARCH_VAX".parse::<Arch>().map_err(text);
    assert_eq!(arch, Err("string SCMP_ARCH_VAX is not a valid arch for seccomp".to_string()));
    let operator = "==".parse::<Operator>().map_err(text);
    assert_eq!(operator, Err("string == is not a valid operator for seccomp".to_string()));
    assert_eq!("SCMP_ACT_KILL".parse(), Ok(Action::KillThread));
}

#[test]
fn bytes_are_in_the_order_of_the_machine() {
    let little = on(&profile(Action::Allow, vec![]), Arch::X86_64).to_bytes();
    assert_eq!(little[..8], [0x20, 0, 0, 0, 4, 0, 0, 0]);
    let big = on(&profile(Action::Allow, vec![]), Arch::S390x).to_bytes();
    assert_eq!(big[..8], [0, 0x20, 0, 0, 0, 0, 0, 4]);
}

#[test]
fn a_long_list_of_rules_jumps_further_than_a_byte() {
    let rules: Vec<Rule<'_>> =
        (0..700).map(|n| rule_if("ioctl", Action::Allow, &[(1, Operator::Eq, n * 2)])).collect();
    let filter =
        on(&profile(Action::Errno, [rules, vec![rule(&["statx"], Action::Allow)]].concat()), Arch::X86_64);
    for n in 0..1400 {
        let expected = if n % 2 == 0 { ALLOW } else { EPERM };
        assert_eq!(call(&filter, Arch::X86_64, "ioctl", &[0, n]), expected, "{n}");
    }
}

#[test]
fn a_program_longer_than_the_kernel_takes_is_refused() {
    let rules = (0..3000).map(|n| rule_if("ioctl", Action::Allow, &[(1, Operator::Eq, n << 31)])).collect();
    assert!(matches!(compile(&profile(Action::Errno, rules), Arch::X86_64), Err(Error::TooLong { .. })));
}

#[test]
fn rules_without_end_are_refused_soon() {
    let rules: Vec<Rule<'_>> = (0..20_000)
        .map(|n| {
            rule_if("ioctl", if n % 2 == 0 { Action::Allow } else { Action::Trap }, &[(1, Operator::Eq, n)])
        })
        .collect();
    assert!(matches!(compile(&profile(Action::Errno, rules), Arch::X86_64), Err(Error::TooLong { .. })));
}

#[test]
fn a_value_out_of_many_is_found_by_search() {
    let rules: Vec<Rule<'_>> =
        (0..500).map(|n| rule_if("ioctl", Action::Allow, &[(1, Operator::Eq, n * 3)])).collect();
    let filter =
        on(&profile(Action::Errno, [rules, vec![rule(&["statx"], Action::Allow)]].concat()), Arch::X86_64);
    assert!(brig_seccomp::shape(&filter.program).deepest < 24, "{:?}", brig_seccomp::shape(&filter.program));
}

#[test]
fn a_disassembly_names_what_it_can() {
    let filter = on(&profile(Action::Errno, vec![rule(&["write", "statx"], Action::Allow)]), Arch::X86_64);
    let text = disassemble(&filter.program, ByteOrder::Little);
    for expected in [
        "load arch",
        "if arch == 0xc000003e goto",
        "; SCMP_ARCH_X86_64",
        "; statx",
        "return ERRNO 38",
        "deepest path",
    ] {
        assert!(text.contains(expected), "{expected}:\n{text}");
    }
}

#[test]
fn shipped_profiles_compile_for_every_architecture() {
    for (_, section) in engines() {
        for native in Arch::ALL {
            let profile = read(&section, native);
            let filter = on(&profile, native);
            assert_eq!(call(&filter, native, "read", &[]), ALLOW, "{}", native.name());
            assert_eq!(call(&filter, native, "kexec_load", &[]) & 0xffff_0000, 0x0005_0000);
        }
    }
}
