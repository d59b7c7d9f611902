//! Tables of command lines and what is read from them.

use std::{ffi::OsString, os::unix::ffi::OsStringExt, path::PathBuf, time::Duration};

use super::{
    command::*,
    table::{COMMANDS, Flag, GLOBAL, HELP, Kind},
    *,
};

fn words(line: &str) -> Vec<OsString> {
    line.split_whitespace().map(OsString::from).collect()
}

/// Reads a whole command line, without argv\[0\].
fn read(line: &str) -> Result<(Global, Command), Refused> {
    let (global, rest) = global(words(line))?;
    Ok((global, command("brig", rest)?))
}

fn refusal(line: &str) -> Refused {
    read(line).expect_err(line)
}

macro_rules! command {
    ($variant:ident, $line:expr) => {
        match read($line) {
            Ok((_, Command::$variant(args))) => args,
            other => panic!("{}: {other:?}", $line),
        }
    };
}

fn create(line: &str) -> CreateArgs {
    command!(Create, line)
}

fn exec(line: &str) -> ExecArgs {
    command!(Exec, line)
}

fn exec_words(line: &str) -> ProcessWords {
    match exec(line).process {
        ExecProcess::Words(words) => *words,
        ExecProcess::File(file) => panic!("{line}: {file:?}"),
    }
}

fn limits(line: &str) -> LimitWords {
    match command!(Update, line).limits {
        UpdateLimits::Words(words) => *words,
        limits @ (UpdateLimits::File(_) | UpdateLimits::Stdin) => panic!("{line}: {limits:?}"),
    }
}

#[test]
fn global_flags_stand_before_the_command() {
    let (global, command) =
        read("--root /r --log=/l -log-format json --systemd-cgroup -debug --rootless=true state c1").unwrap();
    assert_eq!(
        global,
        Global {
            debug: true,
            log: Some(PathBuf::from("/l")),
            log_format: LogFormat::Json,
            root: Some(PathBuf::from("/r")),
            systemd_cgroup: true,
            rootless: Rootless::Yes,
        }
    );
    assert!(matches!(command, Command::State(IdArgs { id }) if id == "c1"));
    assert_eq!(refusal("state --root /r c1").message, "flag provided but not defined: -root");
}

#[test]
fn nothing_is_on_by_default() {
    assert_eq!(read("state c1").unwrap().0, Global::default());
    assert_eq!(read("--log= --root= --log-format= state c1").unwrap().0, Global::default());
}

#[test]
fn rootless_takes_gos_booleans_and_auto() {
    for (value, rootless) in [
        ("auto", Rootless::Auto),
        ("1", Rootless::Yes),
        ("T", Rootless::Yes),
        ("false", Rootless::No),
        ("", Rootless::Auto),
    ] {
        assert_eq!(read(&format!("--rootless={value} list")).unwrap().0.rootless, rootless, "{value}");
    }
    assert_eq!(refusal("--rootless=zz list").message, "strconv.ParseBool: parsing \"zz\": invalid syntax");
}

#[test]
fn an_unknown_log_format_is_refused_without_help() {
    let refused = refusal("--log-format xml state c1");
    assert_eq!(refused.message, "invalid log-format: xml");
    assert!(refused.usage.is_none());
    assert_eq!(refused.exit, Exit::Failure);
}

#[test]
fn one_dash_and_two_are_one() {
    for line in ["delete -force c1", "delete --force c1", "delete -f c1", "delete --f c1"] {
        assert_eq!(command!(Delete, line), DeleteArgs { id: "c1".to_owned(), force: true }, "{line}");
    }
}

#[test]
fn booleans_may_have_a_value_behind_an_equals_sign() {
    for (line, force) in [
        ("delete --force=true c1", true),
        ("delete --force=T c1", true),
        ("delete c1 --force=1", true),
        ("delete --force=false c1", false),
        ("delete --force=F c1", false),
        ("delete --force --force=0 c1", false),
    ] {
        assert_eq!(command!(Delete, line).force, force, "{line}");
    }
    let refused = refusal("delete --force=maybe c1");
    assert_eq!(refused.message, "invalid boolean value \"maybe\" for -force: parse error");
    assert_eq!(refused.exit, Exit::Failure);
}

