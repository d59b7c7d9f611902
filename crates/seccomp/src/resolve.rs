//! What each syscall number of one ABI gets, by the rules of the profile: names to numbers, rules that repeat the
//! default dropped, an unconditional rule before all conditional ones, `socketcall` and `ipc`, the last known number.
//! Runs in: the parent.

use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;

use crate::arch::{ARM_PRIVATE, Arch, Name};
use crate::condition::{Case, Check, Layout};
use crate::error::Error;
use crate::order;
use crate::profile::{Condition, Operator, Profile, Rule};
use crate::ranges::Verdict;

/// Numbers of an ABI, counted from its base, that the kernel may ever have without a change of this crate; behind
/// them the arm-private ones.
const ORDINARY: usize = 1024;
const PRIVATE: usize = 16;

/// Lists of cases, each once, for all ABIs of a filter.
#[derive(Default)]
pub(crate) struct CaseLists {
    pub(crate) all: Vec<(Layout, Vec<Case>)>,
}

/// A rule of the profile with its names looked up.
pub(crate) struct Resolved<'p> {
    names: Vec<Name>,
    returns: u32,
    /// Sets of conditions, one of which must hold entirely; empty if there are none.
    alternatives: Vec<&'p [Condition]>,
    /// Whether it says what would happen anyway: then only its names count, for [`Abi::last`].
    is_default: bool,
}

/// One ABI: its numbers in ascending order, each with what it gets.
pub(crate) struct Abi {
    pub(crate) arch: Arch,
    pub(crate) verdicts: Vec<(u32, Verdict)>,
    /// The highest number that the profile names, whatever it says of it. As runc has it, 0 counts as none, and a
    /// name that can also be reached through `socketcall` or `ipc` does not count.
    pub(crate) last: Option<u32>,
    /// The same of arm's private numbers.
    pub(crate) last_private: Option<u32>,
}

/// What the rules say of one number so far.
#[derive(Clone)]
enum Slot {
    Default,
    Always(u32),
    Cases(Vec<Case>),
}

/// Looks up the names of all rules; unknown ones go to `unknown`, once each.
pub(crate) fn rules<'p>(
    profile: &'p Profile<'_>,
    unknown: &mut Vec<alloc::string::String>,
) -> Result<Vec<Resolved<'p>>, Error> {
    let default = profile.default_action.return_value(profile.default_errno_ret);
    let resolve = |rule: &'p Rule<'_>| {
        let mut names = Vec::with_capacity(rule.names.len());
        for text in &rule.names {
            match Name::find(text) {
                Some(name) => names.push(name),
                None if unknown.iter().any(|known| known == text) => {}
                None => unknown.push((*text).to_string()),
            }
        }
        let returns = rule.action.return_value(rule.errno_ret);
        Ok(Resolved { names, returns, alternatives: alternatives(rule)?, is_default: returns == default })
    };
    profile.rules.iter().map(resolve).collect()
}

/// All conditions together, or each by itself if two speak of one argument.
fn alternatives<'p>(rule: &'p Rule<'_>) -> Result<Vec<&'p [Condition]>, Error> {
    let mut seen = 0_u32;
    let mut repeated = false;
    for condition in &rule.args {
        if condition.index > 5 {
            let syscall = rule.names.first().map(ToString::to_string).unwrap_or_default();
            return Err(Error::ArgumentIndex { syscall, index: condition.index });
        }
        repeated |= seen & (1 << condition.index) != 0;
        seen |= 1 << condition.index;
    }
    Ok(match (rule.args.as_slice(), repeated) {
        ([], _) => Vec::new(),
        (all, false) => vec![all],
        (all, true) => all.chunks(1).collect(),
    })
}

