//! The user's program: found with the user's rights, executed behind the gate.
//! Runs in: init, inside, unprivileged.

use alloc::borrow::Cow;
use alloc::ffi::CString;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::ffi::CStr;

use brig_handshake::process::Process;
use brig_handshake::wire::Text;
use brig_handshake::{Fault, Step};
use brig_sys::execve::{Pointers, execve};
use rustix::fd::OwnedFd;
use rustix::fs::{self, Access, AtFlags, CWD, FileType, Mode, OFlags};
use rustix::io::{self, Errno};

use crate::Never;
use crate::fault::{At, Outcome, about, in_words};
use crate::fds;
use crate::identity::Unprivileged;
use crate::interpreter;
use crate::seccomp::InForce;

/// Where the program is.
pub(crate) struct Payload<'a> {
    path: Text<'a>,
}

/// Finds `args[0]`: a path as it stands, a bare name in `PATH` of the process's own environment.
pub(crate) fn find<'a>(process: &'a Process<'_>, _: &Unprivileged) -> Outcome<Payload<'a>> {
    let name = process.args.first().map_or(c"", |name| &**name);
    if name.to_bytes().contains(&b'/') {
        return match runnable(name) {
            Ok(()) => Ok(Payload { path: Cow::Borrowed(name) }),
            Err(errno) => Err(about(Step::FindExecutable, 0, errno, "")),
        };
    }
    for directory in &process.search {
        let path = [directory.to_bytes(), b"/", name.to_bytes()].concat();
        let path = CString::new(path).map_err(|_| Errno::INVAL).at(Step::FindExecutable)?;
        if runnable(&path).is_ok() {
            return Ok(Payload { path: Cow::Owned(path) });
        }
    }
    Err(in_words(Step::FindExecutable, 0, "executable file not found in $PATH"))
}

/// Not a directory, and executable for us.
fn runnable(path: &CStr) -> Result<(), Errno> {
    let stat = fs::stat(path)?;
    if FileType::from_raw_mode(stat.st_mode).is_dir() {
        return Err(Errno::ISDIR);
    }
    if stat.st_mode & 0o111 == 0 {
        return Err(Errno::ACCESS);
    }
    match fs::accessat(CWD, path, Access::EXEC_OK, AtFlags::EACCESS) {
        // Linux before 5.8 cannot answer for effective ids, and a filter without faccessat2 does not let it (the kernel
        // itself has no EPERM here); the mode bits have answered.
        Err(Errno::NOSYS | Errno::INVAL | Errno::PERM) => Ok(()),
        other => other,
    }
}

/// The environment, with the home directory from the container's own passwd file where none was given.
pub(crate) fn environment<'a>(process: &'a Process<'_>) -> Vec<Cow<'a, CStr>> {
    let mut environment = process.env.iter().map(|entry| Cow::Borrowed(&**entry)).collect::<Vec<_>>();
    if process.find_home {
        let home = home_of(process.uid).unwrap_or_else(|| b"/".to_vec());
        if let Ok(entry) = CString::new([b"HOME=", &*home].concat()) {
            environment.push(Cow::Owned(entry));
        }
    }
    environment
}

/// A passwd file larger than this is not one.
const MOST: usize = 1 << 20;
/// What is read at once; less means the end of the file.
const CHUNK: usize = 4096;

fn home_of(uid: u32) -> Option<Vec<u8>> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = fs::openat(CWD, c"/etc/passwd", flags, Mode::empty()).ok()?;
    if !FileType::from_raw_mode(fs::fstat(&file).ok()?.st_mode).is_file() {
        return None;
    }
    let mut text = Vec::new();
    while text.len() < MOST && read_more(&file, &mut text)? == CHUNK {}
    fds::leave_to_execve(file);
    home_in(&text, uid)
}

fn read_more(file: &OwnedFd, text: &mut Vec<u8>) -> Option<usize> {
    let mut buffer = [0; CHUNK];
    let count = io::read(file, &mut buffer).ok()?;
    text.extend_from_slice(&buffer[..count]);
    Some(count)
}

