//! Whole configurations.

use brig_handshake::task::Task;
use brig_handshake::wire;
use brig_plan::options::{Options, Stdio};
use brig_plan::plan::Plan;
use brig_plan::{load, plan};

use crate::{host, options, planned, planned_on, refused};

fn ordinary() -> Plan<'static> {
    let spec = load::config(include_bytes!("ordinary.json")).unwrap();
    plan(&spec, &host(), &Options { stdio: Stdio::Foreground, gate: true, ..options() }).unwrap()
}

#[test]
fn an_ordinary_plan_is_explained_in_the_order_of_things() {
    let explained = ordinary().explain();
    assert_eq!(explained, include_str!("ordinary.txt"), "{explained}");
}

#[test]
fn a_program_reads_the_same_explanation() {
    let plan = ordinary();
    let json: serde_json::Value = serde_json::from_str(&plan.explain_json()).unwrap();
    let lines =
        json["sections"].as_array().unwrap().iter().flat_map(|section| section["lines"].as_array().unwrap());
    assert_eq!(lines.count(), plan.explain().lines().filter(|line| line.starts_with("  ")).count());
    assert_eq!(json["warnings"].as_array().unwrap().len(), plan.warnings.len());
}

#[test]
fn the_task_and_the_template_survive_the_wire() {
    let plan = ordinary();
    let task = Task::Init(plan.task);
    assert_eq!(wire::decode::<Task<'_>>(&wire::encode(&task)), Ok(task.clone()));
    assert_eq!(wire::decode(&wire::encode(&plan.exec)), Ok(plan.exec.clone()));
}

#[test]
fn only_a_rootless_caller_does_without_a_cgroup_and_only_when_nothing_is_asked_of_it() {
    let rootless = Options { rootless_cgroups: true, ..options() };
    for (linux, by_root, by_user) in [
        ("{}", false, true),
        (r#"{"resources":{"devices":[{"allow":false,"access":"rwm"}]}}"#, false, true),
        (r#"{"resources":{"pids":{"limit":5}}}"#, false, false),
        (r#"{"cgroupsPath":"/a"}"#, false, false),
    ] {
        let more = format!(r#""linux":{linux}"#);
        assert_eq!(planned(&more).cgroup.optional, by_root, "{linux}");
        assert_eq!(planned_on(&host(), &rootless, &more).unwrap().cgroup.optional, by_user, "{linux}");
    }
}

#[test]
fn limits_are_planned_as_files_and_shown() {
    let plan = planned(
        r#""linux":{"namespaces":[{"type":"mount"}],"resources":{
            "memory":{"limit":1048576,"kernel":5,"swappiness":10},"unified":{"memory.high":"9"}}}"#,
    );
    let lines: Vec<String> =
        plan.cgroup.limits.iter().map(|it| format!("{} {} ({})", it.file, it.value, it.field)).collect();
    assert_eq!(lines, ["memory.max 1048576 (memory.limit)", "memory.high 9 (unified[\"memory.high\"])"]);
    assert_eq!(plan.cgroup.resources.memory.limit, Some(1_048_576));
    assert!(plan.explain().contains("  limit: memory.max = 1048576\n"), "{}", plan.explain());
    assert_eq!(
        plan.warnings,
        [
            "linux.resources.memory: limits of kernel memory are ignored",
            "linux.resources.memory.swappiness: has no effect on cgroup v2"
        ]
    );
}

#[test]
fn a_limit_of_one_task_waits_until_two_clones_are_done() {
    let plan = |kind: &str, limit: u32| {
        planned(&format!(
            r#""linux":{{"namespaces":[{{"type":"mount"}},{{"type":"{kind}"}}],"resources":{{"pids":{{"limit":{limit}}}}}}}"#
        ))
    };
    for (kind, limit, at_once, late) in
        [("pid", 1, 1, 0), ("time", 1, 0, 1), ("time", 0, 0, 1), ("time", 2, 1, 0)]
    {
        let plan = plan(kind, limit);
        assert_eq!((plan.cgroup.limits.len(), plan.cgroup.late.len()), (at_once, late), "{kind} {limit}");
        assert_eq!(plan.task.process.limits_by_parent, late == 1, "{kind} {limit}");
        assert!(!plan.exec.process.limits_by_parent);
    }
}

#[test]
fn what_is_not_done_yet_is_refused() {
    let rdt = refused(r#""linux":{"intelRdt":{"closID":"a"}}"#);
    assert_eq!(rdt, "intelRdt is specified in config, but Intel RDT is not enabled (linux.intelRdt)");
}

#[test]
fn no_changed_byte_makes_planning_panic() {
    let text = include_bytes!("ordinary.json");
    for at in 0..text.len() {
        for byte in [b'0', b'"', b'/', b'x'] {
            let mut text = text.to_vec();
            text[at] = byte;
            if let Ok(spec) = load::config(&text)
                && let Ok(plan) = plan(&spec, &host(), &Options { stdio: Stdio::Foreground, ..options() })
            {
                assert!(!plan.explain().is_empty());
            }
        }
    }
}

#[test]
fn device_rules_come_in_parallel_only_where_they_come_at_a_stroke() {
    use brig_handshake::task::Walls;
    use brig_plan::host::{Cgroups, Host};

    let walls = |cgroups: Cgroups, mount: &str| {
        let config = format!(
            r#"{{"root":{{"path":"r"}},"process":{{"cwd":"/","args":["a"]}},"linux":{{"namespaces":[{{"type":"mount"}}]}},
               "mounts":[{mount}]}}"#
        );
        let spec = brig_plan::load::config(config.as_bytes()).unwrap();
        brig_plan::plan(&spec, &Host { cgroups, ..host() }, &options()).unwrap().task.walls
    };
    let v2 = || Cgroups::V2 { container: "/sys/fs/cgroup/a".to_owned() };
    let v1 = || Cgroups::V1 { hierarchies: Vec::new() };
    let disk = r#"{"destination":"/mnt","type":"ext4","source":"/dev/vdb"}"#;
    assert_eq!(walls(v2(), ""), Walls::AtOnce);
    assert_eq!(walls(v1(), ""), Walls::Finished);
    assert_eq!((walls(v2(), disk), walls(v1(), disk)), (Walls::AfterMounts, Walls::AfterMounts));
}
