//! The process: who it is, what it may, how it is limited and scheduled, what surrounds it, and how it is found.
//! Root, in a private mount namespace.
#![allow(clippy::unwrap_used, reason = "a test ends where its preparation fails")]

mod common;

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, chown, symlink},
};

use common::cgroup::lacks;
use common::{Brig, Bundle, Ended, unique};
use serde_json::{Value, json};

/// Changes `process`.
fn process(change: impl FnOnce(&mut Value)) -> impl FnOnce(&mut Value) {
    |config| change(&mut config["process"])
}

/// What a script prints in a container with this change.
#[track_caller]
fn says(script: &str, change: impl FnOnce(&mut Value)) -> String {
    Brig::new().says(&Bundle::script(script).edit(change))
}

/// How a container fails with this change.
fn fails(args: &[&str], change: impl FnOnce(&mut Value)) -> Ended {
    let (bundle, brig) = (Bundle::with_args(args).edit(change), Brig::new());
    let ended = brig.run_bundle(&bundle);
    assert_ne!(ended.code, 0, "{ended:?}");
    assert_eq!(fs::read_dir(brig.root()).map_or(0, Iterator::count), 0);
    ended
}

/// A line of `/proc/PID/status`.
fn status(text: &str, name: &str) -> String {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("{name} in {text}")).trim().to_owned()
}

const STATUS: &str = "cat /proc/self/status";

#[test]
fn user_group_and_groups_are_what_was_asked_for_and_no_others() {
    if common::cannot_run() {
        return;
    }
    let wanted = json!({ "uid": 1000, "gid": 2000, "additionalGids": [30, 2000, 7] });
    let text = says(STATUS, process(|process| process["user"] = wanted));
    assert_eq!(status(&text, "Uid"), "1000\t1000\t1000\t1000");
    assert_eq!(status(&text, "Gid"), "2000\t2000\t2000\t2000");
    assert_eq!(status(&text, "Groups"), "7 30 2000");
    let text = says(STATUS, |_| {});
    assert_eq!((&*status(&text, "Uid"), &*status(&text, "Groups")), ("0\t0\t0\t0", ""));
}

#[test]
fn a_stream_that_is_the_hosts_null_device_is_the_containers() {
    if common::cannot_run() {
        return;
    }
    // Of one file system, which is the container's /dev.
    let script = "stat -L -c %d:%i /proc/self/fd/0; stat -c %d:%i /dev/null; stat -c %d /dev";
    let said = says(script, |_| {});
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[0], lines[1]);
    assert_eq!(lines[1].split(':').next(), Some(lines[2]));
}

#[test]
fn the_umask_is_022_or_what_was_asked_for_whatever_the_callers_is() {
    if common::cannot_run() {
        return;
    }
    let brig = Brig::new();
    for (wanted, umask) in
        [(json!({}), "0022\n"), (json!({ "umask": 0 }), "0000\n"), (json!({ "umask": 0o137 }), "0137\n")]
    {
        let bundle = Bundle::script("umask").edit(process(|process| process["user"] = wanted));
        let run = brig.command(&["run", "--bundle", bundle.path().to_str().unwrap(), &unique("c")]);
        let mut command = std::process::Command::new("sh");
        command.args(["-c", "umask 077; exec \"$@\"", "sh"]).arg(run.get_program()).args(run.get_args());
        assert_eq!(brig.finish(command).text(), umask);
    }
}

#[test]
fn without_one_of_the_container_an_exec_has_its_callers_umask() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::with_args(&["sleep", "1000"]), Brig::new());
    let id = brig.start(&bundle);
    for umask in ["0022\n", "0077\n"] {
        let exec = brig.command(&["exec", &id, "sh", "-c", "umask"]);
        let mut command = std::process::Command::new("sh");
        let script = format!("umask {}; exec \"$@\"", umask.trim());
        command.args(["-c", &script, "sh"]).arg(exec.get_program()).args(exec.get_args());
        assert_eq!(brig.finish(command).text(), umask);
    }
}

