//! The ABIs of the OCI spec and what a filter must know of each: audit number, byte order, word size, syscall numbers.
//! Runs in: the parent. Pure data; the numbers themselves are in `syscalls`, generated.

use crate::interp::ByteOrder;
use crate::syscalls::{ENDS, NAMES, NO, NUMBERS};

/// Bit 30 of a syscall number marks the x32 ABI, which shares its audit number with x86_64.
pub(crate) const X32_BIT: u32 = 0x4000_0000;

/// First of the syscalls that only arm's kernel has (cacheflush, set_tls…), far above the others.
pub(crate) const ARM_PRIVATE: u32 = 0x000f_0000;

/// `syscalls` marks arm's private ones by being at or above this number.
const PRIVATE: u16 = 0xf000;

/// An ABI: `SCMP_ARCH_*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Arch {
    X86,
    X86_64,
    X32,
    Arm,
    Aarch64,
    Mips,
    Mips64,
    Mips64N32,
    Mipsel,
    Mipsel64,
    Mipsel64N32,
    Ppc,
    Ppc64,
    Ppc64le,
    Riscv64,
    S390,
    S390x,
    Loongarch64,
}

/// One row of [`FACTS`].
struct Facts {
    name: &'static str,
    /// `AUDIT_ARCH_*` of linux/audit.h.
    audit: u32,
    /// Row of `NUMBERS`.
    table: usize,
    /// Added to every number of the table.
    base: u32,
    words: Words,
}

/// Of how many bits of an argument a condition speaks. x32 and n32 count as 32, as libseccomp has it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Words {
    Narrow,
    Wide,
}

use Words::{Narrow, Wide};

/// In the order of [`Arch`].
#[rustfmt::skip]
const FACTS: [Facts; 18] = [
    Facts { name: "SCMP_ARCH_X86",         audit: 0x4000_0003, table: 0,  base: 0,       words: Narrow },
    Facts { name: "SCMP_ARCH_X86_64",      audit: 0xc000_003e, table: 1,  base: 0,       words: Wide },
    Facts { name: "SCMP_ARCH_X32",         audit: 0xc000_003e, table: 2,  base: X32_BIT, words: Narrow },
    Facts { name: "SCMP_ARCH_ARM",         audit: 0x4000_0028, table: 3,  base: 0,       words: Narrow },
    Facts { name: "SCMP_ARCH_AARCH64",     audit: 0xc000_00b7, table: 4,  base: 0,       words: Wide },
    Facts { name: "SCMP_ARCH_MIPS",        audit: 0x0000_0008, table: 11, base: 4000,    words: Narrow },
    Facts { name: "SCMP_ARCH_MIPS64",      audit: 0x8000_0008, table: 12, base: 5000,    words: Wide },
    Facts { name: "SCMP_ARCH_MIPS64N32",   audit: 0xa000_0008, table: 13, base: 6000,    words: Narrow },
    Facts { name: "SCMP_ARCH_MIPSEL",      audit: 0x4000_0008, table: 11, base: 4000,    words: Narrow },
    Facts { name: "SCMP_ARCH_MIPSEL64",    audit: 0xc000_0008, table: 12, base: 5000,    words: Wide },
    Facts { name: "SCMP_ARCH_MIPSEL64N32", audit: 0xe000_0008, table: 13, base: 6000,    words: Narrow },
    Facts { name: "SCMP_ARCH_PPC",         audit: 0x0000_0014, table: 7,  base: 0,       words: Narrow },
    Facts { name: "SCMP_ARCH_PPC64",       audit: 0x8000_0015, table: 8,  base: 0,       words: Wide },
    Facts { name: "SCMP_ARCH_PPC64LE",     audit: 0xc000_0015, table: 8,  base: 0,       words: Wide },
    Facts { name: "SCMP_ARCH_RISCV64",     audit: 0xc000_00f3, table: 5,  base: 0,       words: Wide },
    Facts { name: "SCMP_ARCH_S390",        audit: 0x0000_0016, table: 9,  base: 0,       words: Narrow },
    Facts { name: "SCMP_ARCH_S390X",       audit: 0x8000_0016, table: 10, base: 0,       words: Wide },
    Facts { name: "SCMP_ARCH_LOONGARCH64", audit: 0xc000_0102, table: 6,  base: 0,       words: Wide },
];

impl Arch {
    /// All of them, in the order of the declaration.
    pub const ALL: [Arch; 18] = [
        Arch::X86,
        Arch::X86_64,
        Arch::X32,
        Arch::Arm,
        Arch::Aarch64,
        Arch::Mips,
        Arch::Mips64,
        Arch::Mips64N32,
        Arch::Mipsel,
        Arch::Mipsel64,
        Arch::Mipsel64N32,
        Arch::Ppc,
        Arch::Ppc64,
        Arch::Ppc64le,
        Arch::Riscv64,
        Arch::S390,
        Arch::S390x,
        Arch::Loongarch64,
    ];