/// The sixth field of the first line whose third is `uid` (passwd(5)).
///
/// For `brig-hostile` too, which throws any bytes at it.
pub fn home_in(passwd: &[u8], uid: u32) -> Option<Vec<u8>> {
    passwd.split(|byte| *byte == b'\n').find_map(|line| {
        let fields = line.split(|byte| *byte == b':').collect::<Vec<_>>();
        let id = core::str::from_utf8(fields.get(2)?).ok()?.parse::<u32>().ok()?;
        let home = fields.get(5).filter(|home| !home.is_empty())?;
        (id == uid).then(|| home.to_vec())
    })
}

/// Becomes the user's program. Returns only if that fails.
pub(crate) fn execute(
    payload: &Payload<'_>,
    process: &Process<'_>,
    environment: &[Cow<'_, CStr>],
    _: &InForce,
) -> Never {
    let mut argv = alloc::vec![core::ptr::null(); process.args.len() + 1];
    let mut envp = alloc::vec![core::ptr::null(); environment.len() + 1];
    let errno = match (Pointers::new(&process.args, &mut argv), Pointers::new(environment, &mut envp)) {
        (Some(argv), Some(envp)) => execve(&payload.path, &argv, &envp),
        _ => Errno::TOOBIG,
    };
    Err(about(Step::Exec, 0, errno, why_not(&payload.path, errno)))
}

/// "exec /x.sh: no such file or directory", and whose absence that is, if it is the interpreter's.
fn why_not(path: &CStr, errno: Errno) -> String {
    let interpreter = match errno {
        Errno::NOENT | Errno::NOTDIR | Errno::ACCESS => interpreter::missing(path),
        _ => None,
    };
    let hint = interpreter.map(|name| format!(" (its interpreter, {})", name.to_string_lossy()));
    format!("exec {}: {}{}", path.to_string_lossy(), in_short(errno), hint.unwrap_or_default())
}

/// What execve(2) answers, and what a start can run out of, as Go words it; runc's callers match these.
pub(crate) fn in_short(errno: Errno) -> Cow<'static, str> {
    Cow::Borrowed(match errno {
        Errno::NOENT => "no such file or directory",
        Errno::ACCESS => "permission denied",
        Errno::NOEXEC => "exec format error",
        Errno::TOOBIG => "argument list too long",
        Errno::NOMEM => "cannot allocate memory",
        Errno::PERM => "operation not permitted",
        Errno::NOTDIR => "not a directory",
        Errno::ISDIR => "is a directory",
        Errno::LOOP => "too many levels of symbolic links",
        Errno::TXTBSY => "text file busy",
        Errno::IO => "input/output error",
        Errno::INVAL => "invalid argument",
        Errno::LIBBAD => "accessing a corrupted shared library",
        Errno::MFILE => "too many open files",
        Errno::NFILE => "too many open files in system",
        Errno::NOSPC => "no space left on device",
        Errno::INTR => "interrupted system call",
        Errno::AGAIN => "resource temporarily unavailable",
        Errno::NOSYS => "function not implemented",
        Errno::CONNRESET => "connection reset by peer",
        Errno::PIPE => "broken pipe",
        other => return Cow::Owned(format!("errno {}", other.raw_os_error())),
    })
}

/// When nobody listens any more: one line on the user's standard error.
pub(crate) fn last_words(fault: &Fault<'_>) {
    let line = if fault.text.is_empty() {
        format!("{}: {}\n", fault.step.name(), in_short(Errno::from_raw_os_error(fault.errno)))
    } else {
        format!("{}\n", String::from_utf8_lossy(&fault.text))
    };
    // There is no one left to tell that it could not be written.
    let [_, _, error] = brig_sys::stdio::streams();
    let _unheard = io::write(error, line.as_bytes()).is_err();
}

#[cfg(test)]
mod tests {
    use super::home_in;

    #[test]
    fn home_is_the_sixth_field_of_the_line_with_our_uid() {
        let passwd = b"root:x:0:0:root:/root:/bin/sh\nbroken\na:x:7:7::/home/a:\nb:x:7:7::/home/b:\n";
        assert_eq!(home_in(passwd, 0).as_deref(), Some(&b"/root"[..]));
        assert_eq!(home_in(passwd, 7).as_deref(), Some(&b"/home/a"[..]));
        assert_eq!(home_in(passwd, 8), None);
    }
}
