//! A program for people to read. Runs in: `brig seccomp show`, tests.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use crate::arch::{Arch, X32_BIT};
use crate::insn::{AND, ARCH, ARGS, Insn, JUMP, JUMP_EQ, JUMP_GE, JUMP_GT, JUMP_SET, LOAD, NR, RETURN};
use crate::interp::ByteOrder;

/// Length and depth of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Instructions, eight bytes each.
    pub instructions: usize,
    /// Instructions on the longest way to a RET, that included.
    pub deepest: usize,
}

/// Measures `program`, whose jumps all go forward.
#[must_use]
pub fn shape(program: &[Insn]) -> Shape {
    let mut depth = vec![0_usize; program.len() + 1];
    for (at, insn) in program.iter().enumerate().rev() {
        let beyond = exits(at, insn).into_iter().filter_map(|target| depth.get(target)).max();
        depth[at] = 1 + beyond.copied().unwrap_or(0);
    }
    Shape { instructions: program.len(), deepest: depth[0] }
}

/// Where an instruction may go on.
fn exits(at: usize, insn: &Insn) -> Vec<usize> {
    match insn.code {
        RETURN => vec![],
        JUMP => vec![at.saturating_add(1).saturating_add(insn.k as usize)],
        JUMP_EQ | JUMP_GE | JUMP_GT | JUMP_SET => {
            vec![at + 1 + usize::from(insn.jt), at + 1 + usize::from(insn.jf)]
        }
        _ => vec![at + 1],
    }
}

/// One line per instruction, then its size and depth. Numbers are named where the architecture is known by then.
#[must_use]
pub fn disassemble(program: &[Insn], order: ByteOrder) -> String {
    let known = known(program);
    let mut text = String::new();
    for (at, (insn, known)) in program.iter().zip(&known).enumerate() {
        let test = |sign: &str| branch(at, insn, &known.tested(order), sign, &known.constant(insn.k));
        let line = match insn.code {
            LOAD => format!("load {}", word(insn.k, order)),
            AND => format!("and {:#x}", insn.k),
            RETURN => format!("return {}", action(insn.k)),
            JUMP => format!("goto {}", at + 1 + insn.k as usize),
            JUMP_EQ => test("=="),
            JUMP_GE => test(">="),
            JUMP_GT => test(">"),
            JUMP_SET => branch(at, insn, &known.tested(order), "&", &format!("{:#x}", insn.k)),
            code => format!("code {code:#06x} {} {} {:#x}", insn.jt, insn.jf, insn.k),
        };
        let comment = match insn.code {
            JUMP_EQ | JUMP_GE | JUMP_GT => known.name(insn.k),
            _ => None,
        };
        match comment {
            Some(name) => text.push_str(&format!("{at:4}  {line:42} ; {name}\n")),
            None => text.push_str(&format!("{at:4}  {line}\n")),
        }
    }
    let Shape { instructions, deepest } = shape(program);
    let bytes = instructions * 8;
    text + &format!("{instructions} instructions, {bytes} bytes, deepest path {deepest}\n")
}

/// What holds on every way to an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
struct Known {
    /// The architecture, by a comparison with its audit number.
    arch: Option<Arch>,
    /// The word that was loaded last: its offset.
    loaded: Option<u32>,
    /// It was masked since.
    masked: bool,
}

impl Known {
    /// What holds on both of two ways.
    fn meet(self, other: Known) -> Known {
        Known {
            arch: self.arch.filter(|_| self.arch == other.arch),
            loaded: self.loaded.filter(|_| self.loaded == other.loaded),
            masked: self.masked || other.masked,
        }
    }

    /// Behind `insn`, on its way number `way`.
    fn behind(self, insn: &Insn, way: usize) -> Known {
        match insn.code {
            LOAD => Known { loaded: Some(insn.k), masked: false, ..self },
            AND => Known { masked: true, ..self },
            JUMP_EQ if way == 0 && self.loaded == Some(ARCH) => Known { arch: of_audit(insn.k), ..self },
            _ => self,
        }
    }

    fn tested(self, order: ByteOrder) -> String {
        let word = self.loaded.map_or("?".to_string(), |offset| word(offset, order));
        if self.masked { format!("masked {word}") } else { word }
    }

    /// Numbers of calls are decimal, as in the tables of them.
    fn constant(self, k: u32) -> String {
        match self.loaded {
            Some(NR) if k < X32_BIT => format!("{k}"),
            _ => format!("{k:#x}"),
        }
    }

    fn name(self, k: u32) -> Option<String> {
        match self.loaded {
            Some(ARCH) => of_audit(k).map(|arch| arch.name().to_string()),
            Some(NR) => self.arch.and_then(|arch| name_of_number(arch, k)).map(ToString::to_string),
            _ => None,
        }
    }
}

/// For each instruction what holds on every way to it; jumps go forward only.
fn known(program: &[Insn]) -> Vec<Known> {
    let mut all: Vec<Option<Known>> = vec![None; program.len() + 1];
    all[0] = Some(Known::default());
    for (at, insn) in program.iter().enumerate() {
        let here = all[at].unwrap_or_default();
        for (way, target) in exits(at, insn).into_iter().enumerate() {
            if let Some(place) = all.get_mut(target) {
                let there = here.behind(insn, way);
                *place = Some(place.map_or(there, |other| other.meet(there)));
            }
        }
    }
    all.into_iter().take(program.len()).map(Option::unwrap_or_default).collect()
}

fn of_audit(audit: u32) -> Option<Arch> {
    Arch::ALL.into_iter().find(|arch| arch.audit() == audit)
}

fn word(offset: u32, order: ByteOrder) -> String {
    match offset {
        NR => "nr".to_string(),
        ARCH => "arch".to_string(),
        8 | 12 => format!("ip[{offset}]"),
        _ => {
            let lower = offset.is_multiple_of(8) == (order == ByteOrder::Little);
            format!("arg{}.{}", (offset - ARGS) / 8, if lower { "lower" } else { "upper" })
        }
    }
}

fn branch(at: usize, insn: &Insn, tested: &str, sign: &str, constant: &str) -> String {
    let (yes, no) = (at + 1 + usize::from(insn.jt), at + 1 + usize::from(insn.jf));
    format!("if {tested} {sign} {constant} goto {yes} else {no}")
}

/// x32 shares x86_64's audit number.
fn name_of_number(arch: Arch, number: u32) -> Option<&'static str> {
    let x32 = || if arch == Arch::X86_64 { Arch::X32.syscall_name(number) } else { None };
    arch.syscall_name(number).or_else(x32)
}

/// What a filter returns, in the words of the OCI spec.
#[must_use]
pub fn action(value: u32) -> String {
    let data = value & 0xffff;
    match value & 0xffff_0000 {
        0x8000_0000 => "KILL_PROCESS".to_string(),
        0 => "KILL_THREAD".to_string(),
        0x0003_0000 => "TRAP".to_string(),
        0x0005_0000 => format!("ERRNO {data}"),
        0x7ff0_0000 => format!("TRACE {data}"),
        0x7fff_0000 => "ALLOW".to_string(),
        0x7ffc_0000 => "LOG".to_string(),
        0x7fc0_0000 => "NOTIFY".to_string(),
        _ => format!("{value:#010x}"),
    }
}
