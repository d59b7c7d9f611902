//! What a man page says beside a command's options: examples, files, variables, exit status, where to read on.
//!
//! Examples are those of docs/examples.md, which `cargo xtask docs` runs. Runs on the machine that packs a release.

use super::man::text;

/// The examples of all commands, each below a heading with its name.
const EXAMPLES: &str = include_str!("../../../../docs/examples.md");

/// Everything behind OPTIONS, as roff.
pub(super) fn of(name: &str) -> String {
    let mut out = String::new();
    for (head, lines) in [
        ("ENVIRONMENT", environment(name)),
        ("FILES", files(name)),
        ("EXIT STATUS", exit_status(name)),
        ("EXAMPLES", &examples(name)),
    ] {
        if !lines.is_empty() {
            out += &format!(".SH {head}\n{lines}");
        }
    }
    out += ".SH SEE ALSO\n.BR brig (8)";
    for page in see_also(name) {
        out += &match page.strip_suffix(')').and_then(|page| page.split_once('(')) {
            Some((name, section)) => format!(",\n.BR {} ({section})", text(name)),
            None => format!(",\n.BR brig\\-{} (8)", text(page)),
        };
    }
    out.push('\n');
    out
}

/// What stands below the heading `name` in docs/examples.md: text and console blocks.
pub(super) fn examples(name: &str) -> String {
    let heading = format!("\n## {name}\n");
    let below = EXAMPLES.split_once(heading.as_str()).map_or("", |(_, below)| below);
    let below = below.split("\n## ").next().unwrap_or_default();
    let mut out = String::new();
    let mut is_console = false;
    // A link leads nowhere from a man page.
    for line in below.lines().filter(|line| !line.contains("](")) {
        match line {
            "```" => out += ".fi\n.RE\n",
            "" if is_console => out += "\n",
            "" => {}
            fence if fence.starts_with("```") => out += ".PP\n.RS\n.nf\n",
            line if is_console => out += &format!("{}\n", verbatim(line)),
            line => out += &format!(".PP\n{}\n", text(line)),
        }
        if line.starts_with("```") {
            is_console = !is_console;
        }
    }
    // The heading's own distance is enough.
    out.strip_prefix(".PP\n").unwrap_or(&out).to_owned()
}

/// A line of a console; what varies is three dots, which every terminal has.
fn verbatim(line: &str) -> String {
    text(&line.replace('…', "...")).replace('`', "\\(ga")
}

fn environment(name: &str) -> &'static str {
    match name {
        "create" | "run" => STREAMS,
        "exec" => LISTEN,
        "checkpoint" | "restore" => ".TP\n.B PATH\nWhere\n.BR criu (8)\nis looked for.\n",
        "ps" => ".TP\n.B PATH\nWhere\n.BR ps (1)\nis looked for.\n",
        _ => "",
    }
}

/// What is passed on to a container.
pub(super) const STREAMS: &str = "\
.TP
.B NOTIFY_SOCKET
The container gets a socket for
.BR sd_notify (3),
and what it says there is passed on.
.TP
.BR LISTEN_FDS ,\\  LISTEN_PID
Descriptors of
.BR sd_listen_fds (3)
are passed on to the container.
";

const LISTEN: &str = "\
.TP
.BR LISTEN_FDS ,\\  LISTEN_PID
Descriptors of
.BR sd_listen_fds (3)
are passed on to the process.
";

fn files(name: &str) -> &'static str {
    match name {
        "create" | "run" | "explain" | "spec" => {
            ".TP\n.I config.json\nIn the directory of the bundle: what the container is.\n"
        }
        "checkpoint" => {
            ".TP\n.I dump.log\nIn the work path, or beside the images: what CRIU says.\n\
             .TP\n.I /etc/criu/runc.conf\nOptions for CRIU that count more than what brig asks for.\n"
        }
        "restore" => {
            ".TP\n.I restore.log\nIn the work path, or beside the images: what CRIU says.\n\
             .TP\n.I /etc/criu/runc.conf\nOptions for CRIU that count more than what brig asks for.\n"
        }
        _ => "",
    }
}

fn exit_status(name: &str) -> &'static str {
    match name {
        "run" | "restore" => {
            "That of the container's process: its exit status, or 128 and the number of the signal that ended it; 255 if the \
             program could not be executed. With\n.BR \\-\\-detach\n0. 1 if there is no container.\n"
        }
        "exec" => {
            "That of the process: its exit status, or 128 and the number of the signal that ended it. With\n\
             .BR \\-\\-detach\n0. 255 if there is no process.\n"
        }
        "demo" => {
            "0 if every wall stands, 1 if one does not or there is no container; with a command, that of the command.\n"
        }
        "doctor" => {
            "0 if an ordinary container runs here, 1 if not; with features, 0 if all of them work, 1 if one is missing. 2 if the \
             doctor itself could not work.\n"
        }
        "seccomp" => {
            "Of check: 0 the call is let through, 1 it is not. Of diff: 0 the profiles agree, 1 they differ. 2 without an answer.\n"
        }
        "delete" => "0, or 1 after an error. With\n.BR \\-\\-force\nan unknown id is none.\n",
        _ => "0, or 1 after an error.\n",
    }
}

/// Other commands, and pages that have their section behind them.
fn see_also(name: &str) -> &'static [&'static str] {
    match name {
        "checkpoint" => &["restore", "criu(8)"],
        "create" => &["start", "run", "delete", "spec", "explain", "namespaces(7)", "cgroups(7)"],
        "delete" => &["kill", "list"],
        "demo" => &["run", "explain", "doctor"],
        "doctor" => &["demo", "features", "explain"],
        "events" => &["update", "cgroups(7)"],
        "exec" => &["run", "ps", "capabilities(7)"],
        "explain" => &["spec", "run"],
        "features" => &["explain"],
        "kill" => &["delete", "ps", "signal(7)"],
        "list" => &["state", "ps"],
        "pause" => &["resume", "cgroups(7)"],
        "ps" => &["list", "exec", "ps(1)"],
        "restore" => &["checkpoint", "run", "criu(8)"],
        "resume" => &["pause"],
        "run" => &["create", "exec", "kill", "spec", "explain"],
        "seccomp" => &["explain", "seccomp(2)"],
        "spec" => &["explain", "run"],
        "start" => &["create", "state"],
        "state" => &["list", "ps"],
        "stats" => &["events", "list", "ps"],
        "update" => &["events", "cgroups(7)"],
        _ => &[],
    }
}