/// The five sets of a process, as hexadecimal numbers.
fn sets(text: &str) -> [String; 5] {
    ["CapBnd", "CapEff", "CapPrm", "CapInh", "CapAmb"].map(|name| {
        let set = status(text, name);
        format!("{:x}", u64::from_str_radix(&set, 16).unwrap())
    })
}

#[test]
fn each_capability_set_is_what_was_asked_for() {
    if common::cannot_run() {
        return;
    }
    let all = |words: &[&str]| json!({ "bounding": words, "effective": words, "permitted": words, "inheritable": words, "ambient": words });
    let with = |capabilities: Value, uid: u32| {
        sets(&says(
            STATUS,
            process(|process| {
                process["capabilities"] = capabilities;
                // Otherwise execve(2) gives root no more than it has.
                process["noNewPrivileges"] = json!(false);
                process["user"]["uid"] = json!(uid);
            }),
        ))
    };
    assert_eq!(with(json!({}), 0), ["0"; 5]);
    assert_eq!(with(json!({}), 5), ["0"; 5]);
    // CAP_CHOWN is 0, CAP_KILL 5, CAP_SETPCAP 8.
    assert_eq!(with(all(&["CAP_CHOWN", "CAP_KILL", "CAP_SETPCAP"]), 1000), ["121"; 5]);
    assert_eq!(with(all(&["CAP_CHOWN", "CAP_KILL", "CAP_SETPCAP"]), 0), ["121"; 5]);
    let mixed = json!({ "bounding": ["CAP_CHOWN", "CAP_KILL"], "permitted": ["CAP_KILL"], "effective": ["CAP_KILL"] });
    // root gets the bounding set at execve(2); another user what is ambient: nothing.
    assert_eq!(with(mixed.clone(), 0), ["21", "21", "21", "0", "0"]);
    assert_eq!(with(mixed, 1000), ["21", "0", "0", "0", "0"]);
}

#[test]
fn without_capabilities_in_the_configuration_all_are_kept() {
    if common::cannot_run() {
        return;
    }
    let own = fs::read_to_string("/proc/self/status").unwrap();
    let text = says(STATUS, process(|process| drop(process.as_object_mut().unwrap().remove("capabilities"))));
    assert_eq!(status(&text, "CapBnd"), status(&own, "CapBnd"));
    assert_eq!(status(&text, "CapEff"), status(&own, "CapBnd"));
}

#[test]
fn unknown_capabilities_are_left_out_with_a_warning() {
    if common::cannot_run() {
        return;
    }
    let bundle = Bundle::script(STATUS).edit(process(|process| {
        process["capabilities"] =
            json!({ "bounding": ["CAP_KILL", "CAP_OF_WOOL"], "effective": ["CAP_OF_WOOL"] });
    }));
    let ended = Brig::new().run_bundle(&bundle).ok();
    assert!(
        ended.stderr.contains("ignoring unknown or unavailable capabilities: [CAP_OF_WOOL]"),
        "{ended:?}"
    );
    assert_eq!(sets(&ended.stdout)[0], "20");
}

#[test]
fn ambient_capabilities_that_are_not_inheritable_are_left_out_with_a_warning() {
    if common::cannot_run() {
        return;
    }
    let bundle = Bundle::script(STATUS).edit(process(|process| {
        process["user"]["uid"] = json!(1000);
        process["capabilities"] = json!({
            "bounding": ["CAP_KILL", "CAP_CHOWN"], "effective": ["CAP_KILL"], "permitted": ["CAP_KILL", "CAP_CHOWN"],
            "inheritable": ["CAP_KILL"], "ambient": ["CAP_CHOWN", "CAP_KILL"],
        });
    }));
    let ended = Brig::new().run_bundle(&bundle).ok();
    assert!(ended.stderr.contains("CAP_CHOWN"), "{ended:?}");
    assert_eq!(sets(&ended.stdout), ["21", "20", "20", "20", "20"]);
}

