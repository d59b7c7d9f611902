//! Rules for `linux.seccomp`: every word of the profile is known. Which calls exist is not a rule: unknown ones are skipped.
//! Runs in: the parent, while a configuration is checked.

use super::{Warning, no_nul, warn};
use crate::refusal::Refusal;
use crate::spec::{Linux, LinuxSeccomp, LinuxSeccompArg, LinuxSyscall};

const FLAGS: [&str; 4] = [
    "SECCOMP_FILTER_FLAG_TSYNC",
    "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
    "SECCOMP_FILTER_FLAG_LOG",
    "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
];

/// Architectures, as `features` lists them: sorted.
pub const ARCHITECTURES: [&str; 18] = [
    "SCMP_ARCH_AARCH64",
    "SCMP_ARCH_ARM",
    "SCMP_ARCH_LOONGARCH64",
    "SCMP_ARCH_MIPS",
    "SCMP_ARCH_MIPS64",
    "SCMP_ARCH_MIPS64N32",
    "SCMP_ARCH_MIPSEL",
    "SCMP_ARCH_MIPSEL64",
    "SCMP_ARCH_MIPSEL64N32",
    "SCMP_ARCH_PPC",
    "SCMP_ARCH_PPC64",
    "SCMP_ARCH_PPC64LE",
    "SCMP_ARCH_RISCV64",
    "SCMP_ARCH_S390",
    "SCMP_ARCH_S390X",
    "SCMP_ARCH_X32",
    "SCMP_ARCH_X86",
    "SCMP_ARCH_X86_64",
];

/// Actions, sorted.
pub const ACTIONS: [&str; 9] = [
    "SCMP_ACT_ALLOW",
    "SCMP_ACT_ERRNO",
    "SCMP_ACT_KILL",
    "SCMP_ACT_KILL_PROCESS",
    "SCMP_ACT_KILL_THREAD",
    "SCMP_ACT_LOG",
    "SCMP_ACT_NOTIFY",
    "SCMP_ACT_TRACE",
    "SCMP_ACT_TRAP",
];

const NOTIFY: &str = "SCMP_ACT_NOTIFY";

/// Operators, sorted.
pub const OPERATORS: [&str; 7] = [
    "SCMP_CMP_EQ",
    "SCMP_CMP_GE",
    "SCMP_CMP_GT",
    "SCMP_CMP_LE",
    "SCMP_CMP_LT",
    "SCMP_CMP_MASKED_EQ",
    "SCMP_CMP_NE",
];

/// `receiver` is the agent's socket where the profile names none.
pub(super) fn check(
    linux: &Linux<'_>,
    receiver: Option<&str>,
    warnings: &mut Vec<Warning>,
) -> Result<(), Refusal> {
    linux.seccomp.as_ref().map_or(Ok(()), |seccomp| profile(seccomp, receiver, warnings))
}

pub(super) fn profile(
    seccomp: &LinuxSeccomp<'_>,
    receiver: Option<&str>,
    warnings: &mut Vec<Warning>,
) -> Result<(), Refusal> {
    // This is how some callers write "no seccomp".
    if seccomp.default_action.is_empty() && seccomp.syscalls.is_empty() {
        return Ok(());
    }
    for (i, flag) in seccomp.flags.iter().flatten().enumerate() {
        if !FLAGS.contains(&&**flag) {
            let words = format!("seccomp flag {flag} is not known to runc");
            return Err(Refusal::runc(format!("linux.seccomp.flags[{i}]"), words));
        }
    }
    for (i, name) in seccomp.architectures.iter().enumerate() {
        known("arch", &ARCHITECTURES, name, || format!("linux.seccomp.architectures[{i}]"))?;
    }
    let at = || "linux.seccomp.defaultAction".to_owned();
    known("action", &ACTIONS, &seccomp.default_action, at)?;
    errno(&seccomp.default_action, seccomp.default_errno_ret, || "linux.seccomp.defaultErrnoRet".to_owned())?;
    for (i, rule) in seccomp.syscalls.iter().enumerate() {
        syscall(rule, i, warnings)?;
    }
    notify(seccomp, receiver, warnings)
}

