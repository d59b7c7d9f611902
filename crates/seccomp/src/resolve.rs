//! What each syscall number of one ABI gets, by the rules of the profile: names to numbers, rules that repeat the
//! default dropped, an unconditional rule before all conditional ones, `socketcall` and `ipc`, the last known number.
//! Runs in: the parent.

use alloc::collections::BTreeSet;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use crate::arch::{ARM_PRIVATE, Arch, Name};
use crate::condition::{Case, Check, Layout};
use crate::error::Error;
use crate::insn::MAX_INSTRUCTIONS;
use crate::multiplex::{Multiplexers, through};
use crate::order;
use crate::profile::{Condition, Profile, Rule};
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

/// Looks up the names of all rules; unknown ones go to `unknown`, once each.
pub(crate) fn rules<'p>(
    profile: &'p Profile<'_>,
    unknown: &mut Vec<String>,
) -> Result<Vec<Resolved<'p>>, Error> {
    let default = profile.default_action.return_value(profile.default_errno_ret);
    let mut reported = BTreeSet::new();
    let resolve = |rule: &'p Rule<'_>| {
        let mut names = Vec::with_capacity(rule.names.len());
        for text in &rule.names {
            match Name::find(text) {
                Some(name) => names.push(name),
                None if !reported.insert(*text) => {}
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
            return Err(no_such_argument(rule, condition.index));
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

pub(crate) fn no_such_argument(rule: &Rule<'_>, index: u32) -> Error {
    let syscall = rule.names.first().map(ToString::to_string).unwrap_or_default();
    Error::ArgumentIndex { syscall, index }
}

impl Abi {
    /// Applies `rules` in their order.
    pub(crate) fn new(arch: Arch, rules: &[Resolved<'_>], lists: &mut CaseLists) -> Result<Abi, Error> {
        let layout = Layout { wide: arch.is_wide(), big_endian: arch.is_big_endian() };
        let multiplexers = Multiplexers::of(arch);
        let mut slots = Slots::new(arch);
        let (mut last, mut last_private) = (None, None);
        for rule in rules {
            let alternatives = checks(rule, layout);
            for name in &rule.names {
                let multiplexed = multiplexers.get(*name);
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
                    slots.add(arch.number(target), rule.returns, &through(call, &alternatives))?;
                }
                slots.add(number, rule.returns, &alternatives)?;
            }
        }
        let last = last.filter(|last| *last != 0);
        Ok(Abi { arch, verdicts: slots.verdicts(layout, lists)?, last, last_private })
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

/// By number what the rules say of it so far. Most numbers have one of a few verdicts, so these are kept once.
struct Slots {
    arch: Arch,
    /// For each number a place in `kept`.
    places: Vec<u16>,
    kept: Vec<Slot>,
}

/// What the rules say of a number.
#[derive(PartialEq)]
enum Slot {
    Default,
    Always(u32),
    Cases(Vec<Case>),
}

impl Slots {
    fn new(arch: Arch) -> Slots {
        Slots { arch, places: vec![0; ORDINARY + PRIVATE], kept: vec![Slot::Default] }
    }

    /// An unconditional rule settles a number: it drops what was there and bars what comes, unless one was there before.
    fn add(&mut self, number: Option<u32>, returns: u32, alternatives: &[Vec<Check>]) -> Result<(), Error> {
        let Some(at) = number.map(|number| self.slot_of(number)) else { return Ok(()) };
        if alternatives.is_empty() {
            self.settle(at, returns);
        }
        for checks in alternatives {
            let case = Case { checks: checks.clone(), returns };
            match &mut self.kept[usize::from(self.places[at])] {
                Slot::Always(_) => {}
                _ if checks.is_empty() => self.settle(at, returns),
                Slot::Cases(cases) if cases.contains(&case) => {}
                // each needs an instruction; and what follows takes quadratic time
                Slot::Cases(cases) if cases.len() == MAX_INSTRUCTIONS => {
                    return Err(Error::TooLong { instructions: MAX_INSTRUCTIONS + 1 });
                }
                Slot::Cases(cases) => cases.push(case),
                Slot::Default => self.places[at] = self.keep(Slot::Cases(vec![case])),
            }
        }
        Ok(())
    }

    fn settle(&mut self, at: usize, returns: u32) {
        if matches!(self.kept[usize::from(self.places[at])], Slot::Always(_)) {
            return;
        }
        let always = Slot::Always(returns);
        self.places[at] = match self.kept.iter().position(|kept| *kept == always) {
            Some(place) => narrow(place),
            None => self.keep(always),
        };
    }

    fn keep(&mut self, slot: Slot) -> u16 {
        self.kept.push(slot);
        narrow(self.kept.len() - 1)
    }

    fn slot_of(&self, number: u32) -> usize {
        match number {
            ARM_PRIVATE.. if self.arch == Arch::Arm => ORDINARY + (number - ARM_PRIVATE) as usize,
            _ => (number - self.arch.base()) as usize,
        }
    }

    fn number_of(&self, slot: usize) -> u32 {
        match slot.checked_sub(ORDINARY) {
            Some(private) => ARM_PRIVATE + u32::from(narrow(private)),
            None => self.arch.base() + u32::from(narrow(slot)),
        }
    }

    fn verdicts(mut self, layout: Layout, lists: &mut CaseLists) -> Result<Vec<(u32, Verdict)>, Error> {
        let mut verdicts = Vec::with_capacity(ORDINARY / 2);
        for (at, place) in self.places.iter().enumerate() {
            let verdict = match &mut self.kept[usize::from(*place)] {
                Slot::Default => continue,
                Slot::Always(value) => Verdict::Return(*value),
                Slot::Cases(cases) => {
                    let cases = order::by_precedence(core::mem::take(cases), layout);
                    let cases = cases.map_err(|_| conflict(self.arch, self.number_of(at)))?;
                    Verdict::Cases(lists.place(layout, cases))
                }
            };
            verdicts.push((self.number_of(at), verdict));
        }
        Ok(verdicts)
    }
}

/// Places of slots, of which there are fewer than 2000.
#[allow(clippy::cast_possible_truncation, reason = "see above")]
fn narrow(place: usize) -> u16 {
    place as u16
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
