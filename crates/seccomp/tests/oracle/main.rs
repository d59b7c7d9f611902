//! The compiler against libseccomp: shipped and generated profiles, every number, boundary values, all ABIs.
//!
//! `cargo test --release -p brig-seccomp --features oracle --test oracle` (Debian: libseccomp-dev).
//! Differences on purpose are listed in `docs/decisions/0017-seccomp-compiler.md` and let pass in `on_purpose`.

#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm, reason = "a test")]

#[path = "../support/mod.rs"]
mod support;

mod libseccomp;

use std::collections::BTreeSet;

use brig_seccomp::interp::{ByteOrder, Data, run};
use brig_seccomp::{Arch, Condition, Error, Insn, Operator, Profile, Rule, compile};
use libseccomp::{Made, Search, Stub};
use support::generate::{arguments, base, conditional_numbers, generate, names, numbers};
use support::matching::Matching;
use support::{Random, engines, read};

const ENOSYS: u32 = 0x0005_0026;

#[test]
fn shipped_profiles_mean_what_libseccomp_makes_of_them() {
    let mut random = Random(1);
    for (_, value) in engines() {
        for native in Arch::ALL.into_iter().filter(|arch| libseccomp::supports(*arch)) {
            let mut profile = read(&value, native);
            known_names_only(&mut profile, native);
            for search in [Search::Linear, Search::Tree] {
                compare(&profile, native, search, &mut random).unwrap();
            }
        }
    }
}

#[test]
fn generated_profiles_mean_what_libseccomp_makes_of_them() {
    let number = |name: &str, default| std::env::var(name).ok().map_or(default, |word| word.parse().unwrap());
    let (profiles, seed) = (number("PROFILES", 3000), number("SEED", 7));
    let threads = std::thread::available_parallelism().map_or(1, |count| count.get() as u64);
    let sums = std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads)
            .map(|thread| scope.spawn(move || compare_generated(seed + thread, profiles / threads)))
            .collect();
        running
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .reduce(|one, other| std::array::from_fn(|at| one[at] + other[at]))
    });
    let [same, refused, accepted, wrong, precedence] = sums.unwrap();
    println!(
        "libseccomp {:?}: {same} profiles with the same verdicts, {refused} refused by both, {accepted} only by it, \
         {wrong} on which it is wrong, {precedence} with another precedence",
        libseccomp::version(),
    );
}

/// Counts of each [`Agreement`].
fn compare_generated(seed: u64, count: u64) -> [u32; 5] {
    let natives: Vec<Arch> = Arch::ALL.into_iter().filter(|arch| libseccomp::supports(*arch)).collect();
    let names = names();
    let mut random = Random(seed);
    let mut counts = [0; 5];
    for n in 0..count {
        let native = random.pick(&natives);
        let mut profile = generate(&mut random, native, &natives, &names);
        known_names_only(&mut profile, native);
        let search = random.pick(&[Search::Linear, Search::Tree]);
        let at = match compare(&profile, native, search, &mut random) {
            Ok(Agreement::Verdicts) => 0,
            Ok(Agreement::Refusal) => 1,
            Ok(Agreement::OnlyTheirRefusal) => 2,
            Ok(Agreement::TheyAreWrong) => 3,
            Ok(Agreement::OnlyPrecedence) => 4,
            Err(difference) => panic!("profile {n} of seed {seed} on {}: {difference}", native.name()),
        };
        counts[at] += 1;
    }
    counts
}

/// First arguments (with others behind them) that shipped profiles look at, and some that they do not expect.
const ARGUMENTS: [[u64; 6]; 9] = [
    [1, 2, 3, 4, 5, 6],
    [0; 6],
    [0x11, 0, 0, 0, 0, 0],
    [0x1000_0000, 0x1000_0000, 0, 0, 0, 0],
    [8, 0, 0, 0, 0, 0],
    [0x2_0000, 1, 9, 0, 0, 0],
    [0xffff_ffff; 6],
    [16, 3, 9, 0, 0, 0],
    [40, 1, 0, 0, 0, 0],
];

