//! The six kinds of hooks: when, where, with what, and what happens when one fails. Root, in a private mount namespace.
#![allow(clippy::unwrap_used, reason = "a test ends where its preparation fails")]

mod common;

use std::{fs, process::Command, time::Instant};

use common::{Brig, Bundle, Ended, Folder, cgroups_named, namespace_of, unique};
use serde_json::{Value, json};

const KINDS: [&str; 6] =
    ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"];

/// A hook that runs `script`.
fn hook(script: &str) -> Value {
    json!({ "path": "/bin/sh", "args": ["sh", "-c", script] })
}

/// A bundle, mounted at `/log` in which is a folder that hooks inside and outside write to.
struct Logged {
    bundle: Bundle,
    log: Folder,
}

impl Logged {
    fn new(bundle: Bundle) -> Self {
        let log = Folder::new("log");
        let mount = json!({ "destination": "/log", "source": log.path(), "options": ["bind"] });
        Self { bundle: bundle.mount(mount), log }
    }

    /// Where a hook of this kind finds the folder.
    fn place(&self, kind: &str) -> String {
        if kind == "startContainer" {
            "/log".to_owned()
        } else {
            self.log.path().to_str().unwrap().to_owned()
        }
    }

    /// Sets the hooks of one kind, of which `LOG` in a script is the folder.
    fn hooks(self, kind: &str, scripts: &[&str]) -> Self {
        let place = self.place(kind);
        let hooks: Vec<_> = scripts.iter().map(|script| hook(&script.replace("LOG", &place))).collect();
        self.bundle.change(|config| config["hooks"][kind] = json!(hooks));
        self
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.log.join(name)).unwrap_or_default()
    }
}

/// Nothing is left of a container.
#[track_caller]
fn assert_gone(brig: &Brig, id: &str) {
    assert_eq!(fs::read_dir(brig.root()).unwrap().count(), 0);
    assert_eq!(cgroups_named(id), Vec::<std::path::PathBuf>::new());
}

#[test]
fn every_hook_runs_at_its_time_in_its_namespaces_and_directory() {
    if common::cannot_run() {
        return;
    }
    let mut logged = Logged::new(Bundle::with_args(&["sleep", "1000"]));
    for kind in KINDS {
        let one = format!("echo {kind} $(readlink /proc/self/ns/mnt) $(pwd) >>LOG/log; cat >LOG/{kind}");
        logged = logged.hooks(kind, &[&one, &format!("echo {kind} again >>LOG/log")]);
    }
    let (bundle, brig) = (&logged.bundle, Brig::new());
    let id = brig.create(bundle);
    let pid = brig.state(&id)["pid"].as_u64().unwrap();
    let (host, own) = (namespace_of("self", "mnt"), namespace_of(pid, "mnt"));
    let (in_bundle, in_root) = (bundle.path().display(), bundle.rootfs());
    let creating = format!(
        "prestart {host} {in_bundle}\nprestart again\ncreateRuntime {host} {in_bundle}\ncreateRuntime again\n\
         createContainer {own} {}\ncreateContainer again\n",
        in_root.display()
    );
    assert_eq!(logged.read("log"), creating);
    brig.run(&["start", &id]).ok();
    let starting = format!(
        "startContainer {own} /\nstartContainer again\npoststart {host} {in_bundle}\npoststart again\n"
    );
    assert_eq!(logged.read("log"), creating.clone() + &starting);
    brig.run(&["delete", "--force", &id]).ok();
    let log = logged.read("log");
    let stopping = log.strip_prefix(&(creating + &starting)).unwrap();
    assert!(
        stopping.starts_with(&format!("poststop {host} ")) && stopping.ends_with("\npoststop again\n"),
        "{stopping}"
    );

    for (kind, status, pid) in [
        ("prestart", "creating", Some(pid)),
        ("createRuntime", "creating", Some(pid)),
        ("createContainer", "creating", Some(1)),
        ("startContainer", "created", Some(1)),
        ("poststart", "running", Some(pid)),
        ("poststop", "stopped", None),
    ] {
        let state: Value = serde_json::from_str(&logged.read(kind)).unwrap();
        assert_eq!(state["id"], id, "{kind}");
        assert_eq!(state["bundle"], bundle.path().to_str().unwrap(), "{kind}");
        assert_eq!(state["status"], status, "{kind}");
        assert_eq!(state["pid"].as_u64().filter(|pid| *pid != 0), pid, "{kind}");
        assert!(state["ociVersion"].as_str().unwrap().starts_with("1."), "{kind}");
    }
    assert_gone(&brig, &id);
}

