//! Intel RDT: classes of service of whole containers. Root, in a private mount namespace.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test ends where its preparation fails")]

mod common;
#[path = "../../cgroup/tests/resctrl_fs/mod.rs"]
mod resctrl_fs;

use std::fs;
use std::path::Path;
use std::process::Command;

use brig_runtime::Result;
use brig_runtime::create::{self, Created, Request};
use brig_runtime::store::{ContainerId, Store};
use common::{Brig, Bundle, unique};
use resctrl_fs::ResctrlFs;
use serde_json::{Value, json};

/// A resctrl, a brig, and a bundle whose process stays.
struct Bench {
    brig: Brig,
    bundle: Bundle,
    fs: ResctrlFs,
}

impl Bench {
    /// `None` where there can be none.
    fn new(rdt: Value) -> Option<Self> {
        if common::cannot_run() {
            return None;
        }
        let fs = match ResctrlFs::mount(&unique("resctrl")) {
            Ok(fs) => fs,
            Err(why) => {
                println!("SKIPPED: {why}");
                return None;
            }
        };
        let bundle = Bundle::with_args(&["sleep", "600"]).edit(|config| config["linux"]["intelRdt"] = rdt);
        Some(Self { brig: Brig::new(), bundle, fs })
    }

    /// `create`, by the library: the command has no word for another place of resctrl.
    fn create(&self, id: &str) -> Result<Created> {
        create_at(self.fs.path(), &self.brig.root(), self.bundle.path(), id)
    }

    /// What was asked of resctrl since the last look.
    fn commands(&self) -> Vec<String> {
        self.fs.tree(|tree| std::mem::take(&mut tree.commands))
    }

    fn classes(&self) -> Vec<String> {
        self.fs.tree(|tree| tree.classes.keys().filter(|name| !name.is_empty()).cloned().collect())
    }

    fn has_pid(&self, group: &str, pid: i64) -> bool {
        self.fs.read(&format!("{group}/tasks")).lines().any(|line| line == pid.to_string())
    }
}

fn create_at(resctrl: &str, root: &Path, bundle: &Path, id: &str) -> Result<Created> {
    let request = Request { gate: true, resctrl: Some(resctrl), ..Request::of(bundle) };
    create::create(&Store::open(root), &ContainerId::new(id)?, &request)
}

#[test]
fn an_own_class_holds_before_hooks_takes_init_and_exec_and_goes_with_a_delete_of_another_process() {
    let rdt = json!({ "l3CacheSchema": "L3:0=f", "memBwSchema": "MB:0=20", "enableMonitoring": true });
    let Some(bench) = Bench::new(rdt) else { return };
    let id = unique("rdt");
    let seen = bench.brig.scratch("seen");
    let (at, out) = (bench.fs.path(), seen.to_str().unwrap());
    let script = format!("cat {at}/{id}/schemata {at}/{id}/tasks > {out}");
    bench.bundle.change(|config| {
        config["hooks"] = json!({ "createRuntime": [{ "path": "/bin/sh", "args": ["sh", "-c", script] }] });
    });
    let pid = i64::from(bench.create(&id).unwrap().pid.as_raw_pid());
    let (class, group) = (id.clone(), format!("{id}/mon_groups/{id}"));
    let order = [
        format!("mkdir {class}"),
        format!("write {class}/schemata \"L3:0=f\\nMB:0=20\\n\""),
        format!("mkdir {group}"),
        format!("write {class}/tasks a task"),
        format!("write {group}/tasks a task"),
    ];
    assert_eq!(bench.commands(), order);
    let at_hooks = fs::read_to_string(seen).unwrap();
    assert_eq!(at_hooks, format!("    L3:0=00f;1=fff\n    MB:0=  20;1= 100\n{pid}\n"));
    assert_eq!(bench.brig.state(&id)["pid"], pid);
    assert!(bench.has_pid(&class, pid) && bench.has_pid(&group, pid));

    bench.brig.run(&["start", &id]).ok();
    bench.brig.run(&["exec", &id, "true"]).ok();
    assert_eq!(bench.commands(), order[3..], "an exec process is put into both");
    bench.brig.run(&["delete", "--force", &id]).ok();
    assert_eq!(bench.classes(), [""; 0]);
    bench.brig.assert_nothing_of(&id);
}

