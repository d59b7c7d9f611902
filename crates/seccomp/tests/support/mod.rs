//! Profiles for tests: those that engines send, and what a generator needs.

#![allow(dead_code, clippy::unwrap_used, clippy::wildcard_enum_match_arm, reason = "tests use a part of it")]

pub(crate) mod generate;
pub(crate) mod judge;
pub(crate) mod matching;

use std::path::Path;

use brig_seccomp::{Action, Arch, Condition, Operator, Profile, Rule};
use serde_json::Value;

/// What engines send on x86_64 for a container with nothing but their defaults (`profiles/README.md`), by name.
pub(crate) fn engines() -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles/x86_64");
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let named = |path: &Path| path.file_stem().unwrap().to_str().unwrap().to_owned();
    let mut all: Vec<(String, Value)> = entries
        .map(|path| (named(&path), serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap()))
        .collect();
    all.sort_by(|(one, _), (other, _)| one.cmp(other));
    assert!(all.len() >= 9);
    all
}

/// The profile in a `linux.seccomp` section. On a machine other than x86_64 with that machine's architectures: the
/// rules are what is asked about.
pub(crate) fn read(section: &Value, native: Arch) -> Profile<'_> {
    Profile {
        default_action: word(&section["defaultAction"]),
        default_errno_ret: number(&section["defaultErrnoRet"]),
        architectures: match native {
            Arch::X86_64 => list(&section["architectures"]).map(word).collect(),
            _ => family(native),
        },
        flags: None,
        rules: list(&section["syscalls"]).map(rule).collect(),
    }
}

/// What engines list on a machine of this architecture.
fn family(native: Arch) -> Vec<Arch> {
    use Arch::{Aarch64, Arm, Mips, Mips64, Mips64N32, Mipsel, Mipsel64, Mipsel64N32, S390, S390x};
    match native {
        Aarch64 => vec![Aarch64, Arm],
        Mips64 => vec![Mips, Mips64, Mips64N32],
        Mipsel64 => vec![Mipsel, Mipsel64, Mipsel64N32],
        S390x => vec![S390x, S390],
        other => vec![other],
    }
}

fn rule(rule: &Value) -> Rule<'_> {
    Rule {
        names: list(&rule["names"]).map(|name| name.as_str().unwrap()).collect(),
        action: word(&rule["action"]),
        errno_ret: number(&rule["errnoRet"]),
        args: list(&rule["args"]).map(condition).collect(),
    }
}

fn condition(condition: &Value) -> Condition {
    Condition {
        index: number(&condition["index"]).unwrap(),
        value: condition["value"].as_u64().unwrap_or(0),
        value_two: condition["valueTwo"].as_u64().unwrap_or(0),
        op: word(&condition["op"]),
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn number(value: &Value) -> Option<u32> {
    value.as_u64().map(|number| u32::try_from(number).unwrap())
}

fn word<T: std::str::FromStr<Err: std::fmt::Debug>>(value: &Value) -> T {
    value.as_str().unwrap().parse().unwrap()
}

/// xorshift64*: tests need the same numbers every time and nothing better.
#[derive(Clone, Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() >> 16).unwrap() % end
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    pub(crate) fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

/// Values that comparisons go wrong on.
pub(crate) const VALUES: [u64; 14] = [
    0,
    1,
    2,
    5,
    8,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x1_0000_0000,
    0x1_0000_0001,
    0x5_0000_0005,
    0x7fff_ffff_ffff_ffff,
    0xffff_ffff_0000_0000,
    u64::MAX,
];

pub(crate) const MASKS: [u64; 7] =
    [0, 1, 0x7e02_0000, 0xffff_ffff, 0xffff_ffff_0000_0000, 0x8000_0000_8000_0000, u64::MAX];

pub(crate) const OPERATORS: [Operator; 7] =
    [Operator::Ne, Operator::Lt, Operator::Le, Operator::Eq, Operator::Ge, Operator::Gt, Operator::MaskedEq];

pub(crate) const ACTIONS: [Action; 8] = [
    Action::KillThread,
    Action::KillProcess,
    Action::Trap,
    Action::Errno,
    Action::Trace,
    Action::Allow,
    Action::Log,
    Action::Notify,
];

pub(crate) fn condition_at(random: &mut Random, index: u32) -> Condition {
    let op = random.pick(&OPERATORS);
    let value = if op == Operator::MaskedEq { random.pick(&MASKS) } else { random.pick(&VALUES) };
    Condition { index, value, value_two: random.pick(&VALUES), op }
}

/// One or two conditions, seldom three, mostly on different arguments.
pub(crate) fn conditions(random: &mut Random) -> Vec<Condition> {
    let indexes = if random.one_in(2) { 2 } else { 6 };
    let count = if random.one_in(8) { 3 } else { 1 + random.below(2) };
    (0..count)
        .map(|_| {
            let index = u32::try_from(random.below(indexes)).unwrap();
            condition_at(random, index)
        })
        .collect()
}