#[test]
fn annotations_are_in_the_state_of_every_hook() {
    if common::cannot_run() {
        return;
    }
    let mut logged = Logged::new(Bundle::with_args(&["true"]));
    logged.bundle.change(|config| config["annotations"] = json!({ "key\"": "välue\n" }));
    for kind in KINDS {
        logged = logged.hooks(kind, &[&format!("cat >LOG/{kind}")]);
    }
    Brig::new().run_bundle(&logged.bundle).ok();
    for kind in KINDS {
        let state: Value = serde_json::from_str(&logged.read(kind)).unwrap();
        assert_eq!(state["annotations"], json!({ "key\"": "välue\n" }), "{kind}");
    }
}

#[test]
fn a_hook_has_its_own_environment_or_that_of_its_place() {
    if common::cannot_run() {
        return;
    }
    for own in [true, false] {
        let mut logged = Logged::new(Bundle::with_args(&["true"]));
        for kind in KINDS {
            logged = logged.hooks(kind, &[&format!("echo ${{MINE}}:${{HOSTS}}:${{INSIDE}} >LOG/{kind}")]);
        }
        logged.bundle.change(|config| {
            config["process"]["env"].as_array_mut().unwrap().push(json!("INSIDE=i"));
            for kind in KINDS.iter().filter(|_| own) {
                config["hooks"][kind][0]["env"] = json!(["MINE=m"]);
            }
        });
        let brig = Brig::new();
        let mut command =
            brig.command(&["run", "--bundle", logged.bundle.path().to_str().unwrap(), &unique("c")]);
        command.env("HOSTS", "h");
        brig.finish(command).ok();
        for kind in KINDS {
            let expected = match (own, kind) {
                (true, _) => "m::\n",
                (false, "createContainer") => "::\n",
                (false, "startContainer") => "::i\n",
                (false, _) => ":h:\n",
            };
            assert_eq!(logged.read(kind), expected, "{kind}");
        }
    }
}

#[test]
fn a_hook_that_fails_ends_the_container_with_a_message_and_nothing_is_left() {
    if common::cannot_run() {
        return;
    }
    for kind in ["prestart", "createRuntime", "createContainer"] {
        let logged = Logged::new(Bundle::with_args(&["true"]))
            .hooks(kind, &["true", "echo out; echo err >&2; exit 3", "touch LOG/never"])
            .hooks("poststop", &["touch LOG/stopped"]);
        let (brig, id) = (Brig::new(), unique("c"));
        let ended = brig.run(&["create", "--bundle", logged.bundle.path().to_str().unwrap(), &id]);
        let words = format!("error running {kind} hook #1: exit status 3, stdout: out\n, stderr: err");
        assert!(ended.code == 1 && unescaped(&ended).contains(&words), "{kind}: {ended:?}");
        assert!(!logged.log.join("never").exists(), "{kind}");
        assert_gone(&brig, &id);
    }
}

/// The logged error, with its line ends.
fn unescaped(ended: &Ended) -> String {
    ended.error().replace("\\n", "\n")
}

#[test]
fn a_start_container_hook_that_fails_leaves_a_stopped_container() {
    if common::cannot_run() {
        return;
    }
    let logged =
        Logged::new(Bundle::with_args(&["sh", "-c", "touch /log/ran"])).hooks("startContainer", &["exit 4"]);
    let brig = Brig::new();
    let ended = brig.run_bundle(&logged.bundle);
    assert!(
        ended.code != 0 && ended.stderr.contains("error running startContainer hook #0: exit status 4"),
        "{ended:?}"
    );
    assert_eq!(fs::read_dir(brig.root()).unwrap().count(), 0);
    let id = brig.create(&logged.bundle);
    brig.run(&["start", &id]);
    brig.await_status(&id, "stopped");
    assert!(!logged.log.join("ran").exists());
}