#[test]
fn a_class_that_clos_id_names_stays_when_its_container_goes() {
    let Some(bench) = Bench::new(json!({ "closID": "gold", "l3CacheSchema": "L3:0=f;1=f" })) else { return };
    let (one, other) = (unique("rdt"), unique("rdt"));
    bench.create(&one).unwrap();
    assert_eq!(bench.classes(), ["gold"], "made, as it was missing");
    bench.bundle.change(|config| config["linux"]["intelRdt"]["enableMonitoring"] = json!(true));
    let pid = i64::from(bench.create(&other).unwrap().pid.as_raw_pid());
    assert!(bench.has_pid("gold", pid) && bench.has_pid(&format!("gold/mon_groups/{other}"), pid));
    let writes = bench.commands().iter().filter(|command| command.contains("schemata")).count();
    assert_eq!(writes, 1, "the second finds what it wants");
    bench.brig.run(&["delete", "--force", &one]).ok();
    bench.brig.run(&["delete", "--force", &other]).ok();
    assert_eq!(bench.classes(), ["gold"]);
    assert_eq!(bench.fs.tree(|tree| tree.classes["gold"].monitoring.clone()), [""; 0]);
}

#[test]
fn a_class_that_is_there_with_other_schemata_is_refused_and_left_as_it_is() {
    let Some(bench) = Bench::new(json!({ "closID": "gold", "l3CacheSchema": "L3:0=f" })) else { return };
    bench.fs.tree(|tree| tree.mkdir("gold")).unwrap();
    bench.commands();
    let id = unique("rdt");
    let error = bench.create(&id).unwrap_err().to_string();
    let told = "gold/schemata: the class is there already, with L3:0=fff instead of L3:0=f";
    let begin =
        "unable to start container process: unable to apply Intel RDT configuration (linux.intelRdt): ";
    assert_eq!(error, format!("{begin}{}/{told}", bench.fs.path()));
    assert_eq!(bench.commands(), [""; 0]);
    assert_eq!(bench.classes(), ["gold"]);
    bench.brig.assert_nothing_of(&id);
}

#[test]
fn a_class_without_schemata_has_to_be_there() {
    let Some(bench) = Bench::new(json!({ "closID": "gold" })) else { return };
    let id = unique("rdt");
    let error = bench.create(&id).unwrap_err().to_string();
    let told = "clos dir not accessible (must be pre-created when schemata, l3CacheSchema and memBwSchema are empty)";
    assert!(error.contains(told), "{error}");
    bench.brig.assert_nothing_of(&id);
    bench.fs.tree(|tree| tree.mkdir("gold")).unwrap();
    let pid = i64::from(bench.create(&id).unwrap().pid.as_raw_pid());
    assert!(bench.has_pid("gold", pid));
    bench.brig.run(&["delete", "--force", &id]).ok();
    assert_eq!(bench.classes(), ["gold"]);
}

#[test]
fn a_creation_that_fails_leaves_no_group_behind_whoever_s_fault_it_was() {
    let Some(bench) = Bench::new(json!({})) else { return };
    let set = |rdt: Value| bench.bundle.change(|config| config["linux"]["intelRdt"] = rdt);
    let fails = |words: &str| {
        let id = unique("rdt");
        let error = bench.create(&id).unwrap_err().to_string();
        // Behind a semicolon is the cause, where it is known.
        assert!(error.split("; ").any(|part| part.ends_with(words)), "{error}");
        assert_eq!(bench.classes(), [""; 0], "{words}");
        assert!(bench.fs.tree(|tree| tree.classes[""].monitoring.is_empty()), "{words}");
        bench.brig.assert_nothing_of(&id);
    };
    set(json!({ "l3CacheSchema": "L3:0=5" }));
    fails("invalid argument (EINVAL), last_cmd_status: The mask 5 has non-consecutive 1-bits");
    set(json!({ "closID": "gold", "schemata": ["L2:0=5"] }));
    fails("invalid argument (EINVAL), last_cmd_status: Unknown or unsupported resource name 'L2'");
    bench.fs.tree(|tree| tree.rmids = 2);
    set(json!({ "enableMonitoring": true }));
    fails("no space left on device (ENOSPC), last_cmd_status: Out of RMIDs");
    bench.fs.tree(|tree| (tree.rmids, tree.closids) = (8, 1));
    fails("no space left on device (ENOSPC), last_cmd_status: Out of CLOSIDs");
    bench.fs.tree(|tree| tree.closids = 4);
    // Long after the class was made and joined.
    bench.bundle.change(|config| config["process"]["args"] = json!(["/nonexistent"]));
    for clos_id in ["", "gold", "/"] {
        let schemata = if clos_id == "/" { json!([]) } else { json!(["L3:0=f"]) };
        set(json!({ "closID": clos_id, "schemata": schemata, "enableMonitoring": true }));
        fails("no such file or directory (process.args[0])");
    }
}

