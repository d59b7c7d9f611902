//! `docs/troubleshooting.md`: the failures that people meet most, each made by really running brig, with the line that it prints.
//! The page is compared with what is printed now; `BRIG_WRITE_PAGES=1` writes it anew, to be reviewed as a diff.
//! Root, in a private mount namespace.
#![allow(clippy::unwrap_used, reason = "a test ends where its preparation fails")]
#![allow(clippy::print_stdout, reason = "what is skipped is said")]

mod common;
mod troubles;

use std::{fs, path::Path};

use common::{Ended, HostMounts, unique};
use troubles::{CHAPTERS, Trouble, bench::Bench};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/troubleshooting.md");
const HEAD: &str = "\
# Troubleshooting

When brig cannot do what it was asked for it prints one line: what was attempted, on what, why it failed, in
brackets which entry of `config.json` asked for it, and behind a semicolon the cause, where that is known. With
`--debug`, and always in a log of `--log-format json`, the same comes in parts: `step`, `subject`, `errno`, `path`
(the entry) and `hint`. `brig explain BUNDLE` prints what would be done, `brig doctor` what this machine can do.

Engines print the line behind words of their own. Every line here was printed by brig: a test makes these failures
and compares (`crates/cli/tests/root_troubleshooting.rs`). `/bundle` stands for the bundle, `ID` for the container.
";

#[test]
fn the_page_has_what_brig_prints() {
    if common::cannot_run() {
        return;
    }
    let old = fs::read_to_string(PAGE).unwrap_or_default();
    let mounts = HostMounts::now();
    let mut page = HEAD.to_owned();
    let mut troubles = Vec::new();
    let (mut count, mut hinted) = (0, 0);
    for chapter in CHAPTERS {
        page.push_str(&format!("\n## {}\n", chapter.title));
        for trouble in chapter.troubles {
            let section = match seen(trouble) {
                Ok(section) => section.unwrap_or_else(|| kept(&old, trouble)),
                Err(ended) => {
                    troubles.push(format!("{}: {ended:?}", trouble.what));
                    kept(&old, trouble)
                }
            };
            count += 1;
            hinted += usize::from(section.contains("; "));
            page.push_str(&section);
        }
    }
    mounts.assert_unchanged();
    assert!(troubles.is_empty(), "not one line each: {troubles:#?}");
    println!("{count} failures, {hinted} with a cause");
    assert!(count >= 40);
    if let Some(file) = std::env::var_os("BRIG_WRITE_PAGES") {
        return fs::write(if file == "1" { PAGE.into() } else { file }, &page).unwrap();
    }
    for (new, old) in page.lines().zip(old.lines()) {
        assert_eq!(new, old, "docs/troubleshooting.md differs (BRIG_WRITE_PAGES=1 writes it anew)");
    }
    assert_eq!(page.len(), old.len());
}

/// What is printed now; `None` where this machine cannot make that failure.
fn seen(trouble: &Trouble) -> Result<Option<String>, Ended> {
    let bench = Bench::new();
    let id = unique("trouble");
    let Some(command) = (trouble.make)(&bench, &id) else {
        println!("SKIPPED: {}: this machine cannot be made to", trouble.what);
        return Ok(None);
    };
    let ended = bench.brig.finish_alone(command);
    let line =
        if ended.stderr.contains("level=error") { ended.error() } else { ended.stderr.trim().to_owned() };
    if ended.code == 0 || line.lines().count() != 1 {
        return Err(ended);
    }
    let line = bench.plain(&line, &id);
    bench.brig.assert_nothing_of(&id);
    Ok(Some(format!("\n### {}\n\n```text\n{line}\n```\n\n{}\n", trouble.what, trouble.remedy)))
}

/// The section as it was.
fn kept(page: &str, trouble: &Trouble) -> String {
    let heading = format!("\n### {}\n", trouble.what);
    let (_, rest) = page.split_once(&heading).unwrap_or_default();
    let end = ["\n### ", "\n## "].iter().filter_map(|next| rest.find(next)).min().unwrap_or(rest.len());
    format!("{heading}{}", &rest[..end])
}

#[test]
fn the_parts_of_a_failure_are_fields_of_the_log() {
    if common::cannot_run() {
        return;
    }
    let bench = Bench::new();
    bench.write(|config| troubles::add_mount(config, "/data", "/nosuch/data", "bind", &["bind"]));
    let id = unique("fields");
    let bundle = bench.path().to_str().unwrap();
    let log = bench.brig.scratch("log");
    let log_words = ["--log", log.to_str().unwrap(), "--log-format", "json"];
    let ended = bench.brig.run(&[&log_words[..], &["run", "--bundle", bundle, &id]].concat());
    assert_eq!(ended.code, 1, "{ended:?}");
    let text = fs::read_to_string(&log).unwrap();
    let last: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(last["level"], "error");
    assert_eq!(last["step"], "open the mount source");
    assert_eq!(last["subject"], "/nosuch/data");
    assert_eq!(last["errno"], 2);
    assert_eq!(last["path"], "mounts[7].source");
    assert_eq!(last["hint"], "on the host there is no nosuch in /");
    // Without --debug a person is told no more than the line.
    let ended = bench.brig.run(&["run", "--bundle", bundle, &id]);
    assert!(ended.stderr.ends_with("; on the host there is no nosuch in /\"\n"), "{ended:?}");
    let ended = bench.brig.run(&["--debug", "run", "--bundle", bundle, &id]);
    assert!(ended.stderr.contains(" errno=2 hint=\"on the host"), "{ended:?}");
    assert!(Path::new(bundle).exists());
}
