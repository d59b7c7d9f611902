//! Whether the memory of the images is whole: the `pagemap-PID.img` of each process in `pstree.img` says how many pages there have to be
//! in its `pages-N.img`. Others may be left from an earlier dump to the same directory.
//! Runs in: the parent, before CRIU starts. CRIU would read behind the end of a file that was cut short, and again, for ever.
//!
//! What cannot be read here is CRIU's to complain about. An attacker may have written it: nothing is followed out of the
//! directory but the link to the images of an earlier dump, nothing waited for, and no length believed.

use std::fs::File;
use std::io::{BufReader, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, fstat, openat, statat};
use rustix::io::Errno;
use rustix::param::page_size;

use super::failure::{cut_short, no_file};
use super::protobuf::fields;
use crate::error::{Error, Result};

/// Refuses images, or those of an earlier dump that they build upon, of whose memory a part is missing, or that are no files.
pub(crate) fn check(images: BorrowedFd<'_>) -> Result<()> {
    let failed = |errno| Error::os("read the directory of the images", errno);
    let processes = processes(images);
    check_one(images, &processes)?;
    let mut seen = vec![identity(images).map_err(failed)?];
    let mut next = parent(images);
    while let Some(directory) = next {
        let this = identity(directory.as_fd()).map_err(failed)?;
        if seen.contains(&this) {
            return Err(Error::os("the images are their own parent", Errno::LOOP));
        }
        seen.push(this);
        check_one(directory.as_fd(), &processes)?;
        next = parent(directory.as_fd());
    }
    Ok(())
}

fn parent(images: BorrowedFd<'_>) -> Option<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    openat(images, "parent", flags, Mode::empty()).ok()
}

fn identity(directory: BorrowedFd<'_>) -> Result<(u64, u64), Errno> {
    fstat(directory).map(|stat| (stat.st_dev, stat.st_ino))
}

fn check_one(images: BorrowedFd<'_>, processes: &[u64]) -> Result<()> {
    let failed = |errno| Error::os("read the directory of the images", errno);
    for entry in Dir::read_from(images).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy();
        // CRIU would wait at a pipe.
        if name.ends_with(".img")
            && statat(images, entry.file_name(), AtFlags::empty()).is_ok_and(|stat| !is_regular(&stat))
        {
            return Err(no_file(&name));
        }
    }
    for process in processes {
        let pagemap = open_file(images, &format!("pagemap-{process}.img"));
        let Some(wanted) = pagemap.and_then(|(file, _)| read(BufReader::new(file))) else { continue };
        let pages = format!("pages-{}.img", wanted.file);
        if let Some((_, size)) = open_file(images, &pages)
            && size < wanted.bytes
        {
            return Err(cut_short(&pages, size, wanted.bytes));
        }
    }
    Ok(())
}

/// The processes in the images: as many `pstree_entry` (CRIU's `images/pstree.proto`), each behind its length.
fn processes(images: BorrowedFd<'_>) -> Vec<u64> {
    let Some((file, _)) = open_file(images, "pstree.img") else { return Vec::new() };
    let mut from = BufReader::new(file);
    if word(&mut from) != Some(IMAGE) || word(&mut from) != Some(PSTREE) {
        return Vec::new();
    }
    let entries = std::iter::from_fn(|| message(&mut from));
    entries.filter_map(|entry| number(&entry, PROCESS)).collect()
}

/// A file of the images and its size. `None` where there is none: a page server may have it.
fn open_file(images: BorrowedFd<'_>, name: &str) -> Option<(File, u64)> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = openat(images, name, flags, Mode::empty()).ok()?;
    let stat = fstat(&file).ok()?;
    is_regular(&stat).then(|| Some((File::from(file), u64::try_from(stat.st_size).ok()?)))?
}

fn is_regular(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
}

/// What a pagemap wants.
#[derive(Debug, PartialEq, Eq)]
struct Wanted {
    /// The number of the file that has the pages.
    file: u64,
    /// How many bytes of it.
    bytes: u64,
}

/// `pagemap_head` and as many `pagemap_entry` as there are (CRIU's `images/pagemap.proto`), each behind its length. `None` where
/// that is not what the bytes are.
fn read(mut from: impl Read) -> Option<Wanted> {
    if word(&mut from)? != IMAGE || word(&mut from)? != PAGEMAP {
        return None;
    }
    let mut wanted = Wanted { file: number(&message(&mut from)?, PAGES_ID)?, bytes: 0 };
    let size = u64::try_from(page_size()).ok()?;
    while let Some(entry) = message(&mut from) {
        let flags = match (number(&entry, FLAGS)?, number(&entry, IN_PARENT)?) {
            // As CRIU wrote it before it had flags.
            (0, 0) => PRESENT,
            (flags, _) => flags,
        };
        if flags & PRESENT != 0 {
            let pages = number(&entry, PAGES)?.max(number(&entry, MANY_PAGES)?);
            wanted.bytes = wanted.bytes.saturating_add(pages.saturating_mul(size));
        }
    }
    Some(wanted)
}

