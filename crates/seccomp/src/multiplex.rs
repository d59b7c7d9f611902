//! `socketcall` and `ipc`: on some ABIs one number through which many syscalls can also be reached.
//! Runs in: the parent.

use alloc::vec::Vec;

use crate::arch::{Arch, Name};
use crate::condition::Check;
use crate::profile::Operator;

/// For each name that can be reached so: through what, and by which value of the first argument.
pub(crate) struct Multiplexers {
    calls: Vec<(Name, &'static str, Check)>,
}

impl Multiplexers {
    /// Those of `arch`; most have none.
    pub(crate) fn of(arch: Arch) -> Multiplexers {
        let mut calls = Vec::new();
        if arch.is_multiplexed() {
            collect(&SOCKETCALL, "socketcall", u64::from(u32::MAX), &mut calls);
            // the upper half of ipc's first argument is a version, which the kernel takes off first
            collect(&IPC, "ipc", 0xffff, &mut calls);
        }
        Multiplexers { calls }
    }

    /// The multiplexer of `name`, and the condition on it that means `name`.
    pub(crate) fn get(&self, name: Name) -> Option<(&'static str, Check)> {
        self.calls.iter().find(|(known, ..)| *known == name).map(|(_, target, check)| (*target, *check))
    }
}

/// `call` through a multiplexer whose first argument says which: that condition takes the place of one on the first
/// argument, the others stay, as libseccomp has it, though they then look at the multiplexer's own arguments.
pub(crate) fn through(call: Check, alternatives: &[Vec<Check>]) -> Vec<Vec<Check>> {
    let with_call = |checks: &[Check]| {
        let others = checks.iter().filter(|check| check.index != 0).copied();
        core::iter::once(call).chain(others).collect()
    };
    match alternatives {
        [] => Vec::from([with_call(&[])]),
        some => some.iter().map(|checks| with_call(checks)).collect(),
    }
}

fn collect(names: &[&str], target: &'static str, mask: u64, calls: &mut Vec<(Name, &'static str, Check)>) {
    for (value, text) in (0_u64..).zip(names) {
        if let Some(name) = Name::find(text) {
            calls.push((name, target, Check { index: 0, operator: Operator::Eq, mask, value }));
        }
    }
}

/// By `SYS_*` of linux/net.h.
#[rustfmt::skip]
const SOCKETCALL: [&str; 21] = [
    "", "socket", "bind", "connect", "listen", "accept", "getsockname", "getpeername", "socketpair", "send", "recv",
    "sendto", "recvfrom", "shutdown", "setsockopt", "getsockopt", "sendmsg", "recvmsg", "accept4", "recvmmsg",
    "sendmmsg",
];

/// By the calls of linux/ipc.h.
#[rustfmt::skip]
const IPC: [&str; 25] = [
    "", "semop", "semget", "semctl", "semtimedop", "", "", "", "", "", "", "msgsnd", "msgrcv", "msgget", "msgctl",
    "", "", "", "", "", "", "shmat", "shmdt", "shmget", "shmctl",
];
