//! What a process inside can see, all of it, against a list that says why (`data/inside.tsv`): nothing of the host leaks in.
//! Root, in a private mount namespace.
#![allow(clippy::unwrap_used, reason = "a test ends where its preparation fails")]

mod common;

use std::{
    collections::BTreeSet,
    fs,
    process::{Command, Stdio},
};

use common::{Brig, Bundle, Folder, attack::lacks_perl, cgroup::is_v2, eventually, set_namespace, unique};
use serde_json::json;

const PROBE: &str = include_str!("data/inside.pl");
const ALLOWED: &str = include_str!("data/inside.tsv");
/// What brig holds on the host: the same form.
const PARENT: &str = include_str!("data/parent.tsv");

/// Numbers of prctl(2), keyctl(2), ioprio_get(2), getitimer(2) and get_mempolicy(2).
const SYSCALLS: &str =
    if cfg!(target_arch = "x86_64") { "(157, 250, 252, 36, 239)" } else { "(167, 219, 31, 102, 236)" };

/// A caller who leaves everything lying about: descriptors, variables, a working directory, signals that he ignores.
const CARELESS: &str =
    r#"cd /usr/share; trap '' USR1 HUP; umask 077; exec 7</ 8</proc 9</sys/fs/cgroup; exec "$@""#;

/// One row of the list.
struct Row {
    /// All of these have to be so: a hook's kind; or `run`, `exec`, `user`, `host`, `ptrace`, `v1`, `v2`.
    when: Vec<&'static str>,
    /// It need not be there.
    may_be_absent: bool,
    what: &'static str,
}

fn rows(text: &'static str) -> Vec<Row> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let fields: Vec<&str> = line.split('\t').collect();
            let [when, what, reason] = fields[..] else { panic!("{line:?} has not three fields") };
            assert!(!reason.is_empty(), "{line}");
            let when = when.split(',');
            Row {
                may_be_absent: when.clone().any(|word| word == "maybe"),
                when: when.filter(|word| !matches!(*word, "-" | "maybe")).collect(),
                what,
            }
        })
        .collect()
}

/// Whether `line` is what `pattern` says: `*` is any text without a blank, `**` any text.
fn fits(pattern: &str, line: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == line,
        Some((head, rest)) => {
            let Some(line) = line.strip_prefix(head) else { return false };
            let (rest, all) = rest.strip_prefix('*').map_or((rest, false), |rest| (rest, true));
            let ends = line.find(' ').filter(|_| !all).unwrap_or(line.len());
            (0..=ends).filter(|end| line.is_char_boundary(*end)).any(|end| fits(rest, &line[end..]))
        }
    }
}

/// What the host has, so that the list can name it; and what the caller is under himself (`cargo xtask old` has a filter) is
/// nothing of the container's.
fn translated(line: &str, host: &BTreeSet<String>) -> String {
    if let Some((field, _)) = line.strip_prefix("status ").and_then(|status| status.split_once(": "))
        && field.starts_with("Seccomp")
        && line.strip_prefix("status ") == own_status(field).as_deref()
    {
        return format!("status {field}: 0");
    }
    let Some(namespace) = line.strip_prefix("ns ") else { return line.to_owned() };
    let kind = namespace.split(':').next().unwrap_or_default();
    let whose = if host.contains(namespace) { "of the host" } else { "of its own" };
    format!("ns {kind} {whose}")
}

/// A line of our own `/proc/self/status`, with a blank behind its colon.
fn own_status(field: &str) -> Option<String> {
    let text = fs::read_to_string("/proc/self/status").unwrap();
    let mut lines = text.lines().map(|line| line.replace(":\t", ": "));
    lines.find(|line| line.split(':').next() == Some(field))
}

fn namespaces_of_the_host() -> BTreeSet<String> {
    let links = fs::read_dir("/proc/self/ns").unwrap();
    links.map(|link| fs::read_link(link.unwrap().path()).unwrap().to_str().unwrap().to_owned()).collect()
}

/// A careless caller's `brig words`.
fn carelessly(brig: &Brig, words: &[&str]) -> String {
    let command = brig.command(words);
    let mut careless = Command::new("bash");
    careless.args(["-c", CARELESS, "bash"]).arg(command.get_program()).args(command.get_args());
    careless.env("SECRET", "of the caller").stdin(Stdio::null());
    brig.finish(careless).text()
}

fn compare(seen: &str, facts: &[&str]) {
    assert!(seen.ends_with("done\n"), "{seen}");
    let host = namespaces_of_the_host();
    explain(&seen.lines().map(|line| translated(line, &host)).collect::<Vec<_>>(), ALLOWED, facts);
}