#[test]
fn resource_limits_are_set() {
    if common::cannot_run() {
        return;
    }
    let text = says(
        "cat /proc/self/limits",
        process(|process| {
            process["rlimits"] = json!([
                { "type": "RLIMIT_NOFILE", "soft": 33, "hard": 44 },
                { "type": "RLIMIT_CORE", "soft": 0, "hard": 0 },
                { "type": "RLIMIT_CPU", "soft": 100, "hard": 200 },
                { "type": "RLIMIT_STACK", "soft": 1_048_576, "hard": 1_048_576 },
                { "type": "RLIMIT_NPROC", "soft": 50, "hard": 60 },
                { "type": "RLIMIT_AS", "soft": 100_000_000, "hard": 100_000_001 },
            ]);
        }),
    );
    let limit = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(limit("Max open files"), "33 44");
    assert_eq!(limit("Max core file size"), "0 0");
    assert_eq!(limit("Max cpu time"), "100 200");
    assert_eq!(limit("Max stack size"), "1048576 1048576");
    assert_eq!(limit("Max processes"), "50 60");
    assert_eq!(limit("Max address space"), "100000000 100000001");
}

#[test]
fn limits_that_brig_itself_could_not_live_with_are_set_too() {
    if common::cannot_run() {
        return;
    }
    let limits = json!([
        { "type": "RLIMIT_NOFILE", "soft": 3, "hard": 3 },
        { "type": "RLIMIT_FSIZE", "soft": 0, "hard": 0 },
        { "type": "RLIMIT_MEMLOCK", "soft": 0, "hard": 0 },
    ]);
    let bundle = Bundle::with_args(&["true"]).edit(process(|process| process["rlimits"] = limits));
    let brig = Brig::new();
    brig.run_bundle(&bundle).ok();
    brig.run_bundle(&bundle.in_user_namespace()).ok();
}

#[test]
fn a_soft_limit_above_the_hard_one_is_named() {
    if common::cannot_run() {
        return;
    }
    let ended = fails(
        &["true"],
        process(|process| process["rlimits"] = json!([{ "type": "RLIMIT_NOFILE", "soft": 5, "hard": 4 }])),
    );
    assert!(ended.error().contains("rlimits[0]"), "{ended:?}");
}

#[test]
fn no_new_privileges_is_set_when_asked_for() {
    if common::cannot_run() {
        return;
    }
    for (wanted, number) in [(true, "1"), (false, "0")] {
        let text = says(STATUS, process(|process| process["noNewPrivileges"] = json!(wanted)));
        assert_eq!(status(&text, "NoNewPrivs"), number);
    }
}

#[test]
fn the_oom_score_is_set_or_inherited() {
    if common::cannot_run() {
        return;
    }
    let own = fs::read_to_string("/proc/self/oom_score_adj").unwrap();
    assert_eq!(says("cat /proc/self/oom_score_adj", |_| {}), own);
    assert_eq!(
        says("cat /proc/self/oom_score_adj", process(|process| process["oomScoreAdj"] = json!(777))),
        "777\n"
    );
}

/// Scheduling policy and nice value: fields 41 and 19 of `/proc/self/stat`.
const SCHEDULED: &str = "set -- $(cat /proc/self/stat | cut -d')' -f2); shift 16; echo nice $1; shift 21; echo priority $1; shift; echo policy $1";

#[test]
fn the_scheduler_is_set() {
    if common::cannot_run() {
        return;
    }
    for (scheduler, printed) in [
        (json!({ "policy": "SCHED_BATCH", "nice": 5 }), "nice 5\npriority 0\npolicy 3\n"),
        (json!({ "policy": "SCHED_IDLE" }), "nice 0\npriority 0\npolicy 5\n"),
        (json!({ "policy": "SCHED_OTHER", "nice": 19 }), "nice 19\npriority 0\npolicy 0\n"),
    ] {
        assert_eq!(says(SCHEDULED, process(|process| process["scheduler"] = scheduler)), printed);
    }
    let bundle = Bundle::script(SCHEDULED)
        .edit(process(|process| process["scheduler"] = json!({ "policy": "SCHED_FIFO", "priority": 4 })));
    let ended = Brig::new().run_bundle(&bundle);
    // A cgroup without real-time share has none to give.
    match ended.code {
        0 => assert_eq!(ended.stdout, "nice 0\npriority 4\npolicy 1\n"),
        _ => assert!(ended.error().contains("error setting scheduler: operation not permitted"), "{ended:?}"),
    }
}

