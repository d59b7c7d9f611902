//! bpf(2): programs that decide about the devices of a cgroup, Linux 4.15.

use rustix::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
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
    replaced: u32,
}

/// The part that `BPF_PROG_QUERY` reads, and writes its count to.
#[repr(C)]
struct Query {
    target: u32,
    attach_type: u32,
    query_flags: u32,
    attach_flags: u32,
    ids: u64,
    count: u32,
    padding: u32,
}

/// The part that `BPF_PROG_GET_FD_BY_ID` reads.
#[repr(C)]
struct ById {
    id: u32,
    next: u32,
    flags: u32,
}

const CGROUP_DEVICE: u32 = 6;

/// As many programs of one kind as a cgroup can have (`BPF_CGROUP_MAX_PROGS`).
pub const MOST: usize = 64;

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
    change(PROG_ATTACH, program.as_fd(), cgroup.as_fd(), ALLOW_MULTI, None)
}

/// The same in place of `old`, at a stroke (`BPF_F_REPLACE`, Linux 5.6).
///
/// # Errors
/// The kernel's answer; `NOENT` if `old` is not attached there, `INVAL` before Linux 5.6.
pub fn replace_cgroup_device(program: impl AsFd, old: impl AsFd, cgroup: impl AsFd) -> Result<()> {
    const REPLACE: u32 = 4;
    change(PROG_ATTACH, program.as_fd(), cgroup.as_fd(), ALLOW_MULTI | REPLACE, Some(old.as_fd()))
}

/// `bpf(BPF_PROG_DETACH)`.
///
/// # Errors
/// The kernel's answer; `NOENT` if it is not attached there.
pub fn detach_cgroup_device(program: impl AsFd, cgroup: impl AsFd) -> Result<()> {
    const PROG_DETACH: usize = 9;
    change(PROG_DETACH, program.as_fd(), cgroup.as_fd(), 0, None)
}

fn change(
    command: usize,
    program: BorrowedFd<'_>,
    cgroup: BorrowedFd<'_>,
    flags: u32,
    replaced: Option<BorrowedFd<'_>>,
) -> Result<()> {
    let number = |it: BorrowedFd<'_>| it.as_raw_fd().cast_unsigned();
    let attr = Attach {
        target: number(cgroup),
        program: number(program),
        attach_type: CGROUP_DEVICE,
        flags,
        replaced: replaced.map_or(0, number),
    };
    // SAFETY: of both commands the kernel reads `attr`, and writes nothing.
    unsafe { call(number::BPF, [command, (&raw const attr).addr(), size_of::<Attach>()]) }.map(drop)
}

/// `bpf(BPF_PROG_QUERY)`: the ids of the programs that are attached to this very cgroup, and how many there are. Linux 4.15.
///
/// # Errors
/// The kernel's answer.
pub fn cgroup_device_programs(cgroup: impl AsFd) -> Result<([u32; MOST], usize)> {
    const PROG_QUERY: usize = 16;
    let mut ids = [0_u32; MOST];
    let mut attr = Query {
        target: cgroup.as_fd().as_raw_fd().cast_unsigned(),
        attach_type: CGROUP_DEVICE,
        query_flags: 0,
        attach_flags: 0,
        ids: (&raw mut ids).addr() as u64,
        count: 64,
        padding: 0,
    };
    // SAFETY: the kernel writes `attr`, and at most `count` numbers to `ids`, which has room for 64.
    unsafe { call(number::BPF, [PROG_QUERY, (&raw mut attr).addr(), size_of::<Query>()]) }?;
    Ok((ids, usize::try_from(attr.count).map_or(MOST, |count| count.min(MOST))))
}

/// `bpf(BPF_PROG_GET_FD_BY_ID)`, Linux 4.13. The descriptor is close-on-exec.
///
/// # Errors
/// The kernel's answer; `NOENT` for a program that is gone.
pub fn program_by_id(id: u32) -> Result<OwnedFd> {
    const PROG_GET_FD_BY_ID: usize = 13;
    let attr = ById { id, next: 0, flags: 0 };
    // SAFETY: the kernel reads `attr`.
    let answer =
        unsafe { call(number::BPF, [PROG_GET_FD_BY_ID, (&raw const attr).addr(), size_of::<ById>()]) }?;
    let raw = RawFd::try_from(answer).map_err(|_| Errno::BADF)?;
    // SAFETY: the answer is a descriptor made by this call, so that nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(raw) })
}

const PROG_ATTACH: usize = 8;
const ALLOW_MULTI: u32 = 2;
