//! Bad neighbours: a full disk, garbage in the store, many who want one container at once, a peer that is gone or silent.
//! Everything has an end, and nothing is left. Hooks that never end or flood are in `root_hooks.rs`.
//! Root, in a private mount namespace.
#![allow(clippy::unwrap_used, reason = "a test ends where its preparation fails")]

mod common;

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;
use std::thread;

use common::attack::{Swapper, race};
use common::{Brig, Bundle, Ended, Folder, cannot_run, unique};
use serde_json::json;

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
    let (bundle, brig, id) = (Bundle::sleeper(), Brig::new(), unique("full"));
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
    let (bundle, brig) = (Bundle::sleeper(), Brig::new());
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
    assert!(linked.error().contains("not a directory"), "{linked:?}");
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
    let (bundle, brig) = (Bundle::sleeper(), Brig::new());
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
    let (bundle, brig) = (Bundle::sleeper(), Brig::new());
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
    let (bundle, brig) = (Bundle::sleeper(), Brig::new());
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
    let bundle = Bundle::sleeper().edit(|config| config["process"]["terminal"] = json!(true));
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

#[test]
fn a_rootfs_that_is_exchanged_while_a_container_is_made_is_the_one_or_the_other_and_never_the_host_s() {
    if cannot_run() {
        return;
    }
    // The host's root has none of these files.
    let bundle = Bundle::script("cat /which; ls /");
    let other = bundle.path().join("other");
    copy(&bundle.rootfs(), &other);
    fs::write(bundle.rootfs().join("which"), "one\n").unwrap();
    fs::write(other.join("which"), "other\n").unwrap();
    race(Swapper::of(bundle.rootfs(), other.clone()), &bundle, |ended| {
        assert!(ended.stdout.starts_with("one\n") || ended.stdout.starts_with("other\n"), "{ended:?}");
    });
    let host = bundle.path().join("host");
    symlink("/", &host).unwrap();
    race(Swapper::of(bundle.rootfs(), host), &bundle, |ended| {
        let ours = ended.stdout.starts_with("one\n") || ended.stdout.starts_with("other\n");
        assert!(ours || ended.code != 0 && ended.stdout.is_empty(), "{ended:?}");
    });
}

#[test]
fn a_folder_of_the_rootfs_that_is_exchanged_for_a_link_to_the_host_never_shows_the_host() {
    if cannot_run() {
        return;
    }
    let secret = Folder::new("secret");
    fs::write(secret.join("secret"), "the host's").unwrap();
    let bundle = Bundle::script("cat /data/secret; :").edit(|config| {
        config["process"]["cwd"] = json!("/data");
    });
    let rootfs = bundle.rootfs();
    fs::create_dir(rootfs.join("data")).unwrap();
    let upwards = Path::new("../../../../../../../../../..").join(secret.path().strip_prefix("/").unwrap());
    symlink(upwards, rootfs.join("link")).unwrap();
    race(Swapper::of(rootfs.join("data"), rootfs.join("link")), &bundle, |ended| {
        assert_eq!(ended.stdout, "", "{ended:?}");
    });
    assert_eq!(fs::read_dir(secret.path()).unwrap().count(), 1);
}

fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").args([from, to]).status().unwrap();
    assert!(copied.success());
}

#[test]
fn who_was_given_the_pid_of_a_dead_container_is_neither_killed_nor_entered_nor_shown() {
    if cannot_run() {
        return;
    }
    let (bundle, brig, id) = (Bundle::sleeper(), Brig::new(), unique("reused"));
    let brig_words = brig.command(&[]);
    // In a PID namespace of its own the next pid can be chosen (ns_last_pid, proc(5)).
    let script = r#"
        id=$1; bundle=$2; shift 2
        "$@" create --pid-file "$bundle/pid" --bundle "$bundle" "$id"
        "$@" start "$id"
        pid=$(cat "$bundle/pid")
        kill -KILL "$pid"
        while [ -e "/proc/$pid" ]; do sleep 0.01; done
        echo $((pid - 1)) >/proc/sys/kernel/ns_last_pid
        sleep 1000 &
        [ "$!" = "$pid" ] || { echo "the pid is not reused: $! $pid"; exit 1; }
        "$@" state "$id" | grep status
        for command in "kill $id KILL" "exec $id true" "pause $id" "ps $id"; do
            "$@" $command || echo "$command fails"
        done
        "$@" delete "$id"
        kill -0 "$pid" && grep -q '^State:.S' "/proc/$pid/status" && echo untouched
        kill -KILL "$pid""#;
    let mut command = Command::new("unshare");
    command.args(["--mount", "--pid", "--fork", "--mount-proc", "sh", "-ec", script, "sh", &id]);
    command.arg(bundle.path()).arg(brig_words.get_program()).args(brig_words.get_args());
    let ended = brig.finish(command).ok();
    let said: Vec<&str> = ended.stdout.lines().map(str::trim).collect();
    let refused = ["kill", "exec", "pause"].map(|word| format!("{word} {id}"));
    assert!(said[0].contains("stopped"), "{ended:?}");
    for word in refused {
        assert!(said.iter().any(|line| line.starts_with(&word) && line.ends_with("fails")), "{ended:?}");
    }
    assert_eq!(said.last(), Some(&"untouched"), "{ended:?}");
    brig.assert_nothing_of(&id);
}
