//! `checkpoint` and `restore`: what CRIU is asked for, option by option, by one that only listens. Root, in a private mount
//! namespace; needs no CRIU. Numbers of fields are those of CRIU's `images/rpc.proto`.
#![allow(clippy::unwrap_used, reason = "a test ends where its preparation fails")]

mod common;

use std::{
    env, fs,
    io::{self, Read as _},
    path::PathBuf,
    process::{Command, Stdio},
};

use common::checkpoint::{COUNTER, PART, instead_of_criu};
use common::terminal::HostTerminal;
use common::{Brig, Bundle, unique};
use rustix::net::{RecvFlags, SendFlags, recv, send};
use rustix::stdio::stdin;

/// Where the listener leaves what it was asked for.
const ASKED: &str = "BRIG_TEST_ASKED";

/// What a CRIU does that only listens. The test's own executable is it.
#[test]
fn payload() {
    if env::var(PART).as_deref() == Ok("criu") {
        listen();
    }
}

fn listen() {
    loop {
        let mut message = vec![0; 1 << 16];
        let (length, _) = recv(stdin(), &mut message, RecvFlags::empty()).unwrap();
        message.truncate(length);
        let answer = |bytes: &[u8]| send(stdin(), bytes, SendFlags::NOSIGNAL).map(drop).unwrap();
        match number(&message, 1) {
            // Version 4.2; features: memory can be tracked, and come late.
            Some(10) => answer(&[0x08, 10, 0x10, 1, 0x52, 4, 0x08, 4, 0x10, 2]),
            Some(9) => answer(&[0x08, 9, 0x10, 1, 0x42, 4, 0x08, 1, 0x10, 1]),
            Some(kind) => {
                fs::write(env::var(ASKED).unwrap(), &message).unwrap();
                let ready = [&[0x08, 6, 0x10, 1, 0x2a, 14, 0x0a, 12], &b"status-ready"[..]].concat();
                answer(&ready);
                recv(stdin(), &mut [0; 64], RecvFlags::empty()).unwrap();
                // It did not succeed: nothing was done.
                return answer(&[0x08, u8::try_from(kind).unwrap(), 0x10, 0]);
            }
            None => return,
        }
    }
}

/// A number, or bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Value {
    Number(u64),
    Bytes(Vec<u8>),
}

fn fields(mut message: &[u8]) -> Vec<(u64, Value)> {
    let mut fields = Vec::new();
    while !message.is_empty() {
        let key = varint(&mut message);
        let value = varint(&mut message);
        fields.push((
            key >> 3,
            match key & 7 {
                0 => Value::Number(value),
                2 => {
                    let (bytes, rest) = message.split_at(usize::try_from(value).unwrap());
                    message = rest;
                    Value::Bytes(bytes.to_vec())
                }
                kind => panic!("a field of kind {kind}"),
            },
        ));
    }
    fields
}

fn varint(message: &mut &[u8]) -> u64 {
    let mut number = 0;
    for place in 0.. {
        let (byte, rest) = message.split_first().unwrap();
        *message = rest;
        number |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            break;
        }
    }
    number
}

fn number(message: &[u8], wanted: u64) -> Option<u64> {
    fields(message).into_iter().find_map(|(field, value)| match value {
        Value::Number(number) if field == wanted => Some(number),
        Value::Number(_) | Value::Bytes(_) => None,
    })
}

/// A machine whose CRIU only listens, and a container on it.
struct Listener {
    brig: Brig,
    bundle: Bundle,
    id: String,
    path: PathBuf,
}

impl Listener {
    fn new() -> Self {
        let (bundle, brig) = (Bundle::script(COUNTER), Brig::new());
        let id = brig.start_apart(&bundle);
        let this = env::current_exe().unwrap();
        let listen = format!(
            "{PART}=criu exec {} payload --exact --nocapture --test-threads=1 <&$2 >/dev/null 2>&1\n",
            this.display()
        );
        let path = instead_of_criu(&brig, Some(&listen));
        fs::create_dir(brig.scratch("images")).unwrap();
        let streams = r#"["/dev/null", "pipe:[7]", "/dev/null"]"#;
        fs::write(brig.scratch("images").join("descriptors.json"), streams).unwrap();
        Self { brig, bundle, id, path }
    }

