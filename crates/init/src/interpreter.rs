//! Whose absence it is when execve(2) cannot find a program that is there: its interpreter's, which a script names in its
//! first line, and a dynamically linked program in a header.
//! Runs in: init, inside, unprivileged, when execve has failed.

use alloc::ffi::CString;
use core::ffi::CStr;

use rustix::fs::{self, Access, AtFlags, CWD, FileType, Mode, OFlags};
use rustix::io;

/// `PT_INTERP` of elf(5).
const INTERP: u64 = 3;
/// What of a program is looked at; the kernel reads no more than 256 bytes of a script, and linkers put the header first.
const LOOKED_AT: usize = 4096;

/// The interpreter of `program`, if it names one that we could not execute.
pub(crate) fn missing(program: &CStr) -> Option<CString> {
    // Somebody else may have put a device or a FIFO there since: those are not opened.
    if !FileType::from_raw_mode(fs::stat(program).ok()?.st_mode).is_file() {
        return None;
    }
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = fs::openat(CWD, program, flags, Mode::empty()).ok()?;
    let mut start = [0; LOOKED_AT];
    let length = io::read(&file, &mut start).ok()?;
    let interpreter = CString::new(named_in(start.get(..length)?)?).ok()?;
    fs::accessat(CWD, &*interpreter, Access::EXEC_OK, AtFlags::empty()).is_err().then_some(interpreter)
}

fn named_in(program: &[u8]) -> Option<&[u8]> {
    match program {
        [b'#', b'!', line @ ..] => named_in_line(line),
        [0x7f, b'E', b'L', b'F', ..] => named_in_header(program),
        _ => None,
    }
}

/// The first word after `#!` (execve(2), "Interpreter scripts").
fn named_in_line(line: &[u8]) -> Option<&[u8]> {
    let line = line.split(|byte| *byte == b'\n').next()?;
    line.split(|byte| matches!(byte, b' ' | b'\t')).find(|word| !word.is_empty())
}

/// The path that the program header of type `PT_INTERP` points to (elf(5)).
fn named_in_header(program: &[u8]) -> Option<&[u8]> {
    // Where the two classes keep e_phoff, e_phentsize, e_phnum, p_offset and p_filesz, and how wide their offsets are.
    let (table, size, count, offset, length, wide) = match program.get(4)? {
        1 => (28, 42, 44, 4, 16, 4),
        2 => (32, 54, 56, 8, 32, 8),
        _ => return None,
    };
    let (table, size) = (number(program, table, wide)?, number(program, size, 2)?);
    let mut headers = (0..number(program, count, 2)?)
        .filter_map(|index| usize::try_from(table.checked_add(index * size)?).ok())
        .filter_map(|start| program.get(start..));
    let header = headers.find(|header| number(header, 0, 4) == Some(INTERP))?;
    let start = usize::try_from(number(header, offset, wide)?).ok()?;
    let end = start.checked_add(usize::try_from(number(header, length, wide)?).ok()?)?;
    program.get(start..end)?.strip_suffix(b"\0")
}

/// Every architecture that brig runs on keeps the low byte first; a program of another one is not executed at all.
fn number(bytes: &[u8], at: usize, width: usize) -> Option<u64> {
    let bytes = bytes.get(at..)?.get(..width)?;
    Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

    use super::named_in;

    #[test]
    fn a_script_names_its_interpreter_in_the_first_line() {
        assert_eq!(named_in(b"#!/nosuch\nx"), Some(&b"/nosuch"[..]));
        assert_eq!(named_in(b"#! \t/bin/env -S\tx"), Some(&b"/bin/env"[..]));
        assert_eq!(named_in(b"#!\n/bin/sh"), None);
        assert_eq!(named_in(b"text"), None);
    }

    /// One program header, and the path after it.
    fn program(class: u8, head: usize, fields: &[(usize, u8)]) -> Vec<u8> {
        let mut program = vec![0; head];
        program[..5].copy_from_slice(&[0x7f, b'E', b'L', b'F', class]);
        fields.iter().for_each(|(at, value)| program[*at] = *value);
        program.extend_from_slice(b"/lib/ld.so\0");
        program
    }

    #[test]
    fn a_dynamic_program_names_it_in_a_header_of_either_class() {
        let wide = [(32, 64), (54, 56), (56, 1), (64, 3), (64 + 8, 120), (64 + 32, 11)];
        assert_eq!(named_in(&program(2, 120, &wide)), Some(&b"/lib/ld.so"[..]));
        let narrow = [(28, 52), (42, 32), (44, 1), (52, 3), (52 + 4, 84), (52 + 16, 11)];
        assert_eq!(named_in(&program(1, 84, &narrow)), Some(&b"/lib/ld.so"[..]));
    }

    #[test]
    fn headers_that_point_outside_name_nothing() {
        for (at, value) in [(32, 255), (39, 255), (54, 0), (72, 255), (79, 255), (103, 255), (103, 127)] {
            let fields = [(32, 64), (54, 56), (56, 9), (64, 3), (72, 120), (96, 11), (at, value)];
            let program = program(2, 120, &fields);
            assert!(named_in(&program).is_none_or(|name| name == b"/lib/ld.so"), "{at}");
        }
        assert_eq!(named_in(b"\x7fELF"), None);
    }
}
