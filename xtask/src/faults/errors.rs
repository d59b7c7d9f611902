//! Names of system calls, and the errors that each can give.
//!
//! An error that only a defect of the caller brings about (`EBADF`, `EFAULT`) is not among them, nor is one that nobody acts
//! on: who closes a descriptor has no further use for it.

use nix::libc::{self, EAGAIN, EINTR, EIO, EMFILE, ENOMEM, ENOSPC, ENOSYS, EPERM};

/// The kinds, and the words for each, which are those of a Go program.
const KINDS: [(i32, &str, &str); 8] = [
    (EPERM, "EPERM", "operation not permitted"),
    (ENOMEM, "ENOMEM", "cannot allocate memory"),
    (ENOSPC, "ENOSPC", "no space left on device"),
    (EMFILE, "EMFILE", "too many open files"),
    (EINTR, "EINTR", "interrupted system call"),
    (EAGAIN, "EAGAIN", "resource temporarily unavailable"),
    (ENOSYS, "ENOSYS", "function not implemented"),
    (EIO, "EIO", "input/output error"),
];

const FILE: &[i32] = &[EPERM, ENOMEM, EMFILE, EINTR, EIO];
const BENEATH: &[i32] = &[EPERM, ENOMEM, EMFILE, EINTR, EIO, EAGAIN, ENOSYS];
const READ: &[i32] = &[EINTR, EIO, ENOMEM];
const WRITE: &[i32] = &[EPERM, ENOSPC, EINTR, EIO, ENOMEM];
const MAKE: &[i32] = &[EPERM, ENOSPC, EIO, ENOMEM];
const REMOVE: &[i32] = &[EPERM, EIO, ENOMEM];
const LOOK: &[i32] = &[EIO, ENOMEM];
const LATER_LOOK: &[i32] = &[EIO, ENOMEM, ENOSYS];
const CLONE: &[i32] = &[EPERM, EAGAIN, ENOMEM, ENOSPC];
const CLONE3: &[i32] = &[EPERM, EAGAIN, ENOMEM, ENOSPC, ENOSYS];
const MOUNT: &[i32] = &[EPERM, ENOMEM, EIO];
const NEW_MOUNT: &[i32] = &[EPERM, ENOMEM, EMFILE, ENOSYS];
const RIGHT: &[i32] = &[EPERM];
const ID: &[i32] = &[EPERM, EAGAIN, ENOMEM];
const NAMESPACE: &[i32] = &[EPERM, ENOMEM, ENOSPC];
const OPTION: &[i32] = &[EPERM, ENOMEM, ENOSYS];
const BPF: &[i32] = &[EPERM, EAGAIN, ENOMEM, ENOSYS];
const DESCRIPTOR: &[i32] = &[EMFILE, ENOMEM];
const LATER_DESCRIPTOR: &[i32] = &[EMFILE, ENOMEM, ENOSYS];
const COPY: &[i32] = &[EMFILE, EINTR];
const SEND: &[i32] = &[EINTR, ENOMEM];
const CONTROL: &[i32] = &[EPERM, ENOMEM];
const WAIT: &[i32] = &[EINTR];
const RANDOM: &[i32] = &[EINTR, ENOSYS];
const MEMORY: &[i32] = &[ENOMEM];
const NOTHING: &[i32] = &[];

/// Number, name, and what it can answer.
type Row = (i64, &'static str, &'static [i32]);