    fn command(&self, command: &str, options: &[&str]) -> Command {
        let (images, other) = (self.brig.scratch("images"), unique("c"));
        let start = [command, "--image-path", images.to_str().unwrap()];
        let end = if command == "restore" {
            vec!["--detach", "--bundle", self.bundle.path().to_str().unwrap(), &other]
        } else {
            vec![self.id.as_str()]
        };
        let mut command = self.brig.command(&[&start[..], options, &end[..]].concat());
        command.env("PATH", &self.path).env(ASKED, self.brig.scratch("asked"));
        command
    }

    /// The options (`criu_opts`) that a command comes to, which then fails.
    fn hears(&self, command: &str, options: &[&str]) -> Vec<(u64, Value)> {
        let ended = self.brig.finish(self.command(command, options));
        assert!(ended.error().starts_with("criu failed: type "), "{options:?}: {ended:?}");
        let message = fs::read(self.brig.scratch("asked")).unwrap();
        let found = fields(&message).into_iter().find(|(field, _)| *field == 2);
        let Some((_, Value::Bytes(options))) = found else { panic!("{message:?}") };
        fields(&options)
    }
}

/// A field that is a text, and one that is a number.
fn text(field: u64, text: &str) -> (u64, Value) {
    (field, Value::Bytes(text.as_bytes().to_vec()))
}

fn is(field: u64, number: u64) -> (u64, Value) {
    (field, Value::Number(number))
}

/// `criu_page_server_info`.
fn server(address: &str, port: &[u8]) -> (u64, Value) {
    let length = u8::try_from(address.len()).unwrap();
    (11, Value::Bytes([&[0x0a, length], address.as_bytes(), &[0x10], port].concat()))
}

#[test]
fn every_option_of_checkpoint_comes_to_criu_under_its_number_and_alone() {
    if common::cannot_run() {
        return;
    }
    let listener = Listener::new();
    let plain = listener.hears("checkpoint", &[]);
    // Log level, log file, cgroups as CRIU likes, notifications, networks left empty, terminals reported.
    for always in
        [is(9, 4), text(10, "dump.log"), is(24, 1), is(34, 6), is(12, 1), is(38, 0x4000_0000), is(50, 1)]
    {
        assert!(plain.contains(&always), "{always:?}: {plain:?}");
    }
    for (options, new) in [
        (&["--leave-running"][..], vec![is(3, 1)]),
        (&["--ext-unix-sk"], vec![is(4, 1)]),
        (&["--tcp-established"], vec![is(5, 1)]),
        (&["--shell-job"], vec![is(7, 1)]),
        (&["--file-locks"], vec![is(8, 1)]),
        (&["--auto-dedup"], vec![is(16, 1)]),
        (&["--link-remap"], vec![is(18, 1)]),
        (&["--tcp-skip-in-flight"], vec![is(46, 1)]),
        (&["--lazy-pages"], vec![is(48, 1)]),
        (&["--empty-ns", "network"], vec![]),
        (&["--manage-cgroups-mode", "soft"], vec![is(34, 3)]),
        (&["--manage-cgroups-mode", "full"], vec![is(34, 4)]),
        (&["--manage-cgroups-mode", "strict"], vec![is(34, 5)]),
        (&["--manage-cgroups-mode", "ignore"], vec![is(34, 0)]),
        (&["--parent-path", "."], vec![text(14, "."), is(15, 1)]),
        (&["--page-server", "192.0.2.1:27"], vec![server("192.0.2.1", &[27])]),
        (&["--page-server", "[fd00::1]:300"], vec![server("fd00::1", &[0xac, 2])]),
    ] {
        let heard = listener.hears("checkpoint", options);
        let found: Vec<_> = heard.into_iter().filter(|field| !plain.contains(field)).collect();
        assert_eq!(found, new, "{options:?}");
    }
}

