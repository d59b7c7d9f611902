//! The process, and text for the kernel.

use super::{PROCESS, ROOT, judged, linux, process, table, top};

#[test]
fn a_config_has_a_process_with_cwd_and_args_and_a_root() {
    table(
        |members| format!("{{{members}}}"),
        &ROOT,
        &[
            ("", "process property must not be empty (process)"),
            (r#""process":{}"#, "Cwd property must not be empty (process.cwd)"),
            (r#""process":{"cwd":"x"}"#, "Cwd must be an absolute path (process.cwd)"),
            (r#""process":{"cwd":"/"}"#, "args must not be empty (process.args)"),
            (PROCESS, "root must be specified (root)"),
            (&format!(r#"{PROCESS},"root":{{}}"#), "root.path: is empty"),
            (
                &format!(r#"{PROCESS},"root":{{"path":"a\u0000b"}}"#),
                "root.path: contains a NUL byte, at byte 1",
            ),
        ],
    );
}

#[test]
fn process_settings_are_ones_the_kernel_has() {
    table(
        process,
        &ROOT,
        &[
            (
                r#""rlimits":[{"type":"RLIMIT_FOO"}]"#,
                "wrong rlimit value: RLIMIT_FOO (process.rlimits[0].type)",
            ),
            (
                r#""rlimits":[{"type":"RLIMIT_CPU"},{"type":"RLIMIT_AS"},{"type":"RLIMIT_CPU"}]"#,
                r#"process.rlimits[2].type: "RLIMIT_CPU" given twice"#,
            ),
            (
                r#""rlimits":[{"type":"RLIMIT_CPU","soft":2,"hard":1}]"#,
                "process.rlimits[0].soft: 2 is above the hard limit, 1",
            ),
            (r#""oomScoreAdj":-1000"#, ""),
            (r#""oomScoreAdj":1001"#, "process.oomScoreAdj: 1001 is not in -1000..=1000"),
            (r#""user":{"uid":4294967295}"#, "process.user.uid: 4294967295 is not an id"),
            (r#""user":{"gid":4294967295}"#, "process.user.gid: 4294967295 is not an id"),
            (
                r#""user":{"additionalGids":[1,4294967295]}"#,
                "process.user.additionalGids[1]: 4294967295 is not an id",
            ),
            (r#""ioPriority":{"class":"IOPRIO_CLASS_BE","priority":7}"#, ""),
            (
                r#""ioPriority":{"class":"x","priority":9}"#,
                "invalid ioPriority.Priority: 9 (process.ioPriority.priority)",
            ),
            (r#""ioPriority":{"class":"x"}"#, r#"invalid ioPriority.Class: "x" (process.ioPriority.class)"#),
            (r#""execCPUAffinity":{"initial":"0-3, 7,","final":"1"}"#, ""),
            (
                r#""execCPUAffinity":{"final":"3-1"}"#,
                "bad CPUAffinity.Final: invalid range: 3-1 (process.execCPUAffinity.final)",
            ),
            (
                r#""execCPUAffinity":{"initial":"x"}"#,
                r#"bad CPUAffinity.Initial: "x" is not a number (process.execCPUAffinity.initial)"#,
            ),
            (r#""capabilities":{"bounding":["CAP_NOT_INVENTED"]}"#, ""),
        ],
    );
}

#[test]
fn environment_entries_are_name_and_value() {
    table(
        process,
        &ROOT,
        &[
            (r#""env":["A=","B==","C=\n"]"#, ""),
            (r#""env":["A=1","B"]"#, "invalid environment variable: missing '=' (process.env[1])"),
            (r#""env":["=1"]"#, "invalid environment variable: name cannot be empty (process.env[0])"),
            (
                r#""env":["A=\u0000"]"#,
                r#"invalid environment variable "A": contains nul byte (\x00) (process.env[0])"#,
            ),
        ],
    );
}

#[test]
fn no_text_for_the_kernel_holds_a_nul() {
    for (text, path) in [
        (r#"{"process":{"cwd":"/\u0000","args":["sh"]},"root":{"path":"r"}}"#.to_owned(), "process.cwd"),
        (
            r#"{"process":{"cwd":"/","args":["a","\u0000"]},"root":{"path":"r"}}"#.to_owned(),
            "process.args[1]",
        ),
        (process(r#""apparmorProfile":"\u0000""#), "process.apparmorProfile"),
        (process(r#""selinuxLabel":"\u0000""#), "process.selinuxLabel"),
        (linux(r#""maskedPaths":["/a","/\u0000"],"namespaces":[{"type":"mount"}]"#), "linux.maskedPaths[1]"),
        (linux(r#""readonlyPaths":["/\u0000"],"namespaces":[{"type":"mount"}]"#), "linux.readonlyPaths[0]"),
        (linux(r#""namespaces":[{"type":"mount","path":"/\u0000"}]"#), "linux.namespaces[0].path"),
        (linux(r#""cgroupsPath":"\u0000""#), "linux.cgroupsPath"),
        (linux(r#""mountLabel":"\u0000""#), "linux.mountLabel"),
        (linux(r#""devices":[{"path":"\u0000","type":"p"}]"#), "linux.devices[0].path"),
        (linux(r#""resources":{"unified":{"a":"\u0000"}}"#), "linux.resources.unified.a"),
        (
            linux(r#""sysctl":{"net.a":"\u0000"},"namespaces":[{"type":"network"}]"#),
            r#"linux.sysctl["net.a"]"#,
        ),
        (top(r#""mounts":[{"destination":"/a","options":["ro","\u0000"]}]"#), "mounts[0].options[1]"),
        (top(r#""hooks":{"poststop":[{"path":"/a","args":["\u0000"]}]}"#), "hooks.poststop[0].args[0]"),
        (top(r#""hooks":{"poststop":[{"path":"/a","env":["\u0000"]}]}"#), "hooks.poststop[0].env[0]"),
    ] {
        let verdict = judged(&text, &ROOT);
        assert!(verdict.starts_with(&format!("{path}: contains a NUL byte")), "{verdict}\n{text}");
    }
}

#[test]
fn scheduler_fields_fit_the_policy() {
    table(
        |members| process(&format!(r#""scheduler":{{{members}}}"#)),
        &ROOT,
        &[
            (r#""policy":"SCHED_OTHER","nice":-20"#, ""),
            (r#""policy":"SCHED_RR","priority":5,"flags":["SCHED_FLAG_RESET_ON_FORK"]"#, ""),
            (r#""policy":"SCHED_DEADLINE","runtime":1,"deadline":2,"period":3"#, ""),
            ("", "scheduler policy is required (process.scheduler.policy)"),
            (
                r#""policy":"SCHED_BATCH","nice":20"#,
                "invalid scheduler.nice: 20 when scheduler.policy is SCHED_BATCH (process.scheduler.nice)",
            ),
            (
                r#""policy":"SCHED_OTHER","priority":1"#,
                "scheduler.priority can only be specified for SchedFIFO or SchedRR policy (process.scheduler.priority)",
            ),
            (
                r#""policy":"SCHED_FIFO","period":1"#,
                "scheduler runtime/deadline/period can only be specified for SchedDeadline policy (process.scheduler)",
            ),
            (r#""policy":"SCHED_X""#, "invalid scheduler policy: SCHED_X (process.scheduler.policy)"),
            (
                r#""policy":"SCHED_RR","flags":["X"]"#,
                "invalid scheduler flag: X (process.scheduler.flags[0])",
            ),
        ],
    );
}