#[test]
fn the_word_behind_a_boolean_is_not_its_value() {
    assert_eq!(refusal("delete --force false c1").message, "brig: \"delete\" requires exactly 1 argument(s)");
}

#[test]
fn flags_may_stand_behind_arguments() {
    assert!(command!(Delete, "delete c1 --force").force);
    let args = create("create c1 --bundle /b --pid-file=/p --preserve-fds 3");
    assert_eq!(args.id, "c1");
    assert_eq!(args.bundle, Some(PathBuf::from("/b")));
    assert_eq!(args.pid_file, Some(PathBuf::from("/p")));
    assert_eq!(args.preserve_fds, 3);
}

#[test]
fn flags_of_exec_and_ps_end_at_the_first_argument() {
    let process = exec_words("exec -t c1 -e A=B");
    assert_eq!(process.args, ["-e", "A=B"]);
    assert!(process.tty && process.env.is_empty());
    assert_eq!(exec_words("exec c1 sh -c -- x").args, ["sh", "-c", "--", "x"]);
    assert_eq!(exec_words("exec c1 -- ls").args, ["--", "ls"]);
    let args = command!(Ps, "ps -f json c1 -e -o pid");
    assert_eq!(args.format, TableFormat::Json);
    assert_eq!(args.ps_args, ["-e", "-o", "pid"]);
    assert_eq!(command!(Ps, "ps c1").ps_args, ["-ef"]);
}

#[test]
fn two_dashes_end_the_flags() {
    assert_eq!(command!(Delete, "delete -- --force").id, "--force");
    assert_eq!(command!(Kill, "kill c1 -- -9").signal, -9);
    assert_eq!(create("create --bundle -- c1").bundle, Some(PathBuf::from("--")));
    assert!(matches!(read("-- state c1").unwrap().1, Command::State(_)));
}

#[test]
fn a_dash_alone_is_an_argument() {
    assert!(matches!(read("state -").unwrap().1, Command::State(IdArgs { id }) if id == "-"));
}

#[test]
fn an_unknown_flag_is_refused_with_help() {
    let refused = refusal("--bogus state c1");
    assert_eq!(refused.message, "flag provided but not defined: -bogus");
    let usage = refused.usage.unwrap();
    assert_eq!(usage.heading, "Incorrect Usage. flag provided but not defined: -bogus");
    assert!(usage.command.is_none());

    let refused = refusal("state -x c1");
    assert_eq!(refused.message, "flag provided but not defined: -x");
    let usage = refused.usage.unwrap();
    assert_eq!(usage.heading, "Incorrect Usage: flag provided but not defined: -x");
    assert_eq!(usage.command.unwrap().name, "state");
}

#[test]
fn short_flags_do_not_bundle() {
    assert_eq!(refusal("exec -it c1 sh").message, "flag provided but not defined: -it");
}

#[test]
fn malformed_flags_are_refused() {
    for (line, message) in [
        ("---x state c1", "bad flag syntax: ---x"),
        ("-=x state c1", "bad flag syntax: -=x"),
        ("--=x state c1", "bad flag syntax: --=x"),
        ("run c1 --bundle", "flag needs an argument: -bundle"),
        ("run -b", "flag needs an argument: -b"),
        ("run --preserve-fds=abc c1", "invalid value \"abc\" for flag -preserve-fds: parse error"),
        ("run --preserve-fds=-1 c1", "invalid value \"-1\" for flag -preserve-fds: value out of range"),
        ("events --interval abc c1", "invalid value \"abc\" for flag -interval: parse error"),
        ("events --interval -5s c1", "invalid value \"-5s\" for flag -interval: parse error"),
        (
            "exec -g x c1 sh",
            "invalid value \"x\" for flag -g: strconv.ParseInt: parsing \"x\": invalid syntax",
        ),
        (
            "update --pids-limit 99999999999999999999 c1",
            "invalid value \"99999999999999999999\" for flag -pids-limit: value out of range",
        ),
    ] {
        let refused = refusal(line);
        assert_eq!(refused.message, message, "{line}");
        assert!(refused.usage.is_some(), "{line}");
        assert_eq!(refused.exit, Exit::Failure, "{line}");
    }
}