impl Abi {
    /// Applies `rules` in their order.
    pub(crate) fn new(arch: Arch, rules: &[Resolved<'_>], lists: &mut CaseLists) -> Result<Abi, Error> {
        let layout = Layout { wide: arch.is_wide(), big_endian: arch.is_big_endian() };
        let mut slots = vec![Slot::Default; ORDINARY + PRIVATE];
        let (mut last, mut last_private) = (None, None);
        for rule in rules {
            let alternatives = checks(rule, layout);
            for name in &rule.names {
                let multiplexed = multiplexer(arch, name.text());
                let number = arch.number_of(*name);
                match number {
                    Some(ARM_PRIVATE..) if arch == Arch::Arm => last_private = last_private.max(number),
                    _ if multiplexed.is_some() => {}
                    _ => last = last.max(number),
                }
                if rule.is_default {
                    continue;
                }
                if let Some((target, call)) = multiplexed {
                    let alternatives: Vec<Vec<Check>> =
                        if alternatives.is_empty() { vec![Vec::new()] } else { alternatives.clone() };
                    let through = alternatives.iter().map(|checks| through(call, checks)).collect::<Vec<_>>();
                    add(&mut slots, arch, arch.number(target), rule.returns, &through);
                }
                add(&mut slots, arch, number, rule.returns, &alternatives);
            }
        }
        let last = last.filter(|last| *last != 0);
        Ok(Abi { arch, verdicts: verdicts(arch, slots, layout, lists)?, last, last_private })
    }
}

/// The conditions of a rule on this ABI. Empty, or with an empty set in it: it always applies.
fn checks(rule: &Resolved<'_>, layout: Layout) -> Vec<Vec<Check>> {
    let set = |conditions: &&[Condition]| {
        let mut set: Vec<Check> = conditions.iter().filter_map(|c| Check::new(c, layout)).collect();
        set.sort_by_key(|check| check.index);
        set
    };
    rule.alternatives.iter().map(set).collect()
}

/// An unconditional rule settles a number: it drops what was there and bars what comes, unless one was there before.
fn add(slots: &mut [Slot], arch: Arch, number: Option<u32>, returns: u32, alternatives: &[Vec<Check>]) {
    let Some(slot) = number.and_then(|number| slots.get_mut(slot_of(arch, number))) else { return };
    if alternatives.is_empty() {
        settle(slot, returns);
    }
    for checks in alternatives {
        match slot {
            Slot::Always(_) => {}
            _ if checks.is_empty() => settle(slot, returns),
            Slot::Cases(cases) => cases.push(Case { checks: checks.clone(), returns }),
            Slot::Default => *slot = Slot::Cases(vec![Case { checks: checks.clone(), returns }]),
        }
    }
}

fn settle(slot: &mut Slot, returns: u32) {
    if !matches!(slot, Slot::Always(_)) {
        *slot = Slot::Always(returns);
    }
}

fn slot_of(arch: Arch, number: u32) -> usize {
    match number {
        ARM_PRIVATE.. if arch == Arch::Arm => ORDINARY + (number - ARM_PRIVATE) as usize,
        _ => (number - arch.base()) as usize,
    }
}

#[allow(clippy::cast_possible_truncation, reason = "a slot's place is below 2000")]
fn number_of(arch: Arch, slot: usize) -> u32 {
    match slot.checked_sub(ORDINARY) {
        Some(private) => ARM_PRIVATE + private as u32,
        None => arch.base() + slot as u32,
    }
}

fn verdicts(
    arch: Arch,
    slots: Vec<Slot>,
    layout: Layout,
    lists: &mut CaseLists,
) -> Result<Vec<(u32, Verdict)>, Error> {
    let mut verdicts = Vec::new();
    for (at, slot) in slots.into_iter().enumerate() {
        let number = number_of(arch, at);
        let verdict = match slot {
            Slot::Default => continue,
            Slot::Always(value) => Verdict::Return(value),
            Slot::Cases(cases) => {
                let cases = order::by_precedence(cases, layout).map_err(|_| conflict(arch, number))?;
                Verdict::Cases(lists.place(layout, cases))
            }
        };
        verdicts.push((number, verdict));
    }
    Ok(verdicts)
}

fn conflict(arch: Arch, number: u32) -> Error {
    Error::Conflict { syscall: arch.syscall_name(number).unwrap_or("?").to_string() }
}

impl CaseLists {
    fn place(&mut self, layout: Layout, cases: Vec<Case>) -> usize {
        let same = |(other, list): &(Layout, Vec<Case>)| *other == layout && *list == cases;
        match self.all.iter().position(same) {
            Some(at) => at,
            None => {
                self.all.push((layout, cases));
                self.all.len() - 1
            }
        }
    }
}

/// `call` through a multiplexer whose first argument says which: that condition takes the place of one on the first
/// argument, the others stay, as libseccomp has it, though they then look at the multiplexer's own arguments.
fn through(call: Check, checks: &[Check]) -> Vec<Check> {
    core::iter::once(call).chain(checks.iter().filter(|check| check.index != 0).copied()).collect()
}

/// `socketcall` or `ipc`, and the value of its first argument that means `name`.
fn multiplexer(arch: Arch, name: &str) -> Option<(&'static str, Check)> {
    if !arch.is_multiplexed() {
        return None;
    }
    let (target, value, mask) = match (place(&SOCKETCALL, name), place(&IPC, name)) {
        (Some(value), _) => ("socketcall", value, u64::from(u32::MAX)),
        // the upper half of ipc's first argument is a version, ipc(2) of the kernel
        (None, Some(value)) => ("ipc", value, 0xffff),
        (None, None) => return None,
    };
    Some((target, Check { index: 0, operator: Operator::Eq, mask, value }))
}

fn place(names: &[&str], name: &str) -> Option<u64> {
    names.iter().position(|known| *known == name && !name.is_empty()).map(|at| at as u64)
}

/// `SYS_*` of linux/net.h.
#[rustfmt::skip]
const SOCKETCALL: [&str; 21] = [
    "", "socket", "bind", "connect", "listen", "accept", "getsockname", "getpeername", "socketpair", "send", "recv",
    "sendto", "recvfrom", "shutdown", "setsockopt", "getsockopt", "sendmsg", "recvmsg", "accept4", "recvmmsg",
    "sendmmsg",
];

/// Calls of linux/ipc.h.
#[rustfmt::skip]
const IPC: [&str; 25] = [
    "", "semop", "semget", "semctl", "semtimedop", "", "", "", "", "", "", "msgsnd", "msgrcv", "msgget", "msgctl",
    "", "", "", "", "", "", "shmat", "shmdt", "shmget", "shmctl",
];
