//! Scanned words into typed commands: one function per command. Checks form only, and says so in runc's words.
//! Runs in: parent.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use super::{
    command::*,
    scan::Found,
    table,
    value::{boolean, decimal, not_boolean, ram_in_bytes, signal, user},
};
use crate::quote::quote;

/// The error of a command's words: the message.
type Read<T> = Result<T, String>;

const SIGTERM: i32 = 15;
const DEFAULT_INTERVAL: Duration = Duration::from_secs(5);

pub(super) fn global(found: &Found) -> Read<Global> {
    Ok(Global {
        debug: found.switch("debug"),
        log: found.path("log"),
        log_format: log_format(found.text("log-format"))?,
        root: found.path("root"),
        systemd_cgroup: found.switch("systemd-cgroup"),
        rootless: rootless(found.text("rootless"))?,
        trace: found.path("trace"),
        criu: found.has("criu"),
    })
}

fn log_format(text: Option<String>) -> Read<LogFormat> {
    match text.as_deref() {
        None | Some("text") => Ok(LogFormat::Text),
        Some("json") => Ok(LogFormat::Json),
        Some(other) => Err(format!("invalid log-format: {other}")),
    }
}

fn rootless(text: Option<String>) -> Read<Rootless> {
    match text.as_deref() {
        None | Some("auto") => Ok(Rootless::Auto),
        Some(other) => match boolean(other).ok_or_else(|| not_boolean(other))? {
            true => Ok(Rootless::Yes),
            false => Ok(Rootless::No),
        },
    }
}

pub(super) fn create(mut found: Found) -> Read<Command> {
    Ok(Command::Create(create_args(&mut found)))
}

pub(super) fn run(mut found: Found) -> Read<Command> {
    Ok(Command::Run(RunArgs {
        create: create_args(&mut found),
        detach: found.switch("detach"),
        keep: found.switch("keep"),
        no_subreaper: found.switch("no-subreaper"),
    }))
}

fn create_args(found: &mut Found) -> CreateArgs {
    CreateArgs {
        id: id(found),
        bundle: found.path("bundle"),
        console_socket: found.path("console-socket"),
        pidfd_socket: found.path("pidfd-socket"),
        pid_file: found.path("pid-file"),
        no_pivot: found.switch("no-pivot"),
        no_new_keyring: found.switch("no-new-keyring"),
        preserve_fds: found.int("preserve-fds").unwrap_or(0),
        timing: timing(found),
    }
}

fn timing(found: &Found) -> Timing {
    match found.switch("timing") {
        true => Timing::Printed,
        false => Timing::NotPrinted,
    }
}

pub(super) fn start(mut found: Found) -> Read<Command> {
    let timing = timing(&found);
    Ok(Command::Start(StartArgs { id: id(&mut found), timing }))
}

pub(super) fn state(mut found: Found) -> Read<Command> {
    Ok(Command::State(IdArgs { id: id(&mut found) }))
}

pub(super) fn pause(mut found: Found) -> Read<Command> {
    Ok(Command::Pause(IdArgs { id: id(&mut found) }))
}

pub(super) fn resume(mut found: Found) -> Read<Command> {
    Ok(Command::Resume(IdArgs { id: id(&mut found) }))
}

pub(super) fn delete(mut found: Found) -> Read<Command> {
    Ok(Command::Delete(DeleteArgs { id: id(&mut found), force: found.switch("force") }))
}

pub(super) fn kill(mut found: Found) -> Read<Command> {
    let id = id(&mut found);
    let word = found.words.first().filter(|word| !word.is_empty());
    let signal = word.map_or(Ok(SIGTERM), |word| signal(&word.to_string_lossy()))?;
    Ok(Command::Kill(KillArgs { id, signal, all: found.switch("all") }))
}

pub(super) fn list(found: Found) -> Read<Command> {
    Ok(Command::List(ListArgs { format: table_format(&found)?, quiet: found.switch("quiet") }))
}

pub(super) fn ps(mut found: Found) -> Read<Command> {
    let id = id(&mut found);
    let format = table_format(&found)?;
    let ps_args = if found.words.is_empty() { vec![OsString::from("-ef")] } else { found.words };
    Ok(Command::Ps(PsArgs { id, format, ps_args }))
}

fn table_format(found: &Found) -> Read<TableFormat> {
    match found.text("format").as_deref() {
        None | Some("table") => Ok(TableFormat::Table),
        Some("json") => Ok(TableFormat::Json),
        Some(_) => Err("invalid format option".to_owned()),
    }
}

pub(super) fn events(mut found: Found) -> Read<Command> {
    let interval = found.duration("interval").unwrap_or(DEFAULT_INTERVAL);
    if interval.is_zero() {
        return Err("duration interval must be greater than 0".to_owned());
    }
    Ok(Command::Events(EventsArgs { id: id(&mut found), interval, stats: found.switch("stats") }))
}

