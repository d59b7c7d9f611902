//! riscv64: number in a7, arguments in a0 to a5, result in a0 (syscall(2)).

use core::arch::asm;

use crate::clone::{Between, CloneArgs};

/// syscall(2) with six arguments; returns what the kernel put into a0.
///
/// # Safety
/// The call must be sound for these arguments: it may read and write memory that they point to.
pub(crate) unsafe fn syscall(number: usize, a: [usize; 6]) -> isize {
    let result: isize;
    // SAFETY: `ecall` changes a0 only, declared; memory effects are the caller's promise.
    unsafe {
        asm!(
            "ecall",
            in("a7") number, inlateout("a0") a[0].cast_signed() => result,
            in("a1") a[1], in("a2") a[2], in("a3") a[3], in("a4") a[4], in("a5") a[5],
            options(nostack),
        );
    }
    result
}

/// clone3(2), and in the child at once what [`Between`] describes, with registers only.
///
/// # Safety
/// `args` and everything `between` points to must stay valid until the child has executed or ended.
pub(crate) unsafe fn spawn(args: *const CloneArgs, between: *const Between) -> isize {
    let result: isize;
    // SAFETY: the parent's registers are as declared; the child never leaves the block.
    unsafe {
        asm!(
            "ecall",
            "bnez a0, 3f",
            // fcntl(socket, F_SETFD, 0)
            "li a7, 25", "ld a0, 0(t0)", "li a1, 2", "li a2, 0", "ecall",
            "ld t1, 48(t0)",
            "beqz t1, 2f",
            // prctl(PR_SET_PDEATHSIG, SIGKILL); close(parent's end); read(socket, byte, 1)
            "li a7, 167", "li a0, 1", "li a1, 9", "ecall",
            "li a7, 57", "ld a0, 8(t0)", "ecall",
            "li a7, 63", "ld a0, 0(t0)", "ld a1, 48(t0)", "li a2, 1", "ecall",
            "li t1, 1",
            "mv t2, a0",
            "li a0, 104",
            "bne t2, t1, 4f",
            // setresgid(0, 0, 0); setresuid(0, 0, 0)
            "li a7, 149", "li a0, 0", "li a1, 0", "li a2, 0", "ecall",
            "li a7, 147", "li a0, 0", "li a1, 0", "li a2, 0", "ecall",
            // execveat(executable, "", argv, envp, AT_EMPTY_PATH)
            "2:",
            "li a7, 281", "ld a0, 16(t0)", "ld a1, 24(t0)", "ld a2, 32(t0)", "ld a3, 40(t0)",
            "li a4, 0x1000", "ecall",
            "neg a0, a0",
            // exit(errno)
            "4:",
            "li a7, 93", "ecall",
            "unimp",
            "3:",
            in("a7") 435usize, inlateout("a0") args => result, in("a1") size_of::<CloneArgs>(), in("t0") between,
            lateout("t1") _, lateout("t2") _,
            options(nostack),
        );
    }
    result
}
