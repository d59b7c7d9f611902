//! `/dev`: nodes and links, those of every container and those that are asked for. Root, in a private mount namespace.
#![allow(clippy::unwrap_used, reason = "a test ends where its preparation fails")]

mod common;

use std::{fs, os::unix::fs::symlink};

use common::{Brig, Bundle};
use serde_json::{Value, json};

/// Type, mode, owner, device number and name.
const LOOK: &str = "stat -c '%F %a %u:%g %t:%T %n'";

fn devices(devices: Value) -> impl FnOnce(&mut Value) {
    |config| config["linux"]["devices"] = devices
}

#[test]
fn every_container_has_the_devices_of_the_specification() {
    if common::cannot_run() {
        return;
    }
    let nodes = "/dev/null /dev/zero /dev/full /dev/tty /dev/random /dev/urandom";
    let bundle = Bundle::script(&format!(
        "{LOOK} {nodes}; echo x >/dev/null; dd if=/dev/zero bs=5 count=1 2>/dev/null | wc -c"
    ));
    let numbers = [
        ("null", "1:3"),
        ("zero", "1:5"),
        ("full", "1:7"),
        ("tty", "5:0"),
        ("random", "1:8"),
        ("urandom", "1:9"),
    ];
    let expected = |owner: &str| {
        let line = |(name, number)| format!("character special file 666 {owner} {number} /dev/{name}\n");
        numbers.map(line).concat() + "5\n"
    };
    assert_eq!(Brig::new().says(&bundle), expected("0:0"));
    // The host's own nodes, bound: its root is nobody in there.
    assert_eq!(Brig::new().says(&bundle.in_user_namespace()), expected("65534:65534"));
}

#[test]
fn every_container_has_the_usual_links() {
    if common::cannot_run() {
        return;
    }
    let script = "cd /dev; for link in fd stdin stdout stderr core ptmx; do readlink $link; done; echo out >/dev/stdout | cat; test -e console || echo none";
    let expected = "/proc/self/fd\n/proc/self/fd/0\n/proc/self/fd/1\n/proc/self/fd/2\n/proc/kcore\npts/ptmx\nout\nnone\n";
    assert_eq!(Brig::new().says(&Bundle::script(script)), expected);
}

#[test]
fn devices_are_made_as_they_are_asked_for() {
    if common::cannot_run() {
        return;
    }
    let wanted = json!([
        { "path": "/dev/char", "type": "c", "major": 1, "minor": 3, "fileMode": 0o640, "uid": 11, "gid": 12 },
        { "path": "/dev/block", "type": "b", "major": 7, "minor": 200, "fileMode": 0o606 },
        { "path": "/dev/pipe", "type": "p", "fileMode": 0o710, "uid": 5 },
        { "path": "/dev/unbuffered", "type": "u", "major": 1, "minor": 5 },
        { "path": "/dev/deep/er/one", "type": "c", "major": 1, "minor": 7, "fileMode": 0 },
        { "path": "/elsewhere/two", "type": "c", "major": 1, "minor": 7 },
        { "path": "/dev/null", "type": "c", "major": 1, "minor": 3, "fileMode": 0o600, "gid": 9 },
        { "path": "/dev/ptmx", "type": "c", "major": 5, "minor": 2 },
    ]);
    let script = format!(
        "umask 0; {LOOK} /dev/char /dev/block /dev/pipe /dev/unbuffered /dev/deep/er/one /elsewhere/two /dev/null /dev/deep; readlink /dev/ptmx"
    );
    let bundle = Bundle::script(&script).edit(devices(wanted));
    let expected = "character special file 640 11:12 1:3 /dev/char\n\
                    block special file 606 0:0 7:c8 /dev/block\n\
                    fifo 710 5:0 0:0 /dev/pipe\n\
                    character special file 666 0:0 1:5 /dev/unbuffered\n\
                    character special file 0 0:0 1:7 /dev/deep/er/one\n\
                    character special file 666 0:0 1:7 /elsewhere/two\n\
                    character special file 600 0:9 1:3 /dev/null\n\
                    directory 755 0:0 0:0 /dev/deep\n\
                    pts/ptmx\n";
    assert_eq!(Brig::new().says(&bundle), expected);
}