#[test]
fn no_syscall_of_a_shipped_profile_takes_more_instructions_than_in_libseccomps_tree() {
    for (name, value) in engines() {
        let mut profile = read(&value, Arch::X86_64);
        known_names_only(&mut profile, Arch::X86_64);
        let ours = compile(&profile, Arch::X86_64).unwrap().program;
        let theirs = |search| match libseccomp::compile(&profile, Arch::X86_64, search) {
            Made::Program(program) => program,
            other => panic!("{other:?}"),
        };
        let (tree, list) = (theirs(Search::Tree), theirs(Search::Linear));
        for arch in [Arch::X86_64, Arch::X86, Arch::X32] {
            let (sums, slower) = executed(arch, [&ours, &tree, &list]);
            let lengths = [ours.len(), tree.len(), list.len()];
            println!(
                "{name} {}: ours, its tree, its list: {lengths:?} instructions, all syscalls once: {sums:?} executed",
                arch.name()
            );
            assert!(slower.is_empty(), "{name}: {slower:?}");
        }
    }
}

/// Instructions executed for every syscall once, and the calls that take more in the first program than in the second.
fn executed(arch: Arch, programs: [&[Insn]; 3]) -> ([u32; 3], Vec<String>) {
    let mut sums = [0_u32; 3];
    let mut slower = Vec::new();
    for nr in (base(arch)..base(arch) + 600).filter(|nr| arch.syscall_name(*nr).is_some()) {
        for args in ARGUMENTS {
            let data = Data { nr, arch: arch.audit(), args, ..Data::default() };
            let counts = programs.map(|program| run(program, &data, ByteOrder::Little).unwrap().executed);
            if args == ARGUMENTS[0] {
                sums = std::array::from_fn(|at| sums[at] + counts[at]);
            }
            if counts[0] > counts[1] {
                slower.push(format!("{:?} {args:x?} {counts:?}", arch.syscall_name(nr)));
            }
        }
    }
    (sums, slower)
}

