//! The syscall tables: that the search finds every name, and numbers that other tables have had wrong.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use brig_seccomp::Arch;
use support::generate::{base, names};

#[test]
fn every_name_is_found_and_leads_back_to_its_number() {
    let names = names();
    assert!(names.len() > 500 && names.is_sorted());
    for arch in Arch::ALL {
        let known: Vec<&str> = names.iter().copied().filter(|name| arch.number(name).is_some()).collect();
        assert!(known.len() > 300, "{} {}", arch.name(), known.len());
        for name in known {
            let number = arch.number(name).unwrap();
            let first = arch.syscall_name(number).unwrap();
            assert_eq!(arch.number(first), Some(number), "{} {name}", arch.name());
        }
    }
}

#[test]
fn numbers_are_the_kernels() {
    for (arch, name, number) in [
        (Arch::X86_64, "read", Some(0)),
        (Arch::X86, "read", Some(3)),
        (Arch::X32, "read", Some(0x4000_0000)),
        (Arch::X32, "execve", Some(0x4000_0208)),
        (Arch::Aarch64, "newfstatat", Some(79)),
        (Arch::Loongarch64, "newfstatat", Some(79)),
        (Arch::Aarch64, "open", None),
        (Arch::Aarch64, "futex_time64", None),
        (Arch::Arm, "cacheflush", Some(0xf_0002)),
        (Arch::Arm, "set_tls", Some(0xf_0005)),
        (Arch::Arm, "sync_file_range2", Some(341)),
        (Arch::Riscv64, "riscv_flush_icache", Some(259)),
        (Arch::S390, "getuid32", Some(199)),
        (Arch::S390x, "s390_pci_mmio_read", Some(353)),
        (Arch::Ppc64le, "swapcontext", Some(249)),
        (Arch::Mips, "read", Some(4003)),
        (Arch::Mipsel64, "read", Some(5000)),
        (Arch::Mipsel64N32, "read", Some(6000)),
    ] {
        assert_eq!(arch.number(name), number, "{} {name}", arch.name());
    }
}

#[test]
fn the_newest_syscalls_have_one_number_everywhere() {
    for (name, number) in [("clone3", 435), ("mseal", 462), ("open_tree_attr", 467), ("listns", 470)] {
        for arch in Arch::ALL.into_iter().filter(|arch| arch.number(name).is_some()) {
            assert_eq!(arch.number(name), Some(base(arch) + number), "{} {name}", arch.name());
        }
        assert!(Arch::ALL.iter().filter(|arch| arch.number(name).is_some()).count() > 16, "{name}");
    }
}