#[test]
fn who_may_not_run_on_every_processor_gets_no_deadline() {
    if common::cannot_run() || lacks(&["cpuset"]) {
        return;
    }
    if std::thread::available_parallelism().unwrap().get() == 1 {
        return println!("SKIPPED: needs two processors");
    }
    let deadline =
        json!({ "policy": "SCHED_DEADLINE", "runtime": 42000, "deadline": 1_000_000, "period": 1_000_000 });
    let bundle = Bundle::script("true").edit(|config| {
        config["process"]["scheduler"] = deadline;
        config["linux"]["resources"] = json!({ "cpu": { "cpus": "0" } });
    });
    let ended = Brig::new().run_bundle(&bundle);
    let words = "error setting scheduler: process scheduler can't be used together with AllowedCPUs";
    assert!(ended.code == 1 && ended.error().contains(words), "{ended:?}");
}

#[test]
fn the_io_priority_is_set() {
    if common::cannot_run() {
        return;
    }
    let wanted = json!({ "class": "IOPRIO_CLASS_BE", "priority": 6 });
    assert_eq!(
        says("busybox ionice -p $$", process(|process| process["ioPriority"] = wanted)),
        "best-effort: prio 6\n"
    );
    let wanted = json!({ "class": "IOPRIO_CLASS_IDLE", "priority": 0 });
    assert_eq!(says("busybox ionice -p $$", process(|process| process["ioPriority"] = wanted)), "idle\n");
}

#[test]
fn the_personality_is_set() {
    if common::cannot_run() || !cfg!(target_arch = "x86_64") {
        return;
    }
    let personality = |domain: &str| {
        let domain = json!(domain);
        move |config: &mut Value| config["linux"]["personality"] = json!({ "domain": domain })
    };
    assert_eq!(says("uname -m", personality("LINUX32")), "i686\n");
    assert_eq!(says("uname -m", personality("LINUX")), "x86_64\n");
    let bundle = Bundle::with_args(&["sleep", "1000"]).edit(personality("LINUX32"));
    let brig = Brig::new();
    let id = brig.start(&bundle);
    assert_eq!(brig.run(&["exec", &id, "uname", "-m"]).text(), "i686\n");
}

#[test]
fn the_memory_policy_is_set() {
    if common::cannot_run() {
        return;
    }
    let policy = json!({ "mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_STATIC_NODES"] });
    let maps = says("busybox head -n 1 /proc/self/numa_maps | cut -d' ' -f2", |config| {
        config["linux"]["memoryPolicy"] = policy
    });
    assert_eq!(maps, "bind=static:0\n");
}

#[test]
fn cpu_affinity_is_for_exec_and_never_the_callers() {
    if common::cannot_run() {
        return;
    }
    const LOOK: &str = "grep Cpus_allowed_list /proc/self/status | cut -f2";
    let all = fs::read_to_string("/proc/self/status").unwrap();
    let all = status(&all, "Cpus_allowed_list");
    let bundle = Bundle::with_args(&["sleep", "1000"]).edit(process(|process| {
        process["execCPUAffinity"] = json!({ "initial": "0", "final": "0" });
    }));
    let brig = Brig::new();
    let id = brig.start(&bundle);
    assert_eq!(brig.run(&["exec", &id, "sh", "-c", LOOK]).text(), "0\n");
    let pid = brig.state(&id)["pid"].to_string();
    let first = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    assert_eq!(status(&first, "Cpus_allowed_list"), all);

    let bundle = Bundle::script(LOOK);
    let run = brig.command(&["run", "--bundle", bundle.path().to_str().unwrap(), &unique("c")]);
    let mut command = std::process::Command::new("taskset");
    command.arg("1").arg(run.get_program()).args(run.get_args());
    assert_eq!(brig.finish(command).text(), format!("{all}\n"));
}

