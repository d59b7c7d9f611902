//! What crun has and runc has not: mount options and annotations (docs/compatibility.md). Root, in a private mount namespace.
#![allow(clippy::unwrap_used, reason = "a test ends where its preparation fails")]

mod common;

use std::{
    fs,
    os::unix::{fs::symlink, net::UnixListener},
    process::Command,
};

use common::{Brig, Bundle, Folder, terminal::take_descriptor};
use rustix::process::{Signal, pidfd_send_signal};
use serde_json::json;

/// A folder with a file `file` and a link `link` to `to`.
fn linked(to: &str) -> Folder {
    let folder = Folder::new("source");
    fs::write(folder.join("file"), "of the source\n").unwrap();
    symlink(to, folder.join("link")).unwrap();
    folder
}

fn bind(source: std::path::PathBuf, destination: &str, options: &[&str]) -> serde_json::Value {
    json!({ "destination": destination, "source": source, "type": "bind", "options": options })
}

#[test]
fn a_link_is_copied_where_that_is_asked_for_and_what_is_none_is_mounted() {
    if common::cannot_run() {
        return;
    }
    let (folder, brig) = (linked("../anywhere"), Brig::new());
    let words = ["bind", "copy-symlink"];
    let bundle = Bundle::script("readlink /a/new; cat /b; ls -l /mnt | wc -l")
        .mount(bind(folder.join("link"), "/a/new", &words))
        .mount(bind(folder.join("file"), "/b", &words));
    for time in ["made", "there already"] {
        assert_eq!(brig.says(&bundle), "../anywhere\nof the source\n0\n", "{time}");
    }
    fs::remove_file(bundle.rootfs().join("a/new")).unwrap();
    symlink("elsewhere", bundle.rootfs().join("a/new")).unwrap();
    let ended = brig.run_bundle(&bundle);
    assert!(ended.code == 1 && ended.error().contains("file exists"), "{ended:?}");
}

#[test]
fn a_copied_link_of_the_image_does_not_lead_the_next_out_of_it() {
    if common::cannot_run() {
        return;
    }
    let (folder, outside, brig) = (linked("x"), Folder::new("outside"), Brig::new());
    let bundle = Bundle::script("true");
    symlink(outside.path(), bundle.rootfs().join("way")).unwrap();
    let bundle = bundle.mount(bind(folder.join("link"), "/way/new", &["bind", "copy-symlink"]));
    brig.run_bundle(&bundle).ok();
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
}

#[test]
fn a_link_is_mounted_itself_where_that_is_asked_for() {
    if common::cannot_run() {
        return;
    }
    let (folder, brig) = (linked("nowhere"), Brig::new());
    let bundle = Bundle::script("readlink /mnt/link; cut -d' ' -f5 /proc/self/mountinfo | grep mnt")
        .mount(bind(folder.join("link"), "/mnt/link", &["bind", "src-nofollow"]));
    assert_eq!(brig.says(&bundle), "nowhere\n/mnt/link\n");
}

#[test]
fn a_link_of_the_image_is_covered_itself_where_that_is_asked_for() {
    if common::cannot_run() {
        return;
    }
    let (folder, brig) = (linked("nowhere"), Brig::new());
    let bundle = Bundle::script("cat /link /etc/target");
    fs::write(bundle.rootfs().join("etc/target"), "of the image\n").unwrap();
    symlink("etc/target", bundle.rootfs().join("link")).unwrap();
    let bundle = bundle.mount(bind(folder.join("file"), "/link", &["bind", "dest-nofollow"]));
    assert_eq!(brig.says(&bundle), "of the source\nof the image\n");
    fs::remove_file(bundle.rootfs().join("link")).unwrap();
    let ended = brig.run_bundle(&bundle);
    assert!(
        ended.code == 1 && ended.error().contains("no such file or directory"),
        "it must be there: {ended:?}"
    );
}

#[test]
fn an_option_maps_the_ids_of_a_mount() {
    if common::cannot_run() {
        return;
    }
    let (folder, brig) = (Folder::new("source"), Brig::new());
    let owned =
        format!("mount -t tmpfs none {0} && touch {0}/file && chown 7:8 {0}/file", folder.path().display());
    // The test's user namespace maps 0 to 100000.
    for (option, owner) in [
        ("idmap=uids=0-100020-100;gids=0-100040-100", "27:48\n"),
        ("idmap=uids=@0-20-100;gids=@0-40-100", "27:48\n"),
        ("ridmap=uids=@0-20-100;gids=@0-40-100", "27:48\n"),
    ] {
        let mount = bind(folder.path().to_owned(), "/mnt", &["rbind", option]);
        let bundle = Bundle::script("stat -c %u:%g /mnt/file").in_user_namespace().mount(mount);
        assert_eq!(brig.run_where("private", &owned, &bundle).text(), owner, "{option}");
    }
}

fn annotated(bundle: Bundle, key: &str, value: &str) -> Bundle {
    bundle.edit(|config| config["annotations"] = json!({ key: value }))
}

/// The command, run by somebody who is in groups 4242 and 4343.
fn in_groups(command: &Command) -> Command {
    let mut within = Command::new("setpriv");
    within.args(["--groups", "4242,4343"]).arg(command.get_program()).args(command.get_args());
    within
}

#[test]
fn groups_of_the_caller_are_kept_by_the_first_process_and_by_later_ones() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::script("grep Groups /proc/self/status; sleep 1000"), Brig::new());
    let groups = |bundle: &Bundle| {
        let id = common::unique("c");
        let path = bundle.path().to_str().unwrap();
        let run = brig.command(&["run", "--detach", "--bundle", path, &id]);
        let log = brig.scratch("log");
        let mut run = in_groups(&run);
        run.stdout(fs::File::create(&log).unwrap());
        assert!(run.status().unwrap().success());
        common::eventually("it says its groups", || fs::read_to_string(&log).unwrap().ends_with('\n'));
        let exec = in_groups(&brig.command(&["exec", &id, "grep", "Groups", "/proc/self/status"]));
        fs::read_to_string(&log).unwrap() + &brig.finish(exec).text()
    };
    assert_eq!(groups(&bundle).split_whitespace().collect::<Vec<_>>(), ["Groups:", "Groups:"]);
    let bundle = annotated(bundle, "run.oci.keep_original_groups", "1");
    let kept = ["Groups:", "4242", "4343"];
    assert_eq!(groups(&bundle).split_whitespace().collect::<Vec<_>>(), [kept, kept].concat());
}

#[test]
fn a_pidfd_receiver_takes_the_first_process() {
    if common::cannot_run() {
        return;
    }
    let brig = Brig::new();
    let socket = brig.scratch("receiver");
    let listener = UnixListener::bind(&socket).unwrap();
    let bundle =
        annotated(Bundle::with_args(&["sleep", "1000"]), "run.oci.pidfd_receiver", socket.to_str().unwrap());
    let id = brig.create(&bundle);
    let (_, pidfd) = take_descriptor(&listener);
    pidfd_send_signal(&pidfd, Signal::KILL).unwrap();
    brig.await_status(&id, "stopped");
}

#[test]
fn a_container_that_wants_a_handler_is_not_started_without_one() {
    if common::cannot_run() {
        return;
    }
    let brig = Brig::new();
    let ended = brig.run_bundle(&annotated(Bundle::script("echo here"), "run.oci.handler", "krun"));
    assert!(
        ended.code == 1 && ended.stdout.is_empty() && ended.error().contains("run.oci.handler"),
        "{ended:?}"
    );
}
