//! The rules that hold for every command: dashes, values, numbers of arguments, help.

use super::*;

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
    assert!(matches!(command("brig", vec![OsString::new()]).unwrap(), Command::Help(None)));
    for line in ["help state", "h state", "state -h", "state --help", "state c1 -h", "state a b -help"] {
        let Command::Help(Some(row)) = read(line).unwrap().1 else { panic!("{line}") };
        assert_eq!(row.name, "state", "{line}");
    }
    for line in ["-v", "--version", "version", "-v state c1"] {
        assert!(matches!(read(line).unwrap().1, Command::Version), "{line}");
    }
}
