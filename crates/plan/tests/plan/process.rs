//! The user's process.

use brig_handshake::process::{Capabilities, Terminal};
use brig_plan::host::Host;
use brig_plan::options::{Options, Stdio};
use brig_plan::plan::{Limits, Plan, Rlimit};
use brig_plan::refusal::Refusal;

use crate::{host, options, planned, planned_on, texts};

fn tried(host: &Host, options: &Options<'static>, more: &str) -> Result<Plan<'static>, Refusal> {
    let more = format!(
        r#""process":{{"args":["sh"],"cwd":"/",{more}}},"linux":{{"namespaces":[{{"type":"mount"}}]}}"#
    );
    planned_on(host, options, &more)
}

fn process(more: &str) -> Plan<'static> {
    tried(&host(), &options(), more).unwrap()
}

#[test]
fn of_a_variable_given_twice_the_last_one_stays_where_it_is() {
    let plan = process(r#""env":["A=1","PATH=/x","B=","A=2=3","HOME=/root"]"#).task.process;
    assert_eq!(plan.env, texts(&["PATH=/x", "B=", "A=2=3", "HOME=/root"]));
    assert!(!plan.find_home);
}

#[test]
fn a_home_that_is_missing_or_empty_is_found_unless_there_is_no_environment() {
    for (env, left, find) in
        [(r#"["A=1"]"#, vec!["A=1"], true), (r#"["HOME=","A=1"]"#, vec!["A=1"], true), ("[]", vec![], false)]
    {
        let plan = process(&format!(r#""env":{env}"#)).task.process;
        assert_eq!((plan.env, plan.find_home), (texts(&left), find));
    }
}

#[test]
fn commands_are_looked_for_in_the_last_path() {
    for (env, search) in [
        (r#"["PATH=/a","PATH=/b:/c"]"#, vec!["/b", "/c"]),
        (r#"["PATH=/a::/b:"]"#, vec!["/a", ".", "/b", "."]),
        (r#"["PATH="]"#, vec![]),
        ("[]", vec![]),
    ] {
        assert_eq!(process(&format!(r#""env":{env}"#)).task.process.search, texts(&search), "{env}");
    }
}

#[test]
fn descriptors_of_socket_activation_are_announced_and_come_before_the_preserved_ones() {
    let options = Options { listen_fds: 2, preserve_fds: 3, ..options() };
    let plan = tried(&host(), &options, r#""env":["A=1"]"#).unwrap();
    assert_eq!(plan.task.process.env, texts(&["A=1", "LISTEN_FDS=2", "LISTEN_PID=1"]));
    assert_eq!((plan.task.fds.preserved, plan.exec.process.env), (5, texts(&["A=1"])));
}

#[test]
fn without_a_umask_the_first_process_has_022_and_exec_the_callers() {
    let plan = process(r#""env":[]"#);
    assert_eq!((plan.task.process.umask, plan.exec.process.umask), (Some(0o022), None));
    let plan = process(r#""user":{"umask":63}"#);
    assert_eq!((plan.task.process.umask, plan.exec.process.umask), (Some(0o077), Some(0o077)));
}

#[test]
fn absent_capabilities_keep_all_and_empty_ones_keep_none() {
    assert_eq!(process(r#""env":[]"#).task.process.capabilities, None);
    let none = Capabilities { bounding: 0, effective: 0, inheritable: 0, permitted: 0, ambient: 0, last: 40 };
    assert_eq!(process(r#""capabilities":{}"#).task.process.capabilities, Some(none));
}

#[test]
fn capabilities_are_masks_and_unknown_ones_are_named_once() {
    let old = Host { last_capability: 37, ..host() };
    let sets = r#""capabilities":{"bounding":["CAP_CHOWN","CAP_SYS_ADMIN","CAP_ZZZ"],"permitted":["CAP_KILL","CAP_ZZZ"],
        "inheritable":["CAP_KILL"],"ambient":["CAP_KILL","CAP_BPF"],"effective":["kill"]}"#;
    let plan = tried(&old, &options(), sets).unwrap();
    let kill = 1 << 5;
    let expected = Capabilities {
        bounding: 1 | 1 << 21,
        effective: 0,
        inheritable: kill,
        permitted: kill,
        ambient: kill,
        last: 37,
    };
    assert_eq!(plan.task.process.capabilities, Some(expected));
    assert_eq!(plan.warnings, ["ignoring unknown or unavailable capabilities: [CAP_BPF CAP_ZZZ kill]"]);
}

#[test]
fn ambient_capabilities_that_cannot_be_are_left_out_with_a_warning_each_in_the_order_of_config_json() {
    let plan = process(r#""capabilities":{"permitted":["CAP_KILL"],"ambient":["CAP_KILL","CAP_CHOWN"]}"#);
    assert_eq!(plan.task.process.capabilities.unwrap().ambient, 0);
    assert_eq!(
        plan.warnings,
        [
            "can't raise ambient capability CAP_KILL: operation not permitted",
            "can't raise ambient capability CAP_CHOWN: operation not permitted",
        ]
    );
}

#[test]
fn limits_are_numbers() {
    let plan = process(
        r#""rlimits":[{"type":"RLIMIT_NOFILE","soft":1,"hard":2},{"type":"RLIMIT_RTTIME","soft":0,"hard":18446744073709551615}],
           "oomScoreAdj":-5"#,
    );
    let rlimits =
        vec![Rlimit { resource: 7, soft: 1, hard: 2 }, Rlimit { resource: 15, soft: 0, hard: u64::MAX }];
    assert_eq!(plan.task.process.rlimits, rlimits);
    assert_eq!(plan.limits, Limits { rlimits: Vec::new(), oom_score_adj: Some(-5) });
}

#[test]
fn limits_are_set_from_outside_where_a_user_namespace_stands_before_the_privilege() {
    let config = r#""rlimits":[{"type":"RLIMIT_NOFILE","soft":1,"hard":2}]"#;
    let nested = Host { in_user_namespace: true, ..host() };
    let plan = tried(&nested, &options(), config).unwrap();
    assert!(plan.task.process.rlimits.is_empty() && plan.task.process.limits_by_parent);
    assert_eq!(plan.limits.rlimits, [Rlimit { resource: 7, soft: 1, hard: 2 }]);
}

#[test]
fn a_terminal_needs_somewhere_to_go() {
    let console = Options { stdio: Stdio::ConsoleSocket, ..options() };
    let plan =
        tried(&host(), &console, r#""terminal":true,"consoleSize":{"height":25,"width":80000}"#).unwrap();
    let terminal = Terminal { columns: u16::MAX, rows: 25, console: true };
    assert_eq!(plan.task.process.terminal, Some(terminal));
    let refusal = tried(&host(), &options(), r#""terminal":true"#).unwrap_err();
    assert_eq!(refusal.message(), "cannot allocate tty if runc will detach without setting console socket");
    let refusal = tried(&host(), &console, r#""terminal":false"#).unwrap_err();
    assert_eq!(refusal.message(), "cannot use console socket if runc will not detach or allocate tty");
}

#[test]
fn labels_of_modules_that_are_off_are_refused() {
    let refusal = tried(&host(), &options(), r#""apparmorProfile":"p""#).unwrap_err();
    assert!(refusal.message().ends_with("apparmor: config provided but apparmor not supported"));
    let refusal = tried(&host(), &options(), r#""selinuxLabel":"l""#).unwrap_err();
    assert!(refusal.message().starts_with("selinux label is specified in config, but selinux is disabled"));
    let on = Host { apparmor: true, selinux: true, ..host() };
    let plan = tried(&on, &options(), r#""apparmorProfile":"p","selinuxLabel":"l""#).unwrap();
    assert_eq!(plan.task.keyring.unwrap().label, texts(&["l"]).pop());
}

#[test]
fn scheduling_is_in_the_kernels_numbers() {
    let plan = process(
        r#""scheduler":{"policy":"SCHED_FIFO","priority":7,"flags":["SCHED_FLAG_RESET_ON_FORK"]},
           "ioPriority":{"class":"IOPRIO_CLASS_BE","priority":4},
           "execCPUAffinity":{"initial":"0,65","final":"1-3"}"#,
    );
    let scheduler = plan.task.process.scheduler.unwrap();
    assert_eq!((scheduler.policy, scheduler.priority, scheduler.flags), (1, 7, 1));
    assert_eq!(plan.task.process.io_priority, Some(2 << 13 | 4));
    assert!(plan.task.process.affinity.initial.is_empty(), "execCPUAffinity is for exec");
    assert_eq!(&*plan.exec.affinity.initial, [1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(&*plan.exec.affinity.last, [14, 0, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn memory_policy_and_personality_are_in_the_kernels_numbers() {
    let plan = planned(
        r#""linux":{"personality":{"domain":"LINUX32"},
           "memoryPolicy":{"mode":"MPOL_INTERLEAVE","nodes":"0,2","flags":["MPOL_F_STATIC_NODES"]}}"#,
    );
    assert_eq!(plan.task.process.personality, Some(8));
    let policy = plan.task.process.memory_policy.unwrap();
    assert_eq!((policy.mode, policy.nodes), (3 | 1 << 15, vec![5]));
}

#[test]
fn the_session_keyring_can_be_searched_by_who_lives_in_the_container() {
    let keyring = process(r#""env":[]"#);
    assert_eq!(
        (&keyring.task.keyring.unwrap().permissions, &keyring.exec.keyring.unwrap().permissions),
        (&0x80000, &0)
    );
    let more = r#""linux":{"namespaces":[{"type":"user","path":"/u"}]}"#;
    assert_eq!(planned(more).task.keyring.unwrap().permissions, 8);
    let none = Options { no_new_keyring: true, ..options() };
    assert_eq!(tried(&host(), &none, r#""env":[]"#).unwrap().task.keyring, None);
}
