//! What `explain` says beyond the plan itself: the reason of each step, what weakens isolation, what differs from another plan.

use brig_plan::plan::Plan;

use crate::planned;

/// All namespaces, a filter, limits, and nothing of the host's.
const SAFE: &str = r#""process":{"args":["sh"],"cwd":"/","noNewPrivileges":true,
        "capabilities":{"bounding":["CAP_KILL"],"effective":["CAP_KILL"],"permitted":["CAP_KILL"]}},
    "linux":{
        "namespaces":[{"type":"pid"},{"type":"mount"},{"type":"network"},{"type":"ipc"},{"type":"uts"},{"type":"cgroup"},{"type":"user"}],
        "uidMappings":[{"containerID":0,"hostID":100000,"size":1000}],
        "gidMappings":[{"containerID":0,"hostID":100000,"size":1000}],
        "maskedPaths":["/proc/kcore"],"readonlyPaths":["/proc/sys"],
        "seccomp":{"defaultAction":"SCMP_ACT_ALLOW"},
        "resources":{"memory":{"limit":1048576},"pids":{"limit":10}}}"#;

/// `what` and `path` of each.
fn risks(plan: &Plan<'_>) -> Vec<(String, String)> {
    plan.risks().into_iter().map(|risk| (risk.what, risk.path)).collect()
}

#[test]
fn nothing_weakens_what_has_all_walls() {
    assert_eq!(risks(&planned(SAFE)), []);
    assert!(!planned(SAFE).explain_whole().contains("weakens isolation"));
}

#[test]
fn each_wall_that_is_missing_is_named_with_the_entry_that_says_so() {
    let bare = planned(r#""linux":{"namespaces":[{"type":"mount"}]}"#);
    let risks = risks(&bare);
    for (what, path) in [
        ("no user namespace", "linux.namespaces"),
        ("no pid namespace", "linux.namespaces"),
        ("no network namespace", "linux.namespaces"),
        ("no seccomp filter", "linux.seccomp"),
        ("no_new_privs is not set", "process.noNewPrivileges"),
        ("nothing is masked", "linux.maskedPaths"),
        ("no path of /proc is read-only", "linux.readonlyPaths"),
        ("no memory limit", "linux.resources.memory.limit"),
    ] {
        assert!(risks.iter().any(|risk| (&*risk.0, &*risk.1) == (what, path)), "{what}: {risks:?}");
    }
    assert!(risks.iter().all(|risk| risk.0 != "no mount namespace"), "{risks:?}");
}

#[test]
fn capabilities_and_paths_of_the_host_are_named_one_by_one() {
    let plan = planned(
        r#""process":{"args":["sh"],"cwd":"/","capabilities":{
                "bounding":["CAP_SYS_ADMIN","CAP_KILL"],"permitted":["CAP_SYS_ADMIN","CAP_KILL"]}},
        "linux":{"namespaces":[{"type":"mount"},{"type":"network","path":"/proc/1/ns/net"}]},
        "mounts":[
            {"destination":"/a","source":"/srv/a","type":"bind","options":["bind"]},
            {"destination":"/b","source":"/srv/b","type":"bind","options":["bind","ro"]},
            {"destination":"/s","source":"/run/docker.sock","type":"bind","options":["bind","ro"]},
            {"destination":"/h","source":"/","type":"bind","options":["rbind","rro"]},
            {"destination":"/c","source":"/srv/c","type":"bind","options":["bind","ro","rshared"]}]"#,
    );
    let risks = risks(&plan);
    let has = |what: &str, path: &str| risks.iter().any(|risk| (&*risk.0, &*risk.1) == (what, path));
    for (what, path) in [
        ("CAP_SYS_ADMIN", "process.capabilities"),
        ("network namespace of /proc/1/ns/net", "linux.namespaces[1].path"),
        ("/srv/a of the host, writable at /a", "mounts[0]"),
        ("/run/docker.sock of the host at /s", "mounts[2]"),
        ("the host's root at /h", "mounts[3]"),
        ("/c is shared", "mounts[4]"),
    ] {
        assert!(has(what, path), "{what}: {risks:?}");
    }
    assert!(risks.iter().all(|risk| risk.0 != "CAP_KILL" && risk.1 != "mounts[1]"), "{risks:?}");
}

#[test]
fn each_step_has_its_reason_in_text_and_json() {
    let plan = planned(SAFE);
    let text = plan.explain_whole();
    let mask = brig_handshake::Step::MaskedPath;
    assert!(
        text.contains(&format!("  masked: /proc/kcore *\n      {}: {}\n", mask.name(), mask.why())),
        "{text}"
    );
    let json: serde_json::Value = serde_json::from_str(&plan.explain_json()).unwrap();
    let sections = json["sections"].as_array().unwrap();
    let lines: Vec<_> = sections.iter().flat_map(|section| section["lines"].as_array().unwrap()).collect();
    let masked = lines.iter().find(|line| line["what"] == "masked").unwrap();
    assert_eq!((&masked["step"], &masked["why"]), (&mask.name().into(), &mask.why().into()));
    let facts: Vec<_> = lines.iter().filter(|line| line["why"].is_null()).map(|line| &line["what"]).collect();
    assert!(facts.len() < lines.len() / 3, "{facts:?}");
    assert_eq!(json["risks"].as_array().unwrap().len(), 0);
}

#[test]
fn two_plans_differ_by_what_is_done_and_not_by_their_texts() {
    let (one, same) = (planned(SAFE), planned(&SAFE.replace(",\"", " , \"")));
    assert_eq!(one.explain_against(&same), "no difference\n");
    let other = planned(
        &SAFE
            .replace("\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\"},", "")
            .replace("/proc/kcore", "/proc/keys"),
    );
    let text = one.explain_against(&other);
    assert!(text.contains("\n- masked: /proc/kcore\n+ masked: /proc/keys\n"), "{text}");
    assert!(text.contains("weakens isolation\n+ no seccomp filter: "), "{text}");
    let json: serde_json::Value = serde_json::from_str(&other.explain_against_json(&one)).unwrap();
    assert!(json["removed"].as_array().unwrap().iter().any(|only| only["what"] == "no seccomp filter"));
    assert!(json["added"].as_array().unwrap().iter().any(|only| only["value"] == "/proc/kcore"));
}
