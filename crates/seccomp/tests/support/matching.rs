//! What the rules of a profile say of one call, read one by one: where a verdict must have come from.

use brig_seccomp::interp::Data;
use brig_seccomp::{Arch, Condition, Operator, Profile, Rule};

/// The rules that match a call.
pub(crate) struct Matching {
    /// Actions of those that have no conditions, in their order.
    pub(crate) unconditional: Vec<u32>,
    actions: Vec<u32>,
    default: u32,
}

impl Matching {
    pub(crate) fn of(profile: &Profile<'_>, arch: Arch, data: &Data) -> Matching {
        let default = profile.default_action.return_value(profile.default_errno_ret);
        let value = |rule: &Rule<'_>| rule.action.return_value(rule.errno_ret);
        let counted = profile.rules.iter().filter(|rule| value(rule) != default);
        let matching: Vec<&Rule<'_>> = counted.filter(|rule| matches(rule, arch, data)).collect();
        let names_it = |rule: &&&Rule<'_>| rule.names.iter().any(|name| arch.number(name) == Some(data.nr));
        let unconditional = matching.iter().filter(|rule| rule.args.is_empty()).filter(names_it);
        Matching {
            unconditional: unconditional.map(|rule| value(rule)).collect(),
            actions: matching.iter().map(|rule| value(rule)).collect(),
            default,
        }
    }

    /// Whether a matching rule says `verdict`, or none matches and it is the default.
    pub(crate) fn justify(&self, verdict: u32) -> bool {
        self.actions.contains(&verdict) || (self.actions.is_empty() && verdict == self.default)
    }
}

fn matches(rule: &Rule<'_>, arch: Arch, data: &Data) -> bool {
    let direct = || {
        rule.names.iter().any(|name| arch.number(name) == Some(data.nr))
            && conditions_hold(rule, arch, data, None)
    };
    let behind = || {
        rule.names.iter().any(|name| is_behind(arch, data, name))
            && conditions_hold(rule, arch, data, Some(0))
    };
    direct() || behind()
}

/// All conditions, or any if an index is repeated; those on argument `skip` count as holding.
fn conditions_hold(rule: &Rule<'_>, arch: Arch, data: &Data, skip: Option<u32>) -> bool {
    let repeated = (0..6).any(|index| rule.args.iter().filter(|c| c.index == index).count() > 1);
    let one = |c: &Condition| Some(c.index) == skip || holds(c, arch, data);
    if repeated { rule.args.iter().any(one) } else { rule.args.iter().all(one) }
}

fn holds(c: &Condition, arch: Arch, data: &Data) -> bool {
    let width = if arch.is_wide() { u64::MAX } else { u64::from(u32::MAX) };
    let (argument, value) = (data.args[c.index as usize] & width, c.value & width);
    match c.op {
        Operator::Ne => argument != value,
        Operator::Lt => argument < value,
        Operator::Le => argument <= value,
        Operator::Eq => argument == value,
        Operator::Ge => argument >= value,
        Operator::Gt => argument > value,
        Operator::MaskedEq => argument & value == c.value_two & value,
    }
}

/// Whether the call is `socketcall` or `ipc` and its first argument means `name`, as the kernel reads it.
#[allow(clippy::cast_possible_truncation, reason = "it takes an int, and of that for ipc the lower half")]
fn is_behind(arch: Arch, data: &Data, name: &str) -> bool {
    let is = |multiplexer: &str| arch.number(multiplexer) == Some(data.nr);
    (is("socketcall") && SOCKETCALL.contains(&(data.args[0] as u32, name)))
        || (is("ipc") && IPC.contains(&(data.args[0] as u16, name)))
}

#[rustfmt::skip]
const SOCKETCALL: [(u32, &str); 20] = [
    (1, "socket"), (2, "bind"), (3, "connect"), (4, "listen"), (5, "accept"), (6, "getsockname"), (7, "getpeername"),
    (8, "socketpair"), (9, "send"), (10, "recv"), (11, "sendto"), (12, "recvfrom"), (13, "shutdown"),
    (14, "setsockopt"), (15, "getsockopt"), (16, "sendmsg"), (17, "recvmsg"), (18, "accept4"), (19, "recvmmsg"),
    (20, "sendmmsg"),
];

#[rustfmt::skip]
const IPC: [(u16, &str); 12] = [
    (1, "semop"), (2, "semget"), (3, "semctl"), (4, "semtimedop"), (11, "msgsnd"), (12, "msgrcv"), (13, "msgget"),
    (14, "msgctl"), (21, "shmat"), (22, "shmdt"), (23, "shmget"), (24, "shmctl"),
];
