//! A program for people to read. Runs in: `brig seccomp show`, tests.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use crate::arch::Arch;
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
    let known = architectures(program);
    let mut text = String::new();
    let mut loaded = "?".to_string();
    for (at, insn) in program.iter().enumerate() {
        let arch = known[at];
        let line = match insn.code {
            LOAD => {
                loaded = word(insn.k, order);
                format!("load {loaded}")
            }
            AND => format!("and {:#x}", insn.k),
            RETURN => format!("return {}", action(insn.k)),
            JUMP => format!("goto {}", at + 1 + insn.k as usize),
            JUMP_EQ => branch(at, insn, "==", &constant(insn.k, &loaded, arch)),
            JUMP_GE => branch(at, insn, ">=", &constant(insn.k, &loaded, arch)),
            JUMP_GT => branch(at, insn, ">", &constant(insn.k, &loaded, arch)),
            JUMP_SET => branch(at, insn, "&", &format!("{:#x}", insn.k)),
            code => format!("code {code:#06x} {} {} {:#x}", insn.jt, insn.jf, insn.k),
        };
        text.push_str(&format!("{at:4}  {line}\n"));
    }
    let Shape { instructions, deepest } = shape(program);
    let bytes = instructions * 8;
    text + &format!("{instructions} instructions, {bytes} bytes, deepest path {deepest}\n")
}

/// For each instruction the audit number that every way to it has compared with, if it is one.
fn architectures(program: &[Insn]) -> Vec<Option<Arch>> {
    #[derive(Clone, Copy, PartialEq)]
    enum Seen {
        Nothing,
        One(Option<Arch>),
    }
    let mut seen = vec![Seen::Nothing; program.len() + 1];
    let meet = |seen: &mut Vec<Seen>, at: usize, arch: Option<Arch>| {
        if let Some(place) = seen.get_mut(at) {
            *place = match *place {
                Seen::Nothing => Seen::One(arch),
                Seen::One(other) if other == arch => *place,
                Seen::One(_) => Seen::One(None),
            };
        }
    };
    let mut loaded = None;
    meet(&mut seen, 0, None);
    for (at, insn) in program.iter().enumerate() {
        let arch = match seen[at] {
            Seen::One(arch) => arch,
            Seen::Nothing => None,
        };
        if insn.code == LOAD {
            loaded = Some(insn.k);
        }
        for (way, target) in exits(at, insn).into_iter().enumerate() {
            let named = (insn.code == JUMP_EQ && way == 0 && loaded == Some(ARCH))
                .then(|| of_audit(insn.k))
                .flatten();
            meet(&mut seen, target, named.or(arch));
        }
    }
    seen.into_iter().map(|seen| if let Seen::One(arch) = seen { arch } else { None }).collect()
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

fn branch(at: usize, insn: &Insn, sign: &str, constant: &str) -> String {
    format!(
        "if {sign} {constant} goto {} else {}",
        at + 1 + usize::from(insn.jt),
        at + 1 + usize::from(insn.jf)
    )
}

fn constant(k: u32, loaded: &str, arch: Option<Arch>) -> String {
    let name = match loaded {
        "arch" => of_audit(k).map(Arch::name),
        "nr" => arch.and_then(|arch| name_of_number(arch, k)),
        _ => None,
    };
    match name {
        Some(name) => format!("{k:#x} ({name})"),
        None => format!("{k:#x}"),
    }
}

/// x32 shares x86_64's audit number.
fn name_of_number(arch: Arch, number: u32) -> Option<&'static str> {
    let x32 = || if arch == Arch::X86_64 { Arch::X32.syscall_name(number) } else { None };
    arch.syscall_name(number).or_else(x32)
}

/// A return value in the words of the OCI spec.
fn action(value: u32) -> String {
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
