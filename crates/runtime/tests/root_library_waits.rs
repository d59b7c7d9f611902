//! Every call of the library that waits can be ended from another thread, or by its deadline, and leaves nothing half done. Root,
//! in a private mount namespace.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test ends where its preparation fails")]

mod common;
#[path = "../../cgroup/tests/resctrl_fs/mod.rs"]
mod resctrl_fs;

use std::fs::{self, File};
use std::path::Path;
use std::thread;
use std::time::Duration;

use brig_plan::spec::{Hook, LinuxPids, LinuxResources};
use brig_runtime::checkpoint::{self, What};
use brig_runtime::criu::Options;
use brig_runtime::restore::Images;
use brig_runtime::status::Status;
use brig_runtime::update::Update;
use brig_runtime::{Canceller, Container, Error, Kind, Patience};
use common::{Ours, Rootfs, as_root, cgroups_named, eventually, lacks, patience, unique};
use resctrl_fs::ResctrlFs;
use rustix::fs::{FlockOperation, flock};

/// What `waits` comes to when it is cancelled as soon as `begun` holds, or came to before that.
#[track_caller]
fn cancelled<T: Send>(mut begun: impl FnMut() -> bool, waits: impl FnOnce(&Patience) -> T + Send) -> T {
    let canceller = Canceller::new().unwrap();
    let patience = patience().or_until(&canceller);
    thread::scope(|scope| {
        let waits = scope.spawn(|| waits(&patience));
        eventually("it waits", || begun() || waits.is_finished());
        if !waits.is_finished() {
            canceller.cancel().unwrap();
        }
        waits.join().unwrap()
    })
}

#[track_caller]
fn assert_cancelled(error: &Error) {
    assert_eq!(error.kind(), &Kind::Cancelled, "{error}");
}

/// Whether a process waits in read(2) of its standard input.
fn reads(container: &Container) -> bool {
    let reads = |pid: &u32| {
        let call = fs::read_to_string(format!("/proc/{pid}/syscall")).unwrap_or_default();
        call.split_whitespace().nth(1) == Some("0x0")
    };
    container.pids().unwrap().iter().any(reads)
}

#[test]
fn a_pause_that_is_given_up_lets_every_process_go_on() {
    let Some(rootfs) = as_root() else { return };
    let silent = match ResctrlFs::mount(&unique("silent")) {
        Ok(silent) => silent,
        Err(why) => return println!("SKIPPED: {why}"),
    };
    let file = File::open(format!("{}/schemata", silent.path())).unwrap();
    let script = rootfs.script("busybox head -c 1 >/dev/null; exec sleep 1000").stdin(file);
    let container = Ours(script.create(&rootfs.store(), &unique("stuck")).unwrap());
    // Nobody answers for as long as this has the tree.
    silent.tree(|_| {
        container.start().unwrap();
        eventually("it reads", || reads(&container));
        if container.pause_within(&Patience::of(Duration::from_millis(50))).is_ok() {
            println!("SKIPPED: this kernel stops who waits for a file system");
            return container.resume().unwrap();
        }
        assert_eq!(container.status().unwrap(), Status::Running);
        let error = cancelled(
            || container.status().unwrap() == Status::Paused || is_freezing(&container),
            |patience| container.pause_within(patience).unwrap_err(),
        );
        assert_cancelled(&error);
        assert_eq!(container.status().unwrap(), Status::Running);
        assert!(container.exec(["true"]).status().unwrap().success());
    });
    let comm = format!("/proc/{}/comm", container.init().unwrap().pid());
    eventually("it goes on", || fs::read_to_string(&comm).unwrap() == "sleep\n");
}

/// Whether its cgroup was told to stop, and has not.
fn is_freezing(container: &Container) -> bool {
    cgroups_named(container.id().as_str()).iter().any(|group| {
        let says = |file: &str, text: &str| {
            fs::read_to_string(group.join(file)).is_ok_and(|found| found.contains(text))
        };
        says("freezer.state", "FREEZING") || (says("cgroup.freeze", "1") && says("cgroup.events", "frozen 0"))
    })
}

