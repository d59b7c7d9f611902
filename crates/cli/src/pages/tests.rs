//! The pages as text, and in the hands of those that read them.
#![allow(clippy::print_stdout, reason = "a test says what it skips")]

use std::process::{Command, Output};

use super::*;

fn page(path: &str) -> String {
    let found = all("2026-11-22").into_iter().find(|page| page.path == path);
    found.map(|page| page.text).unwrap_or_else(|| panic!("{path}"))
}

#[test]
fn every_command_has_a_page_with_every_option_that_help_shows() {
    for row in documented() {
        let text = page(&format!("share/man/man8/brig-{}.8", row.name));
        for flag in row.flags {
            let name = format!("\\fB\\-\\-{}\\fR", flag.name.replace('-', "\\-"));
            assert_eq!(text.contains(&name), !flag.help.is_empty(), "{} {}", row.name, flag.name);
        }
    }
    let text = page("share/man/man8/brig.8");
    assert!(COMMANDS.iter().all(|row| text.contains(row.name)));
}

#[test]
fn every_command_has_examples_that_fit_and_says_how_it_ends_and_where_to_read_on() {
    for row in documented() {
        let text = page(&format!("share/man/man8/brig-{}.8", row.name));
        for head in ["EXAMPLES", "EXIT STATUS", "SEE ALSO"] {
            assert!(text.contains(&format!(".SH {head}\n")), "{}: {head}", row.name);
        }
        for other in text.lines().filter_map(|line| line.strip_prefix(".BR brig\\-")) {
            let other = other.split(' ').next().unwrap_or_default();
            assert!(documented().any(|row| row.name == other), "{}: {other}", row.name);
        }
        // A console has 80 columns, of which man(1) indents 14.
        let example = sections::examples(row.name);
        let console = example.split(".nf\n").skip(1).flat_map(|text| text.split(".fi").next());
        for line in console.flat_map(str::lines) {
            let shown = line.replace("\\-", "-").replace("\\e", "\\");
            assert!(shown.len() <= 66 || !shown.starts_with('#'), "{}: {line}", row.name);
        }
    }
}

#[test]
fn every_shell_knows_every_command_and_every_option_that_help_shows() {
    for path in [
        "share/bash-completion/completions/brig",
        "share/zsh/site-functions/_brig",
        "share/fish/vendor_completions.d/brig.fish",
    ] {
        let text = page(path);
        for row in COMMANDS {
            assert!(text.contains(row.name), "{path}: {}", row.name);
            for flag in row.flags.iter().filter(|flag| !flag.help.is_empty()) {
                let known = [format!("--{}", flag.name), format!("-l {} ", flag.name)];
                assert!(known.iter().any(|name| text.contains(name)), "{path}: {} {}", row.name, flag.name);
            }
        }
    }
}

#[test]
fn no_word_of_the_table_is_a_request_to_roff() {
    for page in all("2026-11-22").into_iter().filter(|page| page.path.starts_with("share/man")) {
        let known = [
            ".TH", ".SH", ".B", ".BR", ".RI", ".I", ".IR", ".TP", ".PP", ".br", ".nf", ".fi", ".RS", ".RE",
            ".\\\"",
        ];
        for line in page.text.lines().filter(|line| line.starts_with(['.', '\''])) {
            let request = line.split(' ').next().unwrap_or(line);
            assert!(known.contains(&request), "{}: {line}", page.path);
        }
    }
}

/// Runs a program on a page, which it finds in the file `$1`; `None`, having said so, where it is not installed.
fn read_by(program: &str, words: &[&str], path: &str) -> Option<Output> {
    let folder = std::env::temp_dir().join(format!("brig-pages-{}-{program}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("page");
    std::fs::write(&file, page(path)).unwrap();
    let output = Command::new(program).args(words).arg(&file).current_dir(&folder).output();
    std::fs::remove_dir_all(&folder).unwrap();
    match output {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            println!("SKIPPED: needs {program}");
            None
        }
        output => Some(output.unwrap()),
    }
}

#[test]
fn mandoc_and_the_other_shells_find_nothing_wrong() {
    for page in all("2026-11-22") {
        let (program, words): (_, &[&str]) = match page.path.split('/').nth(1) {
            Some("man") => ("mandoc", &["-Tlint"]),
            Some("zsh") => ("zsh", &["-n"]),
            Some("fish") => ("fish", &["--no-execute"]),
            _ => continue,
        };
        let Some(output) = read_by(program, words, &page.path) else { return };
        assert!(output.status.success() && output.stdout.is_empty(), "{}: {output:?}", page.path);
    }
}

#[test]
fn bash_completes_commands_options_and_their_values() {
    for (line, completed) in [
        ("brig sta", "start state stats"),
        ("brig --log-format ", "text json"),
        ("brig --log-format = j", "json"),
        ("brig --root /r state ", "--root /r list -q"),
        ("brig --root = /r state ", "--root /r list -q"),
        ("brig state c1 ", ""),
        ("brig kill c1 K", "KILL"),
        ("brig delete c1 --f", "--force"),
        ("brig exec --ign", "--ignore-paused"),
        ("brig exec c1 -", ""),
        ("brig exec -e A=B l", "list"),
        ("brig run --bundle pa", ""),
        ("brig run --pid-file pa", "page"),
        ("brig run ", ""),
        ("brig list -f t", "table"),
        ("brig help sta", "start state stats"),
    ] {
        // In the place of brig something that tells how it was called.
        let script = format!(
            "source ./page; compopt() {{ :; }}; brig() {{ echo \"$@\"; }}; IFS=' '; line='{line}'; \
             COMP_WORDS=($line); [[ $line == *' ' ]] && COMP_WORDS+=(''); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
             _brig; echo \"${{COMPREPLY[*]}}\""
        );
        let Some(output) = read_by("bash", &["-c", &script], "share/bash-completion/completions/brig") else {
            return;
        };
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!((said.trim_end(), output.stderr.as_slice()), (completed, &[][..]), "{line}");
    }
}
