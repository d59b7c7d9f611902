//! One more process in a running container.

use brig_handshake::process::{KeyringOf, SeccompLoad};
use brig_plan::exec::{Changes, ExecPlan, ExecRequest, Requested, exec};
use brig_plan::load;
use brig_plan::options::Stdio;
use brig_plan::plan::ExecTemplate;
use brig_plan::refusal::Refusal;
use brig_seccomp::{Action, Arch, Condition, Operator, Profile, Rule, compile};

use crate::{planned, text, texts};

const PID: u32 = 0x2000_0000;

fn template(process: &str) -> ExecTemplate<'static> {
    planned(&format!(
        r#""process":{{"args":["/init"],"cwd":"/","env":["PATH=/bin","A=1"],"rlimits":[{{"type":"RLIMIT_CPU","soft":1,"hard":1}}],
           "oomScoreAdj":5,"user":{{"uid":1,"gid":2,"umask":7,"additionalGids":[3]}}{process}}},
           "linux":{{"namespaces":[{{"type":"mount"}},{{"type":"pid"}}],"personality":{{"domain":"LINUX32"}},
           "seccomp":{{"defaultAction":"SCMP_ACT_ALLOW"}}}}"#
    ))
    .exec
}

fn request(process: Requested<'static>) -> ExecRequest<'static> {
    ExecRequest { process, stdio: Stdio::Inherited, preserve_fds: 0, filter: &[] }
}

fn whole(template: &ExecTemplate<'static>, json: &'static str) -> Result<ExecPlan<'static>, Refusal> {
    exec(template, &request(Requested::Whole(load::process(json.as_bytes()).unwrap())))
}

fn changed(
    template: &ExecTemplate<'static>,
    changes: Changes<'static>,
) -> Result<ExecPlan<'static>, Refusal> {
    exec(template, &request(Requested::Changed(changes)))
}

#[test]
fn an_exec_process_joins_what_is_listed_and_clones_again_for_a_pid_namespace() {
    let plan = changed(&template(""), Changes { args: vec!["ls"], ..Changes::default() }).unwrap();
    let entry = plan.task.entry;
    assert_eq!((entry.by_pidfd, entry.second, entry.become_root), (0x2_0000 | PID, Some(0), false));
    assert_eq!((plan.task.fds.namespaces, plan.task.fds.gate), (1, false));
    assert_eq!(plan.task.keyring.unwrap().permissions, 0);
}

