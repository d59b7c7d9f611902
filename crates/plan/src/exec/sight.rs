//! Whether the filter of a later process can be in force before somebody inside sees the process.
//! Runs in: the parent; pure. Done in `brig-init`'s exec.rs.
//!
//! Without no_new_privs loading a filter takes CAP_SYS_ADMIN (seccomp(2)), and who may trace everybody takes that away from
//! a process that he sees with it (docs/decisions/0023). A clone inherits the filter: so it is loaded before the one by which
//! the process comes into the PID namespace, if it lets pass what is called from there on.

use brig_handshake::process::{Process, Seccomp, SeccompLoad};
use brig_seccomp::interp::{self, Known};
use brig_seccomp::{Arch, Insn};

/// `SECCOMP_FILTER_FLAG_NEW_LISTENER`: seccomp(2).
const NEW_LISTENER: u32 = 8;
/// `CAP_SYS_ADMIN`: capabilities(7).
const SYS_ADMIN: u64 = 1 << 21;

/// A system call, with those of its arguments that are always the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// Its name; what an architecture does not have is not called there.
    pub name: &'static str,
    /// `None` may be anything.
    pub args: [Option<u64>; 6],
}

/// A call with any arguments.
const fn any(name: &'static str) -> Call {
    Call { name, args: [None; 6] }
}

/// A call whose first argument is known.
const fn first(name: &'static str, value: u64) -> Call {
    Call { name, args: [Some(value), None, None, None, None, None] }
}

/// An ioctl(2).
const fn ioctl(request: u64) -> Call {
    Call { name: "ioctl", args: [None, Some(request), None, None, None, None] }
}

/// `CLONE_PARENT | CLONE_PIDFD`.
const CLONE_FLAGS: u64 = 0x9000;
/// `PR_SET_PDEATHSIG`.
const PDEATHSIG: u64 = 1;

/// Of every process: less capabilities, the clone and its news, and then what comes before a filter that is loaded later.
pub const ALWAYS: [Call; 13] = [
    any("capget"),
    any("capset"),
    first("clone", CLONE_FLAGS),
    any("sendmsg"),
    any("exit_group"),
    first("prctl", PDEATHSIG),
    any("read"),
    any("write"),
    any("close"),
    any("setsid"),
    // A timeline's.
    any("pread64"),
    any("clock_gettime"),
    any("getrusage"),
];

/// Of one with a terminal; the requests are `TIOCSPTLCK`, `TIOCGPTPEER`, `TIOCSWINSZ` and `TIOCSCTTY`.
pub const TERMINAL: [Call; 11] = [
    any("openat"),
    any("openat2"),
    any("fstatfs"),
    any("fstat"),
    any("newfstatat"),
    ioctl(0x4004_5431),
    ioctl(0x5441),
    ioctl(0x5414),
    ioctl(0x540e),
    any("dup2"),
    any("dup3"),
];

/// Of one with a personality, with a scheduler, a memory policy, CPUs, and limits.
pub const ASKED_FOR: [&str; 5] =
    ["personality", "sched_setattr", "set_mempolicy", "sched_setaffinity", "prlimit64"];

/// What is called behind a filter that is loaded out of sight, and before one that is loaded in sight.
fn calls(process: &Process<'_>) -> Vec<Call> {
    let [personality, others @ ..] = ASKED_FOR;
    let asked_for = [
        process.scheduler.is_some(),
        process.memory_policy.is_some(),
        !process.affinity.last.is_empty(),
        !process.rlimits.is_empty(),
    ];
    let terminal = process.terminal.iter().flat_map(|_| TERMINAL);
    let persona = process.personality.map(|persona| first(personality, persona.into()));
    let others = others.into_iter().zip(asked_for).filter(|(_, asked_for)| *asked_for);
    ALWAYS.into_iter().chain(terminal).chain(persona).chain(others.map(|(name, _)| any(name))).collect()
}

/// Whether the filter, whose program is `program`, is better loaded before the process is seen, and can be.
pub(super) fn may_load_before(process: &Process<'_>, program: &[u8]) -> bool {
    let takes_a_privilege = |filter: &Seccomp| {
        filter.load == SeccompLoad::BeforeDrop && filter.flags & NEW_LISTENER == 0 && !program.is_empty()
    };
    let is_to_lack_it = process
        .capabilities
        .as_ref()
        .is_some_and(|sets| (sets.permitted | sets.inheritable | sets.ambient) & SYS_ADMIN == 0);
    process.seccomp.as_ref().is_some_and(takes_a_privilege) && is_to_lack_it && passes(process, program)
}

/// Whether the program lets all of them pass, and says nothing about it to anybody.
fn passes(process: &Process<'_>, program: &[u8]) -> bool {
    let Some(native) = Arch::native() else { return false };
    let (instructions, rest) = program.as_chunks::<8>();
    let read = |bytes: &[u8; 8]| Insn::from_bytes(*bytes, native.is_big_endian());
    let program: Vec<_> = instructions.iter().map(read).collect();
    let is_allowed = |call: Call| {
        native.number(call.name).is_none_or(|nr| {
            let known = Known { nr, arch: native.audit(), args: call.args };
            interp::always_allows(&program, &known, native.byte_order()) == Ok(true)
        })
    };
    rest.is_empty() && calls(process).into_iter().all(is_allowed)
}