#[test]
fn a_poststart_hook_that_fails_ends_the_container() {
    if common::cannot_run() {
        return;
    }
    let logged = Logged::new(Bundle::with_args(&["sleep", "1000"])).hooks("poststart", &["exit 5"]);
    let brig = Brig::new();
    let ended = brig.run_bundle(&logged.bundle);
    assert!(
        ended.code != 0 && ended.error().contains("error running poststart hook #0: exit status 5"),
        "{ended:?}"
    );
    assert_eq!(fs::read_dir(brig.root()).unwrap().count(), 0);
}

#[test]
fn a_start_whose_poststart_hook_fails_returns_when_the_container_is_dead() {
    if common::cannot_run() {
        return;
    }
    // A family takes time to die.
    let family = "i=0; while [ $i -lt 300 ]; do sleep 1000 & i=$((i+1)); done; echo >/log/grown; wait";
    let hooks = ["until [ -e LOG/grown ]; do sleep 0.01; done; exit 5"];
    let logged = Logged::new(Bundle::with_args(&["sh", "-c", family])).hooks("poststart", &hooks);
    let brig = Brig::new();
    let id = brig.create(&logged.bundle);
    let pid = brig.state(&id)["pid"].as_u64().unwrap();
    let ended = brig.run(&["start", &id]);
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    assert!(ended.error().contains("error running poststart hook #0: exit status 5"), "{ended:?}");
    assert!(stat.is_empty() || stat.contains(") Z ") || stat.contains(") X "), "{stat}");
    assert_eq!(brig.state(&id)["status"], "stopped");
    brig.run(&["delete", &id]).ok();
    assert_gone(&brig, &id);
}

#[test]
fn a_poststop_hook_that_fails_is_reported_and_all_is_gone() {
    if common::cannot_run() {
        return;
    }
    let logged = Logged::new(Bundle::with_args(&["true"])).hooks("poststop", &["exit 6"]);
    let brig = Brig::new();
    let words = "error running poststop hook #0: exit status 6";
    let ended = brig.run_bundle(&logged.bundle);
    assert!(ended.code == 0 && ended.stderr.contains(words), "{ended:?}");
    let id = brig.create(&logged.bundle);
    let ended = brig.run(&["delete", "--force", &id]);
    assert!(ended.stderr.contains(words), "{ended:?}");
    assert_gone(&brig, &id);
}

#[test]
fn a_hook_that_takes_too_long_is_killed() {
    if common::cannot_run() {
        return;
    }
    for kind in ["createRuntime", "createContainer"] {
        let logged = Logged::new(Bundle::with_args(&["true"])).hooks(kind, &["sleep 60"]);
        logged.bundle.change(|config| config["hooks"][kind][0]["timeout"] = json!(1));
        let (brig, started) = (Brig::new(), Instant::now());
        let ended = brig.run_bundle(&logged.bundle);
        let words = format!("error running {kind} hook #0: hook ran past specified timeout of 1.0s");
        assert!(ended.code == 1 && ended.error().contains(&words), "{ended:?}");
        assert!(started.elapsed() < common::patiently(30));
        assert_eq!(fs::read_dir(brig.root()).unwrap().count(), 0);
    }
}

#[test]
fn a_hook_that_cannot_be_executed_is_named() {
    if common::cannot_run() {
        return;
    }
    for kind in ["prestart", "createRuntime", "createContainer", "startContainer"] {
        let bundle = Bundle::with_args(&["true"])
            .edit(|config| config["hooks"] = json!({ kind: [{ "path": "/no/such/hook" }] }));
        let brig = Brig::new();
        let ended = brig.run_bundle(&bundle);
        let words =
            format!("error running {kind} hook #0: fork/exec /no/such/hook: no such file or directory");
        assert!(ended.code != 0 && ended.stderr.contains(&words), "{ended:?}");
        assert_eq!(fs::read_dir(brig.root()).unwrap().count(), 0);
    }
}

#[test]
fn hooks_may_flood_their_output_and_ignore_their_input() {
    if common::cannot_run() {
        return;
    }
    for kind in KINDS {
        let flood = "exec 0</dev/null; dd if=/dev/zero bs=65536 count=30 2>/dev/null; dd if=/dev/zero bs=65536 count=30 >&2";
        let logged = Logged::new(Bundle::with_args(&["echo", "ran"])).hooks(kind, &[flood]);
        let ended = Brig::new().run_bundle(&logged.bundle).ok();
        assert_eq!(ended.stdout, "ran\n", "{kind}");
    }
}

