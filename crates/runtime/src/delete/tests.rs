//! Lives and deaths of containers that are no more than a process and a record: without privilege, without cgroups.

use std::fs;
use std::process::{Child, Command, Stdio};

use super::*;
use crate::gate;
use crate::kill::kill;
use crate::list::list;
use crate::record::tests::{intent, record, template, text};
use crate::record::{Gate, Record};
use crate::state::state;
use crate::store::tests::{Scratch, id};

/// A process that stands for a container's first one, and is killed and waited for with this value.
struct Init(Child);

impl Init {
    fn start() -> Self {
        let child = Command::new("/bin/sh").args(["-c", "read x"]).stdin(Stdio::piped()).spawn();
        Self(child.unwrap())
    }

    fn identity(&self) -> Identity {
        Identity::of(self.0.id()).unwrap().unwrap()
    }

    fn is_killed(&mut self) -> bool {
        use std::os::unix::process::ExitStatusExt;
        self.0.wait().unwrap().signal() == Some(SIGKILL)
    }
}

impl Drop for Init {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn put(scratch: &Scratch, record: &Record<'_>) -> Place {
    let place = scratch.store().reserve(&id("a")).unwrap();
    place.write_record(record, &template(), &[]).unwrap();
    place
}

fn status(scratch: &Scratch) -> Status {
    state(&scratch.store(), &id("a")).unwrap().status
}

fn nobody() -> Identity {
    Identity { pid: u32::MAX, start_time: 1 }
}

/// Its words, without the hint behind them.
fn delete_it(scratch: &Scratch, mode: Mode) -> std::result::Result<(), String> {
    let words = |error: Error| error.to_string().split(';').next().unwrap_or_default().to_owned();
    delete(&scratch.store(), &id("a"), mode).map_err(words)
}

#[test]
fn what_is_not_there_is_missed_but_not_by_force() {
    let scratch = Scratch::new();
    assert_eq!(delete_it(&scratch, Mode::Stopped), Err("container does not exist".to_owned()));
    assert_eq!(delete_it(&scratch, Mode::Force), Ok(()));
}

#[test]
fn a_directory_without_a_record_is_removed_and_was_no_container() {
    let scratch = Scratch::new();
    for (mode, want) in [(Mode::Stopped, Err("container does not exist".to_owned())), (Mode::Force, Ok(()))] {
        let place = scratch.store().reserve(&id("a")).unwrap();
        let path = place.path().to_owned();
        drop(place);
        assert_eq!(delete_it(&scratch, mode), want);
        assert!(!path.exists());
    }
}

#[test]
fn an_intent_is_creating_while_its_creator_lives_and_then_a_leftover() {
    let scratch = Scratch::new();
    let place = scratch.store().reserve(&id("a")).unwrap();
    place.write_intent(&intent(Identity::of_self().unwrap())).unwrap();
    assert_eq!(status(&scratch), Status::Creating);
    assert_eq!(kill(&scratch.store(), &id("a"), 15).unwrap_err().to_string(), "container not running");
    let refused = delete_it(&scratch, Mode::Stopped);
    assert_eq!(refused, Err("cannot delete container a that is not stopped: creating".to_owned()));
    drop(place);
    assert_eq!(status(&scratch), Status::Stopped);
    assert_eq!(delete_it(&scratch, Mode::Stopped), Ok(()));
    assert!(scratch.store().ids().unwrap().is_empty());
}

#[test]
fn a_creator_that_finishes_after_its_intent_was_read_left_nothing_behind() {
    let scratch = Scratch::new();
    let init = Init::start();
    let place = scratch.store().reserve(&id("a")).unwrap();
    place.write_intent(&intent(Identity::of_self().unwrap())).unwrap();
    let (reader, file) = scratch.store().load(&id("a"), Part::Head).unwrap();
    place.write_record(&record(init.identity()), &template(), &[]).unwrap();
    drop(place);
    assert_eq!(status::status(&reader, &file.stage().unwrap()).unwrap(), Status::Running);
    assert_eq!(crate::state::of(&reader, &file).unwrap().pid, init.0.id());
    let creator = Identity::of_self().unwrap();
    assert!(has_moved_on(&scratch.store(), &reader, Some(&creator)).unwrap());
}

#[test]
fn force_waits_for_a_creator_that_gives_up() {
    let scratch = Scratch::new();
    let place = scratch.store().reserve(&id("a")).unwrap();
    place.write_intent(&intent(Identity::of_self().unwrap())).unwrap();
    std::thread::scope(|scope| {
        let deleter = scope.spawn(|| delete_it(&scratch, Mode::Force));
        std::thread::sleep(Duration::from_millis(100));
        assert!(!deleter.is_finished());
        place.remove(RECORD).unwrap();
        assert_eq!(deleter.join().unwrap(), Ok(()));
    });
    assert!(scratch.store().ids().unwrap().is_empty());
}

#[test]
fn force_takes_down_what_a_creator_finishes_meanwhile() {
    let scratch = Scratch::new();
    let mut init = Init::start();
    let place = scratch.store().reserve(&id("a")).unwrap();
    std::thread::scope(|scope| {
        let deleter = scope.spawn(|| delete_it(&scratch, Mode::Force));
        std::thread::sleep(Duration::from_millis(50));
        place.write_intent(&intent(Identity::of_self().unwrap())).unwrap();
        std::thread::sleep(Duration::from_millis(50));
        assert!(!deleter.is_finished());
        place.write_record(&record(init.identity()), &template(), &[]).unwrap();
        assert_eq!(deleter.join().unwrap(), Ok(()));
    });
    assert!(init.is_killed() && scratch.store().ids().unwrap().is_empty());
}

#[test]
fn force_goes_on_when_the_creator_is_killed() {
    let scratch = Scratch::new();
    let place = scratch.store().reserve(&id("a")).unwrap();
    // The lock is in another process's hands when its pidfd says that it has ended: only then is it free.
    let mut creator = Init::start();
    place.write_intent(&intent(creator.identity())).unwrap();
    std::thread::scope(|scope| {
        let deleter = scope.spawn(|| delete_it(&scratch, Mode::Force));
        std::thread::sleep(Duration::from_millis(50));
        assert!(!deleter.is_finished());
        drop(place);
        creator.0.kill().unwrap();
        assert_eq!(deleter.join().unwrap(), Ok(()));
    });
    assert!(creator.is_killed());
}

#[test]
fn one_that_runs_is_deleted_by_force_only() {
    let scratch = Scratch::new();
    let mut init = Init::start();
    put(&scratch, &record(init.identity()));
    assert_eq!(status(&scratch), Status::Running);
    let refused = delete_it(&scratch, Mode::Stopped);
    assert_eq!(refused, Err("cannot delete container a that is not stopped: running".to_owned()));
    assert_eq!(delete_it(&scratch, Mode::Force), Ok(()));
    assert!(init.is_killed() && scratch.store().ids().unwrap().is_empty());
}

#[test]
fn one_that_waits_for_start_is_killed_and_deleted() {
    let scratch = Scratch::new();
    let mut init = Init::start();
    let place = put(&scratch, &Record { gate: Gate::Waits, ..record(init.identity()) });
    assert_eq!(status(&scratch), Status::Running);
    let us = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    let _fifo = gate::make(&place, us.0, us.1).unwrap();
    assert_eq!(status(&scratch), Status::Created);
    assert_eq!(delete_it(&scratch, Mode::Stopped), Ok(()));
    assert!(init.is_killed() && scratch.store().ids().unwrap().is_empty());
}

#[test]
fn a_stranger_who_got_the_pid_is_neither_seen_nor_signalled() {
    let scratch = Scratch::new();
    let mut stranger = Init::start();
    let ours = Identity { start_time: stranger.identity().start_time - 1, ..stranger.identity() };
    put(&scratch, &record(ours));
    let found = state(&scratch.store(), &id("a")).unwrap();
    assert_eq!((found.status, found.pid), (Status::Stopped, 0));
    assert_eq!(kill(&scratch.store(), &id("a"), SIGKILL).unwrap_err().to_string(), "container not running");
    assert_eq!(delete_it(&scratch, Mode::Force), Ok(()));
    assert!(stranger.0.try_wait().unwrap().is_none());
}

#[test]
fn kill_reaches_the_first_process_and_no_signal_number_is_taken_on_trust() {
    let scratch = Scratch::new();
    let mut init = Init::start();
    put(&scratch, &record(init.identity()));
    let kill = |signal| kill(&scratch.store(), &id("a"), signal).map_err(|error| error.to_string());
    assert_eq!(kill(0), Ok(()));
    assert_eq!(kill(-9), Err("unable to signal init: invalid argument".to_owned()));
    assert_eq!(kill(65), Err("unable to signal init: invalid argument".to_owned()));
    assert_eq!(status(&scratch), Status::Running);
    assert_eq!(kill(SIGKILL), Ok(()));
    assert!(init.is_killed());
    assert_eq!(kill(15), Err("container not running".to_owned()));
}

#[test]
fn of_many_who_delete_one_runs_the_hooks() {
    let scratch = Scratch::new();
    let out = scratch.path().join("out");
    let script = format!("cat >> {}; exit 3", out.display());
    let hook = ParentHook {
        path: text("/bin/sh"),
        args: vec![text("sh"), text("-c"), text(&script)],
        env: Some(vec![text("PATH=/usr/bin:/bin")]),
        timeout: None,
    };
    let init = Init::start();
    put(&scratch, &Record { poststop: vec![hook], ..record(init.identity()) });
    let results: Vec<_> = std::thread::scope(|scope| {
        let deleters: Vec<_> = (0..4).map(|_| scope.spawn(|| delete_it(&scratch, Mode::Force))).collect();
        deleters.into_iter().map(|deleter| deleter.join().unwrap()).collect()
    });
    let failed: Vec<_> = results.into_iter().filter_map(std::result::Result::err).collect();
    assert_eq!(failed, ["error running poststop hook #0: exit status 3, stdout: , stderr: "]);
    let document = fs::read_to_string(&out).unwrap();
    assert!(
        document.starts_with(r#"{"ociVersion":"1.3.0","id":"a","status":"stopped","bundle""#),
        "{document}"
    );
    assert_eq!(document.matches("ociVersion").count(), 1);
    assert!(scratch.store().ids().unwrap().is_empty());
}

#[test]
fn a_list_reports_what_makes_no_sense_and_goes_on() {
    let scratch = Scratch::new();
    put(&scratch, &record(nobody()));
    let garbage = scratch.store().reserve(&id("b")).unwrap();
    fs::write(garbage.path().join(RECORD), "garbage").unwrap();
    scratch.store().reserve(&id("c")).unwrap();
    fs::create_dir(scratch.store().root().join("d d")).unwrap();
    let listing = list(&scratch.store()).unwrap();
    assert_eq!(listing.states.iter().map(|state| state.id.as_str()).collect::<Vec<_>>(), ["a"]);
    let problems: Vec<_> = listing.problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        problems,
        [
            "load container b: record: not a record of brig",
            "load container c: container does not exist",
            "load container d d: invalid container ID format",
        ]
    );
}

#[test]
fn a_creation_is_undone_by_its_creator() {
    let scratch = Scratch::new();
    let mut init = Init::start();
    let place = scratch.store().reserve(&id("a")).unwrap();
    place.write_intent(&intent(Identity::of_self().unwrap())).unwrap();
    let pidfd = init.identity().pidfd().unwrap().unwrap();
    let facts = crate::record::tests::facts();
    let remains = Remains {
        init: Some(pidfd.as_fd()),
        intel_rdt: None,
        network: &crate::network::HostSide { veths: Vec::new(), bridges: Vec::new() },
        cgroup: None,
        unit: None,
        pid_namespace: PidNamespace::Private,
        rootless_cgroups: false,
        mode: Mode::Force,
        poststop: &[],
        facts: &facts,
    };
    destroy(&place, &remains, &Patience::ENDLESS).unwrap();
    assert!(init.is_killed() && scratch.store().ids().unwrap().is_empty());
}
