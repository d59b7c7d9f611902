//! Attacks on what a later process may: CVE-2022-29162, CVE-2026-30892. Root, in a private mount namespace.
#![allow(clippy::unwrap_used, reason = "a test ends where its preparation fails")]

mod common;

use std::fs;

use common::{Brig, Bundle, Folder};
use rustix::fs::{XattrFlags, setxattr};
use serde_json::json;

/// A folder with a program for whoever has `CAP_NET_RAW` to inherit: capabilities(7), file capabilities.
fn heirloom() -> Folder {
    let folder = Folder::new("heirloom");
    let program = folder.join("busybox-heir");
    fs::copy(common::busybox().unwrap(), &program).unwrap();
    // Revision 2 and the effective bit; then permitted and inheritable, twice 32 of each.
    let words: [u32; 5] = [0x0200_0001, 0, 1 << 13, 0, 0];
    let value = words.map(u32::to_le_bytes).concat();
    setxattr(&program, "security.capability", &value, XattrFlags::CREATE).unwrap();
    folder
}

/// Whose container it is in, at /heirloom.
fn bequeath(bundle: Bundle, heirloom: &Folder) -> Bundle {
    let options = ["bind", "suid"];
    let mount =
        json!({ "destination": "/heirloom", "type": "bind", "source": heirloom.path(), "options": options });
    bundle.mount(mount).edit(|config| config["process"]["noNewPrivileges"] = json!(false))
}

/// Shows what whoever runs it has got.
const HEIR: [&str; 4] = ["/heirloom/busybox-heir", "grep", "CapPrm", "/proc/self/status"];

#[test]
fn cve_2022_29162_a_program_with_inheritable_capabilities_hands_nobody_what_exec_adds() {
    if common::cannot_run() {
        return;
    }
    let heirloom = heirloom();
    let (bundle, brig) = (bequeath(Bundle::with_args(&["sleep", "1000"]), &heirloom), Brig::new());
    let id = brig.start(&bundle);
    let exec = ["exec", "--cap", "CAP_NET_RAW", "--user", "1000", &id];
    let got = brig.run(&[&exec[..], &HEIR].concat()).text();
    assert_eq!(got, "CapPrm:\t0000000000000000\n");

    // To whom something is made inheritable, as old runtimes did, it does hand that on.
    let careless = bequeath(Bundle::with_args(&HEIR), &heirloom).edit(|config| {
        let sets =
            ["bounding", "permitted", "inheritable"].map(|set| (set.to_owned(), json!(["CAP_NET_RAW"])));
        config["process"]["capabilities"] = sets.into_iter().collect();
        config["process"]["user"] = json!({ "uid": 1000, "gid": 1000 });
    });
    assert_eq!(brig.says(&careless), "CapPrm:\t0000000000002000\n");
}

#[test]
fn cve_2022_29162_capabilities_that_exec_adds_are_not_inheritable() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::with_args(&["sleep", "1000"]), Brig::new());
    let id = brig.start(&bundle);
    for user in ["0", "1000"] {
        let words = ["exec", "--cap", "CAP_NET_RAW", "--cap", "CAP_SYS_ADMIN", "--user", user, &id];
        let status = brig.run(&[&words[..], &["grep", "Cap", "/proc/self/status"]].concat()).text();
        for set in ["CapInh", "CapAmb"] {
            let line = status.lines().find(|line| line.starts_with(set)).unwrap();
            assert!(line.ends_with("\t0000000000000000"), "{user}: {status}");
        }
    }
    // A file with inheritable capabilities would hand them on: nobody has any to hand on.
    let first = brig.run(&["exec", &id, "grep", "CapInh", "/proc/1/status"]).text();
    assert_eq!(first, "CapInh:\t0000000000000000\n");
}

#[test]
fn cve_2026_30892_a_user_of_exec_is_who_it_says() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::with_args(&["sleep", "1000"]), Brig::new());
    let id = brig.start(&bundle);
    let script = "echo $(id -u) $(id -g)";
    // Of whom nobody is told it runs as the container's own user: what came of "1" in crun.
    assert_eq!(brig.run(&["exec", &id, "sh", "-c", script]).text(), "0 0\n");
    for (user, ids) in [("1", "1 0\n"), ("1:2", "1 2\n"), ("4294967294", "4294967294 0\n"), ("0", "0 0\n")] {
        assert_eq!(brig.run(&["exec", "--user", user, &id, "sh", "-c", script]).text(), ids, "{user}");
    }
    for user in
        ["-1", "1 ", "0x1", "1:", "1:x", "root", "4294967295", "4294967296", "99999999999999999999", "1:-1"]
    {
        let ended = brig.run(&["exec", "--user", user, &id, "sh", "-c", script]);
        assert!(ended.code != 0 && ended.stdout.is_empty(), "{user}: {ended:?}");
    }
}
