//! Containers as values of the library, made by root: what an agent does with them. In a private mount namespace.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test ends where its preparation fails")]

mod common;

use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::ExitStatusExt;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use brig_plan::load;
use brig_plan::spec::{Hook, Hooks, LinuxCpu, LinuxDeviceCgroup, LinuxMemory, LinuxPids, LinuxResources};
use brig_runtime::container::{Namespace, Namespaces, Pod, Size};
use brig_runtime::events::{Event, Next};
use brig_runtime::listener::{Answer, Listener};
use brig_runtime::status::Status;
use brig_runtime::update::Update;
use brig_runtime::{Canceller, Container, Kind, Launch, Patience, Stdio};
use common::{
    KILL, Ours, Rootfs, TERM, USR1, as_root, cgroups_named, eventually, lacks, patience, text, unique,
};
use rustix::io::Errno;
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

#[test]
fn a_container_of_words_goes_through_the_whole_life() {
    let Some(rootfs) = as_root() else { return };
    if lacks(&["memory", "pids"]) {
        return;
    }
    let (store, id) = (rootfs.store(), unique("life"));
    let container = Ours(rootfs.script("sleep 1000").memory(64 << 20).pids(32).create(&store, &id).unwrap());
    assert_eq!(container.status().unwrap(), Status::Created);
    container.start().unwrap();
    assert_eq!(container.status().unwrap(), Status::Running);
    let said =
        container.exec(["sh", "-c", "echo $A; pwd; id -u"]).env("A", "b").current_dir("/tmp").user(7, 8);
    assert_eq!(text(said.output().unwrap()), "b\n/tmp\n7\n");
    assert_eq!(container.stats().unwrap().cgroup.pids.current, 1);
    assert_eq!(container.pids().unwrap(), [container.init().unwrap().pid()]);
    container.pause().unwrap();
    assert_eq!(container.status().unwrap(), Status::Paused);
    container.resume().unwrap();
    container.signal(TERM).unwrap_or(());
    container.signal(KILL).unwrap();
    assert_eq!(container.wait_for(&patience()).unwrap().signal(), Some(KILL));
    assert_eq!(container.status().unwrap(), Status::Stopped);
    container.delete().unwrap();
    assert_eq!(container.state().unwrap_err().kind(), &Kind::NotFound);
    assert_eq!(cgroups_named(&id), Vec::<std::path::PathBuf>::new());
}

#[test]
fn a_bundle_a_spec_and_words_make_the_same_container() {
    let Some(rootfs) = as_root() else { return };
    let words = rootfs.script("exit 3").annotation("a", "b");
    let json = words.spec().to_json();
    let read = load::config(json.as_bytes()).unwrap();
    assert_eq!(&read, words.spec(), "{json}");
    std::fs::write(rootfs.path().parent().unwrap().join("config.json"), &json).unwrap();
    let bundle = Launch::bundle(rootfs.path().parent().unwrap());
    let spec = Launch::spec(rootfs.path(), read.clone());
    for launch in [bundle, spec, words.launch()] {
        assert_eq!(launch.status(&rootfs.store(), &unique("same")).unwrap().code(), Some(3));
    }
}

#[test]
fn an_error_says_kind_step_errno_and_json_path() {
    let Some(rootfs) = as_root() else { return };
    let store = rootfs.store();
    let missing = rootfs.script("").command(["/no/such"]).run(&store, &unique("c")).unwrap_err();
    assert!(
        matches!(missing.kind(), Kind::Step { .. }) && missing.errno() == Some(Errno::NOENT),
        "{missing:?}"
    );
    let wrong = rootfs.script("").edit(|spec| {
        spec.linux.as_mut().unwrap().namespaces[2].kind = "tiem".into();
    });
    let wrong = wrong.create(&store, &unique("c")).unwrap_err();
    let Kind::Refused(refusal) = wrong.kind() else { panic!("{wrong:?}") };
    assert_eq!(refusal.path(), "linux.namespaces[2].type");
    let container = rootfs.sleeper();
    let failed = container.exec(["/no/such"]).spawn().unwrap_err();
    assert!(failed.to_string().contains("no such file or directory"), "{failed}");
    assert_eq!(failed.errno(), Some(Errno::NOENT));
    let again = rootfs.script("").create(&container.store().clone(), container.id().as_str()).unwrap_err();
    assert_eq!(again.kind(), &Kind::AlreadyExists);
    assert_eq!(Container::open(&store, "../x").unwrap_err().kind(), &Kind::InvalidId);
}