#[test]
fn a_destroy_that_is_given_up_ends_its_poststop_hook_and_the_container_is_gone() {
    let Some(rootfs) = as_root() else { return };
    let begun = rootfs.path().parent().unwrap().join("begun");
    let hook = Hook {
        path: "/bin/sh".into(),
        args: ["sh", "-c", &format!("echo $$ >{}; exec sleep 1000", begun.display())]
            .map(|word| word.to_owned().into())
            .to_vec(),
        ..Hook::default()
    };
    let id = unique("slow");
    let container = rootfs.script("sleep 1000").poststop(hook).run(&rootfs.store(), &id).unwrap();
    let pid = || fs::read_to_string(&begun).unwrap_or_default().trim().to_owned();
    let error = cancelled(|| !pid().is_empty(), |patience| container.destroy_within(patience).unwrap_err());
    assert!(error.kind() == &Kind::Hook && error.to_string().contains("cancelled"), "{error}");
    assert!(!Path::new("/proc").join(pid()).exists());
    assert_eq!(Container::open(&rootfs.store(), &id).unwrap_err().kind(), &Kind::NotFound);
    assert_eq!(cgroups_named(&id), Vec::<std::path::PathBuf>::new());
    container.destroy().unwrap();
}

#[test]
fn whoever_waits_for_another_to_be_done_with_a_container_can_give_up_and_has_changed_nothing() {
    let Some(rootfs) = as_root() else { return };
    if lacks(&["pids"]) {
        return;
    }
    let container = Ours(rootfs.script("sleep 1000").pids(77).run(&rootfs.store(), &unique("busy")).unwrap());
    let most = || container.stats().unwrap().cgroup.pids.limit;
    let before = most();
    let resources = LinuxResources { pids: Some(LinuxPids { limit: Some(55) }), ..LinuxResources::default() };
    let update = Update::of(&resources).unwrap();
    let another = File::open(rootfs.store().root().join(container.id().as_str())).unwrap();
    flock(&another, FlockOperation::LockExclusive).unwrap();
    let late = container.update_within(&update, &Patience::of(Duration::from_millis(50))).unwrap_err();
    assert_eq!(late.kind(), &Kind::Deadline, "{late}");
    let error = cancelled(|| true, |patience| container.update_within(&update, patience).unwrap_err());
    assert_cancelled(&error);
    let images = rootfs.path().parent().unwrap().join("images");
    let error = cancelled(
        || true,
        |patience| {
            let request = checkpoint::Request::new(Options::new(&images), What::Running);
            container.checkpoint(&checkpoint::Request { patience: patience.clone(), ..request }).unwrap_err()
        },
    );
    assert_cancelled(&error);
    assert_eq!(most(), before);
    drop(another);
    container.update(&update).unwrap();
    assert_ne!(most(), before);
}

/// A CRIU that says nothing, and whether it was started.
fn silent_criu(rootfs: &Rootfs) -> (std::path::PathBuf, impl Fn() -> String) {
    let folder = rootfs.path().parent().unwrap().to_owned();
    let (program, begun) = (folder.join("criu"), folder.join("begun"));
    fs::write(&program, format!("#!/bin/sh\necho $$ >{}\nexec sleep 1000\n", begun.display())).unwrap();
    fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    (program, move || fs::read_to_string(&begun).unwrap_or_default().trim().to_owned())
}

#[test]
fn a_criu_that_says_nothing_is_ended_with_the_patience_of_who_waits_for_it() {
    let Some(rootfs) = as_root() else { return };
    let container = rootfs.sleeper();
    let (program, pid) = silent_criu(&rootfs);
    let images = rootfs.path().parent().unwrap().join("images");
    let options = Options { program: &program, ..Options::new(&images) };
    let error = cancelled(
        || !pid().is_empty(),
        |patience| {
            let request = checkpoint::Request::new(options.clone(), What::Finally);
            container.checkpoint(&checkpoint::Request { patience: patience.clone(), ..request }).unwrap_err()
        },
    );
    assert_cancelled(&error);
    assert!(!Path::new("/proc").join(pid()).exists());
    assert_eq!(container.status().unwrap(), Status::Running);
    assert!(container.exec(["true"]).status().unwrap().success());
}

#[test]
fn a_restore_that_is_given_up_leaves_nothing() {
    let Some(rootfs) = as_root() else { return };
    let (program, pid) = silent_criu(&rootfs);
    let images = rootfs.path().parent().unwrap().join("images");
    fs::create_dir(&images).unwrap();
    fs::write(images.join("descriptors.json"), r#"["/dev/null","/dev/null","/dev/null"]"#).unwrap();
    let id = unique("restored");
    let error = cancelled(
        || !pid().is_empty(),
        |patience| {
            let launch = rootfs.script("sleep 1000").launch().patience(patience.clone());
            let images = Images::new(Options { program: &program, ..Options::new(&images) });
            launch.restore(&rootfs.store(), &id, &images).unwrap_err()
        },
    );
    assert_cancelled(&error);
    assert!(!Path::new("/proc").join(pid()).exists());
    assert_eq!(Container::open(&rootfs.store(), &id).unwrap_err().kind(), &Kind::NotFound);
    assert_eq!(cgroups_named(&id), Vec::<std::path::PathBuf>::new());
}
