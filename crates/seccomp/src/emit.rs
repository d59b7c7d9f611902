//! From the decision graph to instructions: words loaded only where the accumulator does not hold them, jumps of any
//! length. Runs in: the parent.
//!
//! The program is built from its end: every target then has its place before a jump to it is written. A conditional
//! jump reaches 255 instructions; beyond that it takes a copy of the RET, or a JA put right behind it.

use alloc::vec;
use alloc::vec::Vec;

use crate::error::Error;
use crate::graph::{Compare, Graph, Id, Node, Test, Word};
use crate::insn::{AND, Insn, JUMP, JUMP_EQ, JUMP_GE, JUMP_SET, LOAD, MAX_INSTRUCTIONS, RETURN};

/// How far a conditional jump reaches, less one instruction for the other way's detour.
const REACH: usize = 254;

/// The program that starts at `root`.
pub(crate) fn emit(graph: &Graph, root: Id) -> Result<Vec<Insn>, Error> {
    let entries = entries(graph, root);
    let mut layout = Layout { backwards: Vec::with_capacity(512), places: vec![None; graph.nodes.len()] };
    for (at, node) in graph.nodes.iter().enumerate() {
        layout.places[at] = match (*node, entries[at]) {
            (_, Entry::Never) => None,
            (Node::Return(value), _) => Some(layout.put_return(value)),
            (Node::Test { test, yes, no }, entry) => Some(layout.put_test(test, yes, no, entry)),
        };
    }
    let Layout { backwards: mut program, .. } = layout;
    program.reverse();
    match program.len() {
        0..=MAX_INSTRUCTIONS => Ok(program),
        instructions => Err(Error::TooLong { instructions }),
    }
}

/// How a node is come to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Entry {
    Never,
    /// Always with its word in the accumulator.
    Loaded,
    Anyhow,
}

/// Ways out lead to lower places: one pass downwards finds all.
fn entries(graph: &Graph, root: Id) -> Vec<Entry> {
    let mut entries = vec![Entry::Never; graph.nodes.len()];
    entries[root as usize] = Entry::Anyhow;
    for (at, node) in graph.nodes.iter().enumerate().rev() {
        let &Node::Test { test, yes, no } = node else { continue };
        if entries[at] == Entry::Never {
            continue;
        }
        let word = Comparison::of(test).word;
        for target in [yes, no] {
            let entry = match graph.nodes[target as usize] {
                Node::Test { test, .. } if Comparison::of(test).word != word => Entry::Anyhow,
                Node::Test { .. } | Node::Return(_) => Entry::Loaded,
            };
            let known = &mut entries[target as usize];
            *known = if *known == Entry::Anyhow { Entry::Anyhow } else { entry };
        }
    }
    entries
}

/// Where a node is, counted from the end of the program.
#[derive(Clone, Copy)]
enum Place {
    /// The newest copy of a RET.
    Return { at: usize, value: u32 },
    /// `entry` with nothing known of the accumulator, `loaded` with `word` in it.
    Test { entry: usize, loaded: usize, word: Word },
}

struct Layout {
    backwards: Vec<Insn>,
    places: Vec<Option<Place>>,
}

impl Layout {
    fn put_return(&mut self, value: u32) -> Place {
        Place::Return { at: self.put(Insn::plain(RETURN, value)), value }
    }

    fn put_test(&mut self, test: Test, yes: Id, no: Id, entry: Entry) -> Place {
        let Comparison { word, code, k, inverted } = Comparison::of(test);
        let (yes, no) = if inverted { (no, yes) } else { (yes, no) };
        let yes = self.within_reach(yes, word);
        let no = self.within_reach(no, word);
        let jump = Insn { code, jt: self.distance(yes), jf: self.distance(no), k };
        let loaded = self.put(jump);
        if entry == Entry::Loaded {
            return Place::Test { entry: loaded, loaded, word };
        }
        if word.mask != u32::MAX {
            self.put(Insn::plain(AND, word.mask));
        }
        let entry = self.put(Insn::plain(LOAD, word.offset));
        Place::Test { entry, loaded, word }
    }

    /// A place for `target` that a conditional jump written now can reach, `word` being in the accumulator.
    fn within_reach(&mut self, target: Id, word: Word) -> usize {
        let next = self.backwards.len();
        match self.places[target as usize] {
            Some(Place::Return { at, .. }) if next - at <= REACH => at,
            Some(Place::Return { value, .. }) => {
                let copy = self.put_return(value);
                self.places[target as usize] = Some(copy);
                next
            }
            Some(Place::Test { entry, loaded, word: expected }) => {
                let at = if expected == word { loaded } else { entry };
                if next - at <= REACH { at } else { self.put(Insn::plain(JUMP, jump_length(next, at))) }
            }
            // a target is always older than what jumps to it
            None => next,
        }
    }

    /// From the instruction put next to `at`.
    #[allow(clippy::cast_possible_truncation, reason = "within_reach saw to it")]
    fn distance(&self, at: usize) -> u8 {
        (self.backwards.len() - at - 1) as u8
    }

    fn put(&mut self, insn: Insn) -> usize {
        self.backwards.push(insn);
        self.backwards.len() - 1
    }
}

/// A JA at `from` to `to`. More than the kernel's 4096 instructions are refused in the end.
#[allow(clippy::cast_possible_truncation, reason = "see above")]
fn jump_length(from: usize, to: usize) -> u32 {
    (from - to - 1) as u32
}

/// A test as the machine has it.
struct Comparison {
    word: Word,
    code: u16,
    k: u32,
    inverted: bool,
}

impl Comparison {
    fn of(Test { word, compare, k }: Test) -> Comparison {
        match compare {
            // "no bit of the mask" is one instruction less than "masked, equal to nothing", and leaves the word whole
            Compare::Eq if k == 0 && word.mask != u32::MAX => {
                Comparison { word: Word::whole(word.offset), code: JUMP_SET, k: word.mask, inverted: true }
            }
            Compare::Eq => Comparison { word, code: JUMP_EQ, k, inverted: false },
            Compare::Ge => Comparison { word, code: JUMP_GE, k, inverted: false },
        }
    }
}