#[test]
fn who_waits_for_a_container_waits_for_processes_that_nobody_holds_any_more() {
    let Some(rootfs) = as_root() else { return };
    let container = rootfs.sleeper();
    for _ in 0..3 {
        drop(container.exec(["true"]).spawn().unwrap());
        drop(container.exec(["sleep", "1000"]).spawn().unwrap());
    }
    let held = container.exec(["sleep", "1000"]).spawn().unwrap();
    container.signal(KILL).unwrap();
    assert_eq!(container.wait_for(&patience()).unwrap().signal(), Some(KILL));
    assert_eq!(held.wait_for(&patience()).unwrap().signal(), Some(KILL), "and he who holds one is told");
    container.destroy().unwrap();
}

#[test]
fn a_container_is_destroyed_whatever_nobody_has_waited_for() {
    let Some(rootfs) = as_root() else { return };
    let container = rootfs.sleeper();
    let process = container.exec(["sleep", "1000"]).spawn().unwrap();
    let begun = Instant::now();
    container.destroy().unwrap();
    assert!(begun.elapsed() < common::patiently(8), "the grace of ten seconds was not needed");
    assert_eq!(process.try_wait().unwrap().unwrap().signal(), Some(KILL));
    container.destroy().unwrap();
    let gone =
        |pid| waitid(WaitId::Pid(Pid::from_raw(pid).unwrap()), WaitIdOptions::EXITED | WaitIdOptions::NOHANG);
    for pid in [process.pid(), container.init().unwrap().pid()] {
        assert_eq!(gone(pid.cast_signed()).unwrap_err(), Errno::CHILD, "no zombie is left");
    }
}

#[test]
fn waits_have_deadlines_and_are_cancelled_from_other_threads() {
    let Some(rootfs) = as_root() else { return };
    let container = rootfs.sleeper();
    let short = Patience::of(Duration::from_millis(10));
    assert_eq!(container.wait_for(&short).unwrap_err().kind(), &Kind::Deadline);
    let canceller = Canceller::new().unwrap();
    let cancelled = Patience::ENDLESS.or_until(&canceller);
    let process = container.exec(["sleep", "1000"]).spawn().unwrap();
    thread::scope(|scope| {
        let waits = [
            scope.spawn(|| container.wait_for(&cancelled).unwrap_err()),
            scope.spawn(|| process.wait_for(&cancelled).unwrap_err()),
            scope.spawn(|| container.await_end(&cancelled).unwrap_err()),
        ];
        canceller.cancel().unwrap();
        for wait in waits {
            assert_eq!(wait.join().unwrap().kind(), &Kind::Cancelled);
        }
    });
    assert_eq!(container.status().unwrap(), Status::Running, "who waits is done, and not the container");
}

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
        eventually("the hook runs", || begun.exists());
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
        eventually("the hook runs", || begun.exists());
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
    assert_eq!(error.kind(), &Kind::Hook);
    assert!(error.to_string().contains("exit status 3, stdout: , stderr: why"), "{error}");
    assert_eq!(Container::open(&store, &id).unwrap_err().kind(), &Kind::NotFound);
}

#[test]
fn starting_a_container_whose_process_has_died_is_an_error_and_does_not_wait() {
    let Some(rootfs) = as_root() else { return };
    let container = Ours(rootfs.script("true").create(&rootfs.store(), &unique("dead")).unwrap());
    container.init().unwrap().signal(KILL).unwrap();
    container.wait_for(&patience()).unwrap();
    assert_eq!(container.start().unwrap_err().kind(), &Kind::WrongStatus);
}

