//! Why a call gets what it gets: which rule of the profile says so. Runs in: `brig seccomp check`.
//!
//! The program decides, and has forgotten the rules; so they are read once more, and what they say must be its verdict.

use alloc::vec::Vec;

use crate::arch::{Arch, Name, X32_BIT};
use crate::compile::architectures;
use crate::condition::{Check, Layout};
use crate::error::Error;
use crate::interp::Data;
use crate::multiplex::{Multiplexers, through};
use crate::profile::{Action, Condition, Operator, Profile, Rule};
use crate::resolve::{self, Abi, CaseLists};

/// What decides about a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason<'p> {
    /// A rule.
    Rule(Match<'p>),
    /// No rule: the default action.
    Default,
    /// Its number is above this one, the highest that the profile names: what did not exist when the profile was
    /// written is answered as if the kernel did not have it.
    Newer(u32),
    /// The filter does not know the call's architecture.
    Architecture,
}

/// A rule that names a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match<'p> {
    /// Its place in `syscalls`.
    pub rule: usize,
    /// Under which of its names.
    pub name: &'p str,
    /// Its conditions, by place in `args`.
    pub args: Vec<Held>,
}

/// A condition, and whether it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Its place in `args`.
    pub arg: usize,
    /// Whether it holds for the call.
    pub holds: bool,
}

/// Why `call` gets `value` of the filter that `profile` is on a machine whose own ABI is `native`, and the rules that name the
/// call without applying to it.
///
/// # Errors
/// As [`crate::compile()`].
pub fn reason<'p>(
    profile: &Profile<'p>,
    native: Arch,
    call: &Data,
    value: u32,
) -> Result<(Reason<'p>, Vec<Match<'p>>), Error> {
    let Some(arch) = abi_of(profile, native, call)? else { return Ok((Reason::Architecture, Vec::new())) };
    let last = Abi::new(arch, &resolve::rules(profile, &mut Vec::new())?, &mut CaseLists::default())?.last;
    let newer = last.filter(|last| call.nr > *last && value == Action::Errno.return_value(Some(ENOSYS)));
    if let Some(last) = newer {
        return Ok((Reason::Newer(last), Vec::new()));
    }
    let (applying, others): (Vec<_>, Vec<_>) =
        matches(profile, arch, call).into_iter().partition(|(_, applies)| *applies);
    let says = |found: &&(Match<'_>, bool)| {
        let rule = &profile.rules[found.0.rule];
        rule.action.return_value(rule.errno_ret) == value
    };
    // An unconditional rule beats all others.
    let unconditional = applying.iter().filter(|(found, _)| found.args.is_empty()).find(says);
    let found = unconditional.or_else(|| applying.iter().find(says));
    let others = others.into_iter().map(|(found, _)| found).collect();
    Ok((found.map_or(Reason::Default, |(found, _)| Reason::Rule(found.clone())), others))
}

/// The ABI of the filter that a call is made in.
fn abi_of(profile: &Profile<'_>, native: Arch, call: &Data) -> Result<Option<Arch>, Error> {
    let is_x32 = |arch: Arch| arch == Arch::X32;
    let marked = call.nr & X32_BIT != 0;
    let mut known = architectures(profile, native)?.into_iter().filter(|arch| arch.audit() == call.arch);
    Ok(match call.arch == Arch::X32.audit() {
        true => known.find(|arch| is_x32(*arch) == marked),
        false => known.next(),
    })
}

/// The rules that name the call on `arch`, directly or as what its first argument chooses, and whether they apply.
fn matches<'p>(profile: &Profile<'p>, arch: Arch, call: &Data) -> Vec<(Match<'p>, bool)> {
    let multiplexers = Multiplexers::of(arch);
    let mut found = Vec::new();
    for (place, rule) in profile.rules.iter().enumerate() {
        for name in &rule.names {
            let Some(known) = Name::find(name) else { continue };
            let chosen_by =
                multiplexers.get(known).filter(|(target, _)| arch.number(target) == Some(call.nr));
            let chosen = chosen_by.filter(|(_, check)| holds(check, call)).map(|(_, check)| check);
            if arch.number_of(known) == Some(call.nr) || chosen.is_some() {
                let layout = Layout { wide: arch.is_wide(), big_endian: arch.is_big_endian() };
                let held = |(arg, condition)| Held { arg, holds: one_holds(condition, layout, chosen, call) };
                let args: Vec<Held> = rule.args.iter().enumerate().map(held).collect();
                let applies = applies(rule, &args);
                found.push((Match { rule: place, name, args }, applies));
            }
        }
    }
    found
}

/// Behind a multiplexer a condition on the first argument is lost.
fn one_holds(condition: &Condition, layout: Layout, chosen: Option<Check>, call: &Data) -> bool {
    let checks: Vec<Check> = Check::new(condition, layout).into_iter().collect();
    let alternatives = match chosen {
        Some(check) => through(check, &[checks]),
        None => Vec::from([checks]),
    };
    alternatives.iter().any(|checks| checks.iter().all(|check| holds(check, call)))
}

/// All conditions, or any of them if two speak of one argument.
fn applies(rule: &Rule<'_>, args: &[Held]) -> bool {
    let repeated = rule.args.iter().enumerate().any(|(place, condition)| {
        rule.args.iter().take(place).any(|earlier| earlier.index == condition.index)
    });
    if repeated { args.iter().any(|held| held.holds) } else { args.iter().all(|held| held.holds) }
}

fn holds(check: &Check, call: &Data) -> bool {
    let argument = call.args.get(check.index as usize).copied().unwrap_or(0) & check.mask;
    match check.operator {
        Operator::Ne => argument != check.value,
        Operator::Lt => argument < check.value,
        Operator::Le => argument <= check.value,
        Operator::Eq | Operator::MaskedEq => argument == check.value,
        Operator::Ge => argument >= check.value,
        Operator::Gt => argument > check.value,
    }
}

/// ENOSYS.
const ENOSYS: u32 = 38;
