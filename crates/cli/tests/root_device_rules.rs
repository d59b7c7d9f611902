//! `linux.resources.devices`: what a container that may make any node can use. Root; on the machine's own control groups and
//! on version 2 alone, in a private mount namespace.
#![allow(clippy::unwrap_used, reason = "a test ends where its preparation fails")]

mod common;

use common::{Brig, Bundle, Ended, unique};
use serde_json::{Value, json};

/// Makes a node for the device with these letters and numbers, and says what comes of reading from it.
const TRY: &str = r#"
try() { mknod "/tmp/$*" "$@" && { dd of=/dev/null bs=9000 count=1 if="/tmp/$*" 2>/tmp/said && echo "$*: reads" || echo "$*: $(sed 's/.*: //;q' /tmp/said)"; }; }
"#;

const V2_ALONE: &str = "umount -R /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup";

/// A container whose process has every capability, with these rules.
fn bundle(script: &str, rules: Value) -> Bundle {
    let bundle = Bundle::script(&format!("{TRY}{script}")).privileged().edit(|config| {
        config["linux"]["resources"] = json!({ "devices": rules });
        // Nodes are of use here whatever the bundle lies on: /tmp of the host may be mounted nodev.
        let tmp = json!({ "destination": "/tmp", "type": "tmpfs", "source": "tmpfs" });
        config["mounts"].as_array_mut().unwrap().push(tmp);
    });
    for applet in ["mknod", "sed"] {
        std::os::unix::fs::symlink("busybox", bundle.rootfs().join("bin").join(applet)).unwrap();
    }
    bundle
}

/// What the container says on the machine's own control groups, and on version 2 alone.
fn both(bundle: &Bundle) -> [Ended; 2] {
    let own = Brig::new().run_bundle(bundle);
    [own, Brig::new().run_where("private", V2_ALONE, bundle)]
}

#[track_caller]
fn both_say(bundle: &Bundle, expected: &str) {
    for ended in both(bundle) {
        assert_eq!(ended.text(), expected);
    }
}

fn deny_all() -> Value {
    json!({ "allow": false, "access": "rwm" })
}

/// A disk that is not there answers ENXIO when it may be opened, and `/dev/kmsg` has something to read.
const HOST: &str = "try b 3 250; try c 1 11";
const REFUSED: &str = "b 3 250: Operation not permitted\nc 1 11: Operation not permitted\n";

#[test]
fn a_node_for_a_device_of_the_host_can_be_made_and_not_used() {
    if common::cannot_run() {
        return;
    }
    for rules in [json!([]), json!([deny_all()])] {
        both_say(&bundle(HOST, rules), REFUSED);
    }
}

#[test]
fn the_usual_devices_can_be_used() {
    if common::cannot_run() {
        return;
    }
    let script = "for device in zero full random urandom; do dd if=/dev/$device of=/dev/null bs=1 count=1 2>/dev/null && echo $device; done
        echo >/dev/null && try c 1 5; exec 3<>/dev/ptmx && echo terminal";
    both_say(&bundle(script, json!([deny_all()])), "zero\nfull\nrandom\nurandom\nc 1 5: reads\nterminal\n");
}

#[test]
fn a_device_that_is_allowed_can_be_used_for_what_is_allowed() {
    if common::cannot_run() {
        return;
    }
    let rules = json!([
        deny_all(),
        { "allow": true, "type": "c", "major": 1, "minor": 11, "access": "r" },
        { "allow": true, "type": "b", "major": 3, "access": "w" },
    ]);
    let script = format!(
        "{HOST}; (exec 3>'/tmp/c 1 11') 2>/dev/null || echo kmsg: no writing; (exec 3>'/tmp/b 3 250') 2>&1 | sed 's/.*: //'"
    );
    let expected =
        "b 3 250: Operation not permitted\nc 1 11: reads\nkmsg: no writing\nNo such device or address\n";
    both_say(&bundle(&script, rules), expected);
}

#[test]
fn a_privileged_container_can_use_everything_but_what_is_denied() {
    if common::cannot_run() {
        return;
    }
    let all = json!({ "allow": true, "access": "rwm" });
    let everything = "b 3 250: No such device or address\nc 1 11: reads\n";
    both_say(&bundle(HOST, json!([all])), everything);
    let but_one = json!([all, { "allow": false, "type": "c", "major": 1, "minor": 11, "access": "w" }]);
    let script = format!(
        "{HOST}; for how in '>' '<>'; do (eval \"exec 3$how'/tmp/c 1 11'\") 2>/dev/null || echo \"$how refused\"; done"
    );
    both_say(&bundle(&script, but_one), &format!("{everything}> refused\n<> refused\n"));
}

#[test]
fn a_container_in_a_user_namespace_starts_under_the_same_rules() {
    if common::cannot_run() {
        return;
    }
    let bundle = bundle("echo >/dev/null && echo here", json!([deny_all()])).in_user_namespace();
    both_say(&bundle, "here\n");
}

#[test]
fn a_process_of_exec_is_under_the_same_rules() {
    if common::cannot_run() {
        return;
    }
    let bundle = bundle("mknod /tmp/kmsg c 1 11; : >/made; exec sleep 60", json!([deny_all()]));
    let read = "dd if=/tmp/kmsg of=/dev/null bs=9000 count=1 2>&1 | sed 's/.*: //;q'";
    let brig = Brig::new();
    let id = brig.start(&bundle);
    common::eventually("the node is made", || bundle.rootfs().join("made").exists());
    assert_eq!(brig.run(&["exec", &id, "sh", "-c", read]).text(), "Operation not permitted\n");
    drop(brig);
    std::fs::remove_file(bundle.rootfs().join("made")).unwrap();

    let (brig, id) = (Brig::new(), unique("c"));
    let bundle_path = bundle.path().to_str().unwrap();
    let words = |words: &[&str]| {
        let command = brig.command(words);
        let arguments: Vec<_> =
            command.get_args().map(|word| format!("'{}'", word.to_str().unwrap())).collect();
        format!("'{}' {}", command.get_program().to_str().unwrap(), arguments.join(" "))
    };
    let script = format!(
        "{V2_ALONE}\n{} </dev/null >/dev/null\ntrap \"{}\" EXIT\n{}\nuntil test -e '{}'; do sleep 0.01; done\n{} {id} sh -c \"{read}\"",
        words(&["create", "--bundle", bundle_path, &id]),
        words(&["delete", "--force", &id]),
        words(&["start", &id]),
        bundle.rootfs().join("made").display(),
        words(&["exec"]),
    );
    let mut command = std::process::Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "sh", "-ec", &script]);
    assert_eq!(brig.finish(command).text(), "Operation not permitted\n");
}

#[test]
fn a_hole_in_a_wildcard_is_refused_before_anything_is_made() {
    if common::cannot_run() {
        return;
    }
    let rules = json!([
        { "allow": true, "type": "b", "major": 8, "access": "rwm" },
        { "allow": false, "type": "b", "major": 8, "minor": 1, "access": "w" },
    ]);
    let ended = Brig::new().run_bundle(&bundle("true", rules));
    let words =
        "requested rule [b 8:1 w] not supported: cannot punch hole in existing wildcard rule [b 8:* rwm]";
    ended.failed(1, &format!("brig run failed: {words} (linux.resources.devices[1])"));
}
