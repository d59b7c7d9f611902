//! The binary from outside: exit codes, streams, log files. Needs no privileges and makes no container.
#![allow(clippy::unwrap_used, reason = "a test ends where its preparation fails")]

use std::{
    fs,
    path::PathBuf,
    process::{Command, Output, Stdio},
};

/// A folder of its own for each test, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("brig-words-{}-{name}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap_or(());
    }
}

fn brig(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_brig")).args(words).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// The log line without its time.
fn logged(line: &str) -> &str {
    let (time, rest) = line.split_once(' ').unwrap();
    assert!(time.starts_with("time=\"20") && time.ends_with("Z\""), "{time}");
    rest
}

#[test]
fn no_words_print_help() {
    for words in [&[][..], &["help"], &["-h"], &["--debug"]] {
        let output = brig(words);
        assert_eq!(output.status.code(), Some(0));
        assert!(stdout(&output).starts_with("NAME:\n   brig - "));
        assert_eq!(stderr(&output), "");
    }
}

#[test]
fn help_on_a_command_goes_to_standard_output() {
    for words in [["help", "state"], ["state", "-h"]] {
        let output = brig(&words);
        assert_eq!(output.status.code(), Some(0));
        assert!(stdout(&output).starts_with("NAME:\n   brig state - "));
    }
}

#[test]
fn version_has_three_lines() {
    let output = brig(&["--version"]);
    let text = stdout(&output);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], concat!("brig version ", env!("CARGO_PKG_VERSION")));
    assert!(lines[1].starts_with("commit: "));
    assert_eq!(lines[2], "spec: 1.3.0");
}

#[test]
fn a_link_named_runc_answers_to_that_name() {
    let folder = Folder::new("link");
    let link = folder.0.join("runc");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_brig"), &link).unwrap();
    let help = Command::new(&link).args(["kill", "-h"]).output().unwrap();
    assert!(stdout(&help).starts_with("NAME:\n   runc kill - "));
    let version = Command::new(&link).arg("-v").output().unwrap();
    assert!(stdout(&version).starts_with("runc version "));
}

#[test]
fn an_unknown_command_ends_with_three() {
    let output = brig(&["foo"]);
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(stdout(&output), "");
    assert_eq!(logged(&stderr(&output)), "level=error msg=\"No help topic for 'foo'\"\n");
}

#[test]
fn wrong_words_print_help_and_log_why() {
    let output = brig(&["state", "--bogus", "c1"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stdout(&output)
            .starts_with("Incorrect Usage: flag provided but not defined: -bogus\n\nNAME:\n   brig state")
    );
    assert_eq!(logged(&stderr(&output)), "level=error msg=\"flag provided but not defined: -bogus\"\n");
}

#[test]
fn exec_fails_with_255() {
    assert_eq!(brig(&["exec", "-u", "root", "c1", "sh"]).status.code(), Some(255));
    assert_eq!(brig(&["exec", "--bogus", "c1", "sh"]).status.code(), Some(1));
}

#[test]
fn the_log_file_is_appended_to_and_standard_error_gets_the_plain_message() {
    let folder = Folder::new("log");
    let log = folder.0.join("log.json");
    fs::write(&log, "earlier\n").unwrap();
    let output = brig(&["--log", log.to_str().unwrap(), "--log-format", "json", "kill", "c1", "FOO"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stderr(&output), "unknown signal \"FOO\"\n");
    let text = fs::read_to_string(&log).unwrap();
    let record = text.strip_prefix("earlier\n").unwrap();
    let record: serde_json::Value = serde_json::from_str(record).unwrap();
    assert_eq!(record["level"], "error");
    assert_eq!(record["msg"], "unknown signal \"FOO\"");
    assert!(record["time"].as_str().unwrap().ends_with('Z'));
    assert_eq!(record.as_object().unwrap().len(), 3);
}

#[test]
fn a_new_log_file_is_readable_by_all_and_writable_by_its_owner() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new("mode");
    let log = folder.0.join("log");
    let shell = format!("umask 0; exec {} --debug --log log kill c1 FOO", env!("CARGO_BIN_EXE_brig"));
    let status =
        Command::new("sh").args(["-c", &shell]).current_dir(&folder.0).stderr(Stdio::null()).status();
    assert_eq!(status.unwrap().code(), Some(1));
    assert_eq!(fs::metadata(&log).unwrap().permissions().mode() & 0o7777, 0o644);
    let line = fs::read_to_string(&log).unwrap();
    assert!(logged(&line).starts_with("level=error msg=\"unknown signal \\\"FOO\\\"\" func="), "{line}");
}

#[test]
fn the_log_file_is_there_even_when_nothing_is_logged() {
    let folder = Folder::new("quiet");
    let log = folder.0.join("log");
    assert_eq!(brig(&["--log", log.to_str().unwrap(), "list", "-h"]).status.code(), Some(0));
    assert_eq!(fs::read(&log).unwrap(), b"");
}

#[test]
fn a_log_that_cannot_be_opened_ends_the_command() {
    let folder = Folder::new("nolog");
    let absent = folder.0.join("absent/log");
    for (path, reason) in [(&absent, "no such file or directory"), (&folder.0, "is a directory")] {
        let path = path.to_str().unwrap();
        let output = brig(&["--log", path, "kill", "c1", "FOO"]);
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(logged(&stderr(&output)), format!("level=error msg=\"open {path}: {reason}\"\n"));
        let output = brig(&["--log", path, "--log-format", "json", "kill", "c1", "FOO"]);
        let record: serde_json::Value = serde_json::from_str(&stderr(&output)).unwrap();
        assert_eq!(record["msg"], format!("open {path}: {reason}"));
    }
}

#[test]
fn the_obsolete_criu_is_accepted_and_warned_of() {
    let output = brig(&["--criu", "/usr/sbin/criu", "list", "-h"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(stderr(&output), "WARNING: --criu ignored (criu binary from $PATH is used); do not use\n");
}

#[test]
fn a_closed_standard_output_is_an_error_not_a_panic() {
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_brig")).arg("help").stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(logged(&stderr(&output)), "level=error msg=\"write /dev/stdout: no space left on device\"\n");
}

#[test]
fn spec_writes_a_file_once() {
    let folder = Folder::new("spec");
    let bundle = folder.0.to_str().unwrap();
    let output = brig(&["spec", "--bundle", bundle]);
    assert_eq!(
        (output.status.code(), stdout(&output), stderr(&output)),
        (Some(0), String::new(), String::new())
    );
    let text = fs::read_to_string(folder.0.join("config.json")).unwrap();
    let spec: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(spec["process"]["args"][0], "sh");
    let output = brig(&["spec", "-b", bundle]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(logged(&stderr(&output)), "level=error msg=\"File config.json exists. Remove it first\"\n");
    assert_eq!(fs::read_to_string(folder.0.join("config.json")).unwrap(), text);
}

#[test]
fn spec_names_the_file_it_cannot_write() {
    let output = brig(&["spec", "-b", "/nonexistent"]);
    assert_eq!(
        logged(&stderr(&output)),
        "level=error msg=\"open /nonexistent/config.json: no such file or directory\"\n"
    );
}