#[test]
fn a_creation_that_fails_takes_no_class_from_those_who_share_it_by_then() {
    let Some(bench) = Bench::new(json!({ "closID": "gold", "schemata": ["L3:0=f"] })) else { return };
    // A stranger comes to share the class while the container is created: here, in a hook, which then fails.
    let script = format!("echo 1 > {}/gold/tasks; false", bench.fs.path());
    bench.bundle.change(|config| {
        config["hooks"] = json!({ "createRuntime": [{ "path": "/bin/sh", "args": ["sh", "-c", script] }] });
    });
    let id = unique("rdt");
    let failed = bench.create(&id).unwrap_err();
    assert_eq!(bench.classes(), ["gold"], "{failed:?}");
    bench.brig.assert_nothing_of(&id);
}

#[test]
fn what_a_killed_creator_made_goes_with_delete_by_force() {
    const MARK: &str = "BRIG_TEST_CREATOR";
    if let Some(words) = std::env::var_os(MARK) {
        let words = words.into_string().unwrap();
        let [resctrl, root, bundle, id] = words.split(' ').collect::<Vec<_>>().try_into().unwrap();
        // A hook kills us.
        create_at(resctrl, Path::new(root), Path::new(bundle), id).unwrap();
        return;
    }
    for clos_id in ["", "gold"] {
        let rdt = json!({ "closID": clos_id, "l3CacheSchema": "L3:0=f", "enableMonitoring": true });
        let Some(bench) = Bench::new(rdt) else { return };
        bench.bundle.change(|config| {
            let killer = json!({ "path": "/bin/sh", "args": ["sh", "-c", "kill -9 $PPID; sleep 1"] });
            config["hooks"] = json!({ "createRuntime": [killer] });
        });
        let id = unique("rdt");
        let root = bench.brig.root();
        let words = [bench.fs.path(), root.to_str().unwrap(), bench.bundle.path().to_str().unwrap(), &id];
        let test = "what_a_killed_creator_made_goes_with_delete_by_force";
        let creator = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--test-threads=1"])
            .env(MARK, words.join(" "))
            .output()
            .unwrap();
        assert!(!creator.status.success());
        assert_eq!(bench.classes(), [if clos_id.is_empty() { &id } else { clos_id }], "{creator:?}");
        let deleted = bench.brig.run(&["--debug", "delete", "--force", &id]).ok();
        // A brig-init that is not yet at its end makes it a container, and the class of a container stays if it has a name.
        let left = bench.classes();
        assert!(left.is_empty() || left == [clos_id], "{left:?} {deleted:?}");
        let groups =
            bench.fs.tree(|tree| tree.classes.get(clos_id).map_or(0, |class| class.monitoring.len()));
        assert_eq!(groups, 0, "{deleted:?}");
        bench.brig.assert_nothing_of(&id);
    }
}

#[test]
fn an_exec_process_of_a_container_whose_class_is_gone_runs_like_its_first() {
    let Some(bench) = Bench::new(json!({})) else { return };
    let id = unique("rdt");
    bench.create(&id).unwrap();
    bench.brig.run(&["start", &id]).ok();
    bench.fs.tree(|tree| tree.rmdir(&id)).unwrap();
    let ended = bench.brig.run(&["exec", &id, "true"]).ok();
    assert!(ended.stderr.contains("level=warning") && ended.stderr.contains("tasks"), "{ended:?}");
    bench.brig.run(&["delete", "--force", &id]).ok();
}

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
    for command in ["create", "run"] {
        let ended = brig.run(&[command, "--bundle", bundle.path().to_str().unwrap(), &id]);
        let words = "intelRdt is specified in config, but Intel RDT is not enabled (linux.intelRdt)";
        ended.failed(1, &format!("brig {command} failed: {words}"));
        brig.assert_nothing_of(&id);
    }
}

