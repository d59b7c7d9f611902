//! Bad neighbours: a full disk, garbage in the store, many who want one container at once, a peer that is gone or silent.
//! Everything has an end, and nothing is left. Hooks that never end or flood are in `root_hooks.rs`.
//! Root, in a private mount namespace.
#![allow(clippy::unwrap_used, reason = "a test ends where its preparation fails")]

mod common;

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::process::Command;
use std::thread;

use common::{Brig, Bundle, Ended, cannot_run, unique};
use serde_json::json;

fn sleeper() -> Bundle {
    Bundle::with_args(&["sleep", "1000"])
}

/// Runs all of them at the same time.
fn at_once(brig: &Brig, commands: &[Vec<&str>]) -> Vec<Ended> {
    thread::scope(|scope| {
        let running: Vec<_> = commands.iter().map(|words| scope.spawn(|| brig.run(words))).collect();
        running.into_iter().map(|run| run.join().unwrap()).collect()
    })
}

#[test]
fn on_a_full_disk_no_container_is_made_and_nothing_is_left() {
    if cannot_run() {
        return;
    }
    let (bundle, brig, id) = (sleeper(), Brig::new(), unique("full"));
    fs::create_dir(brig.root()).unwrap();
    let create = brig.command(&["create", "--bundle", bundle.path().to_str().unwrap(), &id]);
    // Room for directories, and for no byte of a file.
    let script = r#"mount -t tmpfs -o size=4k tmpfs "$0" && { cat /dev/zero >"$0/full" || true; } 2>/dev/null
        status=0; "$@" || status=$?; rm "$0/full"; ls -A "$0"; exit $status"#;
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-ec", script]).arg(brig.root());
    command.arg(create.get_program()).args(create.get_args());
    let ended = brig.finish(command);
    assert_eq!((ended.code, ended.stdout.as_str()), (1, ""), "{ended:?}");
    assert!(ended.error().ends_with("no space left on device"), "{ended:?}");
    brig.assert_nothing_of(&id);
}

#[test]
fn garbage_in_the_store_harms_nobody_and_is_named() {
    if cannot_run() {
        return;
    }
    let (bundle, brig) = (sleeper(), Brig::new());
    let good = brig.start(&bundle);
    let root = brig.root();
    fs::write(root.join("file"), "no container").unwrap();
    symlink("/etc", root.join("link")).unwrap();
    fs::create_dir_all(root.join("deep/notify/deeper")).unwrap();
    for (name, record) in [("empty", &b""[..]), ("noise", &[7; 4096]), ("short", b"brig\x02\x00")] {
        fs::create_dir(root.join(name)).unwrap();
        fs::write(root.join(name).join("record"), record).unwrap();
    }
    let listed = brig.run(&["list", "--quiet"]).ok();
    assert!(listed.stdout.lines().any(|id| id == good), "{listed:?}");
    assert_eq!(brig.status(&good), "running");
    brig.run(&["delete", "--force", "deep"]).ok();
    assert!(!fs::exists(root.join("deep")).unwrap());
    for id in ["empty", "noise", "short"] {
        // A record that cannot be read may be of a container that lives: it is not thrown away unread.
        for command in [&["state", id][..], &["delete", "--force", id]] {
            let ended = brig.run(command);
            assert_eq!(ended.code, 1, "{ended:?}");
            assert!(ended.error().starts_with("record: "), "{ended:?}");
        }
        fs::remove_dir_all(root.join(id)).unwrap();
    }
    let linked = brig.run(&["delete", "--force", "link"]);
    assert!(linked.error().ends_with("not a directory"), "{linked:?}");
    assert_eq!(brig.status(&good), "running");
    brig.run(&["delete", "--force", &good]).ok();
    for name in ["file", "link"] {
        fs::remove_file(root.join(name)).unwrap();
    }
}

#[test]
fn of_eight_deletes_at_once_all_end_well_and_nothing_is_left() {
    if cannot_run() {
        return;
    }
    let (bundle, brig) = (sleeper(), Brig::new());
    let id = brig.start(&bundle);
    for ended in at_once(&brig, &vec![vec!["delete", "--force", &id]; 8]) {
        ended.ok();
    }
    brig.assert_nothing_of(&id);
}

#[test]
fn start_and_delete_at_once_leave_nothing_and_say_who_was_late() {
    if cannot_run() {
        return;
    }
    let (bundle, brig) = (sleeper(), Brig::new());
    for _ in 0..8 {
        let id = brig.create(&bundle);
        let ended = at_once(&brig, &[vec!["start", &id], vec!["delete", "--force", &id]]);
        assert!(ended[0].code == 0 || !ended[0].error().is_empty(), "{ended:?}");
        assert_eq!(ended[1].code, 0, "{ended:?}");
        brig.assert_nothing_of(&id);
    }
}

#[test]
fn sixty_four_execs_at_once_end_when_the_container_is_deleted() {
    if cannot_run() {
        return;
    }
    let (bundle, brig) = (sleeper(), Brig::new());
    let id = brig.start(&bundle);
    let mut commands = vec![vec!["exec", id.as_str(), "sleep", "1000"]; 64];
    commands.push(vec!["delete", "--force", &id]);
    let ended = at_once(&brig, &commands);
    assert_eq!(ended[64].code, 0, "{:?}", ended[64]);
    for exec in &ended[..64] {
        // Killed with the container, or told why there was none to run in.
        assert!(exec.code == 137 || exec.code == 255 && !exec.error().is_empty(), "{exec:?}");
    }
    brig.assert_nothing_of(&id);
}

#[test]
fn a_console_socket_without_its_peer_ends_create_and_leaves_nothing() {
    if cannot_run() {
        return;
    }
    let (brig, id) = (Brig::new(), unique("console"));
    let bundle = sleeper().edit(|config| config["process"]["terminal"] = json!(true));
    let socket = brig.scratch("console.sock");
    drop(UnixListener::bind(&socket).unwrap());
    let words = ["create", "--console-socket", socket.to_str().unwrap(), "--bundle"];
    let ended = brig.run(&[&words[..], &[bundle.path().to_str().unwrap(), &id]].concat());
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.error().contains("connection refused"), "{ended:?}");
    brig.assert_nothing_of(&id);
}

#[test]
fn behind_an_agent_that_never_answers_a_container_can_be_deleted() {
    if cannot_run() {
        return;
    }
    let brig = Brig::new();
    let socket = brig.scratch("agent.sock");
    // It takes the listener into its queue, and looks at nothing.
    let _agent = UnixListener::bind(&socket).unwrap();
    let bundle = Bundle::script("mkdir /tmp/never").edit(|config| {
        config["linux"]["seccomp"] = json!({
            "defaultAction": "SCMP_ACT_ALLOW",
            "listenerPath": socket,
            "syscalls": [{ "names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_NOTIFY" }],
        });
    });
    let id = brig.start(&bundle);
    assert_eq!(brig.status(&id), "running");
    brig.run(&["delete", "--force", &id]).ok();
    brig.assert_nothing_of(&id);
}
