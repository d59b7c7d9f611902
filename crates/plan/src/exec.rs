//! The plan for one more process in a running container. Pure, like the first.
//! Runs in: the parent; pure. Done in `brig-init`'s file of the same name.
//!
//! What a process object of its own leaves out comes from the container's process where runc does so: capabilities,
//! SELinux label, scheduler, I/O priority and CPUs. Umask, personality, memory policy, OOM score and filter are always
//! the container's; limits, AppArmor profile and no_new_privs are always the object's.

pub mod sight;

use brig_handshake::namespaces::Entry;
use brig_handshake::process::{KeyringOf, Process, Seccomp, SeccompLoad};
use brig_handshake::task::{ExecTask, Fds};

use crate::capabilities::{self, Reader};
use crate::environment::{self, Environment};
use crate::kernel::clone;
use crate::options::Stdio;
use crate::plan::{ExecTemplate, Limits};
use crate::process;
use crate::refusal::Refusal;
use crate::text::{optional_text, text};
use crate::{rlimits, rules, scheduler, seccomp, spec};

/// What the caller of `exec` asked for.
#[derive(Debug, Clone)]
pub struct ExecRequest<'a> {
    /// A whole process object (`--process`), or the words of the command line.
    pub process: Requested<'a>,
    /// Who holds the standard streams; a terminal is decided by this and by `Requested`.
    pub stdio: Stdio,
    /// `--preserve-fds`.
    pub preserve_fds: u32,
    /// The program of the container's filter, `struct sock_filter[]`; empty if there is none.
    pub filter: &'a [u8],
}

/// Where the process comes from.
#[derive(Debug, Clone)]
#[allow(clippy::large_enum_variant, reason = "there is one, and it is read at once")]
pub enum Requested<'a> {
    /// `--process FILE`.
    Whole(spec::Process<'a>),
    /// The container's own process with changes.
    Changed(Changes<'a>),
}

/// Changes to the container's own process (runc's exec flags).
#[derive(Debug, Clone, Default)]
pub struct Changes<'a> {
    /// The command.
    pub args: Vec<&'a str>,
    /// `--cwd`.
    pub cwd: Option<&'a str>,
    /// `--env`.
    pub env: Vec<&'a str>,
    /// `--tty`.
    pub terminal: bool,
    /// `--user UID[:GID]`.
    pub user: Option<(u32, Option<u32>)>,
    /// `--additional-gids`.
    pub additional_gids: Vec<u32>,
    /// `--cap`.
    pub capabilities: Vec<&'a str>,
    /// `--no-new-privs`.
    pub no_new_privileges: Option<bool>,
    /// `--process-label`.
    pub selinux_label: Option<&'a str>,
    /// `--apparmor`.
    pub apparmor_profile: Option<&'a str>,
}

/// One more process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecPlan<'a> {
    /// What `brig-init` does.
    pub task: ExecTask<'a>,
    /// What the parent sets on it.
    pub limits: Limits,
    /// For the log.
    pub warnings: Vec<String>,
}

/// Plans one more process.
///
/// # Errors
/// What the request itself makes impossible, with runc's words where it has some.
pub fn exec<'a>(template: &ExecTemplate<'a>, request: &ExecRequest<'a>) -> Result<ExecPlan<'a>, Refusal> {
    if template.namespaces & clone::NEWNS == 0 {
        let words =
            "the container has no mount namespace of its own: another process would have the host's root";
        return Err(Refusal::at("linux.namespaces", words));
    }
    let mut warnings = Vec::new();
    let (mut process, mut limits) = match &request.process {
        Requested::Whole(configured) => whole(template, configured, &mut warnings)?,
        Requested::Changed(changes) => (changed(template, changes, &mut warnings)?, template.limits.clone()),
    };
    process::terminal_has_a_place(process.terminal.as_ref(), request.stdio)?;
    rlimits::assign(&mut limits, &mut process, template.limits_by_parent);
    process.seccomp = template.process.seccomp.as_ref().map(|filter| filter_of(filter, &process));
    let hides = comes_into_sight(template);
    if hides
        && sight::may_load_before(&process, request.filter)
        && let Some(filter) = &mut process.seccomp
    {
        filter.load = SeccompLoad::OutOfSight;
    }
    let task = ExecTask {
        fds: Fds {
            stdio: request.stdio == Stdio::Passed,
            namespaces: u32::from(template.namespaces != 0),
            gate: false,
            preserved: request.preserve_fds,
        },
        entry: entry(template),
        kept: if hides { kept(template, &process) } else { None },
        keyring: template.keyring.clone(),
        keyring_of: keyring_of(template),
        process,
    };
    Ok(ExecPlan { task, limits, warnings })
}

