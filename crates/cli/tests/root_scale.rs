//! Many containers, one after another and at once; commands that meet; creators that are killed. None lost, none left, and
//! every command comes to a clear end. Root, in a private mount namespace.
#![allow(clippy::unwrap_used, reason = "a test ends where its preparation fails")]
#![allow(clippy::print_stdout, reason = "what a thousand containers cost is for the reader to judge")]

mod common;

use std::{
    env,
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use common::{Brig, Bundle, Ended, HostMounts, Witness, unique};
use serde_json::Value;

/// How many containers follow each other, where nobody asks for another number with `BRIG_TEST_MANY`.
const MANY: usize = 500;
/// How many live at once.
const AT_ONCE: usize = 100;
/// How many pairs of commands meet.
const MEETINGS: usize = 20;
/// How many creators are killed at a random moment.
const KILLED: usize = 50;

fn many(unless_asked: usize) -> usize {
    env::var("BRIG_TEST_MANY").ok().and_then(|text| text.parse().ok()).unwrap_or(unless_asked)
}

/// A number of the test's own, or that which is asked for where it is lower.
fn at_most(number: usize) -> usize {
    many(number).min(number)
}

fn create(brig: &Brig, bundle: &Bundle, id: &str) -> Ended {
    brig.run(&["create", "--bundle", bundle.path().to_str().unwrap(), id])
}

/// Names and statuses that `list` tells, of the containers of this test.
fn listed(brig: &Brig) -> Vec<(String, String)> {
    let list = brig.run(&["list", "--format", "json"]).json();
    let word = |entry: &Value, name: &str| entry[name].as_str().unwrap().to_owned();
    let entries = list.as_array().cloned().unwrap_or_default();
    entries.iter().map(|entry| (word(entry, "id"), word(entry, "status"))).collect()
}

fn all(ids: &[String], status: &str) -> Vec<(String, String)> {
    ids.iter().map(|id| (id.clone(), status.to_owned())).collect()
}

/// Names in the order in which `list` tells them.
fn names(name: &str, count: usize) -> Vec<String> {
    let name = unique(name);
    (0..count).map(|number| format!("{name}-{number:04}")).collect()
}

/// Runs `work` for every id and prints what the first and the last hundred took.
fn one_by_one(what: &str, ids: &[String], work: impl Fn(&str)) {
    let took = |ids: &[String]| {
        let times = ids.iter().map(|id| {
            let started = Instant::now();
            work(id);
            started.elapsed()
        });
        times.collect::<Vec<_>>()
    };
    let times = took(ids);
    let window = times.len().min(100);
    let median_and_least = |part: &[Duration]| {
        let mut part = part.to_vec();
        part.sort_unstable();
        (part[part.len() / 2], part[0])
    };
    let (first, last) =
        (median_and_least(&times[..window]), median_and_least(&times[times.len() - window..]));
    println!("{what}: {}, median and least of the first {window} {first:?}, of the last {last:?}", ids.len());
}

/// Everybody begins at the same moment; what they return comes back in order.
fn at_once<T: Send>(count: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let (barrier, work) = (Barrier::new(count), &work);
    thread::scope(|scope| {
        let start = |number| {
            let barrier = &barrier;
            scope.spawn(move || {
                barrier.wait();
                work(number)
            })
        };
        let threads = (0..count).map(start).collect::<Vec<_>>();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
fn many_containers_are_created_listed_started_and_deleted_one_after_another() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig, ids) = (Bundle::sleeper(), Brig::new(), names("many", many(AT_ONCE)));
    let mounts = HostMounts::now();
    one_by_one("create", &ids, |id| drop(create(&brig, &bundle, id).ok()));
    assert_eq!(listed(&brig), all(&ids, "created"));
    one_by_one("start", &ids, |id| drop(brig.run(&["start", id]).ok()));
    assert_eq!(listed(&brig), all(&ids, "running"));
    one_by_one("delete --force", &ids, |id| drop(brig.run(&["delete", "--force", id]).ok()));
    assert_eq!(listed(&brig), []);
    brig.assert_nothing_of(ids[0].trim_end_matches("-0000"));
    mounts.assert_unchanged();
}

#[test]
fn many_lives_follow_each_other() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig, ids) = (Bundle::with_args(&["true"]), Brig::new(), names("lives", many(MANY)));
    one_by_one("run", &ids, |id| {
        drop(brig.run(&["run", "--bundle", bundle.path().to_str().unwrap(), id]).ok())
    });
    assert_eq!(listed(&brig), []);
    brig.assert_nothing_of(ids[0].trim_end_matches("-0000"));
}