#[test]
fn streams_are_pipes_sockets_or_any_descriptor() {
    let Some(rootfs) = as_root() else { return };
    let container = rootfs.sleeper();
    let cat = container.exec(["cat"]).stdin(Stdio::Piped).stdout(Stdio::Piped).spawn().unwrap();
    let (mut stdin, mut stdout) = (cat.take_stdin().unwrap(), cat.take_stdout().unwrap());
    assert!(cat.take_stdin().is_none() && cat.take_stderr().is_none());
    stdin.write_all(b"through a pipe").unwrap();
    drop(stdin);
    let mut said = String::new();
    stdout.read_to_string(&mut said).unwrap();
    assert_eq!(said, "through a pipe");
    assert!(cat.wait_for(&patience()).unwrap().success());
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    let both = theirs.try_clone().unwrap();
    let cat = container.exec(["cat"]).stdin(theirs).stdout(both).spawn().unwrap();
    ours.write_all(b"through a socket").unwrap();
    ours.shutdown(std::net::Shutdown::Write).unwrap();
    said.clear();
    ours.read_to_string(&mut said).unwrap();
    assert_eq!(said, "through a socket");
    assert!(cat.wait_for(&patience()).unwrap().success());
    let large = container.exec([
        "sh",
        "-c",
        "i=0; while [ $i -lt 20000 ]; do echo $i; echo $i >&2; i=$((i+1)); done",
    ]);
    let output = large.output().unwrap();
    assert_eq!(
        (output.stdout.len(), output.stderr.len()),
        (108_890, 108_890),
        "neither pipe blocks the other"
    );
}

#[test]
fn a_terminal_is_resized_and_hangs_up_when_it_is_dropped() {
    let Some(rootfs) = as_root() else { return };
    let container = rootfs.sleeper();
    let script = "trap 'stty size; echo resized' WINCH; stty size; echo ready; while :; do sleep 0.05; done";
    let shell =
        container.exec(["sh", "-c", script]).terminal(Size { rows: 10, columns: 20 }).spawn().unwrap();
    let terminal = shell.take_terminal().unwrap();
    let until = |word: &str| {
        let mut said = String::new();
        while !said.contains(word) {
            let mut bytes = [0; 256];
            let count = (&terminal).read(&mut bytes).unwrap();
            assert_ne!(count, 0, "{said}");
            said.push_str(&String::from_utf8_lossy(&bytes[..count]));
        }
        said
    };
    assert!(until("ready").contains("10 20"));
    terminal.resize(Size { rows: 33, columns: 44 }).unwrap();
    assert_eq!(terminal.size().unwrap(), Size { rows: 33, columns: 44 });
    assert!(until("resized").contains("33 44"));
    drop(terminal);
    assert_eq!(shell.wait_for(&patience()).unwrap().signal(), Some(1), "SIGHUP");
}

#[test]
fn the_container_s_own_process_can_have_a_terminal() {
    let Some(rootfs) = as_root() else { return };
    let container = rootfs.script("stty size").terminal(Size { rows: 5, columns: 7 });
    let container = Ours(container.run(&rootfs.store(), &unique("tty")).unwrap());
    let mut said = String::new();
    (&container.init().unwrap().take_terminal().unwrap()).read_to_string(&mut said).unwrap();
    assert_eq!(said, "5 7\r\n");
}

