//! Completion for bash(1), without the functions of bash-completion.

use std::fmt::Write as _;

use super::{Words, argument, flags, value};
use crate::args::table::{COMMANDS, CommandRow, Count, WordOrder};

pub(super) fn script() -> String {
    let mut out = HEAD.replace("COMMANDS", &names());
    out += "\n# The options of a command that take a value.\n_brig_valued()\n{\n    case $1 in\n";
    for row in rows() {
        push_case(&mut out, row, &spellings(row, |words| words.is_some()));
    }
    out += "    esac\n}\n\n# All of its options.\n_brig_options()\n{\n    case $1 in\n";
    for row in rows() {
        push_case(&mut out, row, &spellings(row, |_| true));
    }
    out += "    esac\n}\n\n# What to complete: the value of an option ($2), or the argument in a place ($2, from 0 on).\n_brig_kind()\n{\n    case $1:$2 in\n";
    for row in rows() {
        push_kinds(&mut out, row);
    }
    out + "    esac\n}\n\ncomplete -F _brig brig\n"
}

/// brig itself, then its commands.
fn rows() -> impl Iterator<Item = Option<&'static CommandRow>> {
    std::iter::once(None).chain(COMMANDS.iter().map(Some))
}

fn name(row: Option<&CommandRow>) -> &'static str {
    row.map_or("", |row| row.name)
}

fn names() -> String {
    COMMANDS.iter().map(|row| row.name).collect::<Vec<_>>().join(" ")
}

/// The flags of `row` under all their names, of those whose value is as `wanted`.
fn spellings(row: Option<&'static CommandRow>, wanted: impl Fn(Option<Words>) -> bool) -> Vec<String> {
    flags(row)
        .filter(|flag| wanted(value(flag, row)))
        .flat_map(|flag| [Some(format!("--{}", flag.name)), flag.short.map(|short| format!("-{short}"))])
        .flatten()
        .collect()
}

fn push_case(out: &mut String, row: Option<&CommandRow>, words: &[String]) {
    if !words.is_empty() {
        writeln!(out, "    '{}') REPLY='{}' ;;", name(row), words.join(" ")).ok();
    }
}

fn push_kinds(out: &mut String, row: Option<&'static CommandRow>) {
    for flag in flags(row) {
        let Some(kind) = value(flag, row).and_then(kind) else { continue };
        let short = flag.short.map(|short| format!(" | {}:-{short}", name(row))).unwrap_or_default();
        writeln!(out, "    {}:--{}{short}) REPLY='{kind}' ;;", name(row), flag.name).ok();
    }
    let Some(row) = row else { return };
    for place in 0..2 {
        let beyond = match row.count {
            Count::Exactly(most) | Count::Between(_, most) => place >= most,
            Count::AtLeast(_) => row.order == WordOrder::FlagsFirst && place > 0,
        };
        if let Some(kind) = kind(argument(row, place)).filter(|_| !beyond) {
            writeln!(out, "    {}:{place}) REPLY='{kind}' ;;", row.name).ok();
        }
    }
}

/// As `_brig` understands it.
fn kind(words: Words) -> Option<String> {
    match words {
        Words::Unknown => None,
        Words::Choice(words) => Some(words.join(" ")),
        Words::File => Some("@file".to_owned()),
        Words::Directory => Some("@directory".to_owned()),
        Words::Container => Some("@container".to_owned()),
        Words::Command => Some(names()),
    }
}

const HEAD: &str = r#"# bash completion for brig(8). Made from brig's table of commands.

_brig()
{
    local REPLY word command='' option='' place=0 at=1 current=${COMP_WORDS[COMP_CWORD]}
    local root=() commands='COMMANDS'
    COMPREPLY=()
    # Up to the word to complete: which command, which argument. bash has split --option=value into three words.
    while ((at < COMP_CWORD)); do
        word=${COMP_WORDS[at]}
        if [[ $word == -?* && ! ($command == @(exec|ps|demo) && $place -gt 0) ]]; then
            REPLY=''
            _brig_valued "$command"
            if [[ " $REPLY " == *" $word "* ]]; then
                [[ ${COMP_WORDS[at + 1]} == '=' ]] && ((at++))
                if ((at + 1 >= COMP_CWORD)); then
                    option=$word
                    break
                fi
                [[ $word == --root ]] && root=(--root "${COMP_WORDS[at + 1]}")
                ((at++))
            fi
        elif [[ -z $command ]]; then
            command=$word
        else
            ((place++))
        fi
        ((at++))
    done
    [[ $current == '=' ]] && current=''

    REPLY=''
    if [[ -n $option ]]; then
        _brig_kind "$command" "$option"
    elif [[ $current == -* && ! ($command == @(exec|ps|demo) && $place -gt 0) ]]; then
        _brig_options "$command"
    elif [[ -z $command ]]; then
        REPLY=$commands
    else
        _brig_kind "$command" "$place"
    fi
    case $REPLY in
    @file)
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
        ;;
    @directory)
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -d -- "$current")
        ;;
    @container)
        mapfile -t COMPREPLY < <(compgen -W "$("${COMP_WORDS[0]}" "${root[@]}" list -q 2>/dev/null)" -- "$current")
        ;;
    *)
        mapfile -t COMPREPLY < <(compgen -W "$REPLY" -- "$current")
        ;;
    esac
}
"#;