#[test]
fn a_hundred_run_at_once() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig, ids) = (Bundle::script("exit 7"), Brig::new(), names("run", at_most(AT_ONCE)));
    let mounts = HostMounts::now();
    let path = bundle.path().to_str().unwrap();
    let ended = at_once(ids.len(), |number| brig.run(&["run", "--bundle", path, &ids[number]]));
    for ended in ended {
        assert_eq!((ended.code, &*ended.stderr), (7, ""));
    }
    assert_eq!(listed(&brig), []);
    brig.assert_nothing_of(ids[0].trim_end_matches("-0000"));
    mounts.assert_unchanged();
}

#[test]
fn a_hundred_are_created_started_and_deleted_at_once() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig, ids) = (Bundle::sleeper(), Brig::new(), names("at-once", at_most(AT_ONCE)));
    at_once(ids.len(), |number| drop(create(&brig, &bundle, &ids[number]).ok()));
    assert_eq!(listed(&brig), all(&ids, "created"));
    at_once(ids.len(), |number| drop(brig.run(&["start", &ids[number]]).ok()));
    assert_eq!(listed(&brig), all(&ids, "running"));
    at_once(ids.len(), |number| drop(brig.run(&["delete", "--force", &ids[number]]).ok()));
    assert_eq!(listed(&brig), []);
    brig.assert_nothing_of(ids[0].trim_end_matches("-0000"));
}

#[test]
fn of_many_who_create_one_container_one_succeeds() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::sleeper(), Brig::new());
    for id in names("same", 5) {
        let ended = at_once(8, |_| create(&brig, &bundle, &id));
        assert_eq!(ended.iter().filter(|ended| ended.code == 0).count(), 1, "{ended:?}");
        for loser in ended.iter().filter(|ended| ended.code != 0) {
            loser.failed(1, "brig create failed: container with given ID already exists");
        }
        assert_eq!(brig.status(&id), "created");
        brig.run(&["delete", &id]).ok();
        brig.assert_nothing_of(&id);
    }
}

#[test]
fn two_deletes_at_once_both_end_well() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::sleeper(), Brig::new());
    for id in names("forced", at_most(MEETINGS)) {
        create(&brig, &bundle, &id).ok();
        brig.run(&["start", &id]).ok();
        for ended in at_once(2, |_| brig.run(&["delete", "--force", &id])) {
            ended.ok();
        }
        brig.assert_nothing_of(&id);
    }
    for id in names("created", at_most(MEETINGS)) {
        create(&brig, &bundle, &id).ok();
        let ended = at_once(2, |_| brig.run(&["delete", &id]));
        assert!(ended.iter().any(|ended| ended.code == 0), "{ended:?}");
        for loser in ended.iter().filter(|ended| ended.code != 0) {
            loser.failed(1, "container does not exist");
        }
        brig.assert_nothing_of(&id);
    }
}

#[test]
fn start_and_delete_at_once_come_to_one_of_two_ends() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::sleeper(), Brig::new());
    for (round, id) in names("meeting", at_most(MEETINGS)).into_iter().enumerate() {
        create(&brig, &bundle, &id).ok();
        let delete = if round % 2 == 0 { &["delete"][..] } else { &["delete", "--force"] };
        let ended = at_once(2, |who| {
            if who == 0 { brig.run(&["start", &id]) } else { brig.run(&[delete, &[&id]].concat()) }
        });
        let [started, deleted] = ended.as_slice() else { panic!() };
        if deleted.code == 0 {
            let clear = [
                "",
                "container does not exist",
                "cannot start a container that has stopped",
                "container process is already dead",
            ];
            let error = started.error();
            assert!(clear.contains(&error.split("; ").next().unwrap()), "{started:?}");
        } else {
            let running = format!("cannot delete container {id} that is not stopped: running");
            deleted.failed(1, &running);
            assert_eq!((started.code, &*brig.status(&id)), (0, "running"), "{started:?}");
            brig.run(&["delete", "--force", &id]).ok();
        }
        brig.assert_nothing_of(&id);
    }
}

#[test]
fn execs_that_meet_a_delete_all_end() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::sleeper(), Brig::new());
    for id in names("execs", 4) {
        create(&brig, &bundle, &id).ok();
        brig.run(&["start", &id]).ok();
        let ended = at_once(33, |number| match number {
            32 => {
                thread::sleep(Duration::from_millis(30));
                brig.run(&["delete", "--force", &id])
            }
            _ => brig.finish_alone(brig.command(&["exec", &id, "sleep", "1000"])),
        });
        let (deleted, execs) = ended.split_last().unwrap();
        assert_eq!(deleted.code, 0, "{deleted:?}");
        for exec in execs {
            // Killed with the container, or not in time to get into it.
            let clear = exec.code == 137 || (exec.code == 255 && exec.stderr.lines().count() == 1);
            assert!(clear, "{exec:?}");
        }
        brig.assert_nothing_of(&id);
    }
}