#[test]
fn a_wrong_number_of_arguments_is_refused_with_help() {
    for (line, message) in [
        ("state", "brig: \"state\" requires exactly 1 argument(s)"),
        ("state a b", "brig: \"state\" requires exactly 1 argument(s)"),
        ("state a -q", "brig: \"state\" requires exactly 1 argument(s)"),
        ("delete a --force b", "brig: \"delete\" requires exactly 1 argument(s)"),
        ("list a", "brig: \"list\" requires exactly 0 argument(s)"),
        ("kill", "brig: \"kill\" requires a minimum of 1 argument(s)"),
        ("kill a 9 b", "brig: \"kill\" requires a maximum of 2 argument(s)"),
        ("exec", "brig: \"exec\" requires a minimum of 1 argument(s)"),
        ("explain", "brig: \"explain\" requires exactly 1 argument(s)"),
    ] {
        let refused = refusal(line);
        assert_eq!(refused.message, message, "{line}");
        assert_eq!(refused.usage.unwrap().heading, "Incorrect Usage.", "{line}");
        assert_eq!(refused.exit, Exit::Failure, "{line}");
    }
}

#[test]
fn an_unknown_command_ends_with_three() {
    for line in ["foo", "foo -h", "foo --bar x", "help foo", "init"] {
        let refused = refusal(line);
        let topic = line.split(' ').find(|word| *word != "help").unwrap();
        assert_eq!(refused.message, format!("No help topic for '{topic}'"), "{line}");
        assert_eq!(refused.exit, Exit::UnknownCommand, "{line}");
        assert!(refused.usage.is_none(), "{line}");
    }
}

#[test]
fn help_and_version_are_asked_for_in_many_ways() {
    for line in ["", "help", "h", "-h", "--help", "-h foo", "--debug", "-h -v"] {
        assert!(matches!(read(line).unwrap().1, Command::Help(None)), "{line}");
    }
    for line in ["help state", "h state", "state -h", "state --help", "state c1 -h", "state a b -help"] {
        let Command::Help(Some(row)) = read(line).unwrap().1 else { panic!("{line}") };
        assert_eq!(row.name, "state", "{line}");
    }
    for line in ["-v", "--version", "version", "-v state c1"] {
        assert!(matches!(read(line).unwrap().1, Command::Version), "{line}");
    }
}

#[test]
fn help_behind_the_command_of_exec_belongs_to_that_command() {
    assert_eq!(exec_words("exec c1 ls -h").args, ["ls", "-h"]);
}

#[test]
fn what_containerd_types_is_understood() {
    let line = "--root /run/r --log /l.json --log-format json create --bundle /b --pid-file /b/init.pid \
                --console-socket /s --no-pivot --no-new-keyring c1";
    assert_eq!(
        create(line),
        CreateArgs {
            id: "c1".to_owned(),
            bundle: Some(PathBuf::from("/b")),
            console_socket: Some(PathBuf::from("/s")),
            pidfd_socket: None,
            pid_file: Some(PathBuf::from("/b/init.pid")),
            no_pivot: true,
            no_new_keyring: true,
            preserve_fds: 0,
        }
    );
    let args = exec("exec --process /p.json --pid-file /x.pid --detach c1");
    assert_eq!(args.process, ExecProcess::File(PathBuf::from("/p.json")));
    assert!(args.detach);
    assert_eq!(command!(Kill, "kill --all c1 15"), KillArgs { id: "c1".to_owned(), signal: 15, all: true });
    assert_eq!(command!(Update, "update --resources=- c1").limits, UpdateLimits::Stdin);
}

#[test]
fn run_takes_what_create_takes_and_more() {
    let args = command!(Run, "run -d --keep --no-subreaper -b /b --pidfd-socket /p c1");
    assert!(args.detach && args.keep && args.no_subreaper);
    assert_eq!(args.create.bundle, Some(PathBuf::from("/b")));
    assert_eq!(args.create.pidfd_socket, Some(PathBuf::from("/p")));
}

