//! The plan itself: each section of config.json handed to the file that decides about it.
//! Runs in: the parent; pure.

use brig_handshake::process::{Keyring, Process};
use brig_handshake::rootfs::Rootfs;
use brig_handshake::task::{Fds, InitTask};

use crate::annotations::{self, Wanted};
use crate::environment::{self, Environment};
use crate::host::Host;
use crate::kernel::{clone, key};
use crate::namespaces::{Listed, Namespaces};
use crate::options::{Options, Stdio};
use crate::plan::{ExecTemplate, IdMaps, Limits, ParentSource, Plan, Setgroups, Start};
use crate::refusal::Refusal;
use crate::rules::{self, CgroupRights, Euid, Facts, JoinedNetwork};
use crate::spec::{self, Linux, Spec};
use crate::text::{optional_text, text};
use crate::{
    cgroup, devices, hooks, id_maps, intel_rdt, mounts, namespaces, network, process, rlimits, rootfs,
    scheduler, seccomp, state, sysctl,
};

/// Plans a container.
///
/// # Errors
/// The first thing in the configuration that is not carried out, with its JSON path.
pub fn plan(spec: &Spec<'_>, host: &Host, options: &Options<'_>) -> Result<Plan<'static>, Refusal> {
    let mut warnings: Vec<String> =
        rules::check(spec, &facts(host, options))?.iter().map(ToString::to_string).collect();
    // The rules have warned already.
    let wanted = annotations::wanted(spec, &mut Vec::new())?;
    let (no_linux, no_process) = (Linux::default(), spec::Process::default());
    let linux = spec.linux.as_ref().unwrap_or(&no_linux);
    let user_process = spec.process.as_ref().unwrap_or(&no_process);

    let listed = namespaces::listed(linux)?;
    let Namespaces { create, entry, cgroup: cgroup_namespace } =
        namespaces::plan(&listed, &linux.time_offsets, host)?;
    let id_maps = id_maps::plan(linux, &listed, host);
    let (rootfs, sources) = file_system(spec, &wanted, &listed, host, options, &mut warnings)?;
    let setgroups = setgroups(&wanted, id_maps.as_ref());
    let mut process = first_process(spec, linux, host, options, setgroups, &listed, &mut warnings)?;
    let filter = seccomp::plan(linux, &wanted, process.no_new_privileges, host)?;
    let (loading, filter) = filter.map_or((None, None), |(loading, profile)| (Some(loading), Some(profile)));
    process.seccomp = loading;
    let mut limits = rlimits::plan(user_process, "process")?;
    let facts = state::facts(spec, options)?;
    let keyring = keyring(user_process, &listed, options)?;
    let exec = exec_template(spec, &wanted, &process, &limits, &listed, keyring.as_ref(), setgroups, host)?;
    rlimits::assign(&mut limits, &mut process, exec.limits_by_parent);

    let parent_hooks = hooks::of_parent(spec)?;
    let owner = cgroup::owner(user_process.user.uid, &rootfs, &listed, id_maps.as_ref());
    let mut cgroup = cgroup::plan(spec, linux, options, host, owner, &mut warnings)?;
    cgroup::postpone(&mut cgroup, &entry);
    process.limits_by_parent |= !cgroup.late.is_empty();
    let (network, loopback) = network::plan(spec, linux, &listed, host, options)?;
    Ok(Plan {
        task: InitTask {
            fds: fds(&listed, options),
            entry,
            cgroup_namespace,
            loopback,
            network: !network.is_empty(),
            keyring,
            hostname: optional_text(&spec.hostname, format_args!("hostname"))?,
            domainname: optional_text(&spec.domainname, format_args!("domainname"))?,
            walls: cgroup::walls(&cgroup, &rootfs, host),
            rootfs,
            sysctls: sysctl::plan(linux)?,
            runtime_hooks: !(parent_hooks.prestart.is_empty() && parent_hooks.create_runtime.is_empty()),
            hooks: hooks::of_init(spec, &facts)?,
            process,
        },
        start: Start { create, id_maps, join: listed.join },
        cgroup,
        filter,
        intel_rdt: intel_rdt::plan(linux, host, options.id)?,
        network,
        limits,
        sources,
        pidfd_receiver: optional_text(
            wanted.pidfd_receiver.unwrap_or_default(),
            format_args!("annotations"),
        )?,
        hooks: parent_hooks,
        facts,
        exec,
        warnings,
    })
}

/// What the rules have to know. Maps of a user namespace that is joined are its own; nobody has read them.
fn facts<'s>(host: &Host, options: &Options<'_>) -> Facts<'s> {
    Facts {
        euid: if host.euid == 0 { Euid::Root } else { Euid::User },
        cgroups: if options.rootless_cgroups { CgroupRights::Rootless } else { CgroupRights::Full },
        joined_network: if host.host_network { JoinedNetwork::Runtime } else { JoinedNetwork::Other },
        joined_user: None,
    }
}

fn file_system<'a>(
    spec: &Spec<'_>,
    wanted: &Wanted<'_>,
    listed: &Listed<'_>,
    host: &Host,
    options: &Options<'_>,
    warnings: &mut Vec<String>,
) -> Result<(Rootfs<'a>, Vec<ParentSource>), Refusal> {
    let no_linux = Linux::default();
    let linux = spec.linux.as_ref().unwrap_or(&no_linux);
    let mounts = mounts::plan(spec, wanted, listed, host, options)?;
    warnings.extend(mounts.warnings);
    let devices = match listed.creates(clone::NEWNS) {
        true if !mounts.foreign_dev => Some(devices::plan(linux, listed, host)?),
        true => None,
        false => {
            warnings
                .push("linux.namespaces: without a new mount namespace nothing is made in /dev".to_owned());
            None
        }
    };
    let rootfs = rootfs::plan(spec, linux, listed, options, mounts.mounts, devices)?;
    Ok((rootfs, mounts.sources))
}

