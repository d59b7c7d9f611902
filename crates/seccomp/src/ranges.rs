//! Syscall numbers as ranges with one verdict each, and the search tree over them.
//! Runs in: the parent.

use alloc::vec::Vec;

use crate::graph::{Compare, Graph, Id, Test, Word};
use crate::insn::NR;

/// What a number gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The same for all arguments.
    Return(u32),
    /// It depends on the arguments: a list of cases, by its place.
    Cases(usize),
}

/// From `start` to the start of the next.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Range {
    start: u32,
    verdict: Verdict,
    /// How often numbers of this range are called, roughly.
    weight: u32,
}

/// All numbers, in ascending order. Neighbours with one verdict become one range.
#[derive(Default)]
pub(crate) struct Ranges {
    all: Vec<Range>,
}

impl Ranges {
    /// From `start` on, until the next call says otherwise. Calls come in ascending order, the first with 0; a second
    /// one for the same start replaces the first.
    pub(crate) fn from(&mut self, start: u32, verdict: Verdict, weight: u32) {
        if self.all.last().is_some_and(|last| last.start == start) {
            self.all.pop();
        }
        match self.all.last_mut() {
            Some(last) if last.verdict == verdict => last.weight += weight,
            Some(_) | None => self.all.push(Range { start, verdict, weight: weight + 1 }),
        }
    }

    /// The tree. `leaf` makes (or finds) the node of a verdict.
    pub(crate) fn search(&self, graph: &mut Graph, leaf: &mut dyn FnMut(&mut Graph, Verdict) -> Id) -> Id {
        search(&self.all, graph, leaf)
    }
}

const NUMBER: Word = Word::whole(NR);

fn search(ranges: &[Range], graph: &mut Graph, leaf: &mut dyn FnMut(&mut Graph, Verdict) -> Id) -> Id {
    match ranges {
        [] => graph.ret(0),
        [only] => leaf(graph, only.verdict),
        [around, hole, rest] if around.verdict == rest.verdict && rest.start == hole.start + 1 => {
            let yes = leaf(graph, hole.verdict);
            let no = leaf(graph, around.verdict);
            graph.test(Test { word: NUMBER, compare: Compare::Eq, k: hole.start }, yes, no)
        }
        many => {
            let at = split(many);
            let yes = search(&many[at..], graph, leaf);
            let no = search(&many[..at], graph, leaf);
            graph.test(Test { word: NUMBER, compare: Compare::Ge, k: many[at].start }, yes, no)
        }
    }
}

/// Where both sides weigh about the same: the deeper a range, the rarer.
fn split(ranges: &[Range]) -> usize {
    let total: u32 = ranges.iter().map(|range| range.weight).sum();
    let mut left = 0;
    let mut best = (u32::MAX, 1);
    for at in 1..ranges.len() {
        left += ranges[at - 1].weight;
        best = best.min((left.abs_diff(total - left), at));
    }
    best.1
}
