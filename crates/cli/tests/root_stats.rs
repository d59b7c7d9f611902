//! `stats`, and `list` on a terminal: figures that are so, and a terminal that is left as it was.
#![allow(clippy::unwrap_used, reason = "a test ends where its preparation fails")]

mod common;

use common::{Brig, Bundle, cgroup, eventually, terminal::HostTerminal};
use serde_json::Value;

fn two() -> (Bundle, Brig, [String; 2]) {
    let (bundle, brig) = (Bundle::with_args(&["sleep", "1000"]), Brig::new());
    let ids = [brig.start(&bundle), brig.start(&bundle)];
    (bundle, brig, ids)
}

#[test]
fn once_for_all_that_run_or_for_those_that_are_named() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig, ids) = two();
    let waits = brig.create(&bundle);
    brig.run(&["kill", &ids[1], "KILL"]).ok();
    brig.await_status(&ids[1], "stopped");
    let text = brig.run(&["stats", "--no-stream"]).text();
    assert!(text.starts_with("ID  ") && !text.contains('\x1b'), "{text}");
    assert_eq!(
        [&ids[0], &ids[1], &waits].map(|id| text.contains(id.as_str())),
        [true, false, true],
        "{text}"
    );
    let text = brig.run(&["stats", "--no-stream", "--format", "json", &ids[0]]).text();
    let row: Value = serde_json::from_str(text.trim()).unwrap();
    assert_eq!(row["id"], ids[0]);
    assert!(row["cpu_percent"].is_number(), "{text}");
    if !cgroup::is_v2() || cgroup::controllers().contains("pids") {
        assert_eq!(row["pids"]["current"], 1, "{text}");
    }
    if !cgroup::is_v2() || cgroup::controllers().contains("memory") {
        assert!(row["memory"]["usage"].as_u64().unwrap() > 0, "{text}");
    }
    brig.run(&["stats", "--no-stream", &ids[1]])
        .failed(1, &format!("container with id {} is not running", ids[1]));
    brig.run(&["stats", "--no-stream", "nobody"]).failed(1, "container does not exist");
}

#[test]
fn a_terminal_shows_them_in_place_and_is_given_back() {
    if common::cannot_run() {
        return;
    }
    let (_bundle, brig, ids) = two();
    let terminal = HostTerminal::new(10, 60);
    let settings = terminal.settings();
    let mut child = terminal.spawn(&brig.command(&["stats", "--interval", "50ms"]));
    terminal.shows(&ids[1]);
    terminal.shows("\x1b[?25l");
    // One screen, not one below the other.
    eventually("drawn again", || terminal.shown().matches("\x1b[H").count() > 3);
    terminal.resize(2, 30);
    let seen = terminal.shown().len();
    eventually("drawn smaller", || {
        let shown = terminal.shown();
        let last = shown[seen..].rsplit("\x1b[H").nth(1).map(str::to_owned);
        last.is_some_and(|frame| !frame.contains(&ids[0]) && frame.matches('\n').count() == 1)
    });
    // Ctrl-C.
    terminal.types("\x03");
    assert!(child.wait().unwrap().success());
    terminal.shows("\x1b[?25h\x1b[?1049l");
    eventually("the last figures stay", || {
        terminal.shown().rsplit("\x1b[?1049l").next().unwrap().contains(&ids[0])
    });
    assert_eq!(terminal.settings(), settings);
}

#[test]
fn colours_are_for_terminals_and_not_where_they_are_unwanted() {
    if common::cannot_run() {
        return;
    }
    let (_bundle, brig, ids) = two();
    let shown = |variable: &str| {
        let terminal = HostTerminal::new(24, 120);
        let list = brig.command(&["list"]);
        let mut command = std::process::Command::new("env");
        command.arg(variable).arg(list.get_program()).args(list.get_args());
        assert!(terminal.spawn(&command).wait().unwrap().success());
        terminal.shows(&ids[1]);
        terminal.shows("BUNDLE");
        terminal.shown()
    };
    let coloured = shown("NO_COLOR=");
    assert!(coloured.contains("\x1b[32mrunning") && coloured.contains(" ago"), "{coloured}");
    let plain = shown("NO_COLOR=1");
    assert!(!plain.contains('\x1b') && plain.contains("running"), "{plain}");
    // In a pipe it is the table that callers know.
    let piped = brig.run(&["list"]).text();
    assert!(piped.starts_with("ID ") && piped.contains("CREATED"), "{piped}");
    assert!(!piped.contains(" ago") && !piped.contains('\x1b'), "{piped}");
}
