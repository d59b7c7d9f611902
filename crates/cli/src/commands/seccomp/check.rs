//! `seccomp check`: what one call gets, and which rule says so. Runs in: parent.

use brig_seccomp::{
    Action, Arch, Condition, Held, Match, Operator, Profile, Reason,
    interp::{self, Data},
    reason,
};

use super::{compiled, verdict};
use crate::exit::{Exit, Failure};

/// Marks the numbers of x32 (asm/unistd.h, `__X32_SYSCALL_BIT`).
pub(super) const X32_BIT: u32 = 0x4000_0000;

/// A system call as it was typed.
pub(super) struct Call {
    arch: Arch,
    words: String,
    data: Data,
}

/// The call `word`, a name or a number, with its first arguments.
pub(super) fn call(word: &str, args: &[u64], arch: Arch) -> Result<Call, Failure> {
    let nr = match number(word) {
        // Numbers of x32 are those of a table with a bit above them.
        Some(number) if arch == Arch::X32 => number | X32_BIT,
        Some(number) => number,
        None => arch.number(word).ok_or_else(|| unknown(word, arch))?,
    };
    let mut data = Data { nr, arch: arch.audit(), ..Data::default() };
    for (place, arg) in data.args.iter_mut().zip(args) {
        *place = if has_wide_registers(arch) { *arg } else { *arg & u64::from(u32::MAX) };
    }
    let name = arch.syscall_name(nr).map_or_else(|| nr.to_string(), str::to_owned);
    let args: Vec<String> = data.args.iter().take(args.len()).map(|arg| format!("{arg:#x}")).collect();
    Ok(Call { arch, words: format!("{name}({})", args.join(", ")), data })
}

fn number(word: &str) -> Option<u32> {
    match word.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => word.parse().ok(),
    }
}

fn unknown(word: &str, arch: Arch) -> Failure {
    let has_it: Vec<&str> =
        Arch::ALL.into_iter().filter(|arch| arch.number(word).is_some()).map(Arch::name).collect();
    Failure::new(match has_it.as_slice() {
        [] => format!("no system call is named {word:?}"),
        some => {
            format!("{} has no system call {word:?}; those that have it: {}", arch.name(), some.join(", "))
        }
    })
}

/// Two ABIs with 32-bit pointers get what is in 64-bit registers.
fn has_wide_registers(arch: Arch) -> bool {
    arch.is_wide() || matches!(arch, Arch::X32 | Arch::Mips64N32 | Arch::Mipsel64N32)
}

/// What `call` gets, in words, and whether it is let through.
pub(super) fn check(profile: &Profile<'_>, machine: Arch, call: &Call) -> Result<(String, Exit), Failure> {
    let program = compiled(profile, machine)?.program;
    let failed = |error: &dyn std::error::Error| Failure::new(error.to_string());
    let outcome = interp::run(&program, &call.data, machine.byte_order()).map_err(|error| failed(&error))?;
    let (why, others) =
        reason(profile, machine, &call.data, outcome.value).map_err(|error| failed(&error))?;
    let mut text = format!("{} on {}: {}\n", call.words, call.arch.name(), verdict(outcome.value));
    text += &format!("  {}\n", in_words(profile, call, &why));
    for other in &others {
        text += &format!("  not {}\n", rule(profile, other, |held| !held.holds, "does not hold"));
    }
    let let_through = [Action::Allow, Action::Log].map(|action| action.return_value(None));
    Ok((text, if let_through.contains(&outcome.value) { Exit::Success } else { Exit::No }))
}

fn in_words(profile: &Profile<'_>, call: &Call, why: &Reason<'_>) -> String {
    match why {
        Reason::Rule(found) => rule(profile, found, |held| held.holds, "holds"),
        Reason::Default => "linux.seccomp.defaultAction: no rule applies".to_owned(),
        Reason::Newer(last) => {
            let name = call.arch.syscall_name(*last).map(|name| format!(" ({name})")).unwrap_or_default();
            format!("newer than the profile, whose highest number is {last}{name}")
        }
        Reason::Architecture => {
            format!("linux.seccomp.architectures: {} is not among them", call.arch.name())
        }
    }
}

/// A rule, and those of its conditions that decided.
fn rule(profile: &Profile<'_>, found: &Match<'_>, decided: impl Fn(&Held) -> bool, how: &str) -> String {
    let Match { rule, name, args } = found;
    let mut text = format!("linux.seccomp.syscalls[{rule}] ({name})");
    for (place, held) in args.iter().filter(|held| decided(held)).enumerate() {
        let arg = held.arg;
        let condition = profile.rules.get(*rule).and_then(|rule| rule.args.get(arg));
        let condition = condition.map(condition_in_words).unwrap_or_default();
        text += &format!("{} args[{arg}] {how}: {condition}", if place == 0 { ":" } else { "," });
    }
    text
}

fn condition_in_words(condition: &Condition) -> String {
    let Condition { index, value, value_two, op } = condition;
    let sign = match op {
        Operator::MaskedEq => return format!("argument {index} & {value:#x} == {value_two:#x}"),
        Operator::Ne => "!=",
        Operator::Lt => "<",
        Operator::Le => "<=",
        Operator::Eq => "==",
        Operator::Ge => ">=",
        Operator::Gt => ">",
    };
    format!("argument {index} {sign} {value:#x}")
}