#[test]
fn every_option_of_restore_comes_to_criu_under_its_number_and_alone() {
    if common::cannot_run() {
        return;
    }
    let listener = Listener::new();
    // Where things are is another place each time.
    let places = [1, 13, 17, 23, 25];
    let settled = |mut heard: Vec<(u64, Value)>| {
        heard.retain(|(field, _)| !places.contains(field));
        heard
    };
    let plain = settled(listener.hears("restore", &[]));
    let stream = (27, Value::Bytes([b"\x0a\x08pipe:[7]", &[0x10, 1][..]].concat()));
    for always in [text(10, "restore.log"), is(6, 1), is(26, 1), is(34, 6), is(38, 0x4000_0000), stream] {
        assert!(plain.contains(&always), "{always:?}: {plain:?}");
    }
    for (options, new) in [
        (&["--ext-unix-sk"][..], vec![is(4, 1)]),
        (&["--tcp-established"], vec![is(5, 1)]),
        (&["--shell-job"], vec![is(7, 1)]),
        (&["--file-locks"], vec![is(8, 1)]),
        (&["--auto-dedup"], vec![is(16, 1)]),
        (&["--lazy-pages"], vec![is(48, 1)]),
        (&["--no-pivot"], vec![]),
        (&["--manage-cgroups-mode", "strict"], vec![is(34, 5)]),
        (&["--lsm-profile", "apparmor:mine"], vec![text(53, "apparmor:mine")]),
        (&["--lsm-mount-context", "system_u:object_r:a_t:s0"], vec![text(63, "system_u:object_r:a_t:s0")]),
    ] {
        let heard = settled(listener.hears("restore", options));
        let found: Vec<_> = heard.into_iter().filter(|field| !plain.contains(field)).collect();
        assert_eq!(found, new, "{options:?}");
    }
}

#[test]
fn the_status_descriptor_gets_a_zero_when_pages_are_served_and_has_to_be_open() {
    if common::cannot_run() {
        return;
    }
    let listener = Listener::new();
    let (mut ready, theirs) = io::pipe().unwrap();
    let dump = listener.command("checkpoint", &["--lazy-pages", "--status-fd", "9"]);
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", "exec \"$@\" 9>&1 >/dev/null", "sh"]).arg(dump.get_program()).args(dump.get_args());
    shell.env("PATH", &listener.path).env(ASKED, listener.brig.scratch("asked"));
    let mut dumping = shell.stdin(Stdio::null()).stdout(theirs).stderr(Stdio::null()).spawn().unwrap();
    drop(shell);
    let mut heard = Vec::new();
    ready.read_to_end(&mut heard).unwrap();
    assert_eq!((heard, dumping.wait().unwrap().code()), (vec![0], Some(1)));
    let ended = listener.brig.finish(listener.command("checkpoint", &["--status-fd", "99"]));
    assert!(ended.error().starts_with("invalid --status-fd argument 99: "), "{ended:?}");
}

#[test]
fn who_sits_at_a_terminal_sees_how_far_it_is_and_a_pipe_hears_nothing_of_it() {
    if common::cannot_run() {
        return;
    }
    let listener = Listener::new();
    let images = listener.brig.scratch("images");
    for (command, way) in [("checkpoint", "writes"), ("restore", "reads")] {
        let line_end = format!(": CRIU 4.2 {way} {}", images.display());
        let terminal = HostTerminal::new(24, 200);
        let seen = listener.command(command, &[]);
        let mut shell = Command::new("/usr/bin/env");
        shell.arg(format!("PATH={}", listener.path.display()));
        shell.arg(format!("{ASKED}={}", listener.brig.scratch("asked").display()));
        shell.arg(seen.get_program()).args(seen.get_args());
        let mut shown = terminal.spawn(&shell);
        assert_eq!(shown.wait().unwrap().code(), Some(1));
        terminal.shows(&line_end);
        let shown = terminal.shown();
        let line = shown.lines().find(|line| line.ends_with(&line_end)).unwrap_or_default();
        assert!(line.starts_with(&format!("{command} ")) && !line.contains('\x1b'), "{shown}");
        let ended = listener.brig.finish(listener.command(command, &[]));
        assert!(!ended.stderr.contains("CRIU 4.2"), "{ended:?}");
    }
}
