//! The eBPF program that enforces device rules on cgroup v2 (`BPF_PROG_TYPE_CGROUP_DEVICE`; include/uapi/linux/bpf.h).
//! Runs in: the parent; pure. Loaded and attached by the crate `brig-cgroup`.
//!
//! It is asked for each access with `struct bpf_cgroup_dev_ctx`: type and access in one word, major, minor; 1 allows. One
//! block for each exception, which leaves for the next block as soon as something does not fit, and the default at the end.

use crate::device_rules::{Access, Exception, Folded, Kind};
use crate::plan::DeviceDefault;

/// `struct bpf_insn`.
#[derive(Clone, Copy)]
struct Instruction {
    code: u8,
    destination: u8,
    source: u8,
    offset: i16,
    immediate: u32,
}

/// The program, as the kernel of this architecture reads it.
pub(crate) fn program(rules: &Folded) -> Vec<u8> {
    let mut program = vec![
        load(TYPE, 0),
        Instruction { code: MOV_REGISTER, destination: ACCESS, source: TYPE, ..NOTHING },
        with(AND, TYPE, 0xffff),
        with(SHIFT_RIGHT, ACCESS, 16),
        load(MAJOR, 4),
        load(MINOR, 8),
    ];
    for (exception, access) in &rules.exceptions {
        program.extend(block(rules.default, exception, *access));
    }
    program.extend([with(MOV, RESULT, answer(rules.default)), EXIT]);
    program.iter().flat_map(bytes).collect()
}

fn block(default: DeviceDefault, exception: &Exception, access: Access) -> Vec<Instruction> {
    let kind = match exception.kind {
        Kind::Block => 1,
        Kind::Character => 2,
    };
    let mut block = vec![with(JUMP_NOT_EQUAL, TYPE, kind)];
    if access != Access::ALL {
        match default {
            // One exception has to allow all of what is wanted, as on v1…
            DeviceDefault::Deny => block.push(with(JUMP_ANY_BIT, ACCESS, 0xffff & !access.bits())),
            // …and may deny any of it.
            DeviceDefault::Allow => {
                let over_the_jump = Instruction { offset: 1, ..with(JUMP_ANY_BIT, ACCESS, access.bits()) };
                block.extend([over_the_jump, with(JUMP, 0, 0)]);
            }
        }
    }
    let number = |register, number: Option<u32>| number.map(|number| with(JUMP_NOT_EQUAL, register, number));
    block.extend(number(MAJOR, exception.major));
    block.extend(number(MINOR, exception.minor));
    block.extend([with(MOV, RESULT, 1 - answer(default)), EXIT]);
    for (instruction, left) in block.iter_mut().rev().zip(0i16..) {
        let leaves = matches!(instruction.code, JUMP_NOT_EQUAL | JUMP_ANY_BIT | JUMP);
        if leaves && instruction.offset == 0 {
            instruction.offset = left;
        }
    }
    block
}

fn answer(default: DeviceDefault) -> u32 {
    match default {
        DeviceDefault::Allow => 1,
        DeviceDefault::Deny => 0,
    }
}

fn load(destination: u8, at: i16) -> Instruction {
    Instruction { code: LOAD_WORD, destination, source: CONTEXT, offset: at, immediate: 0 }
}

fn with(code: u8, destination: u8, immediate: u32) -> Instruction {
    Instruction { code, destination, immediate, ..NOTHING }
}

fn bytes(instruction: &Instruction) -> [u8; 8] {
    let Instruction { code, destination, source, offset, immediate } = *instruction;
    let registers =
        if cfg!(target_endian = "big") { destination << 4 | source } else { source << 4 | destination };
    let ([o0, o1], [i0, i1, i2, i3]) = (offset.to_ne_bytes(), immediate.to_ne_bytes());
    [code, registers, o0, o1, i0, i1, i2, i3]
}

// Registers. The kernel hands the context over in r1 and takes the answer from r0.
const RESULT: u8 = 0;
const CONTEXT: u8 = 1;
const TYPE: u8 = 2;
const ACCESS: u8 = 3;
const MAJOR: u8 = 4;
const MINOR: u8 = 5;

// Operations: class, size or source, code. Arithmetic is that of 32 bits.
/// `BPF_LDX | BPF_MEM | BPF_W`.
const LOAD_WORD: u8 = 0x61;
/// `BPF_ALU | BPF_AND | BPF_K`.
const AND: u8 = 0x54;
/// `BPF_ALU | BPF_RSH | BPF_K`.
const SHIFT_RIGHT: u8 = 0x74;
/// `BPF_ALU | BPF_MOV | BPF_X`.
const MOV_REGISTER: u8 = 0xbc;
/// `BPF_ALU | BPF_MOV | BPF_K`.
const MOV: u8 = 0xb4;
/// `BPF_JMP | BPF_JA`.
const JUMP: u8 = 0x05;
/// `BPF_JMP | BPF_JNE | BPF_K`.
const JUMP_NOT_EQUAL: u8 = 0x55;
/// `BPF_JMP | BPF_JSET | BPF_K`.
const JUMP_ANY_BIT: u8 = 0x45;

const NOTHING: Instruction = Instruction { code: 0, destination: 0, source: 0, offset: 0, immediate: 0 };
/// `BPF_JMP | BPF_EXIT`.
const EXIT: Instruction = Instruction { code: 0x95, ..NOTHING };
