//! aarch64: number in x8, arguments in x0 to x5, result in x0 (syscall(2)).

use core::arch::asm;

use crate::clone::{Between, CloneArgs};

/// syscall(2) with six arguments; returns what the kernel put into x0.
///
/// # Safety
/// The call must be sound for these arguments: it may read and write memory that they point to.
pub(crate) unsafe fn syscall(number: usize, a: [usize; 6]) -> isize {
    let result: isize;
    // SAFETY: `svc 0` changes x0 only, declared; memory effects are the caller's promise.
    unsafe {
        asm!(
            "svc 0",
            in("x8") number, inlateout("x0") a[0].cast_signed() => result,
            in("x1") a[1], in("x2") a[2], in("x3") a[3], in("x4") a[4], in("x5") a[5],
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
            "svc 0",
            "cbnz x0, 3f",
            // fcntl(socket, F_SETFD, 0)
            "mov x8, 25", "ldr x0, [x9]", "mov x1, 2", "mov x2, 0", "svc 0",
            "ldr x10, [x9, 48]",
            "cbz x10, 2f",
            // prctl(PR_SET_PDEATHSIG, SIGKILL); close(parent's end); read(socket, byte, 1)
            "mov x8, 167", "mov x0, 1", "mov x1, 9", "svc 0",
            "mov x8, 57", "ldr x0, [x9, 8]", "svc 0",
            "mov x8, 63", "ldr x0, [x9]", "ldr x1, [x9, 48]", "mov x2, 1", "svc 0",
            "cmp x0, 1",
            "mov x0, 104",
            "b.ne 4f",
            // setresgid(0, 0, 0); setresuid(0, 0, 0)
            "mov x8, 149", "mov x0, 0", "mov x1, 0", "mov x2, 0", "svc 0",
            "mov x8, 147", "mov x0, 0", "mov x1, 0", "mov x2, 0", "svc 0",
            // execveat(executable, "", argv, envp, AT_EMPTY_PATH)
            "2:",
            "mov x8, 281", "ldr x0, [x9, 16]", "ldr x1, [x9, 24]", "ldr x2, [x9, 32]", "ldr x3, [x9, 40]",
            "mov x4, 0x1000", "svc 0",
            "neg x0, x0",
            // exit(errno)
            "4:",
            "mov x8, 93", "svc 0",
            "brk 1",
            "3:",
            in("x8") 435usize, inlateout("x0") args => result, in("x1") size_of::<CloneArgs>(), in("x9") between,
            lateout("x10") _,
            options(nostack),
        );
    }
    result
}