#[test]
fn what_a_hook_leaves_running_is_not_waited_for() {
    if common::cannot_run() {
        return;
    }
    for kind in ["createRuntime", "createContainer"] {
        let logged =
            Logged::new(Bundle::with_args(&["echo", "ran"])).hooks(kind, &["sleep 200 & echo $! >LOG/pid"]);
        let started = Instant::now();
        assert_eq!(Brig::new().says(&logged.bundle), "ran\n");
        assert!(started.elapsed() < common::patiently(15), "{kind}");
        if kind == "createRuntime" {
            let pid = rustix::process::Pid::from_raw(logged.read("pid").trim().parse().unwrap()).unwrap();
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        }
    }
}

#[test]
fn a_hook_gets_no_descriptor_but_its_streams() {
    if common::cannot_run() {
        return;
    }
    let mut logged = Logged::new(Bundle::with_args(&["true"]));
    for kind in KINDS {
        // `ls` opens the directory that it lists.
        logged = logged.hooks(kind, &[&format!("ls /proc/self/fd | tr '\\n' ' ' >LOG/{kind}")]);
    }
    // A caller who leaves some open.
    let (brig, path) = (Brig::new(), logged.bundle.path().to_str().unwrap());
    let run = brig.command(&["run", "--bundle", path, &unique("c")]);
    let mut careless = Command::new("bash");
    careless.args(["-c", "exec 7</ 8</proc 9</dev/null; exec \"$@\"", "bash"]);
    careless.arg(run.get_program()).args(run.get_args());
    brig.finish(careless).ok();
    for kind in KINDS {
        assert_eq!(logged.read(kind), "0 1 2 3 ", "{kind}");
    }
}

#[test]
fn a_create_container_hook_can_change_what_the_container_sees() {
    if common::cannot_run() {
        return;
    }
    let logged = Logged::new(Bundle::script("cat /tmp/made; hostname"))
        .hooks("createContainer", &["mount -t tmpfs tmpfs tmp && echo text >tmp/made && hostname from-hook"]);
    logged.bundle.change(|config| drop(config.as_object_mut().unwrap().remove("hostname")));
    let mounts = common::HostMounts::now();
    assert_eq!(Brig::new().says(&logged.bundle), "text\nfrom-hook\n");
    mounts.assert_unchanged();
}

#[test]
fn a_start_container_hook_runs_as_the_user_inside() {
    if common::cannot_run() {
        return;
    }
    let logged = Logged::new(Bundle::script("cat /tmp/who").edit(|config| {
        config["process"]["user"] = json!({ "uid": 1000, "gid": 1000 });
    }))
    .hooks(
        "startContainer",
        &["id -u >/tmp/who; grep -c CapEff:.0000000000000000 /proc/self/status >>/tmp/who"],
    );
    let tmp = logged.bundle.rootfs().join("tmp");
    std::os::unix::fs::chown(tmp, Some(1000), Some(1000)).unwrap();
    assert_eq!(Brig::new().says(&logged.bundle), "1000\n1\n");
}

#[test]
fn a_hook_and_its_time_need_neither_the_auxiliary_vector_nor_the_clock() {
    if common::cannot_run() {
        return;
    }
    // What prctl(2) calls PR_GET_AUXV. rustix asks for it, and panics if it does not like what it gets.
    let asks_for_vector = json!({ "names": ["prctl"], "action": "SCMP_ACT_KILL_PROCESS",
        "args": [{ "index": 0, "value": 0x4155_5856, "op": "SCMP_CMP_EQ" }] });
    let asks_for_time =
        json!({ "names": ["clock_gettime", "gettimeofday", "time"], "action": "SCMP_ACT_ERRNO" });
    let logged = Logged::new(Bundle::script("cat /log/said").edit(|config| {
        config["linux"]["seccomp"] =
            json!({ "defaultAction": "SCMP_ACT_ALLOW", "syscalls": [asks_for_vector, asks_for_time] });
    }))
    .hooks("startContainer", &["echo here >/log/said"]);
    logged.bundle.change(|config| config["hooks"]["startContainer"][0]["timeout"] = json!(60));
    assert_eq!(Brig::new().says(&logged.bundle), "here\n");
}
