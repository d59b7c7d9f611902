//! Conditions on arguments as an ABI sees them: which words they look at, and the graph that decides them.
//! Runs in: the parent.

use alloc::vec::Vec;

use crate::graph::{Compare, Facts, Graph, Id, Test, Word};
use crate::insn::ARGS;
use crate::profile::{Condition, Operator};

/// How arguments lie in `seccomp_data` and how much of them counts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) wide: bool,
    pub(crate) big_endian: bool,
}

/// A condition cut to the width of the ABI, with its values masked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Check {
    pub(crate) index: u32,
    pub(crate) operator: Operator,
    /// What counts of the argument: its width, unless the operator or a multiplexer's first argument has it otherwise.
    pub(crate) mask: u64,
    pub(crate) value: u64,
}

impl Check {
    /// `None` if the condition always holds: nothing of the argument is left by the mask.
    pub(crate) fn new(condition: &Condition, layout: Layout) -> Option<Check> {
        let Condition { index, value, value_two, op: operator } = *condition;
        let width = if layout.wide { u64::MAX } else { u64::from(u32::MAX) };
        let (mask, value) = match operator {
            Operator::MaskedEq => (value & width, value_two & value & width),
            Operator::Ne | Operator::Lt | Operator::Le | Operator::Eq | Operator::Ge | Operator::Gt => {
                (width, value & width)
            }
        };
        (mask != 0).then_some(Check { index, operator, mask, value })
    }

    fn tests_equality(&self) -> bool {
        matches!(self.operator, Operator::Eq | Operator::MaskedEq)
    }

    /// The halves of an equality that the mask leaves, the upper first.
    fn halves(&self, layout: Layout) -> impl Iterator<Item = Test> {
        let upper = layout.half(self.index, Half::Upper, self.mask, self.value);
        let lower = layout.half(self.index, Half::Lower, self.mask, self.value);
        [upper, lower].into_iter().filter(|test| test.word.mask != 0)
    }
}

/// A rule as an ABI sees it: what must hold, and the value the filter then returns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Case {
    pub(crate) checks: Vec<Check>,
    pub(crate) returns: u32,
}

#[derive(Clone, Copy)]
enum Half {
    Upper,
    Lower,
}

impl Layout {
    /// "This half of the argument, masked, equals that half of the value."
    #[allow(clippy::cast_possible_truncation, reason = "halves are what is asked for")]
    fn half(self, index: u32, half: Half, mask: u64, value: u64) -> Test {
        let argument = ARGS + 8 * index;
        let (first, shift) = match half {
            Half::Upper => (self.big_endian, 32),
            Half::Lower => (!self.big_endian, 0),
        };
        let word = Word { offset: argument + if first { 0 } else { 4 }, mask: (mask >> shift) as u32 };
        Test { word, compare: Compare::Eq, k: (value >> shift) as u32 }
    }
}

/// The graph of `cases`, tried in order; to `default` if none matches.
pub(crate) fn decide(graph: &mut Graph, cases: &[Case], layout: Layout, default: Id) -> Id {
    let mut lowering = Lowering { graph, layout };
    let runs: Vec<&[Case]> =
        cases.chunk_by(|one, next| compared(one).is_some() && compared(one) == compared(next)).collect();
    runs.into_iter().rev().fold(default, |next, run| {
        if run.len() >= SEARCHED {
            return lowering.search(run, next);
        }
        run.iter().rev().fold(next, |next, case| {
            let matched = lowering.graph.ret(case.returns);
            lowering.conjunction(&case.checks, &Facts::new(), matched, next)
        })
    })
}

/// From how many values on a search is better than one comparison after the other.
const SEARCHED: usize = 4;

/// What a case looks at that is nothing but one equality: argument and mask.
fn compared(case: &Case) -> Option<(u32, u64)> {
    match case.checks.as_slice() {
        [only] if only.operator == Operator::Eq => Some((only.index, only.mask)),
        _ => None,
    }
}

struct Lowering<'g> {
    graph: &'g mut Graph,
    layout: Layout,
}

