//! Profiles for tests: the shipped ones read from JSON as an engine would resolve them, and what a generator needs.

#![allow(dead_code, clippy::unwrap_used, clippy::wildcard_enum_match_arm, reason = "tests use a part of it")]

pub(crate) mod generate;
pub(crate) mod matching;

use brig_seccomp::{Action, Arch, Condition, Operator, Profile, Rule};
use serde_json::Value;

/// Capabilities that Docker and Podman give by default, as far as their profiles ask for them.
const CAPABILITIES: [&str; 3] = ["CAP_SYS_CHROOT", "CAP_AUDIT_WRITE", "CAP_NET_BIND_SERVICE"];

/// Text of a profile as the engine ships it, with `archMap`, `includes` and `excludes`.
pub(crate) fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// What the engine makes of it for a default container on a machine of this architecture.
pub(crate) fn resolve<'a>(profile: &'a Value, native: Arch) -> Profile<'a> {
    Profile {
        default_action: word(&profile["defaultAction"]),
        default_errno_ret: number(&profile["defaultErrnoRet"]),
        architectures: architectures(profile, native),
        flags: None,
        rules: list(&profile["syscalls"]).filter(|rule| applies(rule, native)).map(rule).collect(),
    }
}

fn architectures(profile: &Value, native: Arch) -> Vec<Arch> {
    if let Some(plain) = profile["architectures"].as_array() {
        return plain.iter().map(word).collect();
    }
    let mine = list(&profile["archMap"]).find(|entry| entry["architecture"] == native.name());
    let subs = mine.iter().flat_map(|entry| list(&entry["subArchitectures"]).map(word));
    std::iter::once(native).chain(subs).collect()
}

fn applies(rule: &Value, native: Arch) -> bool {
    let go_arch = match native {
        Arch::X86_64 => "amd64",
        Arch::Aarch64 => "arm64",
        Arch::S390x => "s390x",
        Arch::Ppc64le => "ppc64le",
        Arch::Riscv64 => "riscv64",
        Arch::Arm => "arm",
        Arch::X86 => "x86",
        _ => "other",
    };
    let holds = |filter: &Value| {
        let caps = list(&filter["caps"]).all(|cap| CAPABILITIES.contains(&cap.as_str().unwrap()));
        let arches = filter["arches"].as_array().is_none_or(|all| all.iter().any(|arch| arch == go_arch));
        (caps, arches)
    };
    let (includes, excludes) = (&rule["includes"], &rule["excludes"]);
    let included = holds(includes) == (true, true);
    let no_excludes = excludes.as_object().is_none_or(serde_json::Map::is_empty);
    let by_cap = list(&excludes["caps"]).any(|cap| CAPABILITIES.contains(&cap.as_str().unwrap()));
    let by_arch = list(&excludes["arches"]).any(|arch| arch == go_arch);
    included && (no_excludes || !(by_cap || by_arch))
}

fn rule(rule: &Value) -> Rule<'_> {
    let one = rule["name"].as_str();
    Rule {
        names: one.into_iter().chain(list(&rule["names"]).map(|name| name.as_str().unwrap())).collect(),
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