/// Every line is in the list, and everything in the list is there.
fn explain(lines: &[String], list: &'static str, facts: &[&str]) {
    let rows = rows(list);
    let rows: Vec<&Row> =
        rows.iter().filter(|row| row.when.iter().all(|word| facts.contains(word))).collect();
    let unexplained: Vec<_> =
        lines.iter().filter(|line| !rows.iter().any(|row| fits(row.what, line))).collect();
    assert!(unexplained.is_empty(), "{facts:?}: nobody says why: {unexplained:#?}");
    let missing =
        rows.iter().filter(|row| !row.may_be_absent && !lines.iter().any(|line| fits(row.what, line)));
    let missing: Vec<_> = missing.map(|row| row.what).collect();
    assert!(missing.is_empty(), "{facts:?}: {missing:#?} is in the list and not there");
}

#[test]
fn nothing_that_a_process_sees_is_unexplained() {
    if common::cannot_run() || lacks_perl() {
        return;
    }
    let probe = PROBE.replace("SYSCALLS", SYSCALLS);
    let version = if is_v2() { "v2" } else { "v1" };
    for (is_user, is_privileged) in [(false, false), (false, true), (true, false), (true, true)] {
        let open = |bundle: Bundle| {
            // `brig spec` asks for none where runc's does not.
            let bundle = bundle.edit(|config| set_namespace(config, "cgroup", None));
            let bundle = if is_user { bundle.in_user_namespace() } else { bundle };
            if is_privileged { bundle.privileged() } else { bundle }
        };
        let facts = [
            if is_user { "user" } else { "host" },
            if is_privileged { "ptrace" } else { "ordinary" },
            version,
        ];
        let bundle = open(Bundle::perl(&probe));
        let brig = Brig::new();
        let seen = carelessly(&brig, &["run", "--bundle", bundle.path().to_str().unwrap(), &unique("c")]);
        compare(&seen, &[&facts[..], &["run"]].concat());

        let waits = open(Bundle::perl("sleep 1000"));
        let id = brig.start(&waits);
        let comm = format!("/proc/{}/comm", brig.state(&id)["pid"]);
        eventually("its program runs", || fs::read_to_string(&comm).unwrap() == "perl\n");
        let seen = carelessly(&brig, &["exec", &id, "/usr/bin/perl", "-e", &probe]);
        compare(&seen, &[&facts[..], &["exec"]].concat());
    }
}

/// What a process holds open beside its three streams, but for what it has from us.
fn held(pid: u32) -> Vec<String> {
    let open = |pid: &str| {
        let entries = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().map(|entry| entry.unwrap().path());
        let named =
            entries.filter_map(|path| Some((path.file_name()?.to_owned(), fs::read_link(&path).ok()?)));
        named
            .filter(|(number, _)| !["0", "1", "2"].iter().any(|stream| number == stream))
            .collect::<BTreeSet<_>>()
    };
    let mut held: Vec<_> =
        open(&pid.to_string()).difference(&open("self")).map(|(_, to)| to.display().to_string()).collect();
    held.sort();
    held
}

#[test]
fn a_parent_that_waits_holds_what_tells_it_of_the_end_and_of_signals_and_nothing_else() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig, id) = (Bundle::with_args(&["sleep", "1000"]), Brig::new(), unique("c"));
    let run = ["run", "--bundle", bundle.path().to_str().unwrap(), &id];
    let exec = ["exec", &id, "sleep", "1000"];
    let mut parents = Vec::new();
    let expected = ["anon_inode:[pidfd]", "anon_inode:[signalfd]"];
    for words in [&run[..], &exec] {
        let mut command = brig.command(words);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let parent = command.spawn().unwrap();
        // What it needs before it waits it lets go.
        eventually("it waits", || brig.run(&["state", &id]).code == 0 && held(parent.id()) == expected);
        parents.push(parent);
    }
    brig.run(&["kill", &id, "KILL"]).ok();
    for mut parent in parents {
        parent.wait().unwrap();
    }
}

#[test]
fn whatever_the_parent_holds_while_hooks_run_is_explained() {
    if common::cannot_run() {
        return;
    }
    let log = Folder::new("log");
    let bundle = Bundle::with_args(&["true"]).edit(|config| {
        for kind in ["createRuntime", "poststart", "poststop"] {
            // The shell is the hook, whose parent brig is.
            let script = format!(
                "for fd in /proc/$PPID/fd/*; do readlink $fd >>{}/{kind}; done",
                log.path().display()
            );
            config["hooks"][kind] = json!([{ "path": "/bin/sh", "args": ["sh", "-c", script] }]);
        }
    });
    let brig = Brig::new();
    carelessly(&brig, &["run", "--bundle", bundle.path().to_str().unwrap(), &unique("c")]);
    for kind in ["createRuntime", "poststart", "poststop"] {
        let held = fs::read_to_string(log.join(kind)).unwrap();
        explain(&held.lines().map(str::to_owned).collect::<Vec<_>>(), PARENT, &[kind]);
    }
}

#[test]
fn a_pattern_is_the_line_but_for_its_stars() {
    assert!(fits("fd 0 *", "fd 0 /dev/null") && fits("a * c", "a b c") && fits("a**c", "a b c"));
    assert!(!fits("fd 0 *", "fd 0 a b") && !fits("fd 0", "fd 0 x") && !fits("x*", "y"));
}
