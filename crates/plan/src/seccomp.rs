//! `linux.seccomp`: the filter, when to load it, and who gets its listener.
//! Runs in: the parent; pure. Loaded in `brig-init`'s file of the same name.

use std::str::FromStr;

use brig_handshake::process::{Seccomp, SeccompLoad};
use brig_seccomp::{
    Action, Arch, Canonical, Compiled, Condition, Flag, Operator, Profile, Rule, UnknownWord,
};

use crate::annotations::Wanted;
use crate::host::Host;
use crate::plan::Listener;
use crate::refusal::Refusal;
use crate::rules;
use crate::spec::{Linux, LinuxSeccomp, LinuxSeccompArg, LinuxSyscall, Str};
use crate::text::text;

/// `SECCOMP_FILTER_FLAG_NEW_LISTENER`: seccomp(2).
const NEW_LISTENER: u32 = 8;

/// How the filter of a process is loaded, and what its program is compiled from. That takes longer than all other
/// decisions together, and is done while `brig-init` works.
pub(crate) fn plan(
    linux: &Linux<'_>,
    wanted: &Wanted<'_>,
    no_new_privileges: bool,
    host: &Host,
) -> Result<Option<(Seccomp, Canonical)>, Refusal> {
    let Some(configured) = linux.seccomp.as_ref().filter(|profile| filters(profile)) else {
        return Ok(None);
    };
    if wanted.known_calls_only {
        calls_are_known(configured)?;
    }
    let profile = profile(configured, host.seccomp_flags)?;
    let native = native()?;
    check(&profile, native)?;
    let flags = profile.load_flags();
    let unsupported = flags & !host.seccomp_flags;
    if unsupported & NEW_LISTENER != 0 {
        return Err(Refusal::at("linux.seccomp.syscalls", "this kernel has no SCMP_ACT_NOTIFY (Linux 5.0)"));
    }
    if unsupported != 0 {
        return Err(unsupported_flag(&profile, unsupported));
    }
    let loading = Seccomp { flags, load: load(no_new_privileges, flags) };
    Ok(Some((loading, Canonical::new(&profile, native))))
}

/// Else a name that no architecture has is passed over, as a newer kernel's may be.
fn calls_are_known(profile: &LinuxSeccomp<'_>) -> Result<(), Refusal> {
    for (i, rule) in profile.syscalls.iter().enumerate() {
        if let Some((n, name)) =
            rule.names.iter().enumerate().find(|(_, name)| !brig_seccomp::is_syscall(name))
        {
            let at = format!("linux.seccomp.syscalls[{i}].names[{n}]");
            return Err(Refusal::at(at, format!("{:?} is no system call that brig knows", &**name)));
        }
    }
    Ok(())
}

/// A profile by itself, held to the same rules as in a config.json, for any kernel.
///
/// # Errors
/// What is refused in a config.json too, with the same JSON paths; a profile that says nothing.
pub fn by_itself<'s>(configured: &'s LinuxSeccomp<'_>, native: Arch) -> Result<Profile<'s>, Refusal> {
    if !filters(configured) {
        return Err(Refusal::at("linux.seccomp", "filters nothing: neither defaultAction nor syscalls"));
    }
    rules::check_seccomp(configured)?;
    let profile = profile(configured, u32::MAX)?;
    check(&profile, native)?;
    Ok(profile)
}

/// What can be told without compiling.
fn check(profile: &Profile<'_>, native: Arch) -> Result<(), Refusal> {
    let foreign = |arch: &Arch| arch.is_big_endian() != native.is_big_endian();
    let at = match profile.architectures.iter().position(foreign) {
        Some(index) => format!("linux.seccomp.architectures[{index}]"),
        None => "linux.seccomp".to_owned(),
    };
    profile.check(native).map_err(|error| Refusal::runc(at, error.to_string()))
}

/// The first flag that the kernel lacks.
fn unsupported_flag(profile: &Profile<'_>, unsupported: u32) -> Refusal {
    let flags = profile.flags.as_deref().unwrap_or_default();
    let index = flags.iter().position(|flag| flag.bit() & unsupported != 0).unwrap_or_default();
    let name =
        Flag::NAMES.iter().find(|(_, flag)| flags.get(index) == Some(flag)).map_or("", |(name, _)| *name);
    Refusal::at(format!("linux.seccomp.flags[{index}]"), format!("this kernel does not have {name}"))
}

/// The program, as it will be.
pub(crate) fn compile(profile: &Canonical) -> Result<Compiled, Refusal> {
    let read = Canonical::read(profile.bytes());
    let (profile, native) = read.ok_or_else(|| Refusal::at("linux.seccomp", "the plan holds no profile"))?;
    brig_seccomp::compile(&profile, native).map_err(|error| Refusal::runc("linux.seccomp", error.to_string()))
}