#[test]
fn every_name_of_libseccomp_has_its_number_here() {
    let mut wrong = Vec::new();
    for arch in Arch::ALL.into_iter().filter(|arch| libseccomp::supports(*arch)) {
        for number in (0..1000).chain(0xf_0000..0xf_0010) {
            let number = number + if number < 1000 { base(arch) } else { 0 };
            let Some(name) = libseccomp::name(arch, number) else { continue };
            if arch.number(&name) != Some(number) {
                wrong.push(format!(
                    "{} {name}: libseccomp {number}, here {:?}",
                    arch.name(),
                    arch.number(&name)
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_name_that_libseccomp_knows_is_missing_here() {
    let ours = names();
    let mut theirs = BTreeSet::new();
    for arch in Arch::ALL.into_iter().filter(|arch| libseccomp::supports(*arch)) {
        // names that this architecture does not have get negative numbers
        let all = (0..1000).chain(0xf_0000..0xf_0010).map(|number| number + base(arch));
        let all = all.chain((1..20_000_u32).map(u32::wrapping_neg));
        theirs.extend(all.filter_map(|number| libseccomp::name(arch, number)));
    }
    assert!(theirs.len() > 450, "{}", theirs.len());
    // 2.6.1 has three that only m68k has, which OCI has no name for: atomic_barrier, atomic_cmpxchg_32, getpagesize
    let is_of_an_abi = |name: &str| Arch::ALL.iter().any(|arch| libseccomp::number(*arch, name) >= Some(0));
    let missing: Vec<&String> =
        theirs.iter().filter(|name| !ours.contains(&name.as_str()) && is_of_an_abi(name)).collect();
    println!("libseccomp {:?}: {} names, here {}", libseccomp::version(), theirs.len(), ours.len());
    assert!(missing.is_empty(), "{missing:?}");
}

/// What libseccomp (an older one perhaps) does not know it cannot judge.
fn known_names_only(profile: &mut Profile<'_>, native: Arch) {
    let architectures: Vec<Arch> = profile.architectures.iter().copied().chain([native]).collect();
    for rule in &mut profile.rules {
        rule.names.retain(|name| {
            let same = |arch: &Arch| match (libseccomp::number(*arch, name), arch.number(name)) {
                (Some(reached_otherwise @ -299..=-100), _) => reached_otherwise < 0,
                (Some(theirs), ours) => u32::try_from(theirs).ok() == ours,
                (None, ours) => ours.is_none(),
            };
            libseccomp::tells_apart(name) && architectures.iter().all(same)
        });
    }
}

enum Agreement {
    Verdicts,
    Refusal,
    OnlyTheirRefusal,
    /// Some verdicts differ, all on syscalls where two rules share half of a comparison.
    OnlyPrecedence,
    /// Some verdicts differ, all of them where libseccomp's program compares a word that it did not load for that, or
    /// where no rule that matches says what it returns.
    TheyAreWrong,
}

fn compare(
    profile: &Profile<'_>,
    native: Arch,
    search: Search,
    random: &mut Random,
) -> Result<Agreement, String> {
    let (ours, theirs) = match (compile(profile, native), libseccomp::compile(profile, native, search)) {
        (Ok(ours), Made::Program(theirs)) => (ours.program, theirs),
        (Err(Error::Conflict { .. }), Made::Contradiction) => return Ok(Agreement::Refusal),
        // its tree cannot hold some pairs of rules that only share half of a comparison
        (Ok(_), Made::Contradiction) => return Ok(Agreement::OnlyTheirRefusal),
        (Err(Error::Conflict { syscall }), Made::Program(_)) => {
            return Err(format!("{syscall} refused\n{}", rules_on(profile, &syscall)));
        }
        (_, Made::Failed(errno)) => return Err(format!("libseccomp fails with errno {errno}")),
        (ours, Made::Program(_) | Made::Contradiction) => return Err(format!("{:?}", ours.map(|_| ()))),
    };
    let order = native.byte_order();
    let stub = Stub::of(profile, native);
    let conditional_numbers = Arch::ALL.map(|arch| conditional_numbers(profile, arch));
    let (mut wrong, mut precedence) = (0, 0);
    for listed in Arch::ALL {
        for nr in numbers(listed) {
            // bit 30 tells the two apart that share an audit number
            let arch = match listed {
                Arch::X86_64 | Arch::X32 if nr & 0x4000_0000 != 0 => Arch::X32,
                Arch::X86_64 | Arch::X32 => Arch::X86_64,
                other => other,
            };
            let conditional = &conditional_numbers[arch as usize];
            for _ in 0..if conditional.contains(&nr) { 100 } else { 1 } {
                let data = Data {
                    nr,
                    arch: arch.audit(),
                    args: arguments(random, profile, arch),
                    ..Data::default()
                };
                let mine = run(&ours, &data, order).unwrap().value;
                let newer = stub.is_newer(arch.audit(), nr);
                let expected = if newer { ENOSYS } else { run(&theirs, &data, order).unwrap().value };
                if mine == expected || on_purpose(arch, &data, mine) {
                    continue;
                }
                let matching = Matching::of(profile, arch, &data);
                let mine_holds = matching.justify(mine);
                let theirs_holds =
                    matching.justify(expected) && !compares_a_wrong_word(&theirs, &data, order);
                if mine_holds && !theirs_holds {
                    wrong += 1;
                } else if mine_holds && share_a_comparison(profile, arch, nr) {
                    precedence += 1;
                } else {
                    let name = arch.syscall_name(nr).unwrap_or("?");
                    return Err(format!(
                        "{search:?} {} {name} {nr:#x} {:x?}: {mine:#x}, libseccomp {expected:#x}\n{}",
                        arch.name(),
                        data.args,
                        rules_on(profile, name),
                    ));
                }
            }
        }
    }
    Ok(match (wrong, precedence) {
        (0, 0) => Agreement::Verdicts,
        (0, _) => Agreement::OnlyPrecedence,
        _ => Agreement::TheyAreWrong,
    })
}

/// Two rules that share a comparison and go on from its other outcome (EQ and NE, LT and GE…), or that share the
/// upper half of one (two NE, or two of LT, LE, GT, GE, on one wide argument): libseccomp takes one rule for a
/// repetition of the other and drops it, or gives precedence to one where the upper halves decide and to the other
/// where they do not.
fn share_a_comparison(profile: &Profile<'_>, arch: Arch, nr: u32) -> bool {
    let name = arch.syscall_name(nr).unwrap_or("?");
    let named = |rule: &&Rule<'_>| {
        rule.names.iter().any(|other| arch.number(other) == Some(nr) || behind(name, other))
    };
    let conditions: Vec<&Condition> =
        profile.rules.iter().filter(named).flat_map(|rule| &rule.args).collect();
    let key = |c: &Condition| {
        let equality = matches!(c.op, Operator::Eq | Operator::Ne);
        (c.index, equality, if arch.is_wide() { c.value >> 32 } else { c.value & 0xffff_ffff })
    };
    let not_equal = conditions.iter().filter(|c| !matches!(c.op, Operator::Eq | Operator::MaskedEq));
    let mut shared = not_equal.filter(|c| {
        let others = conditions.iter().filter(|other| other.op != Operator::MaskedEq && key(other) == key(c));
        others.count() > 1
    });
    shared.next().is_some()
}

/// Whether `name` is how some architectures come to `other`.
fn behind(name: &str, other: &str) -> bool {
    match libseccomp::number(Arch::X86, other) {
        Some(-199..=-100) => name == "socketcall",
        Some(-299..=-200) => name == "ipc",
        _ => false,
    }
}

/// libseccomp shares the code of a comparison between ways on which the accumulator holds different words (2.5.4 and
/// 2.6.1, when a rule fails behind its first comparison and the next one begins on the same argument), and at times
/// compares the architecture with syscall numbers. Whether the way of this call comes to such code.
fn compares_a_wrong_word(program: &[Insn], data: &Data, order: ByteOrder) -> bool {
    let mut words = vec![BTreeSet::new(); program.len() + 256];
    for (at, insn) in program.iter().enumerate() {
        let held = if insn.code == 0x20 { BTreeSet::from([insn.k]) } else { words[at].clone() };
        let next = at + 1;
        match insn.code {
            0x06 => {}
            0x05 => words[next + insn.k as usize].extend(held),
            0x15 | 0x25 | 0x35 | 0x45 => {
                words[next + usize::from(insn.jt)].extend(held.clone());
                words[next + usize::from(insn.jf)].extend(held);
            }
            _ => words[next].extend(held),
        }
    }
    // cut the program at the doubtful comparisons: a run that comes to one then fails there
    let is_audit = |k| Arch::ALL.iter().any(|arch| arch.audit() == k);
    let wrong = |at: usize, k| words[at].len() > 1 || (words[at].contains(&4) && !is_audit(k));
    let doubtful =
        |(at, insn): (usize, &Insn)| match insn.code & 7 == 5 && insn.code != 5 && wrong(at, insn.k) {
            true => Insn { code: 0, ..*insn },
            false => *insn,
        };
    let cut: Vec<Insn> = program.iter().enumerate().map(doubtful).collect();
    run(&cut, data, order).is_err()
}

fn rules_on(profile: &Profile<'_>, name: &str) -> String {
    let line = |rule: &Rule<'_>| {
        let names: Vec<&str> = rule.names.iter().copied().filter(|n| *n == name || behind(name, n)).collect();
        let line = format!("  {names:?} {:?} {:?} {:x?}\n", rule.action, rule.errno_ret, rule.args);
        (!names.is_empty()).then_some(line)
    };
    let rules: String = profile.rules.iter().filter_map(line).collect();
    format!("default {:?}\n{rules}", profile.default_action)
}

/// The differences argued for in `docs/decisions/0017-seccomp-compiler.md`.
fn on_purpose(arch: Arch, data: &Data, mine: u32) -> bool {
    let is = |name: &str| arch.number(name) == Some(data.nr);
    // the kernel does not look at these bits of the first argument either
    let multiplexer = (is("ipc") && data.args[0] >> 16 != 0) || (is("socketcall") && data.args[0] >> 32 != 0);
    // arm's private syscalls are no measure of newness
    let arm = arch == Arch::Arm && mine == ENOSYS && data.nr < 0xf_0000;
    multiplexer || arm
}
