//! aarch64: the stack pointer is in sp; memcpy and memset go byte by byte.

use core::arch::global_asm;

global_asm!(
    ".globl _start",
    "_start:",
    "mov x29, 0",
    "mov x30, 0",
    "mov x0, sp",
    "bl brig_init_start",
    "brk 1",
    ".globl memcpy",
    "memcpy:",
    "mov x3, x0",
    "1: cbz x2, 2f",
    "ldrb w4, [x1], 1",
    "strb w4, [x3], 1",
    "sub x2, x2, 1",
    "b 1b",
    "2: ret",
    ".globl memset",
    "memset:",
    "mov x3, x0",
    "3: cbz x2, 4f",
    "strb w1, [x3], 1",
    "sub x2, x2, 1",
    "b 3b",
    "4: ret",
);