#[test]
fn kill_takes_names_and_numbers() {
    for (line, signal) in [
        ("kill c1", 15),
        ("kill c1 9", 9),
        ("kill c1 KILL", 9),
        ("kill c1 sigkill", 9),
        ("kill c1 -9", -9),
        ("kill -a c1 HUP", 1),
    ] {
        assert_eq!(command!(Kill, line).signal, signal, "{line}");
    }
    assert_eq!(refusal("kill c1 FOO").message, "unknown signal \"FOO\"");
    assert_eq!(refusal("kill -9 c1").message, "flag provided but not defined: -9");
}

#[test]
fn exec_builds_a_process_from_words() {
    let line = "exec --cwd /w -e A=1 --env B=2 -t -u 7:8 -g 9 --additional-gids 0x10 --process-label l \
                --apparmor p --no-new-privs -c CAP_KILL --cap CAP_CHOWN c1 sh -c x";
    assert_eq!(
        exec_words(line),
        ProcessWords {
            args: words("sh -c x"),
            cwd: Some(PathBuf::from("/w")),
            env: words("A=1 B=2"),
            tty: true,
            user: Some((7, Some(8))),
            additional_gids: vec![9, 16],
            process_label: Some("l".to_owned()),
            apparmor: Some("p".to_owned()),
            no_new_privileges: true,
            caps: vec!["CAP_KILL".to_owned(), "CAP_CHOWN".to_owned()],
        }
    );
}

#[test]
fn words_that_exec_refuses_end_with_255() {
    for (line, message) in [
        ("exec c1", "exec failed: process args cannot be empty"),
        ("exec -u root c1 sh", "exec failed: bad uid: strconv.Atoi: parsing \"root\": invalid syntax"),
        (
            "exec --cgroup a --cgroup b c1 sh",
            "exec failed: invalid --cgroup argument: a (missing <controller>: prefix)",
        ),
        (
            "exec --cgroup ,a:/x c1 sh",
            "exec failed: invalid --cgroup argument: ,a:/x (empty <controller> prefix)",
        ),
        (
            "exec --cgroup a:/x --cgroup b,a:/y c1 sh",
            "exec failed: invalid --cgroup argument: controller a given twice",
        ),
    ] {
        let refused = refusal(line);
        assert_eq!(refused.message, message, "{line}");
        assert_eq!(refused.exit, Exit::ExecFailure, "{line}");
    }
}

#[test]
fn a_process_file_replaces_the_words_on_the_process() {
    let args = exec("exec -p /p.json -u nonsense c1 ignored");
    assert_eq!(args.process, ExecProcess::File(PathBuf::from("/p.json")));
}

#[test]
fn cgroups_of_exec_have_controllers_or_none() {
    let sub = |controllers: &[&str], path: &str| SubCgroup {
        controllers: controllers.iter().map(|name| (*name).to_owned()).collect(),
        path: path.to_owned(),
    };
    assert_eq!(exec("exec --cgroup a/b c1 sh").cgroups, [sub(&[], "a/b")]);
    assert_eq!(
        exec("exec --cgroup cpu,memory:/x --cgroup pids:/y c1 sh").cgroups,
        [sub(&["cpu", "memory"], "/x"), sub(&["pids"], "/y")]
    );
}

