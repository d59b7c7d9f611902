//! Error numbers as words, in the wording of Go programs: C's `strerror` text with a lower-case first letter.
//! Callers of OCI runtimes match on this text, so the standard library's "No such file or directory (os error 2)" would
//! break them. Runs in: parent.

/// The words for an error number, such as `no such file or directory` for 2; `unknown error` for a number that Linux
/// does not hand to programs. Source: errno(3).
#[must_use]
pub fn errno_text(errno: i32) -> &'static str {
    let text = usize::try_from(errno).ok().and_then(|index| TEXT.get(index));
    text.copied().filter(|text| !text.is_empty()).unwrap_or("unknown error")
}

/// By number, as on every architecture that uses the generic table (x86, arm, riscv, s390, powerpc but for EDEADLOCK).
/// 0 is no error; 41 and 58 are second names of other numbers.
#[rustfmt::skip]
const TEXT: [&str; 134] = [
    "",
    "operation not permitted",
    "no such file or directory",
    "no such process",
    "interrupted system call",
    "input/output error",
    "no such device or address",
    "argument list too long",
    "exec format error",
    "bad file descriptor",
    "no child processes",
    "resource temporarily unavailable",
    "cannot allocate memory",
    "permission denied",
    "bad address",
    "block device required",
    "device or resource busy",
    "file exists",
    "invalid cross-device link",
    "no such device",
    "not a directory",
    "is a directory",
    "invalid argument",
    "too many open files in system",
    "too many open files",
    "inappropriate ioctl for device",
    "text file busy",
    "file too large",
    "no space left on device",
    "illegal seek",
    "read-only file system",
    "too many links",
    "broken pipe",
    "numerical argument out of domain",
    "numerical result out of range",
    "resource deadlock avoided",
    "file name too long",
    "no locks available",
    "function not implemented",
    "directory not empty",
    "too many levels of symbolic links",
    "",
    "no message of desired type",
    "identifier removed",
    "channel number out of range",
    "level 2 not synchronized",
    "level 3 halted",
    "level 3 reset",
    "link number out of range",
    "protocol driver not attached",
    "no CSI structure available",
    "level 2 halted",
    "invalid exchange",
    "invalid request descriptor",
    "exchange full",
    "no anode",
    "invalid request code",
    "invalid slot",
    "",
    "bad font file format",
    "device not a stream",
    "no data available",
    "timer expired",
    "out of streams resources",
    "machine is not on the network",
    "package not installed",
    "object is remote",
    "link has been severed",
    "advertise error",
    "srmount error",
    "communication error on send",
    "protocol error",
    "multihop attempted",
    "RFS specific error",
    "bad message",
    "value too large for defined data type",
    "name not unique on network",
    "file descriptor in bad state",
    "remote address changed",
    "can not access a needed shared library",
    "accessing a corrupted shared library",
    ".lib section in a.out corrupted",
    "attempting to link in too many shared libraries",
    "cannot exec a shared library directly",
    "invalid or incomplete multibyte or wide character",
    "interrupted system call should be restarted",
    "streams pipe error",
    "too many users",
    "socket operation on non-socket",
    "destination address required",
    "message too long",
    "protocol wrong type for socket",
    "protocol not available",
    "protocol not supported",
    "socket type not supported",
    "operation not supported",
    "protocol family not supported",
    "address family not supported by protocol",
    "address already in use",
    "cannot assign requested address",
    "network is down",
    "network is unreachable",
    "network dropped connection on reset",
    "software caused connection abort",
    "connection reset by peer",
    "no buffer space available",
    "transport endpoint is already connected",
    "transport endpoint is not connected",
    "cannot send after transport endpoint shutdown",
    "too many references: cannot splice",
    "connection timed out",
    "connection refused",
    "host is down",
    "no route to host",
    "operation already in progress",
    "operation now in progress",
    "stale file handle",
    "structure needs cleaning",
    "not a XENIX named type file",
    "no XENIX semaphores available",
    "is a named type file",
    "remote I/O error",
    "disk quota exceeded",
    "no medium found",
    "wrong medium type",
    "operation canceled",
    "required key not available",
    "key has expired",
    "key has been revoked",
    "key was rejected by service",
    "owner died",
    "state not recoverable",
    "operation not possible due to RF-kill",
    "memory page has hardware error",
];

#[cfg(test)]
mod tests {
    use super::errno_text;

    #[test]
    fn the_table_is_aligned_with_the_numbers() {
        for (errno, text) in [
            (1, "operation not permitted"),
            (2, "no such file or directory"),
            (13, "permission denied"),
            (17, "file exists"),
            (22, "invalid argument"),
            (28, "no space left on device"),
            (38, "function not implemented"),
            (40, "too many levels of symbolic links"),
            (42, "no message of desired type"),
            (59, "bad font file format"),
            (95, "operation not supported"),
            (110, "connection timed out"),
            (132, "operation not possible due to RF-kill"),
            (133, "memory page has hardware error"),
        ] {
            assert_eq!(errno_text(errno), text, "errno {errno}");
        }
    }

    #[test]
    fn numbers_outside_the_table_are_unknown() {
        for errno in [i32::MIN, -1, 0, 41, 58, 134, 512, i32::MAX] {
            assert_eq!(errno_text(errno), "unknown error", "errno {errno}");
        }
    }

    #[test]
    fn the_words_are_those_of_the_c_library() {
        for errno in (1..134).filter(|errno| ![41, 58].contains(errno)) {
            let whole = std::io::Error::from_raw_os_error(errno).to_string();
            let libc = whole.rsplit_once(" (os error").map_or(whole.as_str(), |(text, _)| text);
            assert!(libc.eq_ignore_ascii_case(errno_text(errno)), "errno {errno}: {libc}");
        }
    }
}
