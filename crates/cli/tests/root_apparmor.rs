//! AppArmor where the kernel has it, as Debian's: profiles of `run` and of `exec`, and one that is not loaded. Root, in a private
//! mount namespace.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test ends where its preparation fails")]

mod common;

use std::fs;

use common::apparmor::{EVERYTHING, Profiles, is_enabled};
use common::{Brig, Bundle, unique};
use serde_json::json;

/// What confines a process, in its own words.
const CONFINED: [&str; 2] = ["cat", "/proc/self/attr/apparmor/current"];
/// All but writing to this file.
const NO_SECRET: &str =
    "file, deny /secret w, capability, network, mount, umount, pivot_root, ptrace, signal, unix,";

#[test]
fn a_profile_confines_the_container_and_what_exec_starts_in_it() {
    if common::cannot_run() {
        return;
    }
    let Some(profiles) = Profiles::load([EVERYTHING, NO_SECRET]) else { return };
    let [own, other] = &profiles.names;
    let brig = Brig::new();
    let bundle = Bundle::sleeper().edit(|config| {
        config["process"]["apparmorProfile"] = json!(own);
        config["root"]["readonly"] = json!(false);
    });
    let id = brig.start(&bundle);
    let init = format!("/proc/{}/attr/apparmor/current", brig.state(&id)["pid"]);
    assert_eq!(fs::read_to_string(init).unwrap(), format!("{own} (enforce)\n"));
    let exec = |options: &[&str], command: &[&str]| {
        brig.run(&[&["exec"], options, &[id.as_str()], command].concat())
    };
    assert_eq!(exec(&[], &CONFINED).text(), format!("{own} (enforce)\n"));
    assert_eq!(exec(&["--apparmor", other], &CONFINED).text(), format!("{other} (enforce)\n"));
    exec(&[], &["touch", "/secret"]).ok();
    let denied = exec(&["--apparmor", other], &["sh", "-c", "echo >/secret"]);
    assert!(denied.code != 0 && denied.stderr.contains("Permission denied"), "{denied:?}");
    assert_eq!(fs::read(bundle.rootfs().join("secret")).unwrap(), b"");
}

/// True, having said why, where no profile is looked for.
fn lacks_apparmor() -> bool {
    let lacks = !is_enabled();
    if lacks {
        println!("SKIPPED: needs AppArmor");
    }
    lacks || common::cannot_run()
}

#[test]
fn exec_with_a_profile_that_is_not_loaded_says_so_and_starts_nothing() {
    if lacks_apparmor() {
        return;
    }
    let brig = Brig::new();
    let bundle = Bundle::sleeper().edit(|config| config["root"]["readonly"] = json!(false));
    let id = brig.start(&bundle);
    let ended = brig.run(&["exec", "--apparmor", "nosuch", &id, "touch", "/begun"]);
    let words = "unable to apply apparmor profile: no such file or directory (process.apparmorProfile); \
                 no profile nosuch is loaded: load it with apparmor_parser, or name another";
    assert!(ended.code == 255 && ended.error().ends_with(words), "{ended:?}");
    assert!(!bundle.rootfs().join("begun").exists());
    assert_eq!(brig.run(&["exec", &id, "echo", "on"]).text(), "on\n");
}

/// The page is written where there is none, and kept there: nobody would notice that this row is wrong.
#[test]
fn the_page_has_what_is_printed_of_a_profile_that_is_not_loaded() {
    if lacks_apparmor() {
        return;
    }
    let brig = Brig::new();
    let bundle =
        Bundle::with_args(&["true"]).edit(|config| config["process"]["apparmorProfile"] = json!("nosuch"));
    let id = unique("c");
    let ended = brig.run(&["run", "--bundle", bundle.path().to_str().unwrap(), &id]);
    let page = include_str!("../../../docs/troubleshooting.md");
    let (_, section) = page.split_once("### An AppArmor profile that is not loaded\n").unwrap();
    let shown = section.lines().find(|line| line.starts_with("brig run failed: ")).unwrap();
    assert_eq!(ended.error(), shown);
    brig.assert_nothing_of(&id);
}