#[test]
fn the_keyring_of_a_container_with_a_user_namespace_is_joined_in_there() {
    let of = |user: &str| {
        let linux = format!(r#""linux":{{{user}}}"#);
        let template = planned(&linux).exec;
        changed(&template, Changes { args: vec!["ls"], ..Changes::default() }).unwrap().task.keyring_of
    };
    let maps = r#"[{"containerID":0,"hostID":1000,"size":10}]"#;
    let user = format!(
        r#""namespaces":[{{"type":"mount"}},{{"type":"user"}}],"uidMappings":{maps},"gidMappings":{maps}"#
    );
    assert_eq!(of(r#""namespaces":[{"type":"mount"}]"#), KeyringOf::Starting);
    assert_eq!(of(&user), KeyringOf::Joined);
}

#[test]
fn a_whole_process_takes_from_the_container_only_what_runc_takes() {
    let template = template(
        r#","noNewPrivileges":true,"capabilities":{"permitted":["CAP_KILL"]},
            "ioPriority":{"class":"IOPRIO_CLASS_BE","priority":1},"execCPUAffinity":{"final":"0"}"#,
    );
    let plan = whole(&template, r#"{"args":["/x"],"cwd":"/tmp","user":{"umask":0}}"#).unwrap();
    let process = plan.task.process;
    assert_eq!((process.args, process.cwd, process.env), (texts(&["/x"]), text("/tmp"), vec![]));
    assert_eq!((process.uid, process.gid, process.groups), (0, 0, Some(vec![])));
    assert_eq!(process.capabilities.unwrap().permitted, 1 << 5);
    assert_eq!(
        (process.umask, process.personality, process.io_priority),
        (Some(7), Some(8), Some(2 << 13 | 1))
    );
    assert_eq!(&*process.affinity.last, [1, 0, 0, 0, 0, 0, 0, 0]);
    assert!(!process.no_new_privileges);
    assert_eq!(process.seccomp.unwrap().load, SeccompLoad::BeforeDrop, "its own no_new_privs decides");
    assert_eq!((plan.limits.rlimits, plan.limits.oom_score_adj), (vec![], Some(5)));
}

#[test]
fn a_whole_process_is_checked_with_paths_of_its_own() {
    let refusal = whole(&template(""), r#"{"args":["/x"],"cwd":"tmp"}"#).unwrap_err();
    assert_eq!(refusal.to_string(), "Cwd must be an absolute path (cwd)");
    let refusal = whole(&template(""), r#"{"args":["/x"],"cwd":"/","env":["A"]}"#).unwrap_err();
    assert_eq!(refusal.to_string(), "invalid environment variable: missing '=' (env[0])");
}

#[test]
fn changes_apply_to_the_containers_own_process() {
    let changes = Changes {
        args: vec!["ls", "-l"],
        cwd: Some("/srv"),
        env: vec!["A=2", "PATH=/sbin"],
        user: Some((9, None)),
        additional_gids: vec![4],
        ..Changes::default()
    };
    let plan = changed(&template(""), changes).unwrap();
    let process = plan.task.process;
    assert_eq!((process.args, process.cwd), (texts(&["ls", "-l"]), text("/srv")));
    assert_eq!((process.env, process.search), (texts(&["A=2", "PATH=/sbin"]), texts(&["/sbin"])));
    assert_eq!((process.uid, process.gid, process.groups), (9, 2, Some(vec![3, 4])));
    assert_eq!((process.umask, process.terminal), (Some(7), None));
    assert_eq!(process.rlimits.len(), 1, "they are in config.json, which runc reads again");
}

#[test]
fn added_capabilities_are_never_inheritable_and_ambient_only_where_that_can_be() {
    let add = || Changes { args: vec!["ls"], capabilities: vec!["CAP_KILL", "CAP_X"], ..Changes::default() };
    let kill = 1 << 5;
    for (sets, ambient) in [
        (r#","capabilities":{}"#, 0),
        (r#","capabilities":{"inheritable":["CAP_CHOWN"]}"#, 0),
        (r#","capabilities":{"inheritable":["CAP_KILL"]}"#, kill),
    ] {
        let template = template(sets);
        let before = template.process.capabilities.clone().unwrap();
        let plan = changed(&template, add()).unwrap();
        let after = plan.task.process.capabilities.unwrap();
        assert_eq!((after.bounding, after.effective, after.permitted), (kill, kill, kill));
        assert_eq!((after.inheritable, after.ambient), (before.inheritable, ambient), "{sets}");
        assert_eq!(plan.warnings[0], "ignoring unknown or unavailable capabilities: [CAP_X]");
    }
    assert_eq!(changed(&template(""), add()).unwrap_err().path(), "process.capabilities");
}

/// CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_SETGID, CAP_SETUID, CAP_SETPCAP.
const STEPS: u64 = 1 | 1 << 1 | 1 << 6 | 1 << 7 | 1 << 8;

#[test]
fn who_comes_into_sight_keeps_what_later_steps_need_and_what_it_is_to_have() {
    let (kill, admin, nice, resource) = (1 << 5, 1 << 21, 1 << 23, 1 << 24);
    let ls = || Changes { args: vec!["ls"], ..Changes::default() };
    let kept = |process: &str| changed(&template(process), ls()).unwrap().task.kept;
    let sets = r#","capabilities":{"bounding":["CAP_KILL"],"permitted":["CAP_KILL"]}"#;
    assert_eq!(kept(""), None, "all, as the container's process");
    // A filter that no_new_privs does not open the way for; and the limits of the container's process.
    assert_eq!(kept(sets), Some(STEPS | kill | resource | admin));
    let settled = format!(r#"{sets},"noNewPrivileges":true"#);
    assert_eq!(kept(&settled), Some(STEPS | kill | resource));
    let scheduled = r#","ioPriority":{"class":"IOPRIO_CLASS_RT","priority":1}"#;
    assert_eq!(kept(&format!("{settled}{scheduled}")), Some(STEPS | kill | resource), "it is inherited");
    let batch = r#","scheduler":{"policy":"SCHED_BATCH"}"#;
    assert_eq!(kept(&format!("{settled}{batch}")), Some(STEPS | kill | resource | nice));
    let unlimited = r#"{"args":["/x"],"cwd":"/","noNewPrivileges":true}"#;
    let plan = whole(&template(&settled), unlimited).unwrap();
    assert_eq!(plan.task.kept, Some(STEPS | kill));
}

/// The program of a filter that allows everything but what is denied, with these arguments if there are any.
fn all_but(denied: &str, args: &[(u32, u64)], action: Action) -> &'static [u8] {
    let condition = |&(index, value)| Condition { index, value, value_two: 0, op: Operator::Eq };
    let args = args.iter().map(condition).collect();
    let rules = vec![Rule { names: vec![denied], action, errno_ret: None, args }];
    let default_action = Action::Allow;
    let profile =
        Profile { default_action, default_errno_ret: None, architectures: vec![], flags: None, rules };
    compile(&profile, Arch::native().unwrap()).unwrap().to_bytes().leak()
}

#[test]
fn a_filter_is_loaded_out_of_sight_where_it_lets_pass_what_is_still_called() {
    const SETS: &str = r#","capabilities":{"permitted":["CAP_KILL"]}"#;
    let admin = 1 << 21;
    let planned = |process: &str, filter: &'static [u8], terminal: bool| {
        let changes = Changes { args: vec!["ls"], terminal, ..Changes::default() };
        let request =
            ExecRequest { filter, stdio: Stdio::Foreground, ..request(Requested::Changed(changes)) };
        let task = exec(&template(process), &request).unwrap().task;
        (task.process.seccomp.unwrap().load, task.kept.map_or(0, |kept| kept & admin))
    };
    let early = (SeccompLoad::OutOfSight, 0);
    let late = (SeccompLoad::BeforeDrop, admin);
    // What a program does is its own business; of a clone the flags count, of ioctl the request.
    for (denied, args) in
        [("mount", &[][..]), ("clone3", &[]), ("clone", &[(0, 0x9001)]), ("ioctl", &[(1, 0x5412)])]
    {
        assert_eq!(planned(SETS, all_but(denied, args, Action::Errno), true), early, "{denied}");
    }
    for (denied, args) in [
        ("setsid", &[][..]),
        ("clone", &[(0, 0x9000)]),
        ("prctl", &[(0, 1)]),
        ("read", &[(2, 7)]),
        ("prlimit64", &[]),
        ("personality", &[(0, 8)]),
    ] {
        assert_eq!(planned(SETS, all_but(denied, args, Action::Errno), false), late, "{denied}");
    }
    assert_eq!(planned(SETS, all_but("setsid", &[], Action::Log), false), late, "it is told of");
    let of_terminals = all_but("ioctl", &[(1, 0x540e)], Action::Errno);
    assert_eq!((planned(SETS, of_terminals, false), planned(SETS, of_terminals, true)), (early, late));
    // Nothing is gained.
    let harmless = all_but("mount", &[], Action::Errno);
    assert_eq!(planned("", harmless, false), (SeccompLoad::BeforeDrop, 0));
    let has_it = r#","capabilities":{"permitted":["CAP_SYS_ADMIN"]}"#;
    assert_eq!(planned(has_it, harmless, false), late);
    let settled = format!(r#"{SETS},"noNewPrivileges":true"#);
    assert_eq!(planned(&settled, harmless, false), (SeccompLoad::JustBeforeExec, 0));
    // A record that was tampered with.
    assert_eq!(planned(SETS, &harmless[..16], false), late);
    assert_eq!(planned(SETS, &[0xff; 12], false), late);
}

#[test]
fn no_new_privileges_and_terminal_are_the_requests_own() {
    let template = template(r#","noNewPrivileges":true"#);
    let plan = changed(&template, Changes { args: vec!["ls"], ..Changes::default() }).unwrap();
    assert_eq!(plan.task.process.seccomp.unwrap().load, SeccompLoad::JustBeforeExec);
    let off = Changes { args: vec!["ls"], no_new_privileges: Some(false), ..Changes::default() };
    assert!(!changed(&template, off).unwrap().task.process.no_new_privileges);
    let terminal = Changes { args: vec!["ls"], terminal: true, ..Changes::default() };
    let request = ExecRequest { stdio: Stdio::Foreground, ..request(Requested::Changed(terminal)) };
    assert!(!exec(&template, &request).unwrap().task.process.terminal.unwrap().console);
}

#[test]
fn what_an_exec_process_cannot_be_is_refused() {
    let base = || Changes { args: vec!["ls"], ..Changes::default() };
    let template = template("");
    for (changes, path) in [
        (Changes::default(), "args"),
        (Changes { cwd: Some("tmp"), ..base() }, "cwd"),
        (Changes { env: vec!["=1"], ..base() }, "env[2]"),
        (Changes { user: Some((u32::MAX, None)), ..base() }, "user"),
        (Changes { terminal: true, ..base() }, "process.terminal"),
    ] {
        assert_eq!(changed(&template, changes).unwrap_err().path(), path);
    }
    let only_chroot = planned(r#""linux":{"namespaces":[{"type":"pid"},{"type":"mount","path":"/m"}]}"#).exec;
    assert_eq!(changed(&only_chroot, base()).unwrap_err().path(), "linux.namespaces");
}