/// All namespaces of the container at once. Only children of who joins a PID namespace are in it.
fn entry<'a>(template: &ExecTemplate<'_>) -> Entry<'a> {
    Entry {
        by_pidfd: template.namespaces,
        join: Vec::new(),
        unshare: 0,
        unshare_as_root: 0,
        time_offsets: None,
        second: (template.namespaces & clone::NEWPID != 0).then_some(0),
        become_root: template.namespaces & clone::NEWUSER != 0,
    }
}

/// What steps of an exec need behind its second clone: to give the streams to the user, to go where root may go, and to become
/// the user.
const STEPS: [&str; 5] = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_SETGID", "CAP_SETUID", "CAP_SETPCAP"];

/// Whether there is a moment at which the process comes into the sight of the container's, who may trace it. In a user
/// namespace nobody of the container's may, and without a PID namespace of the container's own it was in sight before.
fn comes_into_sight(template: &ExecTemplate<'_>) -> bool {
    template.namespaces & (clone::NEWPID | clone::NEWUSER) == clone::NEWPID
}

/// The container's keyring was made in its user namespace, if it has one.
fn keyring_of(template: &ExecTemplate<'_>) -> KeyringOf {
    match template.namespaces & clone::NEWUSER {
        0 => KeyringOf::Starting,
        _ => KeyringOf::Joined,
    }
}

/// The capabilities with which it does.
fn kept(template: &ExecTemplate<'_>, process: &Process<'_>) -> Option<u64> {
    let sets = process.capabilities.as_ref()?;
    let loads_early = process.seccomp.as_ref().is_some_and(|it| it.load == SeccompLoad::BeforeDrop);
    let more = [
        (loads_early, "CAP_SYS_ADMIN"),
        (process.scheduler.is_some(), "CAP_SYS_NICE"),
        (!process.rlimits.is_empty(), "CAP_SYS_RESOURCE"),
    ];
    let more = more.into_iter().filter(|(needed, _)| *needed).map(|(_, name)| name);
    let names: Vec<_> = STEPS.into_iter().chain(more).collect();
    Some(
        Reader::new(template.last_capability).mask(&names) | sets.permitted | sets.inheritable | sets.ambient,
    )
}

/// The container's filter, loaded when this process may load it.
fn filter_of(filter: &Seccomp, process: &Process<'_>) -> Seccomp {
    Seccomp { load: seccomp::load(process.no_new_privileges, filter.flags), ..*filter }
}

fn whole<'a>(
    template: &ExecTemplate<'a>,
    configured: &spec::Process<'_>,
    warnings: &mut Vec<String>,
) -> Result<(Process<'a>, Limits), Refusal> {
    rules::check_process(configured, "")?;
    let given = process::plan(configured, "", template.last_capability, template.setgroups, warnings)?;
    let affinity = configured.exec_cpu_affinity.as_ref();
    let affinity = affinity.map(|it| scheduler::affinity(it, "execCPUAffinity")).transpose()?;
    let stored = &template.process;
    let process = Process {
        umask: stored.umask,
        capabilities: given.capabilities.or_else(|| stored.capabilities.clone()),
        scheduler: given.scheduler.or_else(|| stored.scheduler.clone()),
        io_priority: given.io_priority.or(stored.io_priority),
        selinux_label: given.selinux_label.or_else(|| stored.selinux_label.clone()),
        personality: stored.personality,
        memory_policy: stored.memory_policy.clone(),
        affinity: affinity.unwrap_or_else(|| template.affinity.clone()),
        ..given
    };
    let rlimits = rlimits::plan(configured, "")?.rlimits;
    Ok((process, Limits { rlimits, oom_score_adj: template.limits.oom_score_adj }))
}