#[test]
fn update_reads_limits_with_units() {
    let line = "update --blkio-weight 500 --cpu-period 1000 --cpu-quota -1 --cpu-burst 5 --cpu-share 256 \
                --cpu-rt-period 7 --cpu-rt-runtime 8 --cpuset-cpus 0-1 --cpuset-mems 0 --cpu-idle 1 --memory 64m \
                --memory-reservation 512k --memory-swap -1 --pids-limit -1 c1";
    assert_eq!(
        limits(line),
        LimitWords {
            blkio_weight: Some(500),
            cpu_period: Some(1000),
            cpu_quota: Some(-1),
            cpu_burst: Some(5),
            cpu_shares: Some(256),
            cpu_rt_period: Some(7),
            cpu_rt_runtime: Some(8),
            cpuset_cpus: Some("0-1".to_owned()),
            cpuset_mems: Some("0".to_owned()),
            cpu_idle: Some(1),
            memory: Some(64 << 20),
            memory_reservation: Some(512 << 10),
            memory_swap: Some(-1),
            pids_limit: Some(-1),
            kernel_memory: false,
        }
    );
    assert_eq!(limits("update c1"), LimitWords::default());
    assert!(limits("update --kernel-memory 1g c1").kernel_memory);
    assert!(limits("update --kernel-memory-tcp 1g c1").kernel_memory);
}

#[test]
fn update_refuses_values_in_runcs_words() {
    for (line, message) in [
        ("update --memory bad c1", "invalid value for memory: invalid size: 'bad'"),
        ("update --memory-swap 1x c1", "invalid value for memory-swap: invalid suffix: 'x'"),
        (
            "update --cpu-share -1 c1",
            "invalid value for cpu-share: strconv.ParseUint: parsing \"-1\": invalid syntax",
        ),
    ] {
        let refused = refusal(line);
        assert_eq!(refused.message, message, "{line}");
        assert!(refused.usage.is_none(), "{line}");
    }
}

#[test]
fn a_resources_file_replaces_the_limits_but_not_the_rdt_schemas() {
    let args = command!(Update, "update -r /r.json --memory bad --l3-cache-schema L3:0=f c1");
    assert_eq!(args.limits, UpdateLimits::File(PathBuf::from("/r.json")));
    assert_eq!(args.l3_cache_schema.as_deref(), Some("L3:0=f"));
}

#[test]
fn events_have_an_interval_above_zero() {
    assert_eq!(command!(Events, "events c1").interval, Duration::from_secs(5));
    assert_eq!(command!(Events, "events --interval 100ms --stats c1").interval, Duration::from_millis(100));
    assert_eq!(refusal("events --interval 0 c1").message, "duration interval must be greater than 0");
}

#[test]
fn formats_are_checked() {
    assert_eq!(command!(List, "list -f json -q"), ListArgs { format: TableFormat::Json, quiet: true });
    assert_eq!(command!(List, "list").format, TableFormat::Table);
    assert_eq!(command!(Explain, "explain /b --format json").format, ExplainFormat::Json);
    for line in ["list -f xml", "ps -f xml c1", "explain --format xml /b"] {
        assert_eq!(refusal(line).message, "invalid format option", "{line}");
    }
}

#[test]
fn checkpoint_and_restore_share_flags() {
    let args = command!(
        Checkpoint,
        "checkpoint --image-path /i --work-path /w --shell-job --pre-dump --manage-cgroups-mode ignore \
         --empty-ns network --page-server [::1]:77 --status-fd 4 --parent-path ../p c1"
    );
    assert_eq!(args.criu.switches, [CriuSwitch::ShellJob, CriuSwitch::PreDump]);
    assert_eq!(args.criu.manage_cgroups, Some(ManageCgroups::Ignore));
    assert_eq!(args.page_server, Some(("[::1]".to_owned(), 77)));
    assert_eq!(args.status_fd, Some(4));
    assert_eq!(command!(Checkpoint, "checkpoint c1").status_fd, None);
    let args = command!(Restore, "restore -d --lazy-pages --lsm-profile apparmor:x -b /b c1");
    assert!(args.detach);
    assert_eq!(args.criu.switches, [CriuSwitch::LazyPages]);
    assert_eq!(args.lsm_profile.as_deref(), Some("apparmor:x"));
    for line in [
        "checkpoint --manage-cgroups-mode x c1",
        "checkpoint --empty-ns pid c1",
        "checkpoint --page-server nowhere c1",
        "checkpoint --page-server a:70000 c1",
    ] {
        assert_eq!(refusal(line).exit, Exit::Failure, "{line}");
    }
}

