//! Whole bundles as others write them: run, entered, listed, killed, deleted, with nothing left. Root, in a private mount
//! namespace.
#![allow(clippy::unwrap_used, reason = "a test ends where its preparation fails")]

mod common;

use std::{fs, process::Stdio};

use common::{Brig, Bundle, HostMounts, Witness, cgroups_named, unique};
use serde_json::{Value, json};

/// `config.json` as dockerd 20.10 gave it to its runtime, without what was of that moment: hooks, bind mounts, cgroup.
const DOCKER: &str = include_str!("data/docker-config.json");

/// The template that `brig spec` writes, unchanged but for the terminal.
fn template(args: &[&str]) -> Bundle {
    Bundle::with_args(args).edit(|config| config["root"]["readonly"] = json!(true))
}

fn docker(args: &[&str], id: &str) -> Bundle {
    Bundle::busybox().edit(|config| {
        *config = serde_json::from_str(DOCKER).unwrap();
        config["process"]["args"] = json!(args);
        config["linux"]["cgroupsPath"] = json!(format!("/{id}"));
    })
}

/// From `create` to `delete`, with all that callers do in between.
fn lives(bundle: &Bundle, id: &str) {
    let (brig, mounts) = (Brig::new(), HostMounts::now());
    let (witness, stderr) = Witness::new();
    let mut create = brig.command(&["create", "--bundle", bundle.path().to_str().unwrap(), id]);
    assert!(
        create
            .stdin(Stdio::null())
            .stdout(stderr.try_clone().unwrap())
            .stderr(stderr)
            .status()
            .unwrap()
            .success()
    );
    drop(create);
    assert!(!cgroups_named(id).is_empty());
    brig.run(&["start", id]).ok();
    let pid = brig.state(id)["pid"].clone();

    assert_eq!(brig.run(&["exec", id, "sh", "-c", "echo $((6 * 7))"]).text(), "42\n");
    assert_eq!(brig.run(&["exec", id, "sh", "-c", "exit 9"]).code, 9);
    assert_eq!(brig.run(&["list", "--quiet"]).text(), format!("{id}\n"));
    let listed = brig.run(&["list", "--format", "json"]).json();
    assert_eq!(
        (&listed[0]["status"], &listed[0]["pid"], &listed[0]["owner"]),
        (&json!("running"), &pid, &json!("root"))
    );
    assert_eq!(brig.run(&["ps", "--format", "json", id]).json(), json!([pid]));

    brig.run(&["kill", id, "KILL"]).ok();
    brig.await_status(id, "stopped");
    brig.run(&["delete", id]).ok();
    brig.assert_nothing_of(id);
    let said = witness.alone();
    assert!(!said.contains("level=error"), "{said}");
    mounts.assert_unchanged();
}

fn says(bundle: &Bundle, id: &str) -> Vec<String> {
    let (brig, mounts) = (Brig::new(), HostMounts::now());
    let text = brig.run(&["run", "--bundle", bundle.path().to_str().unwrap(), id]).text();
    brig.assert_nothing_of(id);
    mounts.assert_unchanged();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn the_template_of_spec_runs_a_busybox() {
    if common::cannot_run() {
        return;
    }
    let script = "hostname; id -u; pwd; ulimit -n; grep CapEff /proc/self/status; touch /x 2>&1; cat /proc/kcore | wc -c";
    assert_eq!(
        says(&template(&["sh", "-c", script]), &unique("template")),
        [
            "brig",
            "0",
            "/",
            "1024",
            // CAP_KILL, CAP_NET_BIND_SERVICE, CAP_AUDIT_WRITE.
            "CapEff:\t0000000020000420",
            "touch: /x: Read-only file system",
            "0",
        ]
    );
}

#[test]
fn the_template_of_spec_lives_a_whole_life() {
    if common::cannot_run() {
        return;
    }
    lives(&template(&["sleep", "1000"]), &unique("template"));
}

#[test]
fn dockers_configuration_makes_dockers_walls() {
    if common::cannot_run() {
        return;
    }
    let script = "hostname; grep -E '^(Cap(Eff|Inh)|NoNewPrivs|Seccomp):' /proc/self/status; \
                  cat /proc/sys/net/ipv4/ip_unprivileged_port_start; ls /sys/class/net; ls -A /sys/firmware | wc -l; \
                  mount -t tmpfs x /tmp 2>&1; hostname other 2>&1; echo ok >/tmp/file && cat /tmp/file; echo x >/dev/null && echo null";
    let id = unique("docker");
    assert_eq!(
        says(&docker(&["sh", "-c", script], &id), &id),
        [
            "3aeaaf8e6a4e",
            "CapInh:\t0000000000000000",
            "CapEff:\t00000000a80425fb",
            "NoNewPrivs:\t0",
            "Seccomp:\t2",
            "0",
            "lo",
            "0",
            "mount: permission denied (are you root?)",
            "hostname: sethostname: Operation not permitted",
            "ok",
            "null",
        ]
    );
}

/// unshare(2) is one of the calls that Docker's profile allows only with CAP_SYS_ADMIN; the errno is its `defaultErrnoRet`.
#[test]
fn dockers_profile_is_loaded_for_exec_as_well() {
    if common::cannot_run() {
        return;
    }
    let id = unique("docker");
    let (bundle, brig) = (docker(&["sleep", "1000"], &id), Brig::new());
    brig.run(&["create", "--bundle", bundle.path().to_str().unwrap(), &id]).ok();
    brig.run(&["start", &id]).ok();
    let process = bundle.path().join("process.json");
    let mut exec = serde_json::from_str::<Value>(DOCKER).unwrap()["process"].take();
    exec["args"] = json!(["grep", "Seccomp:", "/proc/self/status"]);
    fs::write(&process, exec.to_string()).unwrap();
    let ended = brig.run(&["exec", "--process", process.to_str().unwrap(), &id]);
    assert_eq!(ended.text(), "Seccomp:\t2\n");
    brig.run(&["delete", "--force", &id]).ok();
    brig.assert_nothing_of(&id);
}

#[test]
fn a_bundle_of_docker_lives_a_whole_life() {
    if common::cannot_run() {
        return;
    }
    let id = unique("docker");
    lives(&docker(&["sleep", "1000"], &id), &id);
}
