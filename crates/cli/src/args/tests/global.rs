//! The options before the command.

use super::*;

#[test]
fn global_flags_stand_before_the_command() {
    let (global, command) = read(
        "--root /r --log=/l -log-format json --systemd-cgroup -debug --rootless=true --trace /t state c1",
    )
    .unwrap();
    assert_eq!(
        global,
        Global {
            debug: true,
            log: Some(PathBuf::from("/l")),
            log_format: LogFormat::Json,
            root: Some(PathBuf::from("/r")),
            systemd_cgroup: true,
            rootless: Rootless::Yes,
            trace: Some(PathBuf::from("/t")),
            criu: false,
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
fn every_global_flag_changes_what_is_read() {
    for flag in GLOBAL.iter().filter(|flag| flag.kind != Kind::Switch || flag.name != "version") {
        let (with, _) = global(words(&format!("--{}={} list", flag.name, sample(flag)))).unwrap();
        assert_ne!(with, Global::default(), "{}", flag.name);
    }
}
