//! `seccomp diff`: for which calls two profiles differ. Runs in: parent.
//!
//! Both programs are run, for every number of every architecture that either knows, with arguments on both sides of every
//! value that a condition on that call speaks of.

use brig_seccomp::{
    Arch, Condition, Operator, Profile,
    interp::{self, Data},
};

use super::{check::X32_BIT, compiled, verdict};
use crate::exit::{Exit, Failure};

/// No architecture has as many calls.
const NUMBERS: u32 = 1024;
/// With more combinations arguments are varied one by one.
const MOST_COMBINATIONS: usize = 20_000;
/// `socketcall` and `ipc` choose by small numbers.
const CHOICES: u64 = 32;

/// What the first filter and the second return.
type Pair = [u32; 2];

/// Two filters for one machine.
struct Both<'p> {
    profiles: [&'p Profile<'p>; 2],
    programs: [Vec<brig_seccomp::Insn>; 2],
    machine: Arch,
}

/// Lines for what differs, and whether anything does.
pub(super) fn diff(profiles: [&Profile<'_>; 2], machine: Arch) -> Result<(String, Exit), Failure> {
    let [one, other] = profiles;
    let programs = [compiled(one, machine)?.program, compiled(other, machine)?.program];
    let both = Both { profiles, programs, machine };
    let mut text = String::new();
    for arch in both.architectures() {
        if let Some((which, other)) = both.only_in(arch) {
            text += &format!("{}: for the {which} only; the {other} kills what calls in it\n", arch.name());
            continue;
        }
        let lines = both.lines(arch)?;
        if !lines.is_empty() {
            text += &format!("{}\n", arch.name());
            text += &table(&lines);
        }
    }
    match text.is_empty() {
        true => Ok(("no call gets anything else\n".to_owned(), Exit::Success)),
        false => Ok((text, Exit::No)),
    }
}

/// What a line is about, and what differs there.
struct Line {
    what: String,
    how: String,
}

impl Both<'_> {
    fn architectures(&self) -> Vec<Arch> {
        let mut all = vec![self.machine];
        for arch in self.profiles.iter().flat_map(|profile| &profile.architectures) {
            if !all.contains(arch) {
                all.push(*arch);
            }
        }
        all
    }

    /// Which of them knows the architecture, and which does not, if one of them does not.
    fn only_in(&self, arch: Arch) -> Option<(&'static str, &'static str)> {
        let has = self.profiles.map(|profile| arch == self.machine || profile.architectures.contains(&arch));
        match has {
            [true, false] => Some(("first", "second")),
            [false, true] => Some(("second", "first")),
            [true, true] | [false, false] => None,
        }
    }

    /// Named calls one by one; numbers without a name together where they are neighbours.
    fn lines(&self, arch: Arch) -> Result<Vec<Line>, Failure> {
        let mut lines = Vec::new();
        let mut unnamed: Option<(u32, u32, Pair)> = None;
        let base = base(arch);
        for number in base..base + NUMBERS {
            let pairs = self.differences(arch, number)?;
            match (arch.syscall_name(number), pairs.as_slice()) {
                (None, [(pair, _)]) => {
                    unnamed = match unnamed {
                        Some((first, last, same)) if same == *pair && last + 1 == number => {
                            Some((first, number, same))
                        }
                        other => {
                            lines.extend(other.map(|range| range_line(range, base)));
                            Some((number, number, *pair))
                        }
                    };
                }
                (None, _) => {}
                (Some(name), pairs) => lines.extend(pairs.iter().map(|(pair, example)| Line {
                    what: example.as_ref().map_or_else(|| name.to_owned(), |data| with_arguments(name, data)),
                    how: change(*pair),
                })),
            }
        }
        lines.extend(unnamed.map(|range| range_line(range, base)));
        Ok(lines)
    }

    /// The pairs that differ, each with a call that shows it unless all calls of this number do.
    fn differences(&self, arch: Arch, number: u32) -> Result<Vec<(Pair, Option<Data>)>, Failure> {
        let mut seen: Vec<(Pair, Data)> = Vec::new();
        for args in self.arguments(arch, number) {
            let data = Data { nr: number, arch: arch.audit(), args, ..Data::default() };
            let run = |program: &[brig_seccomp::Insn]| {
                let outcome = interp::run(program, &data, self.machine.byte_order());
                outcome.map(|outcome| outcome.value).map_err(|error| Failure::new(error.to_string()))
            };
            let pair = [run(&self.programs[0])?, run(&self.programs[1])?];
            if seen.iter().all(|(known, _)| *known != pair) {
                seen.push((pair, data));
            }
        }
        let always = seen.len() == 1;
        let differing = seen.into_iter().filter(|([one, other], _)| one != other);
        Ok(differing.map(|(pair, data)| (pair, (!always).then_some(data))).collect())
    }

    /// Arguments that any condition on this call could tell apart.
    fn arguments(&self, arch: Arch, number: u32) -> Vec<[u64; 6]> {
        let mut values: [Vec<u64>; 6] = std::array::from_fn(|_| vec![0]);
        let rules = self.profiles.iter().flat_map(|profile| &profile.rules);
        let chooses = ["socketcall", "ipc"].iter().any(|name| arch.number(name) == Some(number));
        if chooses {
            values[0].extend(1..CHOICES);
        }
        let speaks = |names: &[&str]| chooses || names.iter().any(|name| arch.number(name) == Some(number));
        for condition in rules.filter(|rule| speaks(&rule.names)).flat_map(|rule| &rule.args) {
            if let Some(values) = values.get_mut(condition.index as usize) {
                values.extend(around(condition));
            }
        }
        for values in &mut values {
            values.sort_unstable();
            values.dedup();
        }
        combinations(&values)
    }
}