#[test]
fn namespaces_are_kept_by_descriptor_and_joined_by_several_containers() {
    let Some(rootfs) = as_root() else { return };
    let kept = Namespaces::new(&[Namespace::Network, Namespace::Ipc, Namespace::Uts]).unwrap();
    let number = |path: String| {
        std::fs::metadata(path).map(|found| std::os::unix::fs::MetadataExt::ino(&found)).unwrap()
    };
    let of = |kind| {
        let fd = kept.get(kind).unwrap();
        rustix::fs::fstat(fd).unwrap().st_ino
    };
    assert_ne!(of(Namespace::Network), number("/proc/thread-self/ns/net".into()), "this thread has stayed");
    let first = rootfs.script("sleep 1000").launch().join(&kept);
    let first = Ours(first.run(&rootfs.store(), &unique("first")).unwrap());
    let pid = Namespaces::of(&first, &[Namespace::Pid]).unwrap();
    let second = rootfs.script("sleep 1000").launch().join(&kept).join(&pid);
    let second = Ours(second.run(&rootfs.store(), &unique("second")).unwrap());
    for container in [&first, &second] {
        let pid = container.init().unwrap().pid();
        for (kind, file) in [(Namespace::Network, "net"), (Namespace::Ipc, "ipc"), (Namespace::Uts, "uts")] {
            assert_eq!(number(format!("/proc/{pid}/ns/{file}")), of(kind));
        }
    }
    let inside = number(format!("/proc/{}/ns/pid", second.init().unwrap().pid()));
    assert_eq!(inside, rustix::fs::fstat(pid.get(Namespace::Pid).unwrap()).unwrap().st_ino);
    assert_eq!(Namespaces::new(&[Namespace::Pid]).unwrap_err().errno(), Some(Errno::INVAL));
    // Its processes are not ended by the kernel with the first: they are found by cgroup.
    second.destroy().unwrap();
    assert_eq!(first.status().unwrap(), Status::Running);
}

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
fn a_signal_for_all_reaches_each_process_once() {
    let Some(rootfs) = as_root() else { return };
    let script = "say() { echo told; }; trap say USR1; \
                  for i in 1 2 3; do (trap say USR1; echo ready; while :; do sleep 0.05; done) & done; echo ready; \
                  while :; do sleep 0.05; done";
    let container = rootfs.script(script).stdout(Stdio::Piped).run(&rootfs.store(), &unique("all")).unwrap();
    let container = Ours(container);
    let mut stdout = container.init().unwrap().take_stdout().unwrap();
    let mut read = |word: &str, count: usize| {
        let mut said = String::new();
        while said.matches(word).count() < count {
            let mut bytes = [0; 256];
            let length = stdout.read(&mut bytes).unwrap();
            said.push_str(&String::from_utf8_lossy(&bytes[..length]));
        }
        said
    };
    read("ready", 4);
    container.signal_all(USR1).unwrap();
    // sleep(1) has no handler, and ends.
    assert_eq!(read("told", 4).matches("told").count(), 4);
    container.signal_all(KILL).unwrap();
    assert_eq!(container.wait_for(&patience()).unwrap().signal(), Some(KILL));
    assert_eq!(container.signal_all(USR1).unwrap_err().kind(), &Kind::WrongStatus);
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

#[test]
fn an_exit_status_is_not_lost_where_the_program_reaps_all_its_children() {
    let Some(rootfs) = as_root() else { return };
    let container = rootfs.sleeper();
    let process = container.exec(["sh", "-c", "exit 42"]).spawn().unwrap();
    let pid = Pid::from_raw(process.pid().cast_signed()).unwrap();
    // What a handler of SIGCHLD would do.
    waitid(WaitId::Pid(pid), WaitIdOptions::EXITED).unwrap();
    match process.wait_for(&patience()) {
        Ok(status) => assert_eq!(status.code(), Some(42)),
        Err(error) => {
            assert_eq!(error.errno(), Some(Errno::CHILD), "{error}");
            println!("SKIPPED: needs Linux 6.15");
        }
    }
    container.destroy().unwrap();
}

#[test]
fn another_handle_finds_the_container_and_its_end() {
    let Some(rootfs) = as_root() else { return };
    let container = rootfs.sleeper();
    let other = Container::open(container.store(), container.id().as_str()).unwrap();
    assert_eq!(other.init().unwrap().pid(), container.init().unwrap().pid());
    assert!(other.exec(["true"]).status().unwrap().success());
    thread::scope(|scope| {
        let waits = scope.spawn(|| other.await_end(&patience()));
        container.signal(KILL).unwrap();
        waits.join().unwrap().unwrap();
    });
    assert_eq!(container.wait_for(&patience()).unwrap().signal(), Some(KILL));
    other.destroy().unwrap();
}

#[test]
fn a_container_whose_root_file_system_is_gone_is_destroyed() {
    let Some(rootfs) = as_root() else { return };
    let store = rootfs.store();
    let container = rootfs.sleeper();
    let elsewhere = rootfs.path().with_extension("gone");
    std::fs::rename(rootfs.path(), &elsewhere).unwrap();
    container.destroy().unwrap();
    assert_eq!(Container::open(&store, container.id().as_str()).unwrap_err().kind(), &Kind::NotFound);
    std::fs::rename(elsewhere, rootfs.path()).unwrap();
}

#[test]
fn sixteen_threads_do_everything_with_one_container_at_once() {
    let Some(rootfs) = as_root() else { return };
    let container = rootfs.sleeper();
    let barrier = Barrier::new(16);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..16)
            .map(|number| {
                let (container, barrier) = (&container, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    match number % 4 {
                        0 => container.stats().map(drop).unwrap(),
                        1 => container.status().map(drop).unwrap(),
                        2 => container.pids().map(drop).unwrap(),
                        _ => {}
                    }
                    let script = format!("exit {number}");
                    let status = container.exec(["sh".to_owned(), "-c".to_owned(), script]).status().unwrap();
                    assert_eq!(status.code(), Some(number));
                })
            })
            .collect();
        workers.into_iter().for_each(|worker| worker.join().unwrap());
    });
    thread::scope(|scope| {
        let destroyers: Vec<_> = (0..8).map(|_| scope.spawn(|| container.destroy())).collect();
        destroyers.into_iter().for_each(|destroyer| destroyer.join().unwrap().unwrap());
    });
}