#[test]
fn a_container_has_a_session_keyring_of_its_own_unless_told_otherwise() {
    if common::cannot_run() {
        return;
    }
    const LOOK: &str = "cat /proc/keys";
    let bundle = Bundle::script(LOOK).edit(|config| config["linux"]["maskedPaths"] = json!([]));
    let brig = Brig::new();
    let id = unique("c");
    let keys = brig.run(&["run", "--bundle", bundle.path().to_str().unwrap(), &id]).text();
    assert!(keys.contains(&format!("_ses.{id}")), "{keys}");
    let id = unique("c");
    let keys =
        brig.run(&["run", "--no-new-keyring", "--bundle", bundle.path().to_str().unwrap(), &id]).text();
    assert!(!keys.contains(&format!("_ses.{id}")), "{keys}");
}

#[test]
fn the_environment_is_the_configurations_and_a_home() {
    if common::cannot_run() {
        return;
    }
    let with = |env: Value, uid: u32| {
        let environ = says(
            "",
            process(|process| {
                process["env"] = env;
                process["user"]["uid"] = json!(uid);
                process["args"] = json!(["/bin/cat", "/proc/self/environ"]);
            }),
        );
        environ.replace('\0', "\n")
    };
    assert_eq!(with(json!(["A=1", "PATH=/bin", "A=2", "B==x="]), 0), "PATH=/bin\nA=2\nB==x=\nHOME=/root\n");
    assert_eq!(with(json!(["PATH=/bin", "HOME=/mine"]), 0), "PATH=/bin\nHOME=/mine\n");
    assert_eq!(with(json!(["PATH=/bin", "HOME="]), 0), "PATH=/bin\nHOME=/root\n");
    assert_eq!(with(json!(["PATH=/bin"]), 99), "PATH=/bin\nHOME=/\n");
    for (env, words) in [(json!(["A"]), "missing '='"), (json!(["=A"]), "name cannot be empty")] {
        let ended = fails(&["/bin/true"], process(|process| process["env"] = env));
        assert!(ended.error().contains(words), "{ended:?}");
    }
}

#[test]
fn without_an_environment_there_is_none() {
    if common::cannot_run() {
        return;
    }
    let printed = says(
        "",
        process(|process| {
            process.as_object_mut().unwrap().remove("env");
            process["args"] = json!(["/bin/cat", "/proc/self/environ"]);
        }),
    );
    assert_eq!(printed, "");
    let ended = fails(&["true"], process(|process| drop(process.as_object_mut().unwrap().remove("env"))));
    assert!(ended.error().contains("executable file not found in $PATH"), "{ended:?}");
}

#[test]
fn a_missing_working_directory_is_made_even_in_a_read_only_root() {
    if common::cannot_run() {
        return;
    }
    let printed = says("pwd; stat -c '%a %u' .", |config| {
        config["process"]["cwd"] = json!("/new/one");
        config["root"]["readonly"] = json!(true);
    });
    assert_eq!(printed, "/new/one\n755 0\n");
}

#[test]
fn a_working_directory_of_the_user_alone_is_entered_as_the_user() {
    if common::cannot_run() {
        return;
    }
    let bundle = Bundle::script("pwd").edit(process(|process| {
        process["cwd"] = json!("/private");
        process["user"] = json!({ "uid": 1000, "gid": 1000 });
    }));
    let private = bundle.rootfs().join("private");
    fs::create_dir(&private).unwrap();
    fs::set_permissions(&private, fs::Permissions::from_mode(0o700)).unwrap();
    chown(&private, Some(1000), Some(1000)).unwrap();
    assert_eq!(Brig::new().says(&bundle), "/private\n");
    chown(&private, Some(1001), Some(1001)).unwrap();
    let brig = Brig::new();
    let bundle = bundle.edit(process(|process| process["capabilities"] = json!({})));
    let ended = brig.run_bundle(&bundle);
    // runc enters it while it is still root, and so do we.
    assert_eq!(ended.text(), "/private\n");
}

#[test]
fn a_working_directory_that_is_none_is_named() {
    if common::cannot_run() {
        return;
    }
    let ended = fails(&["true"], process(|process| process["cwd"] = json!("/etc/passwd")));
    assert!(ended.error().contains("/etc/passwd") && ended.error().contains("not a directory"), "{ended:?}");
    let ended = fails(&["true"], process(|process| process["cwd"] = json!("relative")));
    assert!(ended.error().contains("Cwd must be an absolute path"), "{ended:?}");
}

