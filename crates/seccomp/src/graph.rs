//! The decision graph: tests with two ways out, returns. Nodes only point to nodes made before them, so the order of
//! the vector, read backwards, is an order in which a program can be laid out with forward jumps only.
//! Runs in: the parent.

use alloc::vec::Vec;

/// A node, by its place in the vector.
pub(crate) type Id = u32;

/// What a test looks at: a word of `seccomp_data`, masked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) offset: u32,
    pub(crate) mask: u32,
}

/// How it compares. LT, LE, GT and NE are these with other constants and the ways out exchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compare {
    Eq,
    Ge,
}

/// A test without its ways out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Test {
    pub(crate) word: Word,
    pub(crate) compare: Compare,
    pub(crate) k: u32,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Node {
    Return(u32),
    Test { test: Test, yes: Id, no: Id },
}

#[derive(Default)]
pub(crate) struct Graph {
    pub(crate) nodes: Vec<Node>,
    /// Every return made, by its value: there are few.
    returns: Vec<(u32, Id)>,
}

/// Outcomes of tests on the way to a node.
pub(crate) type Facts = Vec<(Test, bool)>;

impl Word {
    pub(crate) const fn whole(offset: u32) -> Word {
        Word { offset, mask: u32::MAX }
    }
}

impl Graph {
    /// The node that returns `value`; one for all.
    pub(crate) fn ret(&mut self, value: u32) -> Id {
        if let Some((_, made)) = self.returns.iter().find(|(other, _)| *other == value) {
            return *made;
        }
        let made = self.push(Node::Return(value));
        self.returns.push((value, made));
        made
    }

    /// A test whose outcome does not matter is none.
    pub(crate) fn test(&mut self, test: Test, yes: Id, no: Id) -> Id {
        if yes == no {
            return yes;
        }
        self.push(Node::Test { test, yes, no })
    }

    /// Where a jump to `target` really ends if `facts` hold: tests already decided are passed through.
    pub(crate) fn skip_decided(&self, mut target: Id, facts: &Facts) -> Id {
        while let Node::Test { test, yes, no } = self.nodes[target as usize] {
            match test.outcome(facts) {
                Some(true) => target = yes,
                Some(false) => target = no,
                None => break,
            }
        }
        target
    }

    fn push(&mut self, node: Node) -> Id {
        self.nodes.push(node);
        id(self.nodes.len() - 1)
    }
}

impl Test {
    /// What `facts` already say about this test.
    pub(crate) fn outcome(&self, facts: &Facts) -> Option<bool> {
        let (mut low, mut high) = (0, self.word.mask);
        for (fact, held) in facts.iter().filter(|(fact, _)| fact.word == self.word) {
            match (fact.compare, held) {
                (Compare::Eq, true) => (low, high) = (fact.k, fact.k),
                (Compare::Eq, false) if self.compare == Compare::Eq && fact.k == self.k => {
                    return Some(false);
                }
                (Compare::Eq, false) if fact.k == low => low = low.saturating_add(1),
                (Compare::Eq, false) => {}
                (Compare::Ge, true) => low = low.max(fact.k),
                (Compare::Ge, false) => high = high.min(fact.k.saturating_sub(1)),
            }
        }
        match self.compare {
            Compare::Eq if self.k < low || self.k > high => Some(false),
            Compare::Eq if low == high => Some(true),
            Compare::Ge if self.k <= low => Some(true),
            Compare::Ge if self.k > high => Some(false),
            Compare::Eq | Compare::Ge => None,
        }
    }
}

/// The kernel takes 4096 instructions and a profile of gigabytes is refused long before: it fits.
#[allow(clippy::cast_possible_truncation, reason = "see above")]
fn id(index: usize) -> Id {
    index as Id
}
