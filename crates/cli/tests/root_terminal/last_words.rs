//! What is written to the caller's terminal last: who waits for brig's end, and then closes the terminal, has it.

use std::{process::Command, thread};

use super::on_a_terminal;
use crate::common::{self, Brig, Bundle, POLL, terminal::HostTerminal, unique};

/// Runs `command` ten times on a terminal that is read a little after something is there to be read; returns how often it had ended
/// before that. Who reads, too, may be kept waiting on a busy machine, for longer than brig waits: that is not every time.
fn ends_unread(expected: &str, mut command: impl FnMut() -> Command) -> usize {
    (0..10)
        .filter(|_| {
            let terminal = HostTerminal::unwatched(10, 80);
            let mut child = terminal.spawn(&command());
            terminal.has_output();
            thread::sleep(2 * POLL);
            let ended = child.try_wait().unwrap();
            terminal.watch();
            terminal.shows(expected);
            child.wait().unwrap();
            ended.is_some()
        })
        .count()
}

/// That an `exec` of these words has not ended before `expected` is read, most times.
fn exec_ends_read(words: &[&str], expected: &str) {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig, id) = (Bundle::with_args(&["sleep", "1000"]), Brig::new(), unique("c"));
    brig.run(&["run", "--detach", "--bundle", bundle.path().to_str().unwrap(), &id]).ok();
    let unread = ends_unread(expected, || brig.command(&[&["exec", "--tty", &id], words].concat()));
    assert!(unread < 5, "{unread} of 10");
}

#[test]
fn exec_ends_when_what_its_program_wrote_last_has_been_read() {
    exec_ends_read(&["echo", "the last words"], "the last words\r\n");
}

#[test]
fn exec_ends_when_why_it_failed_has_been_read() {
    exec_ends_read(&["/nosuch"], "no such file or directory");
}

#[test]
fn run_ends_when_what_its_program_wrote_last_has_been_read() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig) = (on_a_terminal("echo the last words"), Brig::new());
    let unread = ends_unread("the last words\r\n", || super::run(&brig, &bundle));
    assert!(unread < 5, "{unread} of 10");
}