#[test]
fn executables_that_cannot_be_run_fail_at_create_in_words() {
    if common::cannot_run() {
        return;
    }
    let brig = Brig::new();
    let bundle = Bundle::busybox();
    fs::write(bundle.rootfs().join("plain"), "").unwrap();
    fs::write(bundle.rootfs().join("nonsense"), "nonsense").unwrap();
    fs::write(bundle.rootfs().join("script"), "#!/no/such/interpreter\n").unwrap();
    for program in ["nonsense", "script"] {
        fs::set_permissions(bundle.rootfs().join(program), fs::Permissions::from_mode(0o755)).unwrap();
    }
    symlink("/etc", bundle.rootfs().join("bin/directory")).unwrap();
    for (program, words) in [
        ("missing", "exec: \"missing\": executable file not found in $PATH"),
        ("/missing", "exec: \"/missing\": stat /missing: no such file or directory"),
        ("/plain", "exec: \"/plain\": permission denied"),
        ("/etc", "exec: \"/etc\": is a directory"),
        ("directory", "exec: \"directory\": executable file not found in $PATH"),
        ("/etc/passwd/x", "exec: \"/etc/passwd/x\": stat /etc/passwd/x: not a directory"),
    ] {
        bundle.change(process(|process| process["args"] = json!([program])));
        let ended = brig.run(&["create", "--bundle", bundle.path().to_str().unwrap(), &unique("c")]);
        assert!(
            ended.code == 1 && ended.error().contains(&format!("{words} (process.args[0])")),
            "{ended:?}"
        );
        assert!(
            ended.error().starts_with("brig create failed: unable to start container process: "),
            "{ended:?}"
        );
        assert_eq!(fs::read_dir(brig.root()).unwrap().count(), 0);
    }
    for (program, words) in [("/nonsense", "exec format error"), ("/script", "no such file or directory")] {
        bundle.change(process(|process| process["args"] = json!([program])));
        let ended = brig.run_bundle(&bundle);
        assert!(ended.code != 0 && ended.stderr.contains(&format!("exec {program}: {words}")), "{ended:?}");
        assert_eq!(fs::read_dir(brig.root()).unwrap().count(), 0);
    }
}

#[test]
fn a_bare_name_is_looked_up_in_the_containers_own_path() {
    if common::cannot_run() {
        return;
    }
    let bundle = Bundle::with_args(&["tool", "x"])
        .edit(process(|process| process["env"] = json!(["PATH=/missing:/etc:/opt:/bin"])));
    for (directory, mode, text) in
        [("etc", 0o644, "#!/bin/echo wrong\n"), ("opt", 0o755, "#!/bin/echo right\n")]
    {
        let path = bundle.rootfs().join(directory);
        fs::create_dir_all(&path).unwrap();
        fs::write(path.join("tool"), text).unwrap();
        fs::set_permissions(path.join("tool"), fs::Permissions::from_mode(mode)).unwrap();
    }
    assert_eq!(Brig::new().says(&bundle), "right /opt/tool x\n");
}

#[test]
fn no_descriptor_of_the_caller_leaks_into_run_or_exec() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::with_args(&["ls", "/proc/self/fd"]), Brig::new());
    let leaky = |words: &[&str]| {
        let run = brig.command(words);
        let mut command = std::process::Command::new("bash");
        command
            .args(["-c", "exec 3</ 4</etc 77</etc/passwd; exec \"$@\"", "bash"])
            .arg(run.get_program())
            .args(run.get_args());
        brig.finish(command)
    };
    // The fourth is the directory that `ls` reads.
    assert_eq!(
        leaky(&["run", "--bundle", bundle.path().to_str().unwrap(), &unique("c")]).text(),
        "0\n1\n2\n3\n"
    );
    let bundle = bundle.args(&["sleep", "1000"]);
    let id = brig.start(&bundle);
    assert_eq!(leaky(&["exec", &id, "ls", "/proc/self/fd"]).text(), "0\n1\n2\n3\n");
}

