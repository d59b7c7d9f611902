//! `cargo xtask check`: everything that can be judged without running brig.

use std::path::Path;
use std::process::Command;

use crate::command::{cargo, succeed, which};
use crate::deps;
use crate::order;
use crate::rules::RULES;
use crate::sources::{Finding, Tree};

/// Runs every check, prints one line for each, and fails when one fails.
///
/// # Errors
/// A check found something.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    let tree = Tree::read(root)?;
    let mut failed = 0;
    for (name, rule) in RULES {
        failed += report(name, Ok(rule(&tree)));
    }
    failed += report("edges between crates are in the table", deps::edges_are_in_the_table(root));
    failed += report("docs/order.md is what the steps say", Ok(order::is_written(root)));
    failed += report("cargo fmt --check", misformatted(root));
    for (name, command) in commands(root) {
        failed += report(name, run_loudly(command));
    }
    match failed {
        0 => Ok(()),
        1 => Err("one check failed".into()),
        many => Err(format!("{many} checks failed")),
    }
}

/// Prints a check's line and what it found; returns how many checks failed, 0 or 1.
fn report(name: &str, outcome: Result<Vec<Finding>, String>) -> usize {
    match outcome {
        Ok(findings) if findings.is_empty() => {
            println!("ok    {name}");
            0
        }
        Ok(findings) => {
            println!("FAIL  {name}");
            findings.iter().for_each(|finding| println!("      {}: {}", finding.place, finding.what));
            1
        }
        Err(reason) => {
            println!("FAIL  {name}\n      {reason}");
            1
        }
    }
}

/// The files that rustfmt would change.
fn misformatted(root: &Path) -> Result<Vec<Finding>, String> {
    let mut command = cargo(root);
    command.args(["fmt", "--all", "--check", "--", "--files-with-diff"]);
    let output = command.output().map_err(|error| format!("cargo fmt: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let finding = |file| Finding { place: short(root, file), what: "not as rustfmt writes it".into() };
    let findings: Vec<Finding> = text.lines().map(finding).collect();
    match findings.is_empty() && !output.status.success() {
        true => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        false => Ok(findings),
    }
}

/// `file` below `root`.
fn short(root: &Path, file: &str) -> String {
    Path::new(file).strip_prefix(root).map_or_else(|_| file.to_owned(), |path| path.display().to_string())
}

/// The checks that other programs make and explain; the last only where it is installed.
fn commands(root: &Path) -> Vec<(&'static str, Command)> {
    let with = |words: &[&str]| {
        let mut command = cargo(root);
        command.args(words);
        command
    };
    let clippy = ["clippy", "--quiet", "--workspace", "--all-targets", "--", "-Dwarnings"];
    let mut commands = vec![("cargo clippy -D warnings", with(&clippy))];
    if which("cargo-deny").is_some() {
        commands.push((
            "cargo deny check",
            with(&["deny", "--log-level=error", "check", "bans", "licenses", "sources"]),
        ));
    }
    commands
}

/// The program's own output is what it found.
fn run_loudly(mut command: Command) -> Result<Vec<Finding>, String> {
    succeed(&mut command).map(|()| Vec::new())
}
