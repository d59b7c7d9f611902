//! One instruction of classic BPF, and the few kinds of them that a filter consists of.
//! Runs in: the parent.
//!
//! Only what the kernel's own emulator understands (`seccomp_is_const_allow`, kernel/seccomp.c): absolute loads,
//! AND, the conditional jumps with a constant, RET. It runs each filter once per syscall when it is loaded, and
//! syscalls found to be always allowed skip the filter from then on. One shift or one use of X would lose that.

/// `struct sock_filter`, linux/filter.h.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Insn {
    /// What to do: `BPF_*` of linux/bpf_common.h.
    pub code: u16,
    /// How many instructions to skip if the comparison holds.
    pub jt: u8,
    /// How many instructions to skip if not.
    pub jf: u8,
    /// The constant: an offset, a mask, a value to compare with or to return, a distance.
    pub k: u32,
}

/// `BPF_LD | BPF_W | BPF_ABS`: a word of `struct seccomp_data` into the accumulator.
pub(crate) const LOAD: u16 = 0x20;
/// `BPF_ALU | BPF_AND | BPF_K`.
pub(crate) const AND: u16 = 0x54;
/// `BPF_JMP | BPF_JA`: skip `k` instructions.
pub(crate) const JUMP: u16 = 0x05;
/// `BPF_JMP | BPF_JEQ | BPF_K`.
pub(crate) const JUMP_EQ: u16 = 0x15;
/// `BPF_JMP | BPF_JGT | BPF_K`.
pub(crate) const JUMP_GT: u16 = 0x25;
/// `BPF_JMP | BPF_JGE | BPF_K`.
pub(crate) const JUMP_GE: u16 = 0x35;
/// `BPF_JMP | BPF_JSET | BPF_K`: any bit of `k` set.
pub(crate) const JUMP_SET: u16 = 0x45;
/// `BPF_RET | BPF_K`.
pub(crate) const RETURN: u16 = 0x06;

/// Offset of `seccomp_data.nr`.
pub(crate) const NR: u32 = 0;
/// Offset of `seccomp_data.arch`.
pub(crate) const ARCH: u32 = 4;
/// Offset of `seccomp_data.args`.
pub(crate) const ARGS: u32 = 16;
/// Size of `struct seccomp_data`.
pub(crate) const DATA_SIZE: u32 = 64;

/// `BPF_MAXINSNS`.
pub(crate) const MAX_INSTRUCTIONS: usize = 4096;

impl Insn {
    /// A load, an AND, a RET or a JA.
    pub(crate) const fn plain(code: u16, k: u32) -> Insn {
        Insn { code, jt: 0, jf: 0, k }
    }

    /// The eight bytes as the kernel of a machine of this byte order reads them.
    pub(crate) const fn to_bytes(self, big_endian: bool) -> [u8; 8] {
        let (code, k) = match big_endian {
            true => (self.code.to_be_bytes(), self.k.to_be_bytes()),
            false => (self.code.to_le_bytes(), self.k.to_le_bytes()),
        };
        [code[0], code[1], self.jt, self.jf, k[0], k[1], k[2], k[3]]
    }

    /// The instruction that the kernel of a machine of this byte order reads in these eight bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 8], big_endian: bool) -> Insn {
        let [c0, c1, jt, jf, k0, k1, k2, k3] = bytes;
        let (code, k) = match big_endian {
            true => (u16::from_be_bytes([c0, c1]), u32::from_be_bytes([k0, k1, k2, k3])),
            false => (u16::from_le_bytes([c0, c1]), u32::from_le_bytes([k0, k1, k2, k3])),
        };
        Insn { code, jt, jf, k }
    }
}
