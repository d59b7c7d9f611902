//! `create`, `run`, `kill`, `events`, `list`, `demo`: what each makes of its words.

use super::*;

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
            timing: Timing::NotPrinted,
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
fn events_have_an_interval_above_zero() {
    assert_eq!(command!(Events, "events c1").interval, Duration::from_secs(5));
    assert_eq!(command!(Events, "events --interval 100ms --stats c1").interval, Duration::from_millis(100));
    for none in ["0", "0s", "-5s"] {
        let refused = refusal(&format!("events --interval {none} c1"));
        assert_eq!(refused.message, "duration interval must be greater than 0", "{none}");
    }
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
fn demo_runs_what_follows_the_dashes_or_nothing() {
    assert_eq!(command!(Demo, "demo").args, [""; 0]);
    assert_eq!(command!(Demo, "demo -- sh -c x").args, ["sh", "-c", "x"]);
    assert_eq!(command!(Demo, "demo sh -c x").args, ["sh", "-c", "x"]);
}