#[test]
fn calls_are_answered_through_a_listener_of_the_library() {
    let Some(rootfs) = as_root() else { return };
    let path = rootfs.path().parent().unwrap().join("agent.sock");
    let socket = UnixListener::bind(&path).unwrap();
    let profile = r#"{ "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{ "names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_NOTIFY" }] }"#;
    let mut profile = load::seccomp(profile.as_bytes()).unwrap();
    profile.listener_path = path.to_str().unwrap().to_owned().into();
    let agent = thread::spawn(move || {
        let (listener, state) = Listener::accept(&socket, &patience()).unwrap();
        let answers = [Answer::Return(0), Answer::Fail(Errno::NOTUNIQ), Answer::Continue];
        for answer in answers {
            let call = listener.next(&patience()).unwrap().unwrap();
            assert!(listener.is_waiting(&call));
            assert!(listener.answer(&call, answer).unwrap());
            assert!(!listener.is_waiting(&call));
        }
        assert!(listener.next(&patience()).unwrap().is_none(), "nobody is left under the filter");
        state
    });
    let script = "mkdir /tmp/a && ! [ -e /tmp/a ] && ! mkdir /tmp/b && mkdir /tmp/c && [ -d /tmp/c ]";
    let jail = rootfs.script(script).seccomp(profile);
    assert_eq!(jail.status(&rootfs.store(), &unique("notify")).unwrap().code(), Some(0));
    assert!(agent.join().unwrap().contains("\"seccompFd\""));
}

#[test]
fn a_thread_that_made_a_container_may_end_before_it() {
    let Some(rootfs) = as_root() else { return };
    let store = rootfs.store();
    let made = thread::scope(|scope| {
        scope.spawn(|| rootfs.script("sleep 1000").create(&store, &unique("thread"))).join()
    });
    let container = Ours(made.unwrap().unwrap());
    assert_eq!(container.status().unwrap(), Status::Created, "the signal of a parent's death is a thread's");
    container.start().unwrap();
    assert!(container.exec(["true"]).status().unwrap().success());
    assert!(container.as_fd().try_clone_to_owned().is_ok());
}