pub(super) fn stats(found: Found) -> Read<Command> {
    let interval = found.duration("interval").unwrap_or(Duration::from_secs(1));
    if interval.is_zero() {
        return Err("duration interval must be greater than 0".to_owned());
    }
    let ids = found.words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let (format, no_stream) = (table_format(&found)?, found.switch("no-stream"));
    Ok(Command::Stats(StatsArgs { ids, format, no_stream, interval }))
}

pub(super) fn spec(found: Found) -> Read<Command> {
    Ok(Command::Spec(SpecArgs { bundle: found.path("bundle"), rootless: found.switch("rootless") }))
}

pub(super) fn explain(mut found: Found) -> Read<Command> {
    let format = explain_format(&found)?;
    let against = found.path("against");
    Ok(Command::Explain(ExplainArgs { bundle: PathBuf::from(found.words.remove(0)), against, format }))
}

fn explain_format(found: &Found) -> Read<ExplainFormat> {
    match found.text("format").as_deref() {
        None | Some("text") => Ok(ExplainFormat::Text),
        Some("json") => Ok(ExplainFormat::Json),
        Some(_) => Err("invalid format option".to_owned()),
    }
}

pub(super) fn doctor(found: Found) -> Read<Command> {
    let format = explain_format(&found)?;
    let features = found.words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    Ok(Command::Doctor(DoctorArgs { format, features }))
}

pub(super) fn demo(found: Found) -> Read<Command> {
    Ok(Command::Demo(DemoArgs { args: found.words }))
}

pub(super) fn features(_: Found) -> Read<Command> {
    Ok(Command::Features)
}

pub(super) fn version(_: Found) -> Read<Command> {
    Ok(Command::Version)
}

/// The caller turns an unknown topic into an unknown command.
pub(super) fn help(found: Found) -> Read<Command> {
    let Some(topic) = found.words.first() else { return Ok(Command::Help(None)) };
    let topic = topic.to_string_lossy();
    table::command(&topic).map(|row| Command::Help(Some(row))).ok_or_else(|| super::no_help_topic(&topic))
}

pub(super) fn exec(mut found: Found) -> Read<Command> {
    let id = id(&mut found);
    let process = match found.path("process") {
        Some(file) => ExecProcess::File(file),
        None => ExecProcess::Words(Box::new(process_words(&mut found)?)),
    };
    Ok(Command::Exec(ExecArgs {
        id,
        process,
        console_socket: found.path("console-socket"),
        pidfd_socket: found.path("pidfd-socket"),
        pid_file: found.path("pid-file"),
        detach: found.switch("detach"),
        preserve_fds: found.int("preserve-fds").unwrap_or(0),
        cgroups: sub_cgroups(&found.texts("cgroup"))?,
        ignore_paused: found.switch("ignore-paused"),
        timing: timing(&found),
    }))
}

fn process_words(found: &mut Found) -> Read<ProcessWords> {
    if found.words.is_empty() {
        return Err("exec args cannot be empty".to_owned());
    }
    Ok(ProcessWords {
        args: std::mem::take(&mut found.words),
        cwd: found.path("cwd"),
        env: found.bytes("env"),
        tty: found.switch("tty"),
        user: found.text("user").map(|text| user(&text)).transpose()?,
        additional_gids: found.ids("additional-gids"),
        process_label: found.text("process-label"),
        apparmor: found.text("apparmor"),
        no_new_privileges: found.switch("no-new-privs"),
        caps: found.texts("cap"),
    })
}

fn sub_cgroups(texts: &[String]) -> Read<Vec<SubCgroup>> {
    let cgroups = texts.iter().map(|text| sub_cgroup(text, texts.len())).collect::<Read<Vec<_>>>()?;
    let mut seen: Vec<&str> = Vec::new();
    for controller in cgroups.iter().flat_map(|cgroup| &cgroup.controllers) {
        if seen.contains(&controller.as_str()) {
            return Err(format!(
                "invalid --cgroup argument(s): controller {controller} specified multiple times"
            ));
        }
        seen.push(controller);
    }
    Ok(cgroups)
}

/// One of `given` values: a path for all controllers must be the only one.
fn sub_cgroup(text: &str, given: usize) -> Read<SubCgroup> {
    let invalid = |reason: &str| Err(format!("invalid --cgroup argument: {text} ({reason})"));
    match text.split_once(':') {
        Some((controllers, _)) if controllers.split(',').any(str::is_empty) => {
            invalid("empty <controller> prefix")
        }
        Some((controllers, path)) => Ok(SubCgroup {
            controllers: controllers.split(',').map(str::to_owned).collect(),
            path: path.to_owned(),
        }),
        None if given > 1 => invalid("missing <controller>: prefix"),
        None => Ok(SubCgroup { controllers: Vec::new(), path: text.to_owned() }),
    }
}

pub(super) fn update(mut found: Found) -> Read<Command> {
    let limits = match found.path("resources") {
        Some(path) if path.as_os_str() == "-" => UpdateLimits::Stdin,
        Some(path) => UpdateLimits::File(path),
        None => UpdateLimits::Words(Box::new(limit_words(&found)?)),
    };
    Ok(Command::Update(UpdateArgs {
        id: id(&mut found),
        limits,
        l3_cache_schema: found.text("l3-cache-schema"),
        mem_bw_schema: found.text("mem-bw-schema"),
    }))
}

