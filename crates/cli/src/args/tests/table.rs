//! The table itself: every flag is read, and no two have one name.

use super::*;

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