#[test]
fn demo_runs_what_follows_the_dashes_or_nothing() {
    assert_eq!(command!(Demo, "demo").args, [""; 0]);
    assert_eq!(command!(Demo, "demo -- sh -c x").args, ["sh", "-c", "x"]);
    assert_eq!(command!(Demo, "demo sh -c x").args, ["sh", "-c", "x"]);
}

#[test]
fn bytes_that_are_not_utf8_survive_where_linux_allows_them() {
    let odd = OsString::from_vec(b"/a\xff".to_vec());
    let line =
        ["exec", "--cwd"].map(OsString::from).into_iter().chain([odd.clone(), "c1".into(), odd.clone()]);
    let Ok(Command::Exec(ExecArgs { process: ExecProcess::Words(process), .. })) =
        command("brig", line.collect())
    else {
        panic!("not read")
    };
    assert_eq!(process.cwd, Some(PathBuf::from(&odd)));
    assert_eq!(process.args, std::slice::from_ref(&odd));
    let refused = command("brig", vec!["exec".into(), "--apparmor".into(), odd, "c1".into(), "sh".into()]);
    assert!(refused.unwrap_err().message.ends_with("for flag -apparmor: not UTF-8"));
}

/// A value that the flag accepts.
fn sample(flag: &Flag) -> &'static str {
    match (flag.kind, flag.name) {
        (Kind::Switch, _) => "true",
        (Kind::Int { .. } | Kind::Id, _) => "1",
        (Kind::Duration, _) => "1s",
        (_, "empty-ns") => "network",
        (_, "manage-cgroups-mode") => "soft",
        (_, "page-server") => "a:1",
        (_, "format" | "log-format") => "json",
        (_, "rootless") => "true",
        (Kind::Bytes | Kind::Text, _) => "1",
    }
}

/// The typed command without the flag, and with it under each of its names.
fn effects(row: &CommandRow, flag: &Flag) -> (String, Vec<String>) {
    let arguments = match (row.name, flag.name, row.count) {
        ("seccomp", "arch", _) => "check c1 read",
        ("seccomp", ..) => "compile c1",
        (.., Count::Exactly(0)) => "",
        (.., Count::Exactly(_) | Count::AtLeast(_) | Count::Between(..)) => "c1",
    };
    let behind = if row.name == "exec" { "sh" } else { "" };
    let told = |flags: &str| {
        let line = format!("{} {flags} {arguments} {behind}", row.name);
        format!("{:?}", read(&line).unwrap_or_else(|refused| panic!("{line}: {refused:?}")).1)
    };
    let names = [Some(flag.name), flag.short];
    let with = names.iter().flatten().map(|name| told(&format!("--{name}={}", sample(flag))));
    (told(""), with.collect())
}

#[test]
fn every_flag_of_every_command_changes_what_is_read() {
    for row in COMMANDS {
        for flag in row.flags.iter().filter(|flag| flag.name != "empty-ns") {
            let (without, with) = effects(row, flag);
            for with in with {
                assert_ne!(without, with, "{} {}", row.name, flag.name);
            }
        }
    }
}

#[test]
fn every_global_flag_changes_what_is_read() {
    for flag in GLOBAL.iter().filter(|flag| flag.kind != Kind::Switch || flag.name != "version") {
        let (with, _) = global(words(&format!("--{}={} list", flag.name, sample(flag)))).unwrap();
        assert_ne!(with, Global::default(), "{}", flag.name);
    }
}

#[test]
fn no_two_flags_of_a_command_share_a_name() {
    let tables = COMMANDS.iter().map(|row| row.flags).chain([GLOBAL]);
    for flags in tables {
        let names = flags.iter().chain([&HELP]).flat_map(|flag| [Some(flag.name), flag.short]).flatten();
        let mut names: Vec<&str> = names.collect();
        let given = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), given, "{names:?}");
    }
}

#[test]
fn commands_stand_in_alphabetical_order_before_version_and_help() {
    let names: Vec<&str> = COMMANDS.iter().map(|row| row.name).collect();
    let (own, last) = names.split_at(names.len() - 2);
    assert!(own.is_sorted());
    assert_eq!(last, ["version", "help"]);
}