#[test]
fn a_created_container_holds_nothing_but_its_streams_and_what_it_waits_on() {
    if common::cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::with_args(&["true"]), Brig::new());
    let pid = brig.state(&brig.create(&bundle))["pid"].to_string();
    let links: Vec<String> = fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .map(|entry| fs::read_link(entry.unwrap().path()).unwrap().to_str().unwrap().to_owned())
        .collect();
    assert!(links.len() <= 5, "{links:?}");
    assert!(
        links.iter().all(|link| !link.starts_with("/proc") && !link.contains("rootfs") && link != "/"),
        "{links:?}"
    );
}

#[test]
fn nothing_of_the_host_is_in_the_containers_process() {
    if common::cannot_run() {
        return;
    }
    let bundle = Bundle::script(
        "readlink /proc/1/exe; cat /proc/1/cmdline | tr '\\0' ' '; echo; cat /proc/1/environ | tr '\\0' '\\n' | grep -c BRIG_SECRET; true",
    );
    let brig = Brig::new();
    let mut command = brig.command(&["run", "--bundle", bundle.path().to_str().unwrap(), &unique("c")]);
    command.env("BRIG_SECRET", "x");
    let ended = brig.finish(command);
    let mut lines = ended.stdout.lines();
    assert_eq!(lines.next(), Some("/bin/busybox"), "{ended:?}");
    assert!(lines.next().unwrap().starts_with("sh -c "), "{ended:?}");
    assert_eq!(ended.stdout.lines().last(), Some("0"), "{ended:?}");
}

#[test]
fn a_seccomp_profile_is_in_force_for_run_and_exec() {
    if common::cannot_run() {
        return;
    }
    let profile = json!({
        "defaultAction": "SCMP_ACT_ALLOW",
        "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_AARCH64"],
        "syscalls": [
            { "names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28 },
            { "names": ["chmod", "fchmodat"], "action": "SCMP_ACT_KILL_PROCESS" },
        ],
    });
    const SCRIPT: &str =
        "mkdir /tmp/x; grep Seccomp: /proc/self/status | cut -f2; sh -c 'chmod 700 /tmp'; echo $?";
    for no_new_privileges in [true, false] {
        let bundle = Bundle::script(SCRIPT).edit(|config| {
            config["process"]["noNewPrivileges"] = json!(no_new_privileges);
            config["linux"]["seccomp"] = profile.clone();
        });
        let brig = Brig::new();
        let ended = brig.run_bundle(&bundle).ok();
        assert!(ended.stderr.contains("No space left on device"), "{ended:?}");
        assert_eq!(ended.stdout, "2\n159\n", "{ended:?}");
        let bundle = bundle.args(&["sleep", "1000"]);
        let id = brig.start(&bundle);
        let ended = brig.run(&["exec", &id, "sh", "-c", SCRIPT]).ok();
        assert_eq!(ended.stdout, "2\n159\n", "{ended:?}");
    }
}

#[test]
fn exec_gives_its_process_the_same_walls() {
    if common::cannot_run() {
        return;
    }
    let bundle = Bundle::with_args(&["sleep", "1000"]).edit(process(|process| {
        process["capabilities"] =
            json!({ "bounding": ["CAP_KILL"], "effective": ["CAP_KILL"], "permitted": ["CAP_KILL"] });
        process["user"] = json!({ "uid": 1000, "gid": 1001, "additionalGids": [5], "umask": 0o077 });
        process["noNewPrivileges"] = json!(true);
        process["oomScoreAdj"] = json!(500);
    }));
    let brig = Brig::new();
    let id = brig.start(&bundle);
    let text = brig.run(&["exec", &id, "cat", "/proc/self/status"]).text();
    assert_eq!(sets(&text), ["20", "0", "0", "0", "0"]);
    assert_eq!(status(&text, "Uid"), "1000\t1000\t1000\t1000");
    assert_eq!(status(&text, "Gid"), "1001\t1001\t1001\t1001");
    assert_eq!((status(&text, "Groups"), status(&text, "Umask")), ("5".to_owned(), "0077".to_owned()));
    assert_eq!(brig.run(&["exec", &id, "cat", "/proc/self/oom_score_adj"]).text(), "500\n");
}
