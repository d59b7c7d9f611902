//! `process`: the user's process, ready for the kernel. For a container's first one and for `exec`.
//! Runs in: the parent; pure. Done in `brig-init`'s file of the same name.

use brig_handshake::Text;
use brig_handshake::process::{MemoryPolicy, Process, Terminal};

use crate::capabilities;
use crate::environment::{self, Environment};
use crate::host::Host;
use crate::options::Stdio;
use crate::plan::Setgroups;
use crate::refusal::Refusal;
use crate::scheduler;
use crate::spec::{self, Linux};
use crate::text::{below, optional_text, text};

/// What runc says to a label where there is no SELinux.
pub(crate) const SELINUX_IS_OFF: &str =
    "selinux label is specified in config, but selinux is disabled or not supported";

/// What runc says to a profile where there is no AppArmor.
const APPARMOR_IS_OFF: &str =
    "unable to apply apparmor profile: apparmor: config provided but apparmor not supported";

/// What runc says to groups that nobody may set.
const NO_GROUPS: &str = "cannot set any additional groups in a rootless container";

/// File mode creation mask of a first process whose configuration has none, whatever the caller's own is.
pub(crate) const UMASK: u32 = 0o022;

/// personality(2): `PER_LINUX` and `PER_LINUX32`.
const PERSONALITIES: [(&str, u32); 2] = [("LINUX", 0), ("LINUX32", 8)];

/// What `process` says, and nothing that comes from elsewhere: personality, memory policy, affinity, filter and console
/// are for the caller to fill in. `at` is its JSON path, empty for `exec`'s process.json.
pub(crate) fn plan<'a>(
    process: &spec::Process<'_>,
    at: &str,
    last_capability: u8,
    setgroups: Setgroups,
    warnings: &mut Vec<String>,
) -> Result<Process<'a>, Refusal> {
    let env = process.env.iter().map(|entry| entry.as_bytes());
    let Environment { env, search, find_home } = environment::plan(env, &below(at, "env"))?;
    let scheduled = process.scheduler.as_ref();
    let io_priority = process.io_priority.as_ref();
    let capabilities = process.capabilities.as_ref();
    Ok(Process {
        rlimits: Vec::new(),
        limits_by_parent: false,
        args: arguments(&process.args, &below(at, "args"))?,
        env,
        search,
        find_home,
        cwd: text(&*process.cwd, format_args!("{}", below(at, "cwd")))?,
        umask: process.user.umask,
        uid: process.user.uid,
        gid: process.user.gid,
        groups: groups(&process.user.additional_gids, setgroups, &below(at, "user.additionalGids"))?,
        capabilities: capabilities.map(|sets| capabilities::plan(sets, last_capability, warnings)),
        no_new_privileges: process.no_new_privileges,
        terminal: process.terminal.then(|| terminal(process)),
        scheduler: scheduled.map(|it| scheduler::scheduler(it, &below(at, "scheduler"))).transpose()?,
        io_priority: io_priority
            .map(|it| scheduler::io_priority(it, &below(at, "ioPriority")))
            .transpose()?,
        personality: None,
        memory_policy: None,
        affinity: scheduler::no_affinity(),
        apparmor_profile: label(&process.apparmor_profile, &below(at, "apparmorProfile"))?,
        selinux_label: label(&process.selinux_label, &below(at, "selinuxLabel"))?,
        seccomp: None,
    })
}

fn arguments<'a>(args: &[spec::Str<'_>], at: &str) -> Result<Vec<Text<'a>>, Refusal> {
    args.iter().enumerate().map(|(index, arg)| text(&**arg, format_args!("{at}[{index}]"))).collect()
}

/// Supplementary groups, or none where setgroups(2) is not to be called.
pub(crate) fn groups(groups: &[u32], setgroups: Setgroups, at: &str) -> Result<Option<Vec<u32>>, Refusal> {
    match setgroups {
        Setgroups::Allowed => Ok(Some(groups.to_vec())),
        Setgroups::Kept => Ok(None),
        Setgroups::Denied if groups.is_empty() => Ok(None),
        Setgroups::Denied => Err(Refusal::runc(at, NO_GROUPS)),
    }
}

fn terminal(process: &spec::Process<'_>) -> Terminal {
    let (columns, rows) = process.console_size.map_or((0, 0), |size| (size.width, size.height));
    let most = |characters| u16::try_from(characters).unwrap_or(u16::MAX);
    Terminal { columns: most(columns), rows: most(rows), console: false }
}

/// A terminal of a given size, or of no particular one, that is not the console.
pub(crate) fn terminal_like(other: Option<&Terminal>) -> Terminal {
    let (columns, rows) = other.map_or((0, 0), |other| (other.columns, other.rows));
    Terminal { columns, rows, console: false }
}

/// A terminal goes to a console socket or to our own, and a console socket is for a terminal.
pub(crate) fn terminal_has_a_place(terminal: Option<&Terminal>, stdio: Stdio) -> Result<(), Refusal> {
    let words = match (terminal, stdio) {
        (Some(_), Stdio::Inherited | Stdio::Passed) => {
            "cannot allocate tty if runc will detach without setting console socket"
        }
        (None, Stdio::ConsoleSocket) => "cannot use console socket if runc will not detach or allocate tty",
        (Some(_), Stdio::ConsoleSocket | Stdio::Foreground)
        | (None, Stdio::Inherited | Stdio::Passed | Stdio::Foreground) => return Ok(()),
    };
    Err(Refusal::runc("process.terminal", words))
}

fn label<'a>(label: &str, at: &str) -> Result<Option<Text<'a>>, Refusal> {
    optional_text(label, format_args!("{at}"))
}

/// Refuses labels of security modules that are off.
pub(crate) fn labels(process: &spec::Process<'_>, at: &str, host: &Host) -> Result<(), Refusal> {
    if !process.selinux_label.is_empty() && !host.selinux {
        return Err(Refusal::runc(below(at, "selinuxLabel"), SELINUX_IS_OFF));
    }
    if !process.apparmor_profile.is_empty() && !host.apparmor {
        return Err(Refusal::runc(below(at, "apparmorProfile"), APPARMOR_IS_OFF));
    }
    Ok(())
}

/// `linux.personality`.
pub(crate) fn personality(linux: &Linux<'_>) -> Result<Option<u32>, Refusal> {
    let Some(personality) = &linux.personality else { return Ok(None) };
    match PERSONALITIES.iter().find(|(domain, _)| *domain == &*personality.domain) {
        Some(&(_, number)) => Ok(Some(number)),
        None => {
            let words = format!("invalid personality domain {}", personality.domain);
            Err(Refusal::runc("linux.personality.domain", words))
        }
    }
}

/// `linux.memoryPolicy`.
pub(crate) fn memory_policy(linux: &Linux<'_>) -> Result<Option<MemoryPolicy>, Refusal> {
    linux.memory_policy.as_ref().map(scheduler::memory_policy).transpose()
}
