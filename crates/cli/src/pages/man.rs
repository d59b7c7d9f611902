//! Man pages: brig(8), and one for each command.

use super::{documented, flags, placeholder, sections};
use crate::{
    args::table::{COMMANDS, CommandRow, Flag},
    help, version,
};

pub(super) fn about_brig(date: &str) -> String {
    let mut out = head("brig", date);
    out += &format!(".SH NAME\nbrig \\- {}\n", text(help::SUMMARY));
    out += ".SH SYNOPSIS\n.B brig\n.RI [ \"global options\" ]\n.I command\n.RI [ \"command options\" ]\n.RI [ arguments ...]\n";
    out += ".SH DESCRIPTION\n";
    push_paragraphs(&mut out, help::DESCRIPTION);
    out += ".PP\nThe commands, their options, output and exit codes follow those of\n.BR runc (8).\n";
    out += ".SH COMMANDS\n";
    for row in COMMANDS {
        let name = text(row.name);
        let page = documented().any(|other| other.name == row.name);
        out += &if page {
            format!(".TP\n.BR brig\\-{name} (8)\n{}\n", sentence(row.summary))
        } else {
            format!(".TP\n.B {name}\n{}\n", sentence(row.summary))
        };
    }
    out += ".SH OPTIONS\nThese stand before the command.\n";
    push_flags(&mut out, flags(None));
    out += &[ENVIRONMENT, sections::STREAMS, FILES_AND_EXIT_STATUS].concat();
    out += ".SH EXAMPLES\n";
    out += &sections::examples("spec");
    out += &format!(".PP\n{}", sections::examples("run"));
    out += ".PP\nEach command's own page has more.\n";
    out += ".SH SEE ALSO\n.BR runc (8),\n.BR capabilities (7),\n.BR cgroups (7),\n.BR namespaces (7),\n.BR seccomp (2)\n";
    wrapped(&out)
}

pub(super) fn about_command(row: &CommandRow, date: &str) -> String {
    let mut out = head(&format!("brig-{}", row.name), date);
    out += &format!(".SH NAME\nbrig\\-{} \\- {}\n.SH SYNOPSIS\n", text(row.name), text(row.summary));
    for (place, usage) in row.usage.split(" || ").enumerate() {
        let separator = if place == 0 { "" } else { ".br\n" };
        out += &format!("{separator}.B brig {}\n", text(row.name));
        if !usage.is_empty() {
            out += &format!("{}\n", text(usage));
        }
    }
    out += &format!(".SH DESCRIPTION\n{}\n", sentence(row.summary));
    if !row.description.is_empty() {
        out += ".PP\n";
        push_paragraphs(&mut out, row.description);
    }
    out += ".SH OPTIONS\n";
    push_flags(&mut out, flags(COMMANDS.iter().find(|other| other.name == row.name)));
    out += &sections::of(row.name);
    wrapped(&out)
}

/// Lines of text no longer than the 80 bytes that mandoc(1) wants. None begins with what roff takes for a request.
fn wrapped(page: &str) -> String {
    let mut out = String::with_capacity(page.len() + 64);
    let mut is_verbatim = false;
    for line in page.lines() {
        is_verbatim = line == ".nf" || is_verbatim && line != ".fi";
        let mut rest = line;
        while rest.len() > LONGEST && !is_verbatim && !rest.starts_with('.') {
            let fits = |(at, _): &(usize, &str)| *at <= LONGEST && !rest[at + 1..].starts_with(['.', '\'']);
            let Some((at, _)) = rest.match_indices(' ').rfind(fits) else { break };
            out += &format!("{}\n", &rest[..at]);
            rest = &rest[at + 1..];
        }
        out += &format!("{rest}\n");
    }
    out
}

const LONGEST: usize = 79;

fn head(name: &str, date: &str) -> String {
    format!(
        ".\\\" Made from brig's table of commands.\n.TH {} 8 {date} \"brig {}\" \"System Administration\"\n",
        text(&name.to_uppercase()),
        version::VERSION
    )
}

/// `text` so that roff prints just that: no escapes, no requests, and dashes that can be copied.
pub(super) fn text(text: &str) -> String {
    let escaped = text.replace('\\', "\\e").replace('-', "\\-").replace('`', "");
    match escaped.as_bytes().first() {
        Some(b'.' | b'\'') => format!("\\&{escaped}"),
        _ => escaped,
    }
}

fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    text(&format!("{first}{}.", letters.as_str()))
}

/// Paragraphs are parted by empty lines; lines that are indented are printed as they stand.
fn push_paragraphs(out: &mut String, words: &str) {
    for (place, paragraph) in words.split("\n\n").enumerate() {
        if place > 0 {
            *out += ".PP\n";
        }
        let verbatim = paragraph.starts_with("    ");
        if verbatim {
            *out += ".nf\n.RS\n";
        }
        for line in paragraph.lines() {
            *out += &format!("{}\n", text(line.trim()));
        }
        if verbatim {
            *out += ".RE\n.fi\n";
        }
    }
}

fn push_flags<'f>(out: &mut String, flags: impl Iterator<Item = &'f Flag>) {
    for flag in flags {
        let value = match placeholder(flag) {
            "" => String::new(),
            value => format!(" \\fI{}\\fR", text(value)),
        };
        let short = flag.short.map(|short| format!("\\fB\\-{short}\\fR{value}, ")).unwrap_or_default();
        let default = match flag.default {
            "" => String::new(),
            default => format!(" Default: {}.", text(default)),
        };
        *out += &format!(
            ".TP\n{short}\\fB\\-\\-{}\\fR{value}\n{}{default}\n",
            text(flag.name),
            sentence(flag.help)
        );
    }
}

const ENVIRONMENT: &str = "\
.SH ENVIRONMENT
.TP
.B XDG_RUNTIME_DIR
The directory below which an ordinary user's containers are kept, in
.IR brig ,
unless
.B \\-\\-root
is given.
.TP
.B NO_COLOR
No colours in the log, also on a terminal.
";

const FILES_AND_EXIT_STATUS: &str = "\
.SH FILES
.TP
.I /run/brig
The state of containers, a directory each.
.TP
.I config.json
In the directory of a bundle: what a container is, as the runtime specification of the Open Container Initiative defines it.
.SH EXIT STATUS
0, or 1 after an error.
.B run
and
.B exec
in the foreground end as the container's process did: with its exit status, or with 128 and the number of the signal that
ended it.
.B exec
ends with 255 when it fails itself, as
.B run
does where the program cannot be executed; an unknown command with 3,
.B seccomp
without an answer with 2.
";
