//! Devices, limits and processors, and what the OOM killer did.

use std::os::unix::process::ExitStatusExt;
use std::time::Instant;

use crate::common::{self, KILL, Ours, as_root, cgroups_named, lacks, patience, unique};
use brig_plan::spec::{LinuxCpu, LinuxDeviceCgroup, LinuxMemory, LinuxPids, LinuxResources};
use brig_runtime::Kind;
use brig_runtime::container::{Namespaces, Pod};
use brig_runtime::events::{Event, Next};
use brig_runtime::update::Update;
use rustix::io::Errno;

#[test]
fn devices_that_a_pod_does_not_have_none_of_its_containers_has() {
    let Some(rootfs) = as_root() else { return };
    let name = unique("pod");
    let pod = Pod::new(&format!("/{name}"), Namespaces::from_descriptors([])).unwrap();
    let rule = |allow, major, minor| LinuxDeviceCgroup {
        allow,
        kind: "c".into(),
        major: Some(major),
        minor: Some(minor),
        access: "rwm".into(),
    };
    let all = LinuxDeviceCgroup { access: "rwm".into(), ..LinuxDeviceCgroup::default() };
    pod.restrict_devices(&[all, rule(true, 250, 1)]).unwrap();
    if !lacks(&["pids"]) {
        let pids = Some(LinuxPids { limit: Some(64) });
        pod.limit(&LinuxResources { pids, ..LinuxResources::default() }).unwrap();
    }
    // Of two that no driver has, the container is allowed both.
    let container = rootfs.script("").command(["sleep", "1000"]).capabilities(["CAP_MKNOD"]).edit(|spec| {
        let resources = spec.linux.as_mut().unwrap().resources.as_mut().unwrap();
        resources.devices.extend([rule(true, 250, 1), rule(true, 250, 2)]);
    });
    let made = pod.launch(container.launch(), "member").run(&rootfs.store(), &unique("member"));
    match made {
        // Version 1: no group may have more than the one above it.
        Err(error) => assert!(
            matches!(error.kind(), Kind::Cgroup(_)) && error.errno() == Some(Errno::PERM),
            "{error:?}"
        ),
        // Version 2: both have to allow it.
        Ok(container) => {
            let container = Ours(container);
            let opened = |node: &str, major: u32, minor: u32| {
                let script = format!("busybox mknod /tmp/{node} c {major} {minor} && : >/tmp/{node}");
                let output = container.exec(["sh", "-c", script.as_str()]).output().unwrap();
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                !said.contains("Operation not permitted")
            };
            assert!(opened("one", 250, 1) && !opened("two", 250, 2));
            pod.stats().unwrap();
        }
    }
    pod.destroy().unwrap();
    assert_eq!(cgroups_named(&name), Vec::<std::path::PathBuf>::new());
}

#[test]
fn an_update_is_merged_and_comes_into_force_as_a_whole_or_not_at_all() {
    let Some(rootfs) = as_root() else { return };
    if lacks(&["memory", "pids", "cpuset"]) {
        return;
    }
    let id = unique("update");
    let container = rootfs.script("sleep 1000").pids(50).memory(64 << 20);
    let container = Ours(container.run(&rootfs.store(), &id).unwrap());
    let limits = || {
        let stats = container.stats().unwrap().cgroup;
        (stats.pids.limit, stats.memory.usage.limit)
    };
    let before = limits();
    let update = |resources: LinuxResources<'_>| container.update(&Update::of(&resources).unwrap());
    let pids = |limit| Some(LinuxPids { limit: Some(limit) });
    update(LinuxResources { pids: pids(20), ..LinuxResources::default() }).unwrap();
    let merged = limits();
    assert_eq!(merged.1, before.1, "what is not mentioned stays");
    assert_ne!(merged.0, before.0);
    let memory = Some(LinuxMemory { limit: Some(32 << 20), ..LinuxMemory::default() });
    // There is no such processor.
    let cpu = Some(LinuxCpu { cpus: "4000".into(), ..LinuxCpu::default() });
    update(LinuxResources { pids: pids(10), memory, cpu, ..LinuxResources::default() }).unwrap_err();
    assert_eq!(limits(), merged, "nothing of it came into force");
}

#[test]
fn processors_are_given_along_the_path_from_the_top_down() {
    let Some(rootfs) = as_root() else { return };
    if lacks(&["cpuset"]) {
        return;
    }
    let name = unique("path");
    let path = format!("/{name}/a/b");
    let container = rootfs.script("sleep 1000").cgroups_path(path.as_str()).cpuset("0");
    let container = Ours(container.run(&rootfs.store(), &unique("cpus")).unwrap());
    let root = ["/sys/fs/cgroup/cpuset", "/sys/fs/cgroup"]
        .into_iter()
        .find(|root| std::fs::exists(format!("{root}{path}")).unwrap());
    let cpus = |below: &str| {
        std::fs::read_to_string(format!("{}/{name}{below}/cpuset.cpus", root.unwrap()))
            .unwrap()
            .trim()
            .to_owned()
    };
    container.set_cpus_along("0-1", "0-1").unwrap_or_else(|error| {
        // A machine of one processor.
        println!("SKIPPED: needs two processors: {error}");
    });
    if cpus("/a/b") == "0-1" {
        assert_eq!([cpus(""), cpus("/a")], ["0-1", "0-1"]);
    }
    let before = ["", "/a", "/a/b"].map(cpus);
    container.set_cpus_along("0", "4000").unwrap_err();
    assert_eq!(["", "/a", "/a/b"].map(cpus), before, "nothing of it came into force");
    container.destroy().unwrap();
    // What is above a container's own cgroup stays, as with runc.
    for left in cgroups_named(&name).iter().flat_map(|left| [left.join("a"), left.clone()]) {
        std::fs::remove_dir(left).unwrap_or(());
    }
    assert_eq!(cgroups_named(&name), Vec::<std::path::PathBuf>::new());
}

#[test]
fn every_oom_kill_is_told_and_then_the_end() {
    let Some(rootfs) = as_root() else { return };
    if lacks(&["memory"]) {
        return;
    }
    let container =
        Ours(rootfs.script("sleep 1000").memory(16 << 20).run(&rootfs.store(), &unique("oom")).unwrap());
    let mut events = container.events().unwrap();
    let mut told = 0;
    for _ in 0..2 {
        let eater = container.exec(["sh", "-c", "a=x; while :; do a=$a$a; done"]).spawn().unwrap();
        assert_eq!(eater.wait_for(&patience()).unwrap().signal(), Some(KILL));
        let seen = told;
        while told == seen {
            match events.next(Some(Instant::now() + common::patiently(20))).unwrap() {
                Next::Event(Event::OutOfMemory { .. }) => told += 1,
                Next::Event(_) => {}
                over @ (Next::Ended | Next::DeadlinePassed | Next::Cancelled) => panic!("{over:?}"),
            }
        }
    }
    assert!(container.out_of_memory().unwrap().is_some_and(|found| found.kills >= 2));
    container.signal(KILL).unwrap();
    container.wait_for(&patience()).unwrap();
    while events.next(Some(Instant::now() + common::patiently(20))).unwrap() != Next::Ended {}
}
