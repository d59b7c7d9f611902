//! Completion for zsh(1).

use std::fmt::Write as _;

use super::{Words, argument, flags, value};
use crate::args::table::{COMMANDS, CommandRow, Count, Flag, WordOrder};

pub(super) fn script() -> String {
    let mut out = HEAD.to_owned();
    for flag in flags(None) {
        push_flag(&mut out, flag, None);
    }
    out += "        '1:command:_brig_commands' '*::argument:->arguments' && return\n";
    out +=
        "    [[ -n $opt_args[--root] ]] && root=(--root \"${(Q)opt_args[--root]}\")\n    case $words[1] in\n";
    for row in COMMANDS {
        writeln!(out, "    {})\n        _arguments -s \\", pattern(row)).ok();
        for flag in flags(Some(row)) {
            push_flag(&mut out, flag, Some(row));
        }
        push_arguments(&mut out, row);
        out += "        ;;\n";
    }
    out += "    esac\n}\n\n_brig_commands()\n{\n    local -a commands=(\n";
    for row in COMMANDS {
        writeln!(out, "        {}", quoted(&format!("{}:{}", row.name, row.summary))).ok();
    }
    out + "    )\n    _describe command commands\n}\n\n_brig \"$@\"\n"
}

fn pattern(row: &CommandRow) -> String {
    row.alias.map_or_else(|| row.name.to_owned(), |alias| format!("{}|{alias}", row.name))
}

/// One word of the shell.
fn quoted(words: &str) -> String {
    format!("'{}'", words.replace('\'', "'\\''"))
}

fn push_flag(out: &mut String, flag: &Flag, row: Option<&CommandRow>) {
    let meaning = flag.help.replace('\\', "\\\\").replace('[', "\\[").replace(']', "\\]").replace(':', "\\:");
    let repeated = flag.help.contains("(repeatable)");
    let (equals, action) = match value(flag, row) {
        None => ("", String::new()),
        Some(words) => ("=", format!(":{}:{}", flag.name, action(words))),
    };
    let names = [Some(format!("--{}{equals}", flag.name)), flag.short.map(|short| format!("-{short}"))];
    let exclusive = match (flag.short, repeated) {
        (_, true) => "*".to_owned(),
        (Some(short), false) => format!("(--{} -{short})", flag.name),
        (None, false) => String::new(),
    };
    for name in names.into_iter().flatten() {
        writeln!(out, "        {} \\", quoted(&format!("{exclusive}{name}[{meaning}]{action}"))).ok();
    }
}

/// The arguments, and the end of the call.
fn push_arguments(out: &mut String, row: &CommandRow) {
    let most = match row.count {
        Count::Exactly(most) | Count::Between(_, most) => most,
        Count::AtLeast(_) => 1,
    };
    let place = |place| quoted(&format!("{}:argument:{}", place + 1, action(argument(row, place))));
    let mut words: Vec<String> = (0..most).map(place).collect();
    match (row.count, row.order) {
        (Count::AtLeast(_), WordOrder::FlagsFirst) => words.push("'*::argument: '".to_owned()),
        (Count::AtLeast(_), WordOrder::FlagsAnywhere) => {
            words.push(quoted(&format!("*:argument:{}", action(argument(row, 1)))));
        }
        (Count::Exactly(_) | Count::Between(..), _) => {}
    }
    // A last word of its own: there may be no argument.
    writeln!(out, "        {}", if words.is_empty() { "--".to_owned() } else { words.join(" ") }).ok();
}

fn action(words: Words) -> String {
    match words {
        Words::Unknown => " ".to_owned(),
        Words::Choice(words) => format!("({})", words.join(" ")),
        Words::File => "_files".to_owned(),
        Words::Directory => "_files -/".to_owned(),
        Words::Container => "($(brig $root list -q 2>/dev/null))".to_owned(),
        Words::Command => "_brig_commands".to_owned(),
    }
}

const HEAD: &str = "\
#compdef brig
# zsh completion for brig(8). Made from brig's table of commands.

_brig()
{
    local curcontext=$curcontext state state_descr line
    local -a root
    typeset -A opt_args
    _arguments -C \\
";
