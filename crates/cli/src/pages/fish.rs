//! Completion for fish(1).

use std::fmt::Write as _;

use super::{Words, argument, flags, value};
use crate::args::table::{COMMANDS, CommandRow, Count};

pub(super) fn script() -> String {
    let names = COMMANDS.iter().map(|row| row.name).collect::<Vec<_>>().join(" ");
    let mut out = HEAD.replace("COMMANDS", &names);
    push_flags(&mut out, None);
    for row in COMMANDS {
        writeln!(out, "complete -c brig -n '__brig_at \"\"' -a {} -d {}", row.name, quoted(row.summary)).ok();
    }
    for row in COMMANDS {
        writeln!(out, "\n# {}", row.name).ok();
        push_flags(&mut out, Some(row));
        let most = match row.count {
            Count::Exactly(most) | Count::Between(_, most) => most,
            Count::AtLeast(_) => 1,
        };
        for place in 0..most {
            if let Some(words) = completion(argument(row, place), &names) {
                writeln!(out, "complete -c brig -n '__brig_at {} {place}' {words}", row.name).ok();
            }
        }
    }
    out
}

fn quoted(words: &str) -> String {
    format!("'{}'", words.replace('\\', "\\\\").replace('\'', "\\'"))
}

fn push_flags(out: &mut String, row: Option<&'static CommandRow>) {
    let names = COMMANDS.iter().map(|row| row.name).collect::<Vec<_>>().join(" ");
    let command = row.map_or("\"\"", |row| row.name);
    for flag in flags(row) {
        let short = flag.short.map(|short| format!(" -s {short}")).unwrap_or_default();
        let value = match value(flag, row) {
            None => String::new(),
            Some(words) => format!(" {}", completion(words, &names).unwrap_or_else(|| "-x".to_owned())),
        };
        let meaning = quoted(flag.help);
        writeln!(
            out,
            "complete -c brig -n '__brig_at {command}'{short} -l {}{value} -d {meaning}",
            flag.name
        )
        .ok();
    }
}

fn completion(words: Words, names: &str) -> Option<String> {
    Some(match words {
        Words::Unknown => return None,
        Words::Choice(words) => format!("-x -a '{}'", words.join(" ")),
        Words::File => "-r -F".to_owned(),
        Words::Directory => "-x -a '(__fish_complete_directories)'".to_owned(),
        Words::Container => "-x -a '(__brig_containers)'".to_owned(),
        Words::Command => format!("-x -a '{names}'"),
    })
}

const HEAD: &str = r#"# fish completion for brig(8). Made from brig's table of commands.

# Whether the command is $argv[1] ("" for none yet), and with a second word, whether so many arguments stand behind it.
function __brig_at
    set -l words (commandline -opc)
    set -e words[1]
    set -l command ''
    set -l place 0
    set -l value 0
    for word in $words
        if test $value = 1
            set value 0
        else if string match -qr -- '^-' $word
            # Before a command only these take a value in a word of its own; behind it places are a guess.
            contains -- $word --log --log-format --root --rootless
            and set value 1
        else if test -z "$command"
            set command $word
        else
            set place (math $place + 1)
        end
    end
    test "$command" = "$argv[1]"
    or return 1
    test (count $argv) = 1 -o "$place" = "$argv[2]"
end

function __brig_containers
    set -l words (commandline -opc)
    set -l root
    if set -l at (contains -i -- --root $words)
        set root --root $words[(math $at + 1)]
    end
    brig $root list -q 2>/dev/null
end

complete -c brig -f
"#;