#[test]
fn statistics_of_a_container_have_those_of_its_class_and_monitoring_group() {
    let Some(bench) = Bench::new(json!({ "l3CacheSchema": "L3:0=f", "enableMonitoring": true })) else {
        return;
    };
    let id = unique("rdt");
    bench.create(&id).unwrap();
    let counter = format!("{id}/mon_groups/{id}/mon_data/mon_L3_01/llc_occupancy");
    bench.fs.tree(|tree| tree.counters.insert(counter, "4096".to_owned()));
    let line = bench.brig.run(&["events", "--stats", &id]).json();
    let rdt = &line["data"]["intel_rdt"];
    assert_eq!(rdt["l3_cache_schema"], "L3:0=00f;1=fff");
    assert_eq!(rdt["l3_cache_schema_root"], "L3:0=fff;1=fff");
    assert_eq!(rdt["cmt_stats"], json!([{ "llc_occupancy": 0 }, { "llc_occupancy": 4096 }]));
    assert_eq!(rdt["mbm_stats"][1], json!({ "mbm_total_bytes": 0, "mbm_local_bytes": 0 }));
    bench.fs.tree(|tree| tree.rmdir(&id)).unwrap();
    let line = bench.brig.run(&["events", "--stats", &id]).json();
    assert_eq!(line["data"]["intel_rdt"], json!({}), "the rest is told all the same");
}

#[test]
fn an_update_changes_what_it_names_in_one_write_and_a_refused_one_changes_nothing() {
    let Some(bench) = Bench::new(json!({ "l3CacheSchema": "L3:0=f" })) else { return };
    let id = unique("rdt");
    bench.create(&id).unwrap();
    bench.commands();
    let schemata = || bench.fs.read(&format!("{id}/schemata"));
    bench.brig.run(&["update", "--l3-cache-schema", "L3:1=3", &id]).ok();
    assert_eq!(schemata(), "    L3:0=00f;1=003\n    MB:0= 100;1= 100\n");
    bench.brig.run(&["update", "--l3-cache-schema", "L3:0=1", "--mem-bw-schema", "MB:0=20", &id]).ok();
    let now = "    L3:0=001;1=003\n    MB:0=  20;1= 100\n";
    assert_eq!(schemata(), now);
    let write = |lines: &str| format!("write {id}/schemata {lines:?}");
    assert_eq!(bench.commands(), [write("L3:1=3\n"), write("L3:0=1\nMB:0=20\n")]);

    let pids = || {
        let files = common::cgroups_named(&id).into_iter().map(|group| group.join("pids.max"));
        files.filter_map(|file| fs::read_to_string(file).ok()).collect::<Vec<_>>()
    };
    let before = pids();
    let limit: &[&str] = if before.is_empty() { &[] } else { &["--pids-limit", "50"] };
    let words =
        [&["update", "--l3-cache-schema", "L3:0=7", "--mem-bw-schema", "MB:0=5"], limit, &[&id]].concat();
    let ended = bench.brig.run(&words);
    assert_eq!(ended.code, 1);
    assert!(ended.error().ends_with("last_cmd_status: MB value 5 out of range [10,100]"), "{ended:?}");
    assert_eq!((schemata().as_str(), pids()), (now, before));
}

#[test]
fn an_update_of_what_the_machine_does_not_have_is_refused_by_name() {
    let Some(bench) = Bench::new(json!({})) else { return };
    let id = unique("rdt");
    bench.create(&id).unwrap();
    bench.fs.tree(|tree| tree.lacks = vec!["L3", "MB"]);
    let cache = bench.brig.run(&["update", "--l3-cache-schema", "L3:0=f", &id]);
    assert!(cache.error().contains("Intel RDT/CAT: l3 cache schema is not enabled (--l3-cache-schema)"));
    let bandwidth = bench.brig.run(&["update", "--mem-bw-schema", "MB:0=20", &id]);
    let words = "Intel RDT/MBA: memory bandwidth schema is not enabled (--mem-bw-schema)";
    assert!(bandwidth.error().contains(words), "{bandwidth:?}");
    let lines = bench.brig.run(&["update", "--mem-bw-schema", "MB:0=20\nMB:1=20", &id]);
    assert!(lines.error().contains("--mem-bw-schema: is more than one line"), "{lines:?}");
}
