//! Hooks under a creation, and what happens to it meanwhile.

use std::thread;

use crate::common::{Ours, Rootfs, as_root, cgroups_named, eventually, patience, unique};
use brig_plan::spec::{Hook, Hooks};
use brig_runtime::status::Status;
use brig_runtime::{Canceller, Container, Kind};

fn with_hook(rootfs: &Rootfs, script: &str) -> brig_runtime::Builder {
    let args = ["sh", "-c", script].map(|word| word.to_owned().into()).to_vec();
    let hook = Hook { path: "/bin/sh".into(), args, ..Hook::default() };
    rootfs.script("sleep 1000").edit(|spec| {
        spec.hooks = Some(Hooks { create_runtime: vec![hook], ..Hooks::default() });
    })
}

#[test]
fn creating_is_cancelled_in_the_middle_of_a_hook_and_leaves_nothing() {
    let Some(rootfs) = as_root() else { return };
    let (store, id) = (rootfs.store(), unique("cancelled"));
    let begun = rootfs.path().parent().unwrap().join("begun");
    let canceller = Canceller::new().unwrap();
    let launch = with_hook(&rootfs, &format!("echo >{}; exec sleep 1000", begun.display()))
        .patience(patience().or_until(&canceller));
    let error = thread::scope(|scope| {
        let creates = scope.spawn(|| launch.create(&store, &id).unwrap_err());
        eventually("the hook runs", || begun.exists() || creates.is_finished());
        canceller.cancel().unwrap();
        creates.join().unwrap()
    });
    assert!(error.to_string().contains("cancelled"), "{error}");
    assert_eq!(Container::open(&store, &id).unwrap_err().kind(), &Kind::NotFound);
    assert_eq!(cgroups_named(&id), Vec::<std::path::PathBuf>::new());
}

#[test]
fn while_a_hook_runs_nobody_else_waits() {
    let Some(rootfs) = as_root() else { return };
    let (store, id) = (rootfs.store(), unique("slow"));
    let (begun, end) =
        (rootfs.path().parent().unwrap().join("begun"), rootfs.path().parent().unwrap().join("end"));
    let script = format!("echo >{}; until [ -e {} ]; do sleep 0.01; done", begun.display(), end.display());
    let launch = with_hook(&rootfs, &script);
    let other = rootfs.sleeper();
    thread::scope(|scope| {
        let creates = scope.spawn(|| Ours(launch.create(&store, &id).unwrap()));
        eventually("the hook runs", || begun.exists() || creates.is_finished());
        other.stats().unwrap();
        assert!(other.exec(["true"]).status().unwrap().success());
        let creating = Container::open(&store, &id).unwrap_err();
        assert_eq!(creating.kind(), &Kind::WrongStatus, "{creating}");
        assert!(!creates.is_finished());
        std::fs::write(&end, "").unwrap();
        assert_eq!(creates.join().unwrap().status().unwrap(), Status::Created);
    });
}

#[test]
fn a_hook_that_fails_ends_the_creation() {
    let Some(rootfs) = as_root() else { return };
    let (store, id) = (rootfs.store(), unique("hook"));
    let error = with_hook(&rootfs, "echo why >&2; exit 3").create(&store, &id).unwrap_err();
    assert_eq!(error.kind(), &Kind::Hook, "{error}");
    assert!(error.to_string().contains("exit status 3, stdout: , stderr: why"), "{error}");
    assert_eq!(Container::open(&store, &id).unwrap_err().kind(), &Kind::NotFound);
}

#[test]
fn a_poststop_hook_that_never_ends_is_ended_where_a_creation_with_patience_fails() {
    let Some(rootfs) = as_root() else { return };
    let begun = rootfs.path().parent().unwrap().join("begun");
    let script = format!("echo $$ >{}; exec sleep 1000", begun.display());
    let args = ["sh", "-c", &script].map(|word| word.to_owned().into()).to_vec();
    let poststop = Hook { path: "/bin/sh".into(), args, ..Hook::default() };
    let launch = with_hook(&rootfs, "exit 3").poststop(poststop).patience(patience());
    let error = launch.create(&rootfs.store(), &unique("undone")).unwrap_err();
    assert_eq!(error.kind(), &Kind::Hook, "{error}");
    let pid = std::fs::read_to_string(&begun).unwrap();
    assert!(!std::path::Path::new("/proc").join(pid.trim()).exists());
}