fn word(from: &mut impl Read) -> Option<u32> {
    let mut bytes = [0; 4];
    from.read_exact(&mut bytes).ok()?;
    Some(u32::from_le_bytes(bytes))
}

fn message(from: &mut impl Read) -> Option<Vec<u8>> {
    let length = usize::try_from(word(from)?).ok().filter(|length| (1..=LONGEST).contains(length))?;
    let mut bytes = vec![0; length];
    from.read_exact(&mut bytes).ok()?;
    Some(bytes)
}

/// One number of a message; 0 where it is left out, `None` where the bytes are no message.
fn number(message: &[u8], wanted: u32) -> Option<u64> {
    let mut found = 0;
    for field in fields(message) {
        let (field, value) = field?;
        if field == wanted {
            found = value.number();
        }
    }
    Some(found)
}

/// The first words of every image but a few, of a pagemap and of the list of processes.
const IMAGE: u32 = 0x5456_4319;
const PAGEMAP: u32 = 0x5608_4025;
const PSTREE: u32 = 0x5027_3030;

/// `pstree_entry`.
const PROCESS: u32 = 1;

/// `pagemap_head`.
const PAGES_ID: u32 = 1;
/// `pagemap_entry`; since CRIU 4.2 the number of pages has 64 bits and a field of its own.
const PAGES: u32 = 2;
const IN_PARENT: u32 = 3;
const FLAGS: u32 = 4;
const MANY_PAGES: u32 = 5;

/// `PE_PRESENT`: the pages are in the file, and neither in a parent's nor with a page server.
const PRESENT: u64 = 4;

/// No entry is as long, and none is empty: a file of nothing but a hole has no end.
const LONGEST: usize = 4096;

#[cfg(test)]
mod tests {
    use super::super::protobuf::Message;
    use super::*;

    /// A pagemap of file 3 with these entries: pages, flags.
    fn pagemap(entries: &[(u64, Option<u64>)]) -> Vec<u8> {
        let mut bytes = [IMAGE.to_le_bytes(), PAGEMAP.to_le_bytes()].concat();
        let mut push = |message: &Message| {
            bytes.extend(u32::try_from(message.bytes().len()).unwrap().to_le_bytes());
            bytes.extend(message.bytes());
        };
        push(Message::default().number(PAGES_ID, 3));
        for (pages, flags) in entries {
            let mut entry = Message::default();
            entry.number(1, 0x7000_0000).number(PAGES, *pages);
            if let Some(flags) = flags {
                entry.number(FLAGS, *flags);
            }
            push(&entry);
        }
        bytes
    }

    fn wanted(bytes: &[u8]) -> Option<u64> {
        read(bytes).map(|wanted| wanted.bytes / u64::try_from(page_size()).unwrap())
    }

    #[test]
    fn pages_that_are_in_the_file_are_counted_and_others_not() {
        let (parent, lazy) = (1, 2);
        let bytes =
            pagemap(&[(7, Some(PRESENT)), (100, Some(parent)), (100, Some(lazy)), (2, Some(lazy | PRESENT))]);
        assert_eq!(wanted(&bytes), Some(9));
        assert_eq!(read(&bytes[..]).map(|wanted| wanted.file), Some(3));
    }

    #[test]
    fn entries_of_an_old_criu_have_no_flags() {
        assert_eq!(wanted(&pagemap(&[(7, None), (1, None)])), Some(8));
    }

    #[test]
    fn what_is_no_pagemap_is_left_to_criu_and_nothing_makes_it_panic() {
        let whole = pagemap(&[(u64::MAX, Some(PRESENT)), (u64::MAX, Some(PRESENT))]);
        assert_eq!(read(&whole[..]).map(|wanted| wanted.bytes), Some(u64::MAX));
        for end in 0..whole.len() {
            let cut = read(&whole[..end]);
            assert!(end >= 14 || cut.is_none(), "{end}: {cut:?}");
        }
        let hole = whole.iter().copied().chain(std::iter::repeat(0)).take(1 << 20).collect::<Vec<_>>();
        let mut rest = &hole[..];
        assert!(read(&mut rest).is_some() && rest.len() > 1 << 19);
        assert_eq!(read(&b"nonsense that is long enough"[..]), None);
        let huge = [&whole[..8], &u32::MAX.to_le_bytes(), b"x"].concat();
        assert_eq!(read(&huge[..]), None);
    }
}
