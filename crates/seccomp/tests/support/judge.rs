//! Whether a program is one, and whether what it says of a call is right.

use brig_seccomp::interp::Data;
use brig_seccomp::{Action, Arch, Insn, Operator, Profile};

use super::matching::Matching;

const ENOSYS: u32 = 0x0005_0026;

/// What the kernel asks of a program (`bpf_check_classic`): jumps inside, a RET at the end.
pub(crate) fn is_well_formed(program: &[Insn]) -> bool {
    let inside = |(at, insn): (usize, &Insn)| match insn.code {
        0x05 => at + 1 + (insn.k as usize) < program.len(),
        0x15 | 0x35 | 0x45 => at + 1 + usize::from(insn.jt.max(insn.jf)) < program.len(),
        0x06 | 0x20 | 0x54 => true,
        _ => false,
    };
    program.last().is_some_and(|insn| insn.code == 0x06) && program.iter().enumerate().all(inside)
}

/// x86_64 and x32 share an audit number, and between them the numbers that are neither's.
pub(crate) fn belongs(arch: Arch, nr: u32) -> bool {
    match arch {
        Arch::X86_64 => nr < 0x4000_0000,
        Arch::X32 => (0x4000_0000..0x8000_0000).contains(&nr),
        _ => true,
    }
}

/// Panics unless `verdict` is what the rules of `profile` say of the call, read one by one.
pub(crate) fn judge(profile: &Profile<'_>, arch: Arch, data: &Data, verdict: u32) {
    let matching = Matching::of(profile, arch, data);
    let context = || format!("{} {data:x?}: {verdict:#x}\n{profile:#x?}", arch.name());
    if verdict == ENOSYS && !matching.justify(verdict) {
        assert!(is_newer(profile, arch, data.nr), "{}", context());
        return;
    }
    assert!(matching.justify(verdict), "{}", context());
    let nothing_left = |mask: u64| mask == 0 || (!arch.is_wide() && mask & 0xffff_ffff == 0);
    let conditions = || profile.rules.iter().flat_map(|rule| &rule.args);
    let vacuous = conditions().any(|c| c.op == Operator::MaskedEq && nothing_left(c.value));
    match matching.unconditional.first() {
        Some(first) if !vacuous => assert_eq!(*first, verdict, "{}", context()),
        Some(_) | None => {}
    }
}

/// Whether no name of the profile has this number or a higher one (of arm's private ones, if it is one).
fn is_newer(profile: &Profile<'_>, arch: Arch, nr: u32) -> bool {
    let passes = matches!(profile.default_action, Action::Allow | Action::Log | Action::Trace);
    let private = |nr: u32| arch == Arch::Arm && nr >= 0xf_0000;
    let named = || profile.rules.iter().flat_map(|rule| &rule.names).filter_map(|name| arch.number(name));
    // reached through socketcall or ipc, these do not count
    let counted =
        || profile.rules.iter().flat_map(|rule| &rule.names).filter(|name| !MULTIPLEXED.contains(name));
    let muxed = arch.number("socketcall").is_some();
    let none_as_new = match muxed {
        true => counted().filter_map(|name| arch.number(name)).all(|other| other < nr),
        false => named().filter(|other| private(*other) == private(nr)).all(|other| other < nr),
    };
    let zero = matches!(arch, Arch::S390 | Arch::S390x) && nr == 0;
    !passes && (none_as_new || zero)
}

#[rustfmt::skip]
const MULTIPLEXED: [&str; 32] = [
    "socket", "bind", "connect", "listen", "accept", "getsockname", "getpeername", "socketpair", "send", "recv",
    "sendto", "recvfrom", "shutdown", "setsockopt", "getsockopt", "sendmsg", "recvmsg", "accept4", "recvmmsg",
    "sendmmsg", "semop", "semget", "semctl", "semtimedop", "msgsnd", "msgrcv", "msgget", "msgctl", "shmat", "shmdt",
    "shmget", "shmctl",
];
