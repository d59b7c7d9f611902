//! Tells the binary which commit it was built from; a source tree without git is not an error.

#![forbid(unsafe_code)]

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=BRIG_COMMIT");
    if let Some(git_dir) = git(&["rev-parse", "--absolute-git-dir"]) {
        // The log of HEAD grows with every commit; a watched file that is missing would mean a build every time.
        for watched in ["HEAD", "logs/HEAD"].map(|name| format!("{git_dir}/{name}")) {
            if std::path::Path::new(&watched).exists() {
                println!("cargo::rerun-if-changed={watched}");
            }
        }
    }
    let commit = std::env::var("BRIG_COMMIT").ok().or_else(|| git(&["rev-parse", "HEAD"]));
    println!("cargo::rustc-env=BRIG_COMMIT={}", commit.as_deref().unwrap_or("unknown"));
}

/// The single line that git prints, if there is a git and it succeeds.
fn git(arguments: &[&str]) -> Option<String> {
    let output =
        Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
    let line = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (!line.is_empty()).then_some(line)
}
