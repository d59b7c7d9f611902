//! Writes `src/syscalls.rs` and `src/syscalls/numbers.rs` from the kernel's exported headers. Run by a developer, not by the build.
//!
//! With apt sources of the newest Debian (sid) and of Debian 13, whose kernel still had 31-bit s390:
//!
//! ```text
//! apt-get download linux-libc-dev/sid && dpkg -x linux-libc-dev_*.deb DIR/newest && rm linux-libc-dev_*.deb
//! apt-get download linux-libc-dev/trixie && dpkg -x linux-libc-dev_*.deb DIR/older && rm linux-libc-dev_*.deb
//! UAPI=usr/lib/linux/uapi
//! cargo run -p brig-seccomp --example syscall_tables -- crates/seccomp/src DIR/newest/$UAPI DIR/older/$UAPI
//! ```
//!
//! The first folder is where the files are written. Each of the others holds one for every kernel architecture, as
//! Debian's `linux-libc-dev` has had them since 13; of each file the first that there is counts.
//! Only names and numbers are taken, which are facts of the kernel's interface.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a developer's tool")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;

type Table = BTreeMap<String, u32>;

/// Rows of `NUMBERS`, in the order that `arch.rs` counts on.
const SOURCES: [(&str, &str); 14] = [
    ("x86", "x86/asm/unistd_32.h"),
    ("x86_64", "x86/asm/unistd_64.h"),
    ("x32", "x86/asm/unistd_x32.h"),
    ("arm", "arm/asm/unistd-eabi.h"),
    ("aarch64", "arm64/asm/unistd_64.h"),
    ("riscv64", "riscv/asm/unistd_64.h"),
    ("loongarch64", "loongarch/asm/unistd_64.h"),
    ("ppc", "powerpc/asm/unistd_32.h"),
    ("ppc64", "powerpc/asm/unistd_64.h"),
    ("s390", "s390/asm/unistd_32.h"),
    ("s390x", "s390/asm/unistd_64.h"),
    ("mips", "mips/asm/unistd_o32.h"),
    ("mips64", "mips/asm/unistd_n64.h"),
    ("mips64n32", "mips/asm/unistd_n32.h"),
];

/// How long a line may be.
const WIDTH: usize = 110;

/// From this number on a new syscall has the same number everywhere.
const COMMON: u32 = 424;
const PRIVATE: u32 = 0xf000;

fn main() {
    let mut dirs = std::env::args_os().skip(1).map(PathBuf::from);
    let out = dirs.next().expect("where the files are written");
    let dirs: Vec<PathBuf> = dirs.collect();
    let mut tables: Vec<Table> = SOURCES.iter().map(|(_, file)| read(&dirs, file)).collect();
    add_arm_private(&mut tables[3], &dirs);
    add_common_numbers(&mut tables);

    let names: BTreeSet<String> = tables.iter().flat_map(|table| table.keys().cloned()).collect();
    std::fs::create_dir_all(out.join("syscalls")).unwrap();
    std::fs::write(out.join("syscalls.rs"), names_file(&names)).unwrap();
    std::fs::write(out.join("syscalls/numbers.rs"), numbers_file(&names, &tables)).unwrap();
}

fn read(dirs: &[PathBuf], file: &str) -> Table {
    let path = dirs.iter().map(|dir| dir.join(file)).find(|path| path.exists());
    let text = std::fs::read_to_string(path.expect(file)).unwrap();
    text.lines().filter_map(|line| define(line, "__NR_")).collect()
}

/// `#define __NR_read (__X32_SYSCALL_BIT + 0)` is `("read", 0)`: what is added is `Arch::base`'s business.
fn define(line: &str, prefix: &str) -> Option<(String, u32)> {
    let (name, value) = line.strip_prefix("#define ")?.split_once(char::is_whitespace)?;
    let name = name.strip_prefix(prefix)?;
    let ordinary = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if !ordinary || name == "syscalls" || name.starts_with("unused") || name.starts_with("reserved") {
        return None;
    }
    let number = value.trim().trim_end_matches(')').rsplit(['+', ' ', '(']).next()?;
    Some((name.to_owned(), number.parse().ok()?))
}