fn setgroups(wanted: &Wanted<'_>, id_maps: Option<&IdMaps>) -> Setgroups {
    match id_maps.is_some_and(|maps| maps.deny_setgroups) {
        _ if wanted.keep_groups => Setgroups::Kept,
        true => Setgroups::Denied,
        false => Setgroups::Allowed,
    }
}

fn first_process<'a>(
    spec: &Spec<'_>,
    linux: &Linux<'_>,
    host: &Host,
    options: &Options<'_>,
    setgroups: Setgroups,
    listed: &Listed<'_>,
    warnings: &mut Vec<String>,
) -> Result<Process<'a>, Refusal> {
    let mut configured = spec.process.clone().unwrap_or_default();
    process::labels(&configured, "process", host)?;
    configured.env.extend(environment_of_caller(options, listed));
    let mut plan = process::plan(&configured, "process", host.last_capability, setgroups, warnings)?;
    process::terminal_has_a_place(plan.terminal.as_ref(), options.stdio)?;
    plan.umask = plan.umask.or(Some(process::UMASK));
    plan.personality = process::personality(linux)?;
    plan.memory_policy = process::memory_policy(linux)?;
    if let Some(terminal) = &mut plan.terminal {
        terminal.console = listed.creates(clone::NEWNS);
    }
    Ok(plan)
}

/// What the caller's place adds to the environment: sd_listen_fds(3), sd_notify(3).
fn environment_of_caller<'s>(options: &Options<'_>, listed: &Listed<'_>) -> Vec<spec::Str<'s>> {
    let mut env = Vec::new();
    if options.listen_fds > 0 {
        env.push(format!("LISTEN_FDS={}", options.listen_fds).into());
        env.push("LISTEN_PID=1".into());
    }
    if options.notify_socket && listed.creates(clone::NEWNS) {
        env.push("NOTIFY_SOCKET=/run/notify/notify.sock".into());
    }
    env
}

fn fds(listed: &Listed<'_>, options: &Options<'_>) -> Fds {
    Fds {
        stdio: options.stdio == Stdio::Passed,
        namespaces: u32::try_from(listed.join.len()).unwrap_or(u32::MAX),
        gate: options.gate,
        preserved: options.listen_fds.saturating_add(options.preserve_fds),
    }
}

/// A session keyring of the container's own, which its processes may find: whoever they are in a user namespace, where
/// the keyring's owner is not mapped, and root otherwise.
fn keyring<'a>(
    process: &spec::Process<'_>,
    listed: &Listed<'_>,
    options: &Options<'_>,
) -> Result<Option<Keyring<'a>>, Refusal> {
    if options.no_new_keyring {
        return Ok(None);
    }
    let permissions = if listed.has(clone::NEWUSER) { key::OTHER_SEARCH } else { key::USER_SEARCH };
    Ok(Some(Keyring {
        name: text(format!("_ses.{}", options.id), format_args!("container id"))?,
        permissions,
        label: optional_text(&process.selinux_label, format_args!("process.selinuxLabel"))?,
    }))
}

#[allow(clippy::too_many_arguments, reason = "what was decided about the first process, each part once")]
fn exec_template<'a>(
    spec: &Spec<'_>,
    wanted: &Wanted<'_>,
    process: &Process<'a>,
    limits: &Limits,
    listed: &Listed<'_>,
    keyring: Option<&Keyring<'a>>,
    setgroups: Setgroups,
    host: &Host,
) -> Result<ExecTemplate<'a>, Refusal> {
    let (no_linux, no_process) = (Linux::default(), spec::Process::default());
    let linux = spec.linux.as_ref().unwrap_or(&no_linux);
    let configured = spec.process.as_ref().unwrap_or(&no_process);
    let affinity = configured.exec_cpu_affinity.as_ref();
    let affinity = affinity.map(|it| scheduler::affinity(it, "process.execCPUAffinity")).transpose()?;
    // What the caller's place added to the first environment is not for others, nor is its console, and without a mask
    // of its own an exec process has its caller's.
    let entries = configured.env.iter().map(|entry| entry.as_bytes());
    let Environment { env, search, find_home } = environment::plan(entries, "process.env")?;
    let terminal = process.terminal.as_ref().map(|terminal| process::terminal_like(Some(terminal)));
    let umask = configured.user.umask;
    let process = Process { env, search, find_home, umask, terminal, ..process.clone() };
    // Where the mount namespace is somebody else's the container is only a change of root, which joining would not repeat.
    let namespaces = if listed.joins(clone::NEWNS) { listed.all() & !clone::NEWNS } else { listed.all() };
    Ok(ExecTemplate {
        limits: limits.clone(),
        namespaces,
        keyring: keyring.map(|keyring| Keyring { permissions: 0, ..keyring.clone() }),
        ambient_allowed: configured.capabilities.as_ref().is_some_and(|sets| !sets.inheritable.is_empty()),
        setgroups,
        limits_by_parent: host.euid != 0 || host.in_user_namespace || listed.has(clone::NEWUSER),
        affinity: affinity.unwrap_or_else(scheduler::no_affinity),
        last_capability: host.last_capability,
        listener: seccomp::listener(linux, wanted, process.seccomp.as_ref())?,
        process,
    })
}