fn known(kind: &str, words: &[&str], word: &str, path: impl FnOnce() -> String) -> Result<(), Refusal> {
    match words.contains(&word) {
        true => Ok(()),
        false => Err(Refusal::runc(path(), format!("string {word} is not a valid {kind} for seccomp"))),
    }
}

/// "When the action doesn't support an errno, the runtime MUST print and error and fail."
fn errno(action: &str, errno: Option<u64>, path: impl FnOnce() -> String) -> Result<(), Refusal> {
    match errno {
        Some(_) if !matches!(action, "SCMP_ACT_ERRNO" | "SCMP_ACT_TRACE") => {
            Err(Refusal::at(path(), format!("{action} has no errno")))
        }
        Some(errno) if errno > u64::from(u16::MAX) => {
            Err(Refusal::at(path(), format!("{errno} does not fit into 16 bits")))
        }
        _ => Ok(()),
    }
}

fn syscall(rule: &LinuxSyscall<'_>, i: usize, warnings: &mut Vec<Warning>) -> Result<(), Refusal> {
    let at = |field: &str| format!("linux.seccomp.syscalls[{i}].{field}");
    known("action", &ACTIONS, &rule.action, || at("action"))?;
    errno(&rule.action, rule.errno_ret, || at("errnoRet"))?;
    if rule.names.is_empty() {
        warn(warnings, format_args!("linux.seccomp.syscalls[{i}].names"), "names no system call");
    }
    if rule.names.iter().any(|name| name.is_empty()) {
        return Err(Refusal::runc(at("names"), "empty string is not a valid syscall"));
    }
    for (a, arg) in rule.args.iter().enumerate() {
        argument(arg, |field| at(&format!("args[{a}].{field}")))?;
    }
    Ok(())
}

fn argument(arg: &LinuxSeccompArg<'_>, at: impl Fn(&str) -> String) -> Result<(), Refusal> {
    known("operator", &OPERATORS, &arg.op, || at("op"))?;
    match arg.index {
        0..=5 => Ok(()),
        index => Err(Refusal::at(at("index"), format!("{index} is not in 0..=5"))),
    }
}

/// What goes to an agent has to have an agent, and cannot be the call that reaches it.
fn notify(
    seccomp: &LinuxSeccomp<'_>,
    receiver: Option<&str>,
    warnings: &mut Vec<Warning>,
) -> Result<(), Refusal> {
    if seccomp.default_action == NOTIFY {
        let words = "SCMP_ACT_NOTIFY cannot be used as default action";
        return Err(Refusal::runc("linux.seccomp.defaultAction", words));
    }
    let mut notifies =
        seccomp.syscalls.iter().enumerate().filter(|(_, rule)| rule.action == NOTIFY).peekable();
    let asks_agent = notifies.peek().is_some();
    if let Some((i, _)) = notifies.find(|(_, rule)| rule.names.iter().any(|name| *name == "write")) {
        let words = "SCMP_ACT_NOTIFY cannot be used for the write syscall";
        return Err(Refusal::runc(format!("linux.seccomp.syscalls[{i}].names"), words));
    }
    if asks_agent && seccomp.listener_path.is_empty() && receiver.is_none() {
        return Err(Refusal::runc("linux.seccomp.listenerPath", "seccomp listenerPath is not set"));
    }
    if seccomp.listener_path.is_empty() && !seccomp.listener_metadata.is_empty() {
        let words = "is of no use without listenerPath";
        warn(warnings, format_args!("linux.seccomp.listenerMetadata"), words);
    }
    no_nul(format_args!("linux.seccomp.listenerPath"), &seccomp.listener_path)
}
