//! Rules for `process`.
//! Runs in: the parent, while a configuration is checked.

use super::{Members, below, no_nul, scheduler};
use crate::refusal::Refusal;
use crate::spec::{CpuAffinity, LinuxIoPriority, PosixRlimit, Process, Str, User};

/// The names that getrlimit(2) has.
const RLIMITS: [&str; 16] = [
    "RLIMIT_AS",
    "RLIMIT_CORE",
    "RLIMIT_CPU",
    "RLIMIT_DATA",
    "RLIMIT_FSIZE",
    "RLIMIT_LOCKS",
    "RLIMIT_MEMLOCK",
    "RLIMIT_MSGQUEUE",
    "RLIMIT_NICE",
    "RLIMIT_NOFILE",
    "RLIMIT_NPROC",
    "RLIMIT_RSS",
    "RLIMIT_RTPRIO",
    "RLIMIT_RTTIME",
    "RLIMIT_SIGPENDING",
    "RLIMIT_STACK",
];

/// What is run, and where: runc looks at this before anything else in the configuration.
pub(super) fn program(process: &Process<'_>, at: &str) -> Result<(), Refusal> {
    let cwd = &*process.cwd;
    if cwd.is_empty() {
        return Err(Refusal::runc(below(at, "cwd"), "Cwd property must not be empty"));
    }
    if !cwd.starts_with('/') {
        return Err(Refusal::runc(below(at, "cwd"), "Cwd must be an absolute path"));
    }
    if process.args.is_empty() {
        return Err(Refusal::runc(below(at, "args"), "args must not be empty"));
    }
    Ok(())
}

/// Everything else about the process.
pub(super) fn settings(process: &Process<'_>, at: &str) -> Result<(), Refusal> {
    if let Some(scheduler) = &process.scheduler {
        scheduler::check(scheduler, &below(at, "scheduler"))?;
    }
    if let Some(priority) = &process.io_priority {
        io_priority(priority, &below(at, "ioPriority"))?;
    }
    rlimits(&process.rlimits, at)?;
    if let Some(affinity) = &process.exec_cpu_affinity {
        affinities(affinity, &below(at, "execCPUAffinity"))?;
    }
    user(&process.user, at)?;
    if let Some(adj) = process.oom_score_adj.filter(|adj| !(-1000..=1000).contains(adj)) {
        return Err(Refusal::at(below(at, "oomScoreAdj"), format!("{adj} is not in -1000..=1000")));
    }
    environment(&process.env, at)?;
    texts(process, at)
}

fn io_priority(priority: &LinuxIoPriority<'_>, at: &str) -> Result<(), Refusal> {
    if !(0..=7).contains(&priority.priority) {
        let words = format!("invalid ioPriority.Priority: {}", priority.priority);
        return Err(Refusal::runc(below(at, "priority"), words));
    }
    match &*priority.class {
        "IOPRIO_CLASS_RT" | "IOPRIO_CLASS_BE" | "IOPRIO_CLASS_IDLE" => Ok(()),
        other => Err(Refusal::runc(below(at, "class"), format!("invalid ioPriority.Class: {other:?}"))),
    }
}

fn rlimits(rlimits: &[PosixRlimit<'_>], at: &str) -> Result<(), Refusal> {
    for (i, rlimit) in rlimits.iter().enumerate() {
        let kind = &*rlimit.kind;
        if !RLIMITS.contains(&kind) {
            let path = below(at, format_args!("rlimits[{i}].type"));
            return Err(Refusal::runc(path, format!("wrong rlimit value: {kind}")));
        }
        if rlimits.iter().take(i).any(|earlier| earlier.kind == rlimit.kind) {
            let path = below(at, format_args!("rlimits[{i}].type"));
            return Err(Refusal::at(path, format!("{kind:?} given twice")));
        }
        if rlimit.soft > rlimit.hard {
            let path = below(at, format_args!("rlimits[{i}].soft"));
            let words = format!("{} is above the hard limit, {}", rlimit.soft, rlimit.hard);
            return Err(Refusal::at(path, words));
        }
    }
    Ok(())
}

fn affinities(affinity: &CpuAffinity<'_>, at: &str) -> Result<(), Refusal> {
    for (field, name, list) in [("initial", "Initial", &affinity.initial), ("final", "Final", &affinity.last)]
    {
        Members::parse(list)
            .map_err(|why| Refusal::runc(below(at, field), format!("bad CPUAffinity.{name}: {why}")))?;
    }
    Ok(())
}

/// The id -1 is none: setresuid(2), setgroups(2) and chown(2) take it for "leave it as it is".
pub(super) fn valid_id(id: u32, path: impl FnOnce() -> String) -> Result<(), Refusal> {
    match id {
        u32::MAX => Err(Refusal::at(path(), format!("{id} is not an id"))),
        _ => Ok(()),
    }
}

fn user(user: &User<'_>, at: &str) -> Result<(), Refusal> {
    valid_id(user.uid, || below(at, "user.uid"))?;
    valid_id(user.gid, || below(at, "user.gid"))?;
    for (i, &gid) in user.additional_gids.iter().enumerate() {
        valid_id(gid, || below(at, format_args!("user.additionalGids[{i}]")))?;
    }
    Ok(())
}

fn environment(env: &[Str<'_>], at: &str) -> Result<(), Refusal> {
    for (i, entry) in env.iter().enumerate() {
        let words = match entry.split_once('=') {
            None => "invalid environment variable: missing '='".to_owned(),
            Some(("", _)) => "invalid environment variable: name cannot be empty".to_owned(),
            Some((name, _)) if entry.contains('\0') => {
                format!("invalid environment variable {name:?}: contains nul byte (\\x00)")
            }
            Some(_) => continue,
        };
        return Err(Refusal::runc(below(at, format_args!("env[{i}]")), words));
    }
    Ok(())
}

fn texts(process: &Process<'_>, at: &str) -> Result<(), Refusal> {
    let dot = if at.is_empty() { "" } else { "." };
    no_nul(format_args!("{at}{dot}cwd"), &process.cwd)?;
    for (i, arg) in process.args.iter().enumerate() {
        no_nul(format_args!("{at}{dot}args[{i}]"), arg)?;
    }
    no_nul(format_args!("{at}{dot}apparmorProfile"), &process.apparmor_profile)?;
    no_nul(format_args!("{at}{dot}selinuxLabel"), &process.selinux_label)
}
