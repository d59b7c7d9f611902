//! Memory that is short, and what the OOM killer did.

use std::{fs, path::Path, time::Duration};

use super::{Following, Limited, WAIT, open, request, soon, start_waiting};
use crate::common::{self, Brig, Bundle, eventually, unique};
use brig_runtime::{
    create,
    events::{self, Event, Events, Next, PressureThreshold, Resource, Waiting},
    oom,
};
use serde_json::json;

/// Uses up more than 20 MiB in a process of its own.
const GREEDY: &str = "(dd if=/dev/zero of=/dev/null bs=64M count=1 2>/dev/null)";

#[test]
fn the_library_tells_that_memory_is_short_before_it_runs_out() {
    if common::cannot_run() {
        return;
    }
    if !Path::new("/sys/fs/cgroup/cgroup.controllers").exists() {
        println!("SKIPPED: needs cgroup v2 alone");
        return;
    }
    let Some(limited) = Limited::new("memory", ("", ""), ("memory.high", "4194304")) else { return };
    let script = format!("{WAIT} (dd if=/dev/zero of=/dev/null bs=8M count=1 2>/dev/null) & sleep 1000");
    let (bundle, brig) = (limited.bundle(&script), Brig::new());
    let (id, go) = start_waiting(&brig, &bundle);
    let (store, id) = open(&brig, &id);
    let mut events = Events::open(&store, &id).unwrap();
    fs::write(go, "").unwrap();
    let told = events.next(soon()).unwrap();
    assert!(matches!(told, Next::Event(Event::Memory(events)) if events.high > 0), "{told:?}");
}

#[test]
fn pressure_that_passes_a_threshold_is_told() {
    if common::cannot_run() {
        return;
    }
    let spin = "while :; do :; done &";
    let (bundle, brig) = (Bundle::script(&format!("{} wait", spin.repeat(8))), Brig::new());
    let (store, id) = open(&brig, &brig.start(&bundle));
    let threshold = PressureThreshold {
        resource: Resource::Cpu,
        waiting: Waiting::Some,
        stall: Duration::from_millis(1),
        window: Duration::from_secs(2),
    };
    let watch = match events::watch_pressure(&store, &id, &threshold) {
        Err(error) if error.errno() == Some(rustix::io::Errno::OPNOTSUPP) => {
            println!("SKIPPED: needs a kernel that measures pressure");
            return;
        }
        watch => watch.unwrap(),
    };
    assert!(watch.wait(soon().unwrap()).unwrap());
    let odd = PressureThreshold { window: Duration::from_secs(11), ..threshold };
    let refused = events::watch_pressure(&store, &id, &odd).unwrap_err();
    assert_eq!(refused.errno(), Some(rustix::io::Errno::INVAL), "{refused}");
}

#[test]
fn a_start_that_dies_for_lack_of_memory_says_so_and_with_which_limit() {
    if common::cannot_run() {
        return;
    }
    let Some(limited) = Limited::memory("8192") else { return };
    let (bundle, brig) = (limited.bundle("true"), Brig::new());
    let id = unique("tiny");
    let ended = brig.run(&["create", "--bundle", bundle.path().to_str().unwrap(), &id]);
    assert_eq!(ended.code, 1, "{ended:?}");
    let (error, limit) = (ended.error(), "(memory limit too low?): the limit is 8192 bytes");
    assert!(error.starts_with("brig create failed: ") && error.ends_with(limit), "{error}");
    assert!(
        error.contains("container init was OOM-killed") || error.contains("cannot allocate memory"),
        "{error}"
    );
    brig.assert_nothing_of(&id);
}

#[test]
fn run_says_that_the_oom_killer_was_at_work() {
    if common::cannot_run() {
        return;
    }
    let Some(limited) = Limited::memory("20971520") else { return };
    let brig = Brig::new();
    let ended = brig.run_bundle(&limited.bundle("exec dd if=/dev/zero of=/dev/null bs=64M count=1"));
    assert_eq!(ended.code, 137, "{ended:?}");
    let words = "container ran out of memory: 1 process(es) OOM-killed, the limit is 20971520 bytes";
    assert!(ended.stderr.contains("level=warning") && ended.stderr.contains(words), "{ended:?}");
}

#[test]
fn an_end_by_a_signal_is_no_oom() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::script("kill -9 $$; kill -TERM $$; exit 3"), Brig::new());
    let ended = brig.run_bundle(&bundle);
    assert_ne!(ended.code, 0);
    assert!(!ended.stderr.contains("memory"), "{ended:?}");
}

/// A creator that shares its memory with what it clones, and is not waited for, gets the score of that.
#[test]
fn the_oom_score_of_a_container_is_not_its_creator_s() {
    if common::cannot_run() {
        return;
    }
    let ours = || fs::read_to_string("/proc/self/oom_score_adj").unwrap();
    let before = ours();
    let (bundle, brig) = (Bundle::with_args(&["sleep", "1000"]), Brig::new());
    let bundle = bundle.edit(|config| config["process"]["oomScoreAdj"] = json!(321));
    for _ in 0..20 {
        let (store, id) = open(&brig, &unique("score"));
        let created = create::create(&store, &id, &request(bundle.path())).unwrap();
        let pid = created.pid.as_raw_nonzero();
        assert_eq!(fs::read_to_string(format!("/proc/{pid}/oom_score_adj")).unwrap(), "321\n");
        assert_eq!(ours(), before);
        brig.run(&["delete", "--force", id.as_str()]).ok();
    }
}

#[test]
fn an_oom_is_one_line_and_the_end_of_the_container_ends_the_command() {
    if common::cannot_run() {
        return;
    }
    let Some(limited) = Limited::memory("20971520") else { return };
    let (bundle, brig) =
        (limited.bundle(&format!("{WAIT} {GREEDY}; rm /go; {WAIT} {GREEDY}; exit 0")), Brig::new());
    let (id, go) = start_waiting(&brig, &bundle);
    let mut events = Following::start(&brig, &["--interval", "1h", &id]);
    for _ in 0..2 {
        fs::write(&go, "").unwrap();
        assert_eq!(events.line(), Some(json!({ "type": "oom", "id": id })));
        eventually("the shell has noticed", || !go.exists() || brig.status(&id) == "stopped");
    }
    assert_eq!(events.line(), None);
    assert_eq!(events.code(), Some(0));
    let (store, id) = open(&brig, &id);
    let found = oom::out_of_memory(&store, &id).unwrap().unwrap();
    assert_eq!((found.kills, found.limit), (2, Some(20_971_520)));
    let words = format!("container with id {id} is not running");
    brig.run(&["events", id.as_str()]).failed(1, &words);
    brig.run(&["events", "--stats", id.as_str()]).failed(1, &words);
}
