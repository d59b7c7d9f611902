//! `doctor`, as an ordinary user: it tells what this user may do, and leaves nothing behind.
#![allow(clippy::unwrap_used, reason = "a test ends where its preparation fails")]
#![allow(clippy::print_stdout, reason = "what is skipped is said")]

mod common;

use std::fs;

use common::Brig;
use rustix::process::geteuid;
use serde_json::Value;

#[test]
fn an_ordinary_user_is_told_what_he_may_do() {
    if geteuid().is_root() {
        println!("SKIPPED: needs an ordinary user");
        return;
    }
    let brig = Brig::new();
    let place = brig.scratch("place");
    fs::create_dir(&place).unwrap();
    let mut command = brig.command(&["doctor", "--format", "json"]);
    command.env("XDG_RUNTIME_DIR", &place);
    let ended = brig.finish(command);
    let document: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(document["user"], geteuid().as_raw());
    let features = document["features"].as_array().unwrap();
    let found = |name: &str| features.iter().find(|feature| feature["name"] == name).unwrap();
    // Without user namespaces there is nothing for him.
    let works = found("user")["works"] == true;
    assert_eq!((ended.code == 0, &document["ordinary"]), (works, &Value::from(works)), "{document:#}");
    assert_eq!(found("idmapped-mounts")["works"], false);
    // The helpers are judged by ids that they really wrote.
    for (kind, file) in [("subuid", "/etc/subuid"), ("subgid", "/etc/subgid")] {
        let detail = found(kind)["detail"].as_str().unwrap();
        match found(kind)["works"] == true {
            true => assert!(detail.contains(" to "), "{detail}"),
            false => assert!(!detail.is_empty() && found("user-range")["works"] == false, "{file}: {detail}"),
        }
    }
    assert_eq!(found("runtime-dir")["detail"], place.to_str().unwrap());
    assert_eq!(fs::read_dir(&place).unwrap().count(), 0, "{ended:?}");
}