#[test]
fn whatever_a_killed_creator_left_is_deleted_by_force() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::sleeper(), Brig::new());
    let mounts = HostMounts::now();
    // How long one takes here, so that the kills fall everywhere.
    let started = Instant::now();
    let id = brig.create(&bundle);
    let whole = started.elapsed();
    brig.run(&["delete", &id]).ok();
    let mut random = Random(0x5EED);
    let mut alive = 0;
    for id in names("killed", at_most(KILLED)) {
        let (witness, stderr) = Witness::new();
        let mut command = brig.command(&["create", "--bundle", bundle.path().to_str().unwrap(), &id]);
        let mut creator = command.stdout(stderr.try_clone().unwrap()).stderr(stderr).spawn().unwrap();
        drop(command);
        thread::sleep(whole.mul_f64(random.fraction() * 1.2));
        creator.kill().unwrap();
        alive += u32::from(creator.wait().unwrap().success());
        brig.run(&["delete", "--force", &id]).ok();
        // It dies with its parent, or hears of that first, and leaves without a word on the user's standard error.
        assert_eq!(witness.alone(), "");
        brig.assert_nothing_of(&id);
    }
    println!("{alive} creators had finished before they were to be killed");
    mounts.assert_unchanged();
}

/// What brig was doing when it was killed.
#[derive(Debug, Clone, Copy)]
enum Work {
    Create,
    Start,
    Run,
    Delete,
}

const WORKS: [Work; 4] = [Work::Create, Work::Start, Work::Run, Work::Delete];

impl Work {
    /// The words of the command, when everything that comes before it has been done.
    fn prepared<'w>(self, brig: &Brig, bundle: &'w str, id: &'w str) -> Vec<&'w str> {
        if matches!(self, Work::Start | Work::Delete) {
            brig.run(&["create", "--bundle", bundle, id]).ok();
        }
        match self {
            Work::Create => vec!["create", "--bundle", bundle, id],
            Work::Start => vec!["start", id],
            Work::Run => vec!["run", "--detach", "--bundle", bundle, id],
            Work::Delete => {
                brig.run(&["start", id]).ok();
                vec!["delete", "--force", id]
            }
        }
    }

    /// How long it takes here at the least, so that kills fall everywhere.
    fn whole(self, brig: &Brig, bundle: &str) -> Duration {
        let once = |_| {
            let id = unique("whole");
            let words = self.prepared(brig, bundle, &id);
            let started = Instant::now();
            brig.run(&words).ok();
            let took = started.elapsed();
            brig.run(&["delete", "--force", &id]).ok();
            took
        };
        (0..5).map(once).min().unwrap()
    }
}

#[test]
fn nothing_is_left_of_many_containers_whose_brig_was_killed_in_the_middle_of_its_work() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig, ids) = (Bundle::sleeper(), Brig::new(), names("middle", many(MANY)));
    let path = bundle.path().to_str().unwrap();
    let mounts = HostMounts::now();
    let wholes = WORKS.map(|work| work.whole(&brig, path));
    let mut random = Random(0xB416);
    let mut finished = [0; WORKS.len()];
    for (number, id) in ids.iter().enumerate() {
        let which = number % WORKS.len();
        let (witness, stderr) = Witness::new();
        let mut command = brig.command(&WORKS[which].prepared(&brig, path, id));
        let mut killed = command.stdout(stderr.try_clone().unwrap()).stderr(stderr).spawn().unwrap();
        drop(command);
        thread::sleep(wholes[which].mul_f64(random.fraction() * 1.2));
        killed.kill().unwrap();
        finished[which] += u32::from(killed.wait().unwrap().success());
        brig.run(&["delete", "--force", id]).ok();
        witness.alone();
        brig.assert_nothing_of(id);
    }
    println!("{WORKS:?}: {finished:?} of {} had finished before they were to be killed", ids.len());
    brig.assert_nothing_of(ids[0].trim_end_matches("-0000"));
    mounts.assert_unchanged();
}

/// The same numbers in every run: Knuth's linear congruential generator.
struct Random(u64);

impl Random {
    /// From 0 to 1.
    fn fraction(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f64::from(u16::try_from(self.0 >> 48).unwrap()) / f64::from(u16::MAX)
    }
}
