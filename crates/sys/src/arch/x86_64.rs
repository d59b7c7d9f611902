//! x86_64: number in rax, arguments in rdi, rsi, rdx, r10, r8, r9; rcx and r11 are lost (syscall(2)).

use core::arch::asm;

use crate::clone::{Between, CloneArgs};

/// syscall(2) with six arguments; returns what the kernel put into rax.
///
/// # Safety
/// The call must be sound for these arguments: it may read and write memory that they point to.
pub(crate) unsafe fn syscall(number: usize, a: [usize; 6]) -> isize {
    let result: isize;
    // SAFETY: `syscall` changes rax, rcx and r11, all declared; memory effects are the caller's promise.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number.cast_signed() => result,
            in("rdi") a[0], in("rsi") a[1], in("rdx") a[2], in("r10") a[3], in("r8") a[4], in("r9") a[5],
            lateout("rcx") _, lateout("r11") _,
            options(nostack),
        );
    }
    result
}

/// clone3(2), and in the child at once what [`Between`] describes. The child uses registers only: no stack, no memory but
/// the bytes that `between` names, so that it may share the parent's memory while the parent runs on.
///
/// # Safety
/// `args` and everything `between` points to must stay valid until the child has executed or ended.
pub(crate) unsafe fn spawn(args: *const CloneArgs, between: *const Between) -> isize {
    let result: isize;
    // SAFETY: the parent's registers are as declared; the child never leaves the block.
    unsafe {
        asm!(
            "syscall",
            "test rax, rax",
            "jnz 3f",
            // fcntl(socket, F_SETFD, 0)
            "mov eax, 72", "mov rdi, [r9]", "mov esi, 2", "xor edx, edx", "syscall",
            "cmp qword ptr [r9 + 48], 0",
            "je 2f",
            // prctl(PR_SET_PDEATHSIG, SIGKILL); close(parent's end); read(socket, byte, 1)
            "mov eax, 157", "mov edi, 1", "mov esi, 9", "syscall",
            "mov eax, 3", "mov rdi, [r9 + 8]", "syscall",
            "xor eax, eax", "mov rdi, [r9]", "mov rsi, [r9 + 48]", "mov edx, 1", "syscall",
            "cmp rax, 1",
            "mov edi, 104",
            "jne 4f",
            // setresgid(0, 0, 0); setresuid(0, 0, 0)
            "mov eax, 119", "xor edi, edi", "xor esi, esi", "xor edx, edx", "syscall",
            "mov eax, 117", "xor edi, edi", "xor esi, esi", "xor edx, edx", "syscall",
            // execveat(executable, "", argv, envp, AT_EMPTY_PATH)
            "2:",
            "mov eax, 322", "mov rdi, [r9 + 16]", "mov rsi, [r9 + 24]", "mov rdx, [r9 + 32]", "mov r10, [r9 + 40]",
            "mov r8d, 0x1000", "syscall",
            "mov edi, eax",
            "neg edi",
            // exit(errno)
            "4:",
            "mov eax, 60", "syscall",
            "ud2",
            "3:",
            inlateout("rax") 435isize => result,
            in("rdi") args, in("rsi") size_of::<CloneArgs>(), in("r9") between,
            lateout("rcx") _, lateout("r11") _,
            options(nostack),
        );
    }
    result
}
