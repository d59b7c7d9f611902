//! The first instructions, and the four functions that compiled code expects from a C library, per architecture.

#[cfg(target_arch = "aarch64")]
mod aarch64;
#[cfg(target_arch = "riscv64")]
mod riscv64;
#[cfg(target_arch = "x86_64")]
mod x86_64;

use core::ffi::{CStr, c_char};

use brig_sys::clone::Alone;
use rustix::fd::{FromRawFd, OwnedFd, RawFd};

/// The descriptor that the parent made for this process.
pub(crate) fn socket(raw: RawFd) -> OwnedFd {
    // SAFETY: the parent names it on our command line, and nothing in this new process has taken it yet.
    unsafe { OwnedFd::from_raw_fd(raw) }
}

/// That this process may be copied.
pub(crate) fn alone() -> Alone {
    // SAFETY: brig-init starts no threads, and its copies only execute, or go on where the original leaves.
    unsafe { Alone::vouch() }
}

/// Called by the stub with the stack pointer that the kernel gave: argc, argv[0], argv[1], …
///
/// # Safety
/// `stack` must be the initial stack of a Linux process.
#[unsafe(no_mangle)]
unsafe extern "C" fn brig_init_start(stack: *const usize) -> ! {
    // SAFETY: the kernel puts argc at the initial stack pointer.
    let argc = unsafe { stack.read() };
    if argc < 2 {
        brig_init::leave(64);
    }
    // SAFETY: argc is at least 2, so argv[1] is the third word.
    let argument = unsafe { stack.add(2).read() } as *const c_char;
    // SAFETY: the kernel puts NUL-terminated text at argv[1], which stays for the life of the process.
    let argument: &'static CStr = unsafe { CStr::from_ptr(argument) };
    crate::start(argument.to_bytes())
}

/// `void *memmove(void *, const void *, size_t)`: forwards where that is safe, else backwards.
///
/// # Safety
/// As memmove(3).
#[unsafe(no_mangle)]
unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, count: usize) -> *mut u8 {
    if to.addr().wrapping_sub(from.addr()) >= count {
        // SAFETY: `to` does not lie within [from, from + count): copying forwards never overwrites what is still to be read.
        return unsafe { memcpy(to, from, count) };
    }
    for index in (0..count).rev() {
        // SAFETY: index < count, and both are valid for count bytes (memmove's contract). Volatile, so that this loop is
        // not recognised and replaced by a call of memmove.
        let byte = unsafe { from.add(index).read_volatile() };
        // SAFETY: as above.
        unsafe { to.add(index).write_volatile(byte) };
    }
    to
}

/// `int memcmp(const void *, const void *, size_t)`.
///
/// # Safety
/// As memcmp(3).
#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(a: *const u8, b: *const u8, count: usize) -> i32 {
    for index in 0..count {
        // SAFETY: index < count, and both are valid for count bytes (memcmp's contract). Volatile as in memmove.
        let left = unsafe { a.add(index).read_volatile() };
        // SAFETY: as above.
        let right = unsafe { b.add(index).read_volatile() };
        if left != right {
            return i32::from(left) - i32::from(right);
        }
    }
    0
}

/// `int bcmp(const void *, const void *, size_t)`.
///
/// # Safety
/// As memcmp(3).
#[unsafe(no_mangle)]
unsafe extern "C" fn bcmp(a: *const u8, b: *const u8, count: usize) -> i32 {
    // SAFETY: the same contract.
    unsafe { memcmp(a, b, count) }
}

/// `size_t strlen(const char *)`.
///
/// # Safety
/// As strlen(3).
#[unsafe(no_mangle)]
unsafe extern "C" fn strlen(text: *const u8) -> usize {
    let mut length = 0;
    // SAFETY: no byte before this one was the NUL, so this one belongs to the text. Volatile as in memmove.
    while unsafe { text.add(length).read_volatile() } != 0 {
        length += 1;
    }
    length
}

unsafe extern "C" {
    fn memcpy(to: *mut u8, from: *const u8, count: usize) -> *mut u8;
}

/// Named by unwind tables of the precompiled `alloc`; nothing here unwinds (`panic = "abort"`).
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() -> ! {
    brig_init::leave(70)
}

/// As `rust_eh_personality`.
#[unsafe(no_mangle)]
extern "C" fn _Unwind_Resume() -> ! {
    brig_init::leave(70)
}