/// cacheflush, set_tls… are written `__ARM_NR_`; and sync_file_range2 is a second name.
fn add_arm_private(arm: &mut Table, dirs: &[PathBuf]) {
    let path = dirs.iter().map(|dir| dir.join("arm/asm/unistd.h")).find(|path| path.exists());
    let text = std::fs::read_to_string(path.unwrap()).unwrap();
    arm.extend(
        text.lines().filter_map(|line| define(line, "__ARM_NR_")).map(|(name, n)| (name, PRIVATE + n)),
    );
    if let Some(number) = arm.get("arm_sync_file_range").copied() {
        arm.insert("sync_file_range2".to_owned(), number);
    }
}

/// 31-bit s390 comes from an older kernel; what was added meanwhile has the numbers that s390x gives it.
fn add_common_numbers(tables: &mut [Table]) {
    let newer: Vec<(String, u32)> =
        tables[10].iter().filter(|(_, n)| **n >= COMMON).map(|(name, n)| (name.clone(), *n)).collect();
    tables[9].extend(newer);
}

/// `syscalls.rs`.
fn names_file(names: &BTreeSet<String>) -> String {
    let mut out = String::from(NAMES_HEAD);
    let all: String = names.iter().map(String::as_str).collect();
    for line in all.as_bytes().chunks(100) {
        writeln!(out, "    {}\\", std::str::from_utf8(line).unwrap()).unwrap();
    }
    out += "\";\n\n/// Where each name ends.\n";
    writeln!(out, "pub(crate) static ENDS: [u16; {}] = [", names.len()).unwrap();
    let ends = names.iter().scan(0, |end, name| {
        *end += name.len();
        Some(end.to_string())
    });
    out += &wrapped(ends);
    out + "];\n"
}

/// `syscalls/numbers.rs`.
fn numbers_file(names: &BTreeSet<String>, tables: &[Table]) -> String {
    let mut out = String::from(NUMBERS_HEAD);
    let size = (names.len(), SOURCES.len());
    writeln!(out, "pub(crate) static NUMBERS: [[u16; {}]; {}] = [", size.0, size.1).unwrap();
    for ((arch, _), table) in SOURCES.iter().zip(tables) {
        writeln!(out, "    // {arch}: {} syscalls, the last {}", table.len(), last(table)).unwrap();
        let number = |name| table.get(name).map_or_else(|| "NO".to_owned(), u32::to_string);
        out += &format!("    [\n{}    ],\n", wrapped(names.iter().map(number)));
    }
    out + "];\n"
}

/// Numbers with commas, in lines as long as they may be.
fn wrapped(words: impl Iterator<Item = String>) -> String {
    let mut lines = vec![String::from("   ")];
    for word in words {
        let line = lines.last_mut().unwrap();
        if line.len() + word.len() + 2 > WIDTH {
            lines.push(format!("    {word},"));
        } else {
            *line += &format!(" {word},");
        }
    }
    lines.join("\n") + "\n"
}

fn last(table: &Table) -> u32 {
    table.values().copied().filter(|number| *number < PRIVATE).max().unwrap()
}

const NAMES_HEAD: &str = "\
//! Syscall names; their numbers are in `numbers`. Generated by `examples/syscall_tables.rs`, which says how and from what.
//! Runs in: nowhere, it is data: one text and arrays of numbers, so that a PIE has nothing to relocate.

mod numbers;

pub(crate) use numbers::{NO, NUMBERS};

/// All names, sorted, one after the other.
pub(crate) static NAMES: &str = \"\\
";

const NUMBERS_HEAD: &str = "\
//! Syscall numbers. Generated by `examples/syscall_tables.rs`.
//! Runs in: nowhere, it is data.

/// In place of a number: the architecture has no such syscall.
pub(crate) const NO: u16 = 0xffff;

/// By architecture, then by name: the number; 0xf000 and more for arm's private ones.
";
