//! Intel RDT: classes of service of whole containers. Root, in a private mount namespace.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test ends where its preparation fails")]

mod common;

use common::{Brig, Bundle, HostMounts, unique};
use serde_json::json;

#[test]
fn without_resctrl_a_container_that_wants_a_class_is_refused_and_nothing_is_left() {
    if common::cannot_run() {
        return;
    }
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    if mounts.lines().any(|line| line.contains(" - resctrl ")) {
        return println!("SKIPPED: needs a machine without resctrl");
    }
    let bundle = Bundle::with_args(&["true"])
        .edit(|config| config["linux"]["intelRdt"] = json!({ "l3CacheSchema": "L3:0=f" }));
    let (brig, id) = (Brig::new(), unique("rdt"));
    let host = HostMounts::now();
    for command in ["create", "run"] {
        let ended = brig.run(&[command, "--bundle", bundle.path().to_str().unwrap(), &id]);
        let words = "intelRdt is specified in config, but Intel RDT is not enabled (linux.intelRdt)";
        ended.failed(1, &format!("brig {command} failed: {words}"));
        brig.assert_nothing_of(&id);
        host.assert_unchanged();
    }
}