fn limit_words(found: &Found) -> Read<LimitWords> {
    Ok(LimitWords {
        blkio_weight: found.int("blkio-weight"),
        cpu_period: number(found, "cpu-period", "ParseUint")?,
        cpu_quota: number(found, "cpu-quota", "ParseInt")?,
        cpu_burst: number(found, "cpu-burst", "ParseUint")?,
        cpu_shares: number(found, "cpu-share", "ParseUint")?,
        cpu_rt_period: number(found, "cpu-rt-period", "ParseUint")?,
        cpu_rt_runtime: number(found, "cpu-rt-runtime", "ParseInt")?,
        cpuset_cpus: found.text("cpuset-cpus"),
        cpuset_mems: found.text("cpuset-mems"),
        cpu_idle: number(found, "cpu-idle", "ParseInt")?,
        memory: size(found, "memory")?,
        memory_reservation: size(found, "memory-reservation")?,
        memory_swap: size(found, "memory-swap")?,
        pids_limit: found.int("pids-limit"),
        kernel_memory: size(found, "kernel-memory")?.or(size(found, "kernel-memory-tcp")?).is_some(),
    })
}

fn number<T: TryFrom<i128>>(found: &Found, name: &str, function: &str) -> Read<Option<T>> {
    let value = found.text(name).map(|text| decimal(&text, function)).transpose();
    value.map_err(|error| format!("invalid value for {name}: {error}"))
}

fn size(found: &Found, name: &str) -> Read<Option<i64>> {
    let value =
        found.text(name).map(|text| if text == "-1" { Ok(-1) } else { ram_in_bytes(&text) }).transpose();
    value.map_err(|error| format!("invalid value for {name}: {error}"))
}

pub(super) fn checkpoint(mut found: Found) -> Read<Command> {
    Ok(Command::Checkpoint(CheckpointArgs {
        id: id(&mut found),
        criu: criu_args(&found)?,
        parent_path: found.path("parent-path"),
        status_fd: found.int("status-fd").filter(|fd| *fd >= 0),
        page_server: found.text("page-server").map(|text| page_server(&text)).transpose()?,
    }))
}

pub(super) fn restore(mut found: Found) -> Read<Command> {
    Ok(Command::Restore(RestoreArgs {
        id: id(&mut found),
        criu: criu_args(&found)?,
        bundle: found.path("bundle"),
        console_socket: found.path("console-socket"),
        pid_file: found.path("pid-file"),
        detach: found.switch("detach"),
        no_subreaper: found.switch("no-subreaper"),
        no_pivot: found.switch("no-pivot"),
        lsm_profile: found.text("lsm-profile"),
        lsm_mount_context: found.text("lsm-mount-context"),
        timing: timing(&found),
    }))
}

fn criu_args(found: &Found) -> Read<CriuArgs> {
    if let Some(other) = found.texts("empty-ns").iter().find(|name| *name != "network") {
        return Err(format!("namespace {} is not supported", quote(other)));
    }
    let switches = CriuSwitch::ALL.iter().filter(|(name, _)| found.switch(name)).map(|(_, switch)| *switch);
    Ok(CriuArgs {
        image_path: found.path("image-path"),
        work_path: found.path("work-path"),
        manage_cgroups: manage_cgroups(found.text("manage-cgroups-mode"))?,
        switches: switches.collect(),
    })
}

fn manage_cgroups(text: Option<String>) -> Read<Option<ManageCgroups>> {
    match text.as_deref() {
        None => Ok(None),
        Some("soft") => Ok(Some(ManageCgroups::Soft)),
        Some("full") => Ok(Some(ManageCgroups::Full)),
        Some("strict") => Ok(Some(ManageCgroups::Strict)),
        Some("ignore") => Ok(Some(ManageCgroups::Ignore)),
        Some(other) => Err(format!("invalid manage-cgroups-mode: {other}")),
    }
}

/// `ADDRESS:PORT`, an address of IPv6 in brackets.
fn page_server(text: &str) -> Read<(String, u16)> {
    let (address, port) = text.rsplit_once(':').unwrap_or_default();
    let bare = address.strip_prefix('[').map_or(Some(address), |rest| rest.strip_suffix(']'));
    match bare {
        Some(bare) if !bare.is_empty() && !port.is_empty() && (bare != address || !bare.contains(':')) => {
            let port = decimal(port, "Atoi").map_err(|_| "Invalid port number".to_owned())?;
            Ok((bare.to_owned(), port))
        }
        Some(_) | None => Err("Use --page-server ADDRESS:PORT to specify page server".to_owned()),
    }
}

/// The first argument. An id that is not UTF-8 turns into one that is refused like any other improper id.
fn id(found: &mut Found) -> String {
    let word = found.words.remove(0);
    word.into_string().unwrap_or_else(|word| word.to_string_lossy().into_owned())
}
