//! Precedence among the conditional rules of one syscall that have different actions: libseccomp's.
//! Runs in: the parent.
//!
//! libseccomp keeps the rules of a syscall in a tree: one level per half of an argument that is compared. On a level
//! the comparison of the argument with the higher index comes first; on one argument EQ, NE and MASKED_EQ before LT
//! and LE before GT and GE; then the higher value (of LT and LE the lower one); then the older. A rule that, on its
//! way to its place, comes to a node with its own comparison shares it. A rule that ends where another goes
//! on comes before it; one of the same action that asks for less takes its place. Whatever matches first, decides.
//!
//! Where libseccomp cannot build that tree (EEXIST) only the plain contradiction is refused here too: the same
//! conditions, another action.

use alloc::vec::Vec;

use crate::condition::{Case, Check, Layout};
use crate::profile::Operator;

/// Two rules say the same and do not agree on the action.
pub(crate) struct Contradiction;

/// `cases` in the order in which they are to be tried. All of one action: as they are.
pub(crate) fn by_precedence(cases: Vec<Case>, layout: Layout) -> Result<Vec<Case>, Contradiction> {
    if cases.windows(2).all(|pair| pair[0].returns == pair[1].returns) {
        return Ok(cases);
    }
    let cases = without_redundant(cases);
    let paths: Vec<Vec<Step>> = cases.iter().map(|case| path(case, layout)).collect();
    let level: Vec<usize> = (0..cases.len()).collect();
    let mut order = Vec::with_capacity(cases.len());
    sort_level(&level, 0, &paths, &cases, &mut order)?;
    Ok(order.into_iter().map(|at| cases[at].clone()).collect())
}

/// Drops a case if another of its action asks for part of the same, or earlier for all of it.
fn without_redundant(cases: Vec<Case>) -> Vec<Case> {
    let covers = |(at, case): (usize, &Case), (other_at, other): (usize, &Case)| {
        other.returns == case.returns
            && other.checks.iter().all(|check| case.checks.contains(check))
            && (other.checks.len(), other_at) < (case.checks.len(), at)
    };
    let needed = |case: &(usize, &Case)| !cases.iter().enumerate().any(|other| covers(*case, other));
    cases.iter().enumerate().filter(needed).map(|(_, case)| case.clone()).collect()
}

/// A comparison of a half of an argument: a node of the tree.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Step {
    index: u32,
    upper: bool,
    /// EQ, MASKED_EQ and the two that the ranges use.
    test: u8,
    value: u64,
    mask: u64,
    class: Class,
    /// Whether the rule matches where the comparison fails.
    inverted: bool,
}

/// Ascending in precedence.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    Above,
    Below,
    Equal,
}

impl Step {
    /// Whether the two are one node.
    fn is(&self, other: &Step) -> bool {
        let node = |step: &Step| (step.index, step.upper, step.test, step.value, step.mask);
        node(self) == node(other)
    }

    /// The greater comes first.
    fn precedence(&self) -> (u32, bool, Class, u64) {
        let value = if self.class == Class::Below { !self.value } else { self.value };
        (self.index, self.upper, self.class, value)
    }
}

fn sort_level(
    level: &[usize],
    depth: usize,
    paths: &[Vec<Step>],
    cases: &[Case],
    order: &mut Vec<usize>,
) -> Result<(), Contradiction> {
    let mut nodes: Vec<(Step, Vec<usize>)> = Vec::new();
    for &at in level {
        let step = paths[at][depth];
        let place =
            nodes.iter().position(|(node, _)| node.is(&step) || node.precedence() < step.precedence());
        match place {
            Some(place) if nodes[place].0.is(&step) => nodes[place].1.push(at),
            Some(place) => nodes.insert(place, (step, Vec::from([at]))),
            None => nodes.push((step, Vec::from([at]))),
        }
    }
    for (_, members) in nodes {
        let (ending, going_on): (Vec<usize>, Vec<usize>) =
            members.into_iter().partition(|&at| paths[at].len() == depth + 1);
        let contradicts = |&one: &usize, &other: &usize| {
            cases[one].returns != cases[other].returns
                && paths[one][depth].inverted == paths[other][depth].inverted
        };
        if ending.iter().any(|one| ending.iter().any(|other| contradicts(one, other))) {
            return Err(Contradiction);
        }
        order.extend(&ending);
        if !going_on.is_empty() {
            sort_level(&going_on, depth + 1, paths, cases, order)?;
        }
    }
    Ok(())
}

fn path(case: &Case, layout: Layout) -> Vec<Step> {
    case.checks.iter().flat_map(|check| steps(check, layout)).collect()
}

/// The upper half of a wide argument, then the lower.
fn steps(check: &Check, layout: Layout) -> impl Iterator<Item = Step> {
    let lower = u64::from(u32::MAX);
    let (class, inverted, test) = match check.operator {
        Operator::Eq => (Class::Equal, false, [0, 0]),
        Operator::MaskedEq => (Class::Equal, false, [1, 1]),
        Operator::Ne => (Class::Equal, true, [0, 0]),
        Operator::Gt => (Class::Above, false, [2, 2]),
        Operator::Ge => (Class::Above, false, [2, 3]),
        Operator::Le => (Class::Below, true, [2, 2]),
        Operator::Lt => (Class::Below, true, [2, 3]),
    };
    // a call through a multiplexer has its place as the EQ that libseccomp makes of it
    let mask = if check.operator == Operator::MaskedEq { check.mask } else { u64::MAX };
    let step =
        |upper, test, value, mask| Step { index: check.index, upper, test, value, mask, class, inverted };
    let high = step(true, test[0], check.value >> 32, mask >> 32);
    let low = step(false, test[1], check.value & lower, mask & lower);
    [high, low].into_iter().filter(move |step| layout.wide || !step.upper)
}
