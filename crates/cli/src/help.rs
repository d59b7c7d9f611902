//! Help, from the table of commands, in the layout of runc's. Runs in: parent.

use crate::{
    args::table::{COMMANDS, CommandRow, Flag, GLOBAL, HELP, Kind},
    version,
};

pub(crate) const SUMMARY: &str = "Open Container Initiative runtime";
pub(crate) const DESCRIPTION: &str = "\
A container is described by a bundle: a directory with a config.json, in the format of the Open Container
Initiative, and a root filesystem. In the directory of a bundle,

    brig run <container-id>

runs it. `spec` writes a config.json to start from, and `explain` says what would be done with one.";

/// Help on brig as a whole. `name` is what it was called by.
#[must_use]
pub fn about_brig(name: &str) -> String {
    let version = version::lines(name);
    let version = version.split_once(" version ").map_or(version.as_str(), |(_, behind)| behind);
    let mut out = format!(
        "NAME:\n   {name} - {SUMMARY}\n\n{}\n\n",
        DESCRIPTION.replace("brig run", &format!("{name} run"))
    );
    out += &format!("USAGE:\n   {name} [global options] command [command options] [arguments...]\n\n");
    out += &format!("VERSION:\n   {version}\nCOMMANDS:\n");
    let commands = COMMANDS.iter().map(|row| (names(row), row.summary.to_owned()));
    push_pairs(&mut out, commands.collect());
    out += "\nGLOBAL OPTIONS:\n";
    push_flags(&mut out, GLOBAL.iter().chain([&HELP]));
    out
}

/// Help on one command.
#[must_use]
pub fn about_command(name: &str, row: &CommandRow) -> String {
    let usage = format!("{name} {} {}", row.name, row.usage);
    let mut out =
        format!("NAME:\n   {name} {} - {}\n\nUSAGE:\n   {}\n", row.name, row.summary, usage.trim_end());
    if !row.description.is_empty() {
        out += &format!("\nDESCRIPTION:\n   {}\n", row.description.replace('\n', "\n   "));
    }
    out += "\nOPTIONS:\n";
    push_flags(&mut out, row.flags.iter().chain([&HELP]));
    out
}

fn names(row: &CommandRow) -> String {
    row.alias.map_or_else(|| row.name.to_owned(), |alias| format!("{}, {alias}", row.name))
}

fn push_flags<'a>(out: &mut String, flags: impl Iterator<Item = &'a Flag>) {
    let shown = flags.filter(|flag| !flag.help.is_empty());
    push_pairs(out, shown.map(|flag| (spelling(flag), meaning(flag))).collect());
}

/// `--bundle value, -b value`
fn spelling(flag: &Flag) -> String {
    let value = if flag.kind == Kind::Switch { "" } else { " value" };
    let short = flag.short.map(|short| format!(", -{short}{value}")).unwrap_or_default();
    format!("--{}{value}{short}", flag.name)
}

fn meaning(flag: &Flag) -> String {
    match flag.default {
        "" => flag.help.to_owned(),
        default => format!("{} (default: {default})", flag.help),
    }
}

fn push_pairs(out: &mut String, pairs: Vec<(String, String)>) {
    let width = pairs.iter().map(|(left, _)| left.chars().count()).max().unwrap_or(0);
    for (left, right) in pairs {
        *out += &format!("   {left:width$}  {right}\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_on_brig_names_every_command_and_every_global_flag() {
        let help = about_brig("brig");
        let lines: Vec<&str> = help.lines().collect();
        assert_eq!(lines[0], "NAME:");
        assert_eq!(lines[1], "   brig - Open Container Initiative runtime");
        for row in COMMANDS {
            assert!(lines.iter().any(|line| line.starts_with(&format!("   {}", names(row)))), "{}", row.name);
        }
        for flag in GLOBAL {
            let named = lines.iter().any(|line| line.trim_start().starts_with(&spelling(flag)));
            assert_eq!(named, !flag.help.is_empty(), "{}", flag.name);
        }
    }

    #[test]
    fn help_on_a_command_names_it_and_its_flags() {
        for row in COMMANDS {
            let help = about_command("brig", row);
            assert!(help.starts_with(&format!("NAME:\n   brig {} - ", row.name)), "{help}");
            assert!(help.contains(&format!("USAGE:\n   brig {}", row.name)), "{help}");
            for flag in row.flags {
                assert_eq!(
                    help.contains(&spelling(flag)),
                    !flag.help.is_empty(),
                    "{} {}",
                    row.name,
                    flag.name
                );
            }
        }
    }

    #[test]
    fn the_layout_is_runcs() {
        let row = crate::args::table::command("delete").unwrap();
        let expected = "\
NAME:
   brig delete - remove what a stopped container holds

USAGE:
   brig delete [command options] <container-id>

OPTIONS:
   --force, -f  kill the container first (SIGKILL); an unknown id is no error
   --help, -h   show help
";
        assert_eq!(about_command("brig", row), expected);
    }

    #[test]
    fn no_line_ends_in_a_blank() {
        let pages = COMMANDS.iter().map(|row| about_command("brig", row)).chain([about_brig("brig")]);
        for page in pages {
            assert!(page.lines().all(|line| line == line.trim_end()), "{page}");
        }
    }
}
