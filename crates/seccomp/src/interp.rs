//! Runs a filter as the kernel would, counting: in tests, fuzz targets, `brig seccomp check`. And says what it answers to a call
//! of which not all is known: in the parent, for `exec`.
//!
//! It knows the instructions that [`crate::compile()`] and libseccomp use, and refuses others by name rather than guess.

use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use crate::insn::{AND, ARGS, DATA_SIZE, Insn, JUMP, JUMP_EQ, JUMP_GE, JUMP_GT, JUMP_SET, LOAD, RETURN};

/// `SECCOMP_RET_ALLOW`.
const ALLOW: u32 = 0x7fff_0000;

/// `struct seccomp_data`, linux/seccomp.h: a syscall as a filter sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Data {
    /// The syscall's number.
    pub nr: u32,
    /// `AUDIT_ARCH_*`.
    pub arch: u32,
    /// Where the call came from.
    pub instruction_pointer: u64,
    /// The arguments; a 32-bit ABI has zeros in the upper halves.
    pub args: [u64; 6],
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What the filter returns: `SECCOMP_RET_*` and 16 bits of data.
    pub value: u32,
    /// Instructions executed, the RET included.
    pub executed: u32,
    /// The RET that ended it, counted from the first instruction.
    pub at: usize,
}

/// A program that the kernel would refuse, or that is none of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invalid {
    /// An instruction that no filter of ours or of libseccomp has.
    Instruction {
        /// Its place.
        at: usize,
        /// Its code.
        code: u16,
    },
    /// A load beyond or across the words of [`Data`].
    Offset {
        /// Its place.
        at: usize,
        /// The offset.
        offset: u32,
    },
    /// The program ends without a RET, or jumps behind its end.
    End {
        /// The place that is not there.
        at: usize,
    },
}

/// The words of a [`Data`] in memory: for each, which half of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteOrder {
    /// The lower half of an argument first.
    Little,
    /// The upper half first.
    Big,
}

/// Runs `program` on `data` as it lies in memory on a machine of this byte order.
///
/// # Errors
/// [`Invalid`], if the run comes to an instruction that cannot be executed.
pub fn run(program: &[Insn], data: &Data, order: ByteOrder) -> Result<Outcome, Invalid> {
    let (mut at, mut accumulator, mut executed) = (0_usize, 0_u32, 0);
    loop {
        let Some(&Insn { code, jt, jf, k }) = program.get(at) else { return Err(Invalid::End { at }) };
        executed += 1;
        let holds = match code {
            LOAD => {
                accumulator = data.word(k, order).ok_or(Invalid::Offset { at, offset: k })?;
                None
            }
            AND => {
                accumulator &= k;
                None
            }
            RETURN => return Ok(Outcome { value: k, executed, at }),
            JUMP => {
                at = at.saturating_add(k as usize);
                None
            }
            JUMP_EQ => Some(accumulator == k),
            JUMP_GT => Some(accumulator > k),
            JUMP_GE => Some(accumulator >= k),
            JUMP_SET => Some(accumulator & k != 0),
            _ => return Err(Invalid::Instruction { at, code }),
        };
        at = at.saturating_add(1).saturating_add(match holds {
            Some(true) => usize::from(jt),
            Some(false) => usize::from(jf),
            None => 0,
        });
    }
}

/// What is known of a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// The syscall's number.
    pub nr: u32,
    /// `AUDIT_ARCH_*`.
    pub arch: u32,
    /// The arguments; `None` may be anything.
    pub args: [Option<u64>; 6],
}

/// Whether `program` answers `SECCOMP_RET_ALLOW`, and nothing else, to all calls of which this is known.
///
/// # Errors
/// [`Invalid`], if one of them comes to an instruction that cannot be executed.
pub fn always_allows(program: &[Insn], known: &Known, order: ByteOrder) -> Result<bool, Invalid> {
    // What may be in the accumulator at the places that can be come to, the lowest last. Jumps lead forwards only.
    let mut open: Vec<(usize, Option<u32>)> = vec![(0, Some(0))];
    while let Some((at, mut accumulator)) = open.pop() {
        while let Some((_, other)) = open.pop_if(|(place, _)| *place == at) {
            accumulator = accumulator.filter(|value| other == Some(*value));
        }
        let Some(&Insn { code, jt, jf, k }) = program.get(at) else { return Err(Invalid::End { at }) };
        let next = at.saturating_add(1);
        let jump = |holds: fn(u32, u32) -> bool| accumulator.map(|value| holds(value, k));
        let holds = match code {
            LOAD => {
                let word = known.word(k, order).ok_or(Invalid::Offset { at, offset: k })?;
                put(&mut open, (next, word));
                continue;
            }
            AND => {
                put(&mut open, (next, accumulator.map(|value| value & k)));
                continue;
            }
            RETURN if k == ALLOW => continue,
            RETURN => return Ok(false),
            JUMP => {
                put(&mut open, (next.saturating_add(k as usize), accumulator));
                continue;
            }
            JUMP_EQ => jump(|value, k| value == k),
            JUMP_GT => jump(|value, k| value > k),
            JUMP_GE => jump(|value, k| value >= k),
            JUMP_SET => jump(|value, k| value & k != 0),
            _ => return Err(Invalid::Instruction { at, code }),
        };
        if holds != Some(false) {
            put(&mut open, (next.saturating_add(jt.into()), accumulator));
        }
        if holds != Some(true) {
            put(&mut open, (next.saturating_add(jf.into()), accumulator));
        }
    }
    Ok(true)
}

/// At its place among those that are open.
fn put(open: &mut Vec<(usize, Option<u32>)>, way: (usize, Option<u32>)) {
    let place = open.partition_point(|(at, _)| *at > way.0);
    open.insert(place, way);
}

impl Known {
    /// The word at an offset of [`Data`], which may be anything, or none at all.
    fn word(&self, offset: u32, order: ByteOrder) -> Option<Option<u32>> {
        const POINTER: core::ops::Range<u32> = 8..16;
        let args = self.args.map(Option::unwrap_or_default);
        let word = Data { nr: self.nr, arch: self.arch, args, instruction_pointer: 0 }.word(offset, order)?;
        let arg = offset.checked_sub(ARGS).and_then(|offset| self.args.get(offset as usize / 8));
        Some(if POINTER.contains(&offset) || arg == Some(&None) { None } else { Some(word) })
    }
}

impl Data {
    #[allow(clippy::cast_possible_truncation, reason = "halves are what a filter loads")]
    fn word(&self, offset: u32, order: ByteOrder) -> Option<u32> {
        let half = |value: u64| match (order, offset & 4) {
            (ByteOrder::Little, 0) | (ByteOrder::Big, 4) => value as u32,
            _ => (value >> 32) as u32,
        };
        match offset {
            _ if !offset.is_multiple_of(4) || offset >= DATA_SIZE => None,
            0 => Some(self.nr),
            4 => Some(self.arch),
            8 | 12 => Some(half(self.instruction_pointer)),
            _ => self.args.get((offset as usize - 16) / 8).map(|argument| half(*argument)),
        }
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Invalid::Instruction { at, code } => {
                write!(f, "instruction {at}: code {code:#06x} is not used in filters")
            }
            Invalid::Offset { at, offset } => {
                write!(f, "instruction {at}: no word of seccomp_data at offset {offset}")
            }
            Invalid::End { at } => write!(f, "instruction {at}: the program ends before it"),
        }
    }
}

impl core::error::Error for Invalid {}
