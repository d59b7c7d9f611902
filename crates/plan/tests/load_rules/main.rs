//! Every rule refuses what it is for, in runc's words where runc has some, and names the JSON path.

mod linux;
mod mounts;
mod namespaces;
mod processes;
mod seccomp;

use brig_plan::load;
use brig_plan::rules::{self, CgroupRights, Euid, Facts, JoinedNetwork, Members};

const ROOT: Facts<'static> = Facts {
    euid: Euid::Root,
    cgroups: CgroupRights::Full,
    joined_network: JoinedNetwork::Other,
    joined_user: None,
};

const ROOTLESS: Facts<'static> = Facts { euid: Euid::User, cgroups: CgroupRights::Rootless, ..ROOT };

const MAPS: &str = r#""uidMappings":[{"containerID":0,"hostID":9,"size":5}],
                      "gidMappings":[{"containerID":0,"hostID":9,"size":5}]"#;

const PROCESS: &str = r#""process":{"cwd":"/","args":["sh"]}"#;

/// The refusal, or the warnings, or nothing.
fn judged(text: &str, facts: &Facts<'_>) -> String {
    let spec = load::config(text.as_bytes()).unwrap_or_else(|error| panic!("{error}\n{text}"));
    match rules::check(&spec, facts) {
        Ok(warnings) => warnings.iter().map(|warning| format!("warning: {warning}")).collect(),
        Err(refusal) => refusal.to_string(),
    }
}

fn table(whole: impl Fn(&str) -> String, facts: &Facts<'_>, rows: &[(&str, &str)]) {
    for (fragment, verdict) in rows {
        assert_eq!(judged(&whole(fragment), facts), *verdict, "{fragment}");
    }
}

/// A config with these members besides process and root.
fn top(members: &str) -> String {
    format!(r#"{{{PROCESS},"root":{{"path":"r"}},{members}}}"#)
}

fn linux(members: &str) -> String {
    top(&format!(r#""linux":{{{members}}}"#))
}

fn process(members: &str) -> String {
    format!(r#"{{"root":{{"path":"r"}},"process":{{"cwd":"/","args":["sh"],{members}}}}}"#)
}

#[test]
fn of_two_faults_the_one_runc_sees_first_is_reported() {
    let both = r#"{"process":{"cwd":"/","args":["a"],"env":["B"]},"root":{"path":"r"},"hostname":"h",
        "linux":{"namespaces":[{"type":"foo"}],"devices":[{"type":"x"}],"sysctl":{"vm.a":"1"}}}"#;
    assert_eq!(judged(both, &ROOT), r#"invalid device type "x" (linux.devices[0].type)"#);
}

#[test]
fn lists_of_members_become_a_mask() {
    let members = Members::parse("0-2, 64 ,,1023").unwrap().unwrap();
    assert_eq!(members.count(), 5);
    assert_eq!(members.words()[0], 0b111);
    assert_eq!(members.words()[1], 1);
    assert!(members.contains(1023) && !members.contains(3) && !members.contains(4096));
    assert_eq!(Members::parse(""), Ok(None));
    for bad in [",", " ", "-", "1-", "-1", "+1", "1-2-3", "1 - 2", "a", "1024", "99999999999999999999", "2-1"]
    {
        assert!(Members::parse(bad).is_err(), "{bad:?}");
    }
}
