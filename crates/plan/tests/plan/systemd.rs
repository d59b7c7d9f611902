//! The unit that systemd makes, with all its properties, and to whom its cgroup is handed over.

use brig_dbus::{Property, Value};
use brig_plan::options::Options;
use brig_plan::plan::{CgroupPlan, UnitKind, Whose};

use super::{host, options, planned_on};

fn under_systemd(more: &str) -> Result<CgroupPlan, String> {
    let options = Options { systemd: Some(Whose::System), ..options() };
    planned_on(&host(), &options, more).map(|plan| plan.cgroup).map_err(|refusal| refusal.to_string())
}

fn properties(more: &str) -> Vec<(String, Value)> {
    let unit = under_systemd(more).unwrap().unit.unwrap();
    unit.properties.into_iter().map(|Property { name, value, .. }| (name, value)).collect()
}

#[test]
fn without_the_manager_there_is_no_unit() {
    let plan = planned_on(&host(), &options(), r#""linux":{"cgroupsPath":"/a"}"#).unwrap();
    assert_eq!((plan.cgroup.unit, plan.cgroup.delegate), (None, None));
}

#[test]
fn a_scope_has_all_its_properties_from_the_start_and_annotations_last() {
    let more = r#""annotations":{"org.systemd.property.TimeoutStopSec":"uint64 5","x":"y"},
        "linux":{"cgroupsPath":"a.slice:p:n","resources":{"pids":{"limit":9},"memory":{"limit":1048576}}}"#;
    let want = [
        ("Description", Value::text("brig container c")),
        ("Slice", Value::text("a.slice")),
        ("Delegate", Value::Bool(true)),
        ("CollectMode", Value::text("inactive-or-failed")),
        ("MemoryAccounting", Value::Bool(true)),
        ("CPUAccounting", Value::Bool(true)),
        ("IOAccounting", Value::Bool(true)),
        ("TasksAccounting", Value::Bool(true)),
        ("DefaultDependencies", Value::Bool(false)),
        ("TasksMax", Value::U64(9)),
        ("MemoryMax", Value::U64(1 << 20)),
        ("TimeoutStopUSec", Value::U64(5_000_000)),
    ];
    assert_eq!(properties(more), want.map(|(name, value)| (name.to_owned(), value)));
    let unit = under_systemd(more).unwrap().unit.unwrap();
    assert_eq!((unit.name.as_str(), unit.kind, unit.whose), ("p-n.scope", UnitKind::Scope, Whose::System));
}

#[test]
fn a_slice_wants_its_parent_and_is_not_delegated() {
    let said = properties(r#""linux":{"cgroupsPath":"a.slice:p:a-b.slice"}"#);
    assert_eq!(said[1], ("Wants".to_owned(), Value::texts(["a.slice"])));
    assert!(!said.iter().any(|(name, _)| name == "Delegate" || name == "Slice"));
}

#[test]
fn files_say_the_same_as_properties() {
    let plan = under_systemd(r#""linux":{"resources":{"cpu":{"quota":12345,"period":100000}}}"#).unwrap();
    assert_eq!(plan.limits[0].value, "13000 100000");
    let said = plan.unit.unwrap().properties;
    assert!(said.contains(&Property::new("CPUQuotaPerSecUSec", Value::U64(130_000))), "{said:?}");
}

#[test]
fn a_path_or_an_annotation_that_makes_no_sense_is_refused_before_anything_is_made() {
    let words = under_systemd(r#""linux":{"cgroupsPath":"/a"}"#).unwrap_err();
    assert!(words.starts_with("expected cgroupsPath to be of format"), "{words}");
    let words = under_systemd(r#""annotations":{"org.systemd.property.X_y":"1"}"#).unwrap_err();
    assert!(words.starts_with("annotation org.systemd.property.X_y name incorrect"), "{words}");
}

/// A container with a cgroup namespace of its own, and the cgroup file system mounted with these options.
fn with_cgroups(options: &str, user: u32, more: &str) -> Option<u32> {
    let config = format!(
        r#""process":{{"args":["/bin/sh"],"cwd":"/","user":{{"uid":{user},"gid":0}}}},
        "mounts":[{{"destination":"/sys/fs/cgroup","type":"cgroup","source":"cgroup","options":[{options}]}}],
        "linux":{{"namespaces":[{{"type":"mount"}},{{"type":"cgroup"}}{more}}}"#
    );
    under_systemd(&config).unwrap().delegate
}

#[test]
fn a_group_that_is_alone_and_writable_inside_belongs_to_the_user() {
    let mapped = |size: u32| {
        format!(
            r#",{{"type":"user"}}],"uidMappings":[{{"containerID":0,"hostID":100000,"size":{size}}}],
            "gidMappings":[{{"containerID":0,"hostID":100000,"size":{size}}}]"#
        )
    };
    assert_eq!(with_cgroups(r#""rw""#, 7, "]"), Some(7));
    assert_eq!(with_cgroups(r#""ro""#, 7, "]"), None);
    assert_eq!(with_cgroups("", 7, &mapped(1000)), Some(100_007));
    assert_eq!(with_cgroups("", 7, &mapped(5)), None, "a user whom nobody knows outside");
    let shared = r#""mounts":[{"destination":"/sys/fs/cgroup","type":"cgroup"}],"linux":{"namespaces":[{"type":"mount"}]}"#;
    assert_eq!(under_systemd(shared).unwrap().delegate, None, "it would be everybody's groups");
}

#[test]
fn a_limit_that_leaves_no_room_for_the_parked_process_comes_when_it_is_gone() {
    let tasks = |limit: u32, more: &str| {
        let more = format!(r#""linux":{{"resources":{{"pids":{{"limit":{limit}}}}}{more}}}"#);
        let plan = under_systemd(&more).unwrap();
        let said = plan.unit.unwrap().properties.iter().any(|property| property.name == "TasksMax");
        (said, plan.limits.len(), plan.late.len())
    };
    assert_eq!(tasks(1, ""), (false, 0, 1));
    assert_eq!(tasks(2, ""), (true, 1, 0));
    let time = r#","namespaces":[{"type":"time"},{"type":"pid"}]"#;
    assert_eq!(tasks(2, time), (false, 0, 1), "another process is in between");
}
