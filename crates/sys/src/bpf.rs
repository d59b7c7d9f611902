//! bpf(2): programs that decide about the devices of a cgroup, Linux 4.15.

use rustix::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use rustix::io::{Errno, Result};

use crate::call::{call, number};

/// The part of union bpf_attr that `BPF_PROG_LOAD` reads here; the kernel takes the rest for zeros.
#[repr(C)]
struct Load {
    program_type: u32,
    length: u32,
    instructions: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
    kernel_version: u32,
    flags: u32,
    name: [u8; 16],
}

/// The part that `BPF_PROG_ATTACH` reads.
#[repr(C)]
struct Attach {
    target: u32,
    program: u32,
    attach_type: u32,
    flags: u32,
}

/// `bpf(BPF_PROG_LOAD)` of a `BPF_PROG_TYPE_CGROUP_DEVICE`: `program` is a list of `struct bpf_insn`, 8 bytes each. The
/// descriptor is close-on-exec.
///
/// # Errors
/// The kernel's answer; `INVAL` for a program that is not one of whole instructions, and for one that the verifier refuses.
pub fn load_cgroup_device(program: &[u8]) -> Result<OwnedFd> {
    const PROG_LOAD: usize = 5;
    const TYPE_CGROUP_DEVICE: u32 = 15;
    const INSTRUCTION: usize = 8;
    if !program.len().is_multiple_of(INSTRUCTION) {
        return Err(Errno::INVAL);
    }
    let attr = Load {
        program_type: TYPE_CGROUP_DEVICE,
        length: u32::try_from(program.len() / INSTRUCTION).map_err(|_| Errno::INVAL)?,
        instructions: program.as_ptr().addr() as u64,
        license: c"Apache".as_ptr().addr() as u64,
        log_level: 0,
        log_size: 0,
        log: 0,
        kernel_version: 0,
        flags: 0,
        name: *b"brig_devices\0\0\0\0",
    };
    // SAFETY: the kernel reads `attr`, `length` instructions, which are exactly the slice, and a NUL-terminated text.
    let answer = unsafe { call(number::BPF, [PROG_LOAD, (&raw const attr).addr(), size_of::<Load>()]) }?;
    let raw = RawFd::try_from(answer).map_err(|_| Errno::BADF)?;
    // SAFETY: the answer is a new descriptor that no one else has seen.
    Ok(unsafe { OwnedFd::from_raw_fd(raw) })
}

/// `bpf(BPF_PROG_ATTACH)` to a directory of cgroup2, O_PATH too, beside what is attached there (`BPF_F_ALLOW_MULTI`): a
/// device has to pass all of them. The cgroup keeps the program.
///
/// # Errors
/// The kernel's answer; `PERM` below a cgroup whose program allows no others.
pub fn attach_cgroup_device(program: impl AsFd, cgroup: impl AsFd) -> Result<()> {
    const PROG_ATTACH: usize = 8;
    const CGROUP_DEVICE: u32 = 6;
    const ALLOW_MULTI: u32 = 2;
    let attr = Attach {
        target: cgroup.as_fd().as_raw_fd().cast_unsigned(),
        program: program.as_fd().as_raw_fd().cast_unsigned(),
        attach_type: CGROUP_DEVICE,
        flags: ALLOW_MULTI,
    };
    // SAFETY: the kernel reads `attr` and writes nothing.
    unsafe { call(number::BPF, [PROG_ATTACH, (&raw const attr).addr(), size_of::<Attach>()]) }.map(drop)
}