#[test]
fn devices_of_a_user_namespace_are_the_hosts_own_nodes() {
    if common::cannot_run() {
        return;
    }
    let wanted = json!([{ "path": "/dev/kmsg", "type": "c", "major": 1, "minor": 11, "uid": 7, "gid": 7 }]);
    let bundle = Bundle::script(&format!("{LOOK} /dev/kmsg; grep -c ' /dev/' /proc/self/mountinfo"))
        .in_user_namespace();
    let printed = Brig::new().says(&bundle.edit(devices(wanted)));
    assert!(
        printed.starts_with("character special file ") && printed.contains(" 65534:65534 1:b /dev/kmsg\n"),
        "{printed}"
    );
}

#[test]
fn a_device_that_the_host_does_not_have_is_refused_in_a_user_namespace() {
    if common::cannot_run() {
        return;
    }
    let wanted = json!([{ "path": "/dev/nothing-like-it", "type": "c", "major": 1, "minor": 3 }]);
    let bundle = Bundle::script("true").in_user_namespace().edit(devices(wanted));
    let ended = Brig::new().run_bundle(&bundle);
    assert!(ended.code == 1 && ended.error().contains("linux.devices[0]"), "{ended:?}");
    assert!(ended.error().contains("/dev/nothing-like-it"), "{ended:?}");
}

#[test]
fn nodes_of_the_image_are_taken_when_they_are_the_same_and_refused_when_not() {
    if common::cannot_run() {
        return;
    }
    let without_dev = |script: &str| {
        let bundle = Bundle::script(script).edit(|config| {
            config["mounts"]
                .as_array_mut()
                .unwrap()
                .retain(|mount| !mount["destination"].as_str().unwrap().starts_with("/dev"));
        });
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        let null = bundle.rootfs().join("dev/null");
        let kind = rustix::fs::FileType::CharacterDevice;
        rustix::fs::mknodat(rustix::fs::CWD, null, kind, mode, rustix::fs::makedev(1, 3)).unwrap();
        bundle
    };
    let bundle = without_dev(&format!("{LOOK} /dev/null; readlink /dev/ptmx; readlink /dev/fd"));
    symlink("/nowhere", bundle.rootfs().join("dev/ptmx")).unwrap();
    symlink("/own", bundle.rootfs().join("dev/fd")).unwrap();
    assert_eq!(Brig::new().says(&bundle), "character special file 666 0:0 1:3 /dev/null\npts/ptmx\n/own\n");

    let bundle = without_dev("true");
    fs::remove_file(bundle.rootfs().join("dev/null")).unwrap();
    fs::write(bundle.rootfs().join("dev/null"), "a trap").unwrap();
    let ended = Brig::new().run_bundle(&bundle);
    assert!(
        ended.code == 1 && ended.error().contains("/dev/null") && ended.error().contains("file exists"),
        "{ended:?}"
    );
}

#[test]
fn a_bound_dev_is_left_as_it_is() {
    if common::cannot_run() {
        return;
    }
    let folder = common::Folder::new("dev");
    fs::write(folder.join("only"), "").unwrap();
    let bundle = Bundle::script("ls /dev").edit(|config| {
        config["mounts"]
            .as_array_mut()
            .unwrap()
            .retain(|mount| !mount["destination"].as_str().unwrap().starts_with("/dev"));
        config["linux"]["maskedPaths"] = json!([]);
    });
    let bundle = bundle.mount(json!({ "destination": "/dev", "source": folder.path(), "options": ["bind"] }));
    assert_eq!(Brig::new().says(&bundle), "only\n");
}

#[test]
fn no_link_of_the_image_moves_a_device_out_of_the_root() {
    if common::cannot_run() {
        return;
    }
    let bundle = Bundle::script(&format!("{LOOK} /etc/one")).edit(devices(json!([
        { "path": "/out/one", "type": "p" },
    ])));
    symlink("/../../../../etc", bundle.rootfs().join("out")).unwrap();
    assert_eq!(Brig::new().says(&bundle), "fifo 666 0:0 0:0 /etc/one\n");
    assert!(!fs::exists("/etc/one").unwrap());
}

#[test]
fn a_read_only_dev_is_complete_and_read_only() {
    if common::cannot_run() {
        return;
    }
    let bundle = Bundle::script("echo x >/dev/null && touch /dev/new || echo refused; ls /dev | wc -l").edit(
        |config| {
            for mount in config["mounts"].as_array_mut().unwrap() {
                if mount["destination"] == "/dev" {
                    mount["options"].as_array_mut().unwrap().push(json!("ro"));
                }
            }
        },
    );
    assert_eq!(Brig::new().says(&bundle), "refused\n15\n");
}