impl Lowering<'_> {
    /// Every check holds: `yes`. One does not: `no`, past the tests of it that are decided by then.
    fn conjunction(&mut self, checks: &[Check], facts: &Facts, yes: Id, no: Id) -> Id {
        let Some((check, rest)) = checks.split_first() else { return yes };
        let mut deeper = facts.clone();
        if check.tests_equality() {
            deeper.extend(check.halves(self.layout).map(|test| (test, true)));
        }
        let yes = self.conjunction(rest, &deeper, yes, no);
        match check.operator {
            Operator::Eq | Operator::MaskedEq => self.equal(check, facts, yes, no),
            Operator::Ne => self.equal(check, facts, no, yes),
            Operator::Ge => self.at_least(check, Some(check.value), facts, yes, no),
            Operator::Lt => self.at_least(check, Some(check.value), facts, no, yes),
            Operator::Gt => self.at_least(check, check.successor(), facts, yes, no),
            Operator::Le => self.at_least(check, check.successor(), facts, no, yes),
        }
    }

    /// Cases that compare one argument with a value each: by upper half, then by lower. Of equal values the first counts.
    fn search(&mut self, run: &[Case], no: Id) -> Id {
        let mut cases: Vec<(Check, u32)> = run.iter().map(|case| (case.checks[0], case.returns)).collect();
        cases.sort_by_key(|(check, _)| check.value);
        cases.dedup_by_key(|(check, _)| check.value);
        let mut groups = Vec::new();
        for group in cases.chunk_by(|(one, _), (next, _)| one.value >> 32 == next.value >> 32) {
            let upper = self.layout.half(group[0].0.index, Half::Upper, group[0].0.mask, group[0].0.value);
            let facts = if upper.word.mask == 0 { Facts::new() } else { known(&Facts::new(), upper, true) };
            let mut values = Vec::with_capacity(group.len());
            for (check, returns) in group {
                let matched = self.graph.ret(*returns);
                values.push((self.layout.half(check.index, Half::Lower, check.mask, check.value), matched));
            }
            let lower = self.search_half(&values, &facts, no);
            if upper.word.mask == 0 {
                return lower;
            }
            groups.push((upper, lower));
        }
        self.search_half(&groups, &Facts::new(), no)
    }

    /// Ascending values of one half. The highest of a few is tried first, as in libseccomp, so that none takes longer there.
    fn search_half(&mut self, values: &[(Test, Id)], facts: &Facts, no: Id) -> Id {
        if values.len() < SEARCHED {
            return values.iter().fold(no, |next, (test, yes)| self.test(*test, facts, *yes, next));
        }
        let (below, from) = values.split_at(values.len() / 2);
        let yes = self.search_half(from, facts, no);
        let no = self.search_half(below, facts, no);
        self.graph.test(Test { compare: Compare::Ge, ..from[0].0 }, yes, no)
    }

    fn equal(&mut self, check: &Check, facts: &Facts, yes: Id, no: Id) -> Id {
        let halves: Vec<Test> = check.halves(self.layout).collect();
        let mut known = facts.clone();
        known.extend(halves.iter().map(|test| (*test, true)));
        let mut entry = self.graph.skip_decided(yes, &known);
        for test in halves.iter().rev() {
            known.pop();
            entry = self.test(*test, &known, entry, no);
        }
        entry
    }

    /// `bound` is `None` for one more than the highest value there is.
    fn at_least(&mut self, check: &Check, bound: Option<u64>, facts: &Facts, yes: Id, no: Id) -> Id {
        let Some(bound) = bound else { return no };
        let upper = self.layout.half(check.index, Half::Upper, u64::MAX, bound);
        let lower = self.layout.half(check.index, Half::Lower, u64::MAX, bound);
        let lower = Test { compare: Compare::Ge, ..lower };
        if !self.layout.wide {
            return self.test(lower, facts, yes, no);
        }
        let above = match upper.k.checked_add(1) {
            Some(k) => {
                let differs = known(facts, upper, false);
                self.test(Test { compare: Compare::Ge, k, ..upper }, &differs, yes, no)
            }
            None => no,
        };
        let same = self.test(lower, &known(facts, upper, true), yes, no);
        self.graph.test(upper, same, above)
    }

    /// A test whose ways out pass over what is decided by `facts` and by its own outcome.
    fn test(&mut self, test: Test, facts: &Facts, yes: Id, no: Id) -> Id {
        let yes = self.graph.skip_decided(yes, &known(facts, test, true));
        let no = self.graph.skip_decided(no, &known(facts, test, false));
        self.decided_or(test, facts, yes, no)
    }

    fn decided_or(&mut self, test: Test, facts: &Facts, yes: Id, no: Id) -> Id {
        match test.outcome(facts) {
            Some(true) => yes,
            Some(false) => no,
            None => self.graph.test(test, yes, no),
        }
    }
}

/// `facts` and one more.
fn known(facts: &Facts, test: Test, held: bool) -> Facts {
    let mut all = facts.clone();
    all.push((test, held));
    all
}

impl Check {
    /// The value after this one, if an argument of this width can have it (the mask of a GT or LE is the width).
    fn successor(&self) -> Option<u64> {
        self.value.checked_add(1).filter(|value| *value <= self.mask)
    }
}