fn native() -> Result<Arch, Refusal> {
    Arch::native()
        .ok_or_else(|| Refusal::at("linux.seccomp", "this architecture has no name in the specification"))
}

/// A section that says nothing filters nothing.
fn filters(profile: &LinuxSeccomp<'_>) -> bool {
    !profile.default_action.is_empty() || !profile.syscalls.is_empty()
}

/// Without no_new_privs loading a filter needs CAP_SYS_ADMIN (seccomp(2)): it is loaded while that is still there.
pub(crate) fn load(no_new_privileges: bool, flags: u32) -> SeccompLoad {
    match (no_new_privileges, flags & NEW_LISTENER != 0) {
        (false, _) => SeccompLoad::BeforeDrop,
        (true, true) => SeccompLoad::WithListener,
        (true, false) => SeccompLoad::JustBeforeExec,
    }
}

/// Who gets the listener, where there is one.
pub(crate) fn listener<'a>(
    linux: &Linux<'_>,
    wanted: &Wanted<'_>,
    filter: Option<&Seccomp>,
) -> Result<Option<Listener<'a>>, Refusal> {
    match (&linux.seccomp, filter.filter(|filter| filter.flags & NEW_LISTENER != 0)) {
        (Some(profile), Some(_)) => Ok(Some(Listener {
            path: match (&*profile.listener_path, wanted.seccomp_receiver) {
                ("", Some(path)) => text(path, format_args!("annotations"))?,
                (path, _) => text(path, format_args!("linux.seccomp.listenerPath"))?,
            },
            metadata: text(&*profile.listener_metadata, format_args!("linux.seccomp.listenerMetadata"))?,
        })),
        _ => Ok(None),
    }
}

/// The profile of `linux.seccomp`, on a kernel that takes `kernel_flags` (`SECCOMP_FILTER_FLAG_*`). Without a list of
/// flags SPEC_ALLOW is meant where the kernel has it, as runc has it.
///
/// # Errors
/// The first word that is not known, with its JSON path.
pub fn profile<'s>(configured: &'s LinuxSeccomp<'_>, kernel_flags: u32) -> Result<Profile<'s>, Refusal> {
    let mut rules = Vec::with_capacity(configured.syscalls.len());
    for (index, syscall) in configured.syscalls.iter().enumerate() {
        rules.push(rule(syscall, &format!("linux.seccomp.syscalls[{index}]"))?);
    }
    let flags = match &configured.flags {
        Some(flags) => words(flags, "linux.seccomp.flags")?,
        None if kernel_flags & Flag::SpecAllow.bit() != 0 => vec![Flag::SpecAllow],
        None => Vec::new(),
    };
    Ok(Profile {
        default_action: word(&configured.default_action, format_args!("linux.seccomp.defaultAction"))?,
        default_errno_ret: configured.default_errno_ret.map(errno),
        architectures: words(&configured.architectures, "linux.seccomp.architectures")?,
        flags: Some(flags),
        rules,
    })
}

fn rule<'s>(syscall: &'s LinuxSyscall<'_>, at: &str) -> Result<Rule<'s>, Refusal> {
    let arg = |(index, arg)| condition(arg, &format!("{at}.args[{index}]"));
    Ok(Rule {
        names: syscall.names.iter().map(Str::as_str).collect(),
        action: word::<Action>(&syscall.action, format_args!("{at}.action"))?,
        errno_ret: syscall.errno_ret.map(errno),
        args: syscall.args.iter().enumerate().map(arg).collect::<Result<_, _>>()?,
    })
}

fn condition(arg: &LinuxSeccompArg<'_>, at: &str) -> Result<Condition, Refusal> {
    let index = u32::try_from(arg.index)
        .map_err(|_| Refusal::at(format!("{at}.index"), format!("{} is not in 0..=5", arg.index)))?;
    let op = word::<Operator>(&arg.op, format_args!("{at}.op"))?;
    Ok(Condition { index, value: arg.value, value_two: arg.value_two, op })
}

/// The rules let no number pass that does not fit; the kernel looks at 16 bits.
fn errno(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn words<T: FromStr<Err = UnknownWord>>(words: &[Str<'_>], at: &str) -> Result<Vec<T>, Refusal> {
    words.iter().enumerate().map(|(index, value)| word(value, format_args!("{at}[{index}]"))).collect()
}

fn word<T: FromStr<Err = UnknownWord>>(word: &str, at: std::fmt::Arguments<'_>) -> Result<T, Refusal> {
    word.parse().map_err(|unknown: UnknownWord| Refusal::runc(at.to_string(), unknown.to_string()))
}