/// Both sides of what a condition compares with.
fn around(condition: &Condition) -> Vec<u64> {
    let Condition { value, value_two, op, .. } = *condition;
    match op {
        Operator::MaskedEq => {
            let lowest = value & value.wrapping_neg();
            vec![value_two, value_two ^ lowest, value_two ^ value, value, !value]
        }
        Operator::Ne | Operator::Lt | Operator::Le | Operator::Eq | Operator::Ge | Operator::Gt => {
            vec![value.wrapping_sub(1), value, value.wrapping_add(1), u64::MAX]
        }
    }
}

fn combinations(values: &[Vec<u64>; 6]) -> Vec<[u64; 6]> {
    let count = values.iter().map(Vec::len).fold(1_usize, usize::saturating_mul);
    let mut all = vec![[0; 6]];
    for (place, values) in values.iter().enumerate() {
        let start = if count > MOST_COMBINATIONS { vec![[0; 6]] } else { all.clone() };
        let varied = start.iter().flat_map(|args| {
            values.iter().map(move |value| {
                let mut args = *args;
                args[place] = *value;
                args
            })
        });
        match count > MOST_COMBINATIONS {
            true => all.extend(varied.collect::<Vec<_>>()),
            false => all = varied.collect(),
        }
    }
    all
}

/// What the architecture adds to all its numbers.
fn base(arch: Arch) -> u32 {
    match arch {
        Arch::X32 => X32_BIT,
        Arch::Mips | Arch::Mipsel => 4000,
        Arch::Mips64 | Arch::Mipsel64 => 5000,
        Arch::Mips64N32 | Arch::Mipsel64N32 => 6000,
        Arch::X86
        | Arch::X86_64
        | Arch::Arm
        | Arch::Aarch64
        | Arch::Ppc
        | Arch::Ppc64
        | Arch::Ppc64le
        | Arch::Riscv64
        | Arch::S390
        | Arch::S390x
        | Arch::Loongarch64 => 0,
    }
}

fn range_line((first, last, pair): (u32, u32, Pair), base: u32) -> Line {
    let what = match last {
        last if last + 1 == base + NUMBERS => format!("{first} and above"),
        last if last == first => first.to_string(),
        last => format!("{first} to {last}"),
    };
    Line { what, how: change(pair) }
}

/// `clone(0x10000000)`: arguments up to the last that is not 0.
fn with_arguments(name: &str, data: &Data) -> String {
    let last = data.args.iter().rposition(|arg| *arg != 0).map_or(1, |last| last + 1);
    let args: Vec<String> = data.args.iter().take(last).map(|arg| format!("{arg:#x}")).collect();
    format!("{name}({})", args.join(", "))
}

fn change([one, other]: Pair) -> String {
    format!("{} -> {}", verdict(one), verdict(other))
}

fn table(lines: &[Line]) -> String {
    let width = lines.iter().map(|line| line.what.len()).max().unwrap_or(0);
    lines.iter().map(|Line { what, how }| format!("  {what:width$}  {how}\n")).collect()
}
