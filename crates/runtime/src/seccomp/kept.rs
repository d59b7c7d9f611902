//! Programs kept in the store, one file each: `<root>/@seccomp/<hash>`.
//! Runs in: the parent.
//!
//! A file is used only if nobody but the owner of this process can have written it, if it is whole, and if the profile in
//! it, every byte, is the one that is asked for: a wrong file costs a compilation and never selects a wrong filter. The
//! name covers the profile (in which native architecture and load flags stand, as far as the kernel has them), and the
//! compiler that this brig has.
//!
//! ```text
//! magic, compiler (16 bytes), checksum of what follows (16), length of the profile (4), profile, program
//! ```

use std::os::fd::OwnedFd;

use brig_seccomp::{Canonical, hash};
use rustix::fs::{
    AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat, fstat, mkdirat, openat, renameat, statat, unlinkat,
};
use rustix::io::Errno;
use rustix::process::{geteuid, getpid};

use super::engines::VERSION;
use crate::error::best_effort;
use crate::store::{PROGRAMS, Store, read_least, write_all};

/// A profile of fewer bytes is compiled sooner than its program is read from a file.
pub(super) const WORTH_KEEPING: usize = 1024;

/// How many programs are kept; then the oldest goes.
pub(super) const MOST: usize = 64;

const MAGIC: [u8; 8] = *b"brigbpf\x01";
const HEAD: usize = 44;

/// Bytes of `struct sock_filter`, and how many the kernel takes (`BPF_MAXINSNS`).
const INSTRUCTION: usize = 8;
const LONGEST: usize = 4096 * INSTRUCTION;

/// The program of `profile`, if it was kept and may be used.
pub(super) fn find(store: &Store, profile: &Canonical) -> Option<Vec<u8>> {
    if profile.bytes().len() < WORTH_KEEPING {
        return None;
    }
    let directory = open_directory(store).ok()?;
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = openat(&directory, name(profile), flags, Mode::empty()).ok()?;
    let stat = fstat(&file).ok()?;
    let size = usize::try_from(stat.st_size).ok()?;
    let expected = HEAD + profile.bytes().len() + INSTRUCTION..=HEAD + profile.bytes().len() + LONGEST;
    if !is_ours(&stat, FileType::RegularFile) || !expected.contains(&size) {
        return None;
    }
    let mut bytes = Vec::with_capacity(size);
    read_least(&file, &mut bytes, size).ok()?;
    let start = bytes.len() - program(&bytes, profile)?.len();
    bytes.drain(..start);
    Some(bytes)
}

/// Puts the program of `profile` into the store, as a whole or not at all.
pub(super) fn keep(store: &Store, profile: &Canonical, program: &[u8]) -> Result<(), Errno> {
    if profile.bytes().len() < WORTH_KEEPING {
        return Ok(());
    }
    let directory = match open_directory(store) {
        Err(Errno::NOENT) => {
            mkdirat(CWD, store.root().join(PROGRAMS), Mode::RWXU).or_else(|errno| match errno {
                Errno::EXIST => Ok(()),
                errno => Err(errno),
            })?;
            open_directory(store)?
        }
        opened => opened?,
    };
    let (file, beside) = create(&directory)?;
    let put = write_all(&file, &entry(profile, program))
        .and_then(|()| renameat(&directory, &beside, &directory, name(profile)));
    put.inspect_err(|_| {
        best_effort(unlinkat(&directory, &beside, AtFlags::empty()), "the first error is the one to report");
    })?;
    make_room(&directory)
}

/// The bytes of a file.
fn entry(profile: &Canonical, program: &[u8]) -> Vec<u8> {
    let mut rest = Vec::with_capacity(4 + profile.bytes().len() + program.len());
    // Four billion bytes of profile have not been read into memory.
    rest.extend(u32::try_from(profile.bytes().len()).unwrap_or(u32::MAX).to_le_bytes());
    rest.extend_from_slice(profile.bytes());
    rest.extend_from_slice(program);
    [&MAGIC[..], &VERSION.to_le_bytes(), &hash(&rest).to_le_bytes(), &rest].concat()
}

/// The program in the bytes of a file, if they are all right and it is the program of `profile`.
fn program<'b>(bytes: &'b [u8], profile: &Canonical) -> Option<&'b [u8]> {
    let rest = bytes.strip_prefix(&MAGIC)?.strip_prefix(&VERSION.to_le_bytes())?;
    let (checksum, rest) = rest.split_first_chunk()?;
    let (length, both) = rest.split_first_chunk()?;
    let program = both.strip_prefix(profile.bytes())?;
    let is_whole = usize::try_from(u32::from_le_bytes(*length)).ok()? == profile.bytes().len()
        && (INSTRUCTION..=LONGEST).contains(&program.len())
        && program.len().is_multiple_of(INSTRUCTION)
        && u128::from_le_bytes(*checksum) == hash(rest);
    is_whole.then_some(program)
}

pub(super) fn name(profile: &Canonical) -> String {
    format!("{:032x}", profile.hash() ^ VERSION)
}

/// The directory, if it is one that only we write to.
fn open_directory(store: &Store) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let directory = openat(CWD, store.root().join(PROGRAMS), flags, Mode::empty())?;
    match is_ours(&fstat(&directory)?, FileType::Directory) {
        true => Ok(directory),
        false => Err(Errno::PERM),
    }
}

/// Whether it is of this kind and nobody but the owner of this process may write to it.
fn is_ours(stat: &Stat, kind: FileType) -> bool {
    let others_may_write = Mode::from_raw_mode(stat.st_mode).intersects(Mode::WGRP | Mode::WOTH);
    FileType::from_raw_mode(stat.st_mode) == kind && stat.st_uid == geteuid().as_raw() && !others_may_write
}

/// A new file that has no name of ours yet. Names are taken by other threads, or were left by a process that was killed.
fn create(directory: &OwnedFd) -> Result<(OwnedFd, String), Errno> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    for number in 0..8 {
        let name = format!(".{}.{number}", getpid().as_raw_nonzero());
        match openat(directory, &name, flags, Mode::RUSR | Mode::WUSR) {
            Ok(file) => return Ok((file, name)),
            Err(Errno::EXIST) => {}
            Err(errno) => return Err(errno),
        }
    }
    Err(Errno::EXIST)
}

/// Removes the oldest files until there are no more than [`MOST`].
fn make_room(directory: &OwnedFd) -> Result<(), Errno> {
    let mut names = Vec::new();
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        if entry.file_name() != c"." && entry.file_name() != c".." {
            names.push(entry.file_name().to_owned());
        }
    }
    if names.len() <= MOST {
        return Ok(());
    }
    let age = |name: &std::ffi::CString| {
        let stat = statat(directory, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        Some((stat.st_mtime, stat.st_mtime_nsec))
    };
    names.sort_by_cached_key(age);
    for name in &names[..names.len() - MOST] {
        best_effort(unlinkat(directory, name, AtFlags::empty()), "somebody else may have removed it");
    }
    Ok(())
}