#[rustfmt::skip]
const CALLS: &[Row] = &[
    (libc::SYS_openat, "openat", FILE),
    (libc::SYS_openat2, "openat2", BENEATH),
    (libc::SYS_read, "read", READ),
    (libc::SYS_pread64, "pread64", READ),
    (libc::SYS_getdents64, "getdents64", READ),
    (libc::SYS_write, "write", WRITE),
    (libc::SYS_mkdirat, "mkdirat", MAKE),
    (libc::SYS_mknodat, "mknodat", MAKE),
    (libc::SYS_symlinkat, "symlinkat", MAKE),
    (libc::SYS_renameat, "renameat", MAKE),
    (libc::SYS_renameat2, "renameat2", MAKE),
    (libc::SYS_ftruncate, "ftruncate", MAKE),
    (libc::SYS_unlinkat, "unlinkat", REMOVE),
    (libc::SYS_fchown, "fchown", REMOVE),
    (libc::SYS_fchownat, "fchownat", REMOVE),
    (libc::SYS_fchmodat, "fchmodat", REMOVE),
    (libc::SYS_chdir, "chdir", REMOVE),
    (libc::SYS_fchdir, "fchdir", REMOVE),
    (libc::SYS_chroot, "chroot", REMOVE),
    (libc::SYS_execve, "execve", REMOVE),
    (libc::SYS_execveat, "execveat", REMOVE),
    (libc::SYS_fstat, "fstat", LOOK),
    (libc::SYS_newfstatat, "newfstatat", LOOK),
    (libc::SYS_statfs, "statfs", LOOK),
    (libc::SYS_fstatfs, "fstatfs", LOOK),
    (libc::SYS_readlinkat, "readlinkat", LOOK),
    (libc::SYS_getcwd, "getcwd", LOOK),
    (libc::SYS_statx, "statx", LATER_LOOK),
    (libc::SYS_faccessat2, "faccessat2", LATER_LOOK),
    (libc::SYS_clone, "clone", CLONE),
    (libc::SYS_clone3, "clone3", CLONE3),
    (libc::SYS_mount, "mount", MOUNT),
    (libc::SYS_umount2, "umount2", MOUNT),
    (libc::SYS_pivot_root, "pivot_root", MOUNT),
    (libc::SYS_open_tree, "open_tree", NEW_MOUNT),
    (libc::SYS_fsopen, "fsopen", NEW_MOUNT),
    (libc::SYS_fsmount, "fsmount", NEW_MOUNT),
    (libc::SYS_fsconfig, "fsconfig", NEW_MOUNT),
    (libc::SYS_mount_setattr, "mount_setattr", NEW_MOUNT),
    (libc::SYS_move_mount, "move_mount", NEW_MOUNT),
    (libc::SYS_capset, "capset", RIGHT),
    (libc::SYS_setsid, "setsid", RIGHT),
    (libc::SYS_sethostname, "sethostname", RIGHT),
    (libc::SYS_setdomainname, "setdomainname", RIGHT),
    (libc::SYS_sched_setaffinity, "sched_setaffinity", RIGHT),
    (libc::SYS_sched_setattr, "sched_setattr", RIGHT),
    (libc::SYS_sched_setscheduler, "sched_setscheduler", RIGHT),
    (libc::SYS_prlimit64, "prlimit64", RIGHT),
    (libc::SYS_setrlimit, "setrlimit", RIGHT),
    (libc::SYS_prctl, "prctl", RIGHT),
    (libc::SYS_personality, "personality", RIGHT),
    (libc::SYS_ioprio_set, "ioprio_set", RIGHT),
    (libc::SYS_kill, "kill", RIGHT),
    (libc::SYS_tgkill, "tgkill", RIGHT),
    (libc::SYS_setpgid, "setpgid", RIGHT),
    (libc::SYS_setresuid, "setresuid", ID),
    (libc::SYS_setresgid, "setresgid", ID),
    (libc::SYS_setuid, "setuid", ID),
    (libc::SYS_setgid, "setgid", ID),
    (libc::SYS_setgroups, "setgroups", ID),
    (libc::SYS_setns, "setns", NAMESPACE),
    (libc::SYS_unshare, "unshare", NAMESPACE),
    (libc::SYS_keyctl, "keyctl", OPTION),
    (libc::SYS_seccomp, "seccomp", OPTION),
    (libc::SYS_set_mempolicy, "set_mempolicy", OPTION),
    (libc::SYS_pidfd_send_signal, "pidfd_send_signal", OPTION),
    (libc::SYS_pidfd_getfd, "pidfd_getfd", OPTION),
    (libc::SYS_bpf, "bpf", BPF),
    (libc::SYS_socketpair, "socketpair", DESCRIPTOR),
    (libc::SYS_socket, "socket", DESCRIPTOR),
    (libc::SYS_signalfd4, "signalfd4", DESCRIPTOR),
    (libc::SYS_inotify_init1, "inotify_init1", DESCRIPTOR),
    (libc::SYS_pipe2, "pipe2", DESCRIPTOR),
    (libc::SYS_eventfd2, "eventfd2", DESCRIPTOR),
    (libc::SYS_epoll_create1, "epoll_create1", DESCRIPTOR),
    (libc::SYS_timerfd_create, "timerfd_create", DESCRIPTOR),
    (libc::SYS_accept4, "accept4", DESCRIPTOR),
    (libc::SYS_pidfd_open, "pidfd_open", LATER_DESCRIPTOR),
    (libc::SYS_memfd_create, "memfd_create", LATER_DESCRIPTOR),
    (libc::SYS_close_range, "close_range", LATER_DESCRIPTOR),
    (libc::SYS_dup, "dup", COPY),
    (libc::SYS_dup3, "dup3", COPY),
    (libc::SYS_sendmsg, "sendmsg", SEND),
    (libc::SYS_sendto, "sendto", SEND),
    (libc::SYS_recvmsg, "recvmsg", SEND),
    (libc::SYS_recvfrom, "recvfrom", SEND),
    (libc::SYS_connect, "connect", SEND),
    (libc::SYS_ppoll, "ppoll", SEND),
    (libc::SYS_flock, "flock", SEND),
    (libc::SYS_ioctl, "ioctl", CONTROL),
    (libc::SYS_setsockopt, "setsockopt", CONTROL),
    (libc::SYS_bind, "bind", CONTROL),
    (libc::SYS_inotify_add_watch, "inotify_add_watch", CONTROL),
    (libc::SYS_timerfd_settime, "timerfd_settime", CONTROL),
    (libc::SYS_epoll_ctl, "epoll_ctl", CONTROL),
    (libc::SYS_wait4, "wait4", WAIT),
    (libc::SYS_waitid, "waitid", WAIT),
    (libc::SYS_nanosleep, "nanosleep", WAIT),
    (libc::SYS_clock_nanosleep, "clock_nanosleep", WAIT),
    (libc::SYS_getrandom, "getrandom", RANDOM),
    (libc::SYS_mmap, "mmap", MEMORY),
    (libc::SYS_mremap, "mremap", MEMORY),
    (libc::SYS_brk, "brk", MEMORY),
    (libc::SYS_mprotect, "mprotect", MEMORY),
    (libc::SYS_close, "close", NOTHING),
    (libc::SYS_exit, "exit", NOTHING),
    (libc::SYS_exit_group, "exit_group", NOTHING),
    (libc::SYS_fcntl, "fcntl", NOTHING),
    (libc::SYS_getpid, "getpid", NOTHING),
    (libc::SYS_gettid, "gettid", NOTHING),
    (libc::SYS_geteuid, "geteuid", NOTHING),
    (libc::SYS_getuid, "getuid", NOTHING),
    (libc::SYS_getegid, "getegid", NOTHING),
    (libc::SYS_getgid, "getgid", NOTHING),
    (libc::SYS_getppid, "getppid", NOTHING),
    (libc::SYS_umask, "umask", NOTHING),
    (libc::SYS_munmap, "munmap", NOTHING),
    (libc::SYS_madvise, "madvise", NOTHING),
    (libc::SYS_rt_sigaction, "rt_sigaction", NOTHING),
    (libc::SYS_rt_sigprocmask, "rt_sigprocmask", NOTHING),
    (libc::SYS_rt_sigreturn, "rt_sigreturn", NOTHING),
    (libc::SYS_sigaltstack, "sigaltstack", NOTHING),
    (libc::SYS_set_tid_address, "set_tid_address", NOTHING),
    (libc::SYS_set_robust_list, "set_robust_list", NOTHING),
    (libc::SYS_rseq, "rseq", NOTHING),
    (libc::SYS_futex, "futex", NOTHING),
    (libc::SYS_lseek, "lseek", NOTHING),
    (libc::SYS_sched_getaffinity, "sched_getaffinity", NOTHING),
    (libc::SYS_sched_yield, "sched_yield", NOTHING),
    (libc::SYS_capget, "capget", NOTHING),
    (libc::SYS_getsockopt, "getsockopt", NOTHING),
    (libc::SYS_getsockname, "getsockname", NOTHING),
    (libc::SYS_getpgid, "getpgid", NOTHING),
];