fn changed<'a>(
    template: &ExecTemplate<'a>,
    changes: &Changes<'_>,
    warnings: &mut Vec<String>,
) -> Result<Process<'a>, Refusal> {
    let mut process = template.process.clone();
    if changes.args.is_empty() {
        return Err(Refusal::runc("args", "args must not be empty"));
    }
    process.args =
        changes.args.iter().map(|arg| text(*arg, format_args!("args"))).collect::<Result<_, _>>()?;
    if let Some(cwd) = changes.cwd {
        process.cwd = text(cwd_of(cwd)?, format_args!("cwd"))?;
    }
    environment_of(&mut process, &changes.env)?;
    process.terminal = changes.terminal.then(|| process::terminal_like(process.terminal.as_ref()));
    user_of(&mut process, template, changes)?;
    capabilities_of(&mut process, template, &changes.capabilities, warnings)?;
    process.no_new_privileges = changes.no_new_privileges.unwrap_or(process.no_new_privileges);
    if let Some(label) = changes.selinux_label {
        process.selinux_label = optional_text(label, format_args!("selinuxLabel"))?;
    }
    if let Some(profile) = changes.apparmor_profile {
        process.apparmor_profile = optional_text(profile, format_args!("apparmorProfile"))?;
    }
    process.affinity = template.affinity.clone();
    Ok(process)
}

fn cwd_of(cwd: &str) -> Result<&str, Refusal> {
    match cwd.starts_with('/') {
        true => Ok(cwd),
        false => Err(Refusal::runc("cwd", "Cwd must be an absolute path")),
    }
}

/// The new entries come behind the container's, and so win over them.
fn environment_of(process: &mut Process<'_>, added: &[&str]) -> Result<(), Refusal> {
    if added.is_empty() {
        return Ok(());
    }
    let stored = process.env.iter().map(|entry| entry.to_bytes());
    let entries: Vec<&[u8]> = stored.chain(added.iter().map(|entry| entry.as_bytes())).collect();
    let Environment { env, search, find_home } = environment::plan(entries.into_iter(), "env")?;
    process.env = env;
    process.search = search;
    process.find_home = find_home;
    Ok(())
}

fn user_of(
    process: &mut Process<'_>,
    template: &ExecTemplate<'_>,
    changes: &Changes<'_>,
) -> Result<(), Refusal> {
    if let Some((uid, gid)) = changes.user {
        (process.uid, process.gid) = (uid, gid.unwrap_or(process.gid));
    }
    // -1 means "leave it as it is" to setresuid(2) and setgroups(2): the process would keep being root.
    if [process.uid, process.gid].iter().chain(&changes.additional_gids).any(|&id| id == u32::MAX) {
        return Err(Refusal::at("user", format!("{} is not an id", u32::MAX)));
    }
    let mut groups = process.groups.take().unwrap_or_default();
    groups.extend(&changes.additional_gids);
    process.groups = process::groups(&groups, template.setgroups, "user.additionalGids")?;
    Ok(())
}

/// Added capabilities are never inheritable, and ambient only where the container's own process names inheritable ones
/// (CVE-2022-29162).
fn capabilities_of(
    process: &mut Process<'_>,
    template: &ExecTemplate<'_>,
    added: &[&str],
    warnings: &mut Vec<String>,
) -> Result<(), Refusal> {
    if added.is_empty() {
        return Ok(());
    }
    let Some(sets) = &mut process.capabilities else {
        let words = "nothing can be added: the container's process keeps all capabilities";
        return Err(Refusal::at("process.capabilities", words));
    };
    let mut reader = Reader::new(template.last_capability);
    let mask = reader.mask(added);
    warnings.extend(reader.warning());
    sets.bounding |= mask;
    sets.effective |= mask;
    sets.permitted |= mask;
    if template.ambient_allowed {
        sets.ambient |= mask;
        capabilities::drop_impossible_ambient(sets, added, warnings);
    }
    Ok(())
}