    /// The ABI this program was built for; `None` where the OCI spec has no name for it.
    #[must_use]
    pub const fn native() -> Option<Arch> {
        let big = cfg!(target_endian = "big");
        let narrow = cfg!(target_pointer_width = "32");
        match () {
            () if cfg!(target_arch = "x86") => Some(Arch::X86),
            () if cfg!(target_arch = "x86_64") && narrow => Some(Arch::X32),
            () if cfg!(target_arch = "x86_64") => Some(Arch::X86_64),
            () if cfg!(target_arch = "arm") => Some(Arch::Arm),
            () if cfg!(target_arch = "aarch64") => Some(Arch::Aarch64),
            () if cfg!(target_arch = "mips") && big => Some(Arch::Mips),
            () if cfg!(target_arch = "mips") => Some(Arch::Mipsel),
            () if cfg!(target_arch = "mips64") && big && narrow => Some(Arch::Mips64N32),
            () if cfg!(target_arch = "mips64") && narrow => Some(Arch::Mipsel64N32),
            () if cfg!(target_arch = "mips64") && big => Some(Arch::Mips64),
            () if cfg!(target_arch = "mips64") => Some(Arch::Mipsel64),
            () if cfg!(target_arch = "powerpc") => Some(Arch::Ppc),
            () if cfg!(target_arch = "powerpc64") && big => Some(Arch::Ppc64),
            () if cfg!(target_arch = "powerpc64") => Some(Arch::Ppc64le),
            () if cfg!(target_arch = "riscv64") => Some(Arch::Riscv64),
            () if cfg!(target_arch = "s390x") => Some(Arch::S390x),
            () if cfg!(target_arch = "loongarch64") => Some(Arch::Loongarch64),
            () => None,
        }
    }

    /// The OCI name, `SCMP_ARCH_…`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.facts().name
    }

    /// `AUDIT_ARCH_*`: what the kernel puts into `seccomp_data.arch`.
    #[must_use]
    pub fn audit(self) -> u32 {
        self.facts().audit
    }

    /// Whether the more significant half of an argument comes first in memory.
    #[must_use]
    pub fn is_big_endian(self) -> bool {
        // __AUDIT_ARCH_LE of linux/audit.h; ppc and x86 have it right too
        self.audit() & 0x4000_0000 == 0
    }

    /// How [`crate::interp`] is to read `seccomp_data` for this ABI.
    #[must_use]
    pub fn byte_order(self) -> ByteOrder {
        if self.is_big_endian() { ByteOrder::Big } else { ByteOrder::Little }
    }

    /// Whether conditions look at 64 bits of an argument; else at the lower 32.
    #[must_use]
    pub fn is_wide(self) -> bool {
        self.facts().words == Wide
    }

    /// The number of the syscall `name`, as `seccomp_data.nr` has it.
    #[must_use]
    pub fn number(self, name: &str) -> Option<u32> {
        self.number_of(Name::find(name)?)
    }

    /// The name of syscall `number`; of two names for one number the first by alphabet.
    #[must_use]
    pub fn syscall_name(self, number: u32) -> Option<&'static str> {
        (0..ENDS.len())
            .filter_map(Name::nth)
            .find(|name| self.number_of(*name) == Some(number))
            .map(Name::text)
    }

    /// The number of a name already found.
    pub(crate) fn number_of(self, name: Name) -> Option<u32> {
        let facts = self.facts();
        match NUMBERS[facts.table][usize::from(name.0)] {
            NO => None,
            private if private >= PRIVATE => Some(ARM_PRIVATE + u32::from(private - PRIVATE)),
            number => Some(facts.base + u32::from(number)),
        }
    }

    /// What this ABI adds to every number.
    pub(crate) fn base(self) -> u32 {
        self.facts().base
    }

    /// Whether `socket` and its kin, `semop` and its kin, can also be reached through `socketcall` and `ipc`.
    pub(crate) fn is_multiplexed(self) -> bool {
        use Arch::{Mips, Mipsel, Ppc, Ppc64, Ppc64le, S390, S390x, X86};
        matches!(self, X86 | S390 | S390x | Ppc | Ppc64 | Ppc64le | Mips | Mipsel)
    }

    fn facts(self) -> &'static Facts {
        &FACTS[self as usize]
    }
}

/// A syscall name that at least one ABI knows: an index into the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Name(pub(crate) u16);

/// Whether any ABI has a system call of this name.
pub fn is_syscall(name: &str) -> bool {
    Name::find(name).is_some()
}

impl Name {
    /// Binary search by alphabet.
    pub(crate) fn find(text: &str) -> Option<Name> {
        let (mut low, mut high) = (0, ENDS.len());
        while low < high {
            let middle = (low + high) / 2;
            let name = Name::nth(middle)?;
            match name.text().cmp(text) {
                core::cmp::Ordering::Less => low = middle + 1,
                core::cmp::Ordering::Greater => high = middle,
                core::cmp::Ordering::Equal => return Some(name),
            }
        }
        None
    }

    /// The name at this place, if there is one.
    pub(crate) fn nth(index: usize) -> Option<Name> {
        u16::try_from(index).ok().filter(|_| index < ENDS.len()).map(Name)
    }

    /// The name itself.
    pub(crate) fn text(self) -> &'static str {
        let index = usize::from(self.0);
        let start = if index == 0 { 0 } else { usize::from(ENDS[index - 1]) };
        &NAMES[start..usize::from(ENDS[index])]
    }
}