/// Calls that only x86-64 has.
#[cfg(target_arch = "x86_64")]
#[rustfmt::skip]
const OLD_CALLS: &[Row] = &[
    (libc::SYS_mkdir, "mkdir", MAKE),
    (libc::SYS_rename, "rename", MAKE),
    (libc::SYS_unlink, "unlink", REMOVE),
    (libc::SYS_rmdir, "rmdir", REMOVE),
    (libc::SYS_readlink, "readlink", LOOK),
    (libc::SYS_vfork, "vfork", CLONE),
    (libc::SYS_fork, "fork", CLONE),
    (libc::SYS_dup2, "dup2", COPY),
    (libc::SYS_poll, "poll", SEND),
    (libc::SYS_epoll_wait, "epoll_wait", SEND),
    (libc::SYS_arch_prctl, "arch_prctl", NOTHING),
];
#[cfg(not(target_arch = "x86_64"))]
const OLD_CALLS: &[Row] = &[];

fn row(call: i64) -> Option<&'static Row> {
    CALLS.iter().chain(OLD_CALLS).find(|(number, ..)| *number == call)
}

/// The call's name, or its number.
pub(super) fn name_of_call(call: i64) -> String {
    row(call).map_or_else(|| format!("call {call}"), |(_, name, _)| (*name).to_owned())
}

/// The error's name, such as `EPERM`.
pub(super) fn name_of_error(errno: i32) -> &'static str {
    KINDS.iter().find(|(number, ..)| *number == errno).map_or("?", |(_, name, _)| name)
}

/// The error as brig tells it.
pub(super) fn words_of_error(errno: i32) -> &'static str {
    KINDS.iter().find(|(number, ..)| *number == errno).map_or("?", |(.., words)| words)
}

/// What it can answer; of a call that is not known here, nothing.
pub(super) fn of(call: i64) -> &'static [i32] {
    row(call).map_or(&[], |(.., errors)| errors)
}

/// Whether what fails is the allocator, which ends the program.
pub(super) fn is_memory(call: i64) -> bool {
    matches!(name_of_call(call).as_str(), "mmap" | "mremap" | "brk" | "mprotect")
}

/// Whether it was Rust's library that ended the program: its own pipe failed while it started another.
pub(crate) fn is_of_the_library(said: &str) -> bool {
    said.contains("the CLOEXEC pipe failed")
}

/// Whether an error message is written with it.
pub(super) fn is_said_with(call: i64) -> bool {
    call == libc::SYS_write
}

/// Whether the command's own `main` has begun: Rust looks at the three standard streams just before.
pub(super) fn begins_main(call: i64) -> bool {
    matches!(name_of_call(call).as_str(), "poll" | "ppoll")
}

/// How `brig-init` is executed.
pub(super) fn is_execveat(call: i64) -> bool {
    call == libc::SYS_execveat
}
