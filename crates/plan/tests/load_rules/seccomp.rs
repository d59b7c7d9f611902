//! `linux.seccomp`.

use super::{ROOT, linux, table};

#[test]
fn seccomp_words_are_known() {
    table(
        |members| linux(&format!(r#""seccomp":{{{members}}}"#)),
        &ROOT,
        &[
            (r#""flags":["FOO"],"architectures":["FOO"]"#, ""),
            (
                r#""defaultAction":"FOO","flags":["SECCOMP_FILTER_FLAG_LOG","FOO"]"#,
                "seccomp flag FOO is not known to runc (linux.seccomp.flags[1])",
            ),
            (
                r#""defaultAction":"FOO","architectures":["SCMP_ARCH_PARISC"]"#,
                "string SCMP_ARCH_PARISC is not a valid arch for seccomp (linux.seccomp.architectures[0])",
            ),
            (
                r#""defaultAction":"FOO""#,
                "string FOO is not a valid action for seccomp (linux.seccomp.defaultAction)",
            ),
            (r#""syscalls":[{}]"#, "string  is not a valid action for seccomp (linux.seccomp.defaultAction)"),
            (
                r#""defaultAction":"SCMP_ACT_ALLOW","defaultErrnoRet":1"#,
                "linux.seccomp.defaultErrnoRet: SCMP_ACT_ALLOW has no errno",
            ),
            (
                r#""defaultAction":"SCMP_ACT_NOTIFY""#,
                "SCMP_ACT_NOTIFY cannot be used as default action (linux.seccomp.defaultAction)",
            ),
            (
                r#""defaultAction":"SCMP_ACT_ALLOW","listenerMetadata":"m""#,
                "warning: linux.seccomp.listenerMetadata: is of no use without listenerPath",
            ),
        ],
    );
}

#[test]
fn seccomp_rules_are_complete() {
    table(
        |rule| linux(&format!(r#""seccomp":{{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{{{rule}}}]}}"#)),
        &ROOT,
        &[
            (
                r#""names":["a"],"action":"X""#,
                "string X is not a valid action for seccomp (linux.seccomp.syscalls[0].action)",
            ),
            (
                r#""names":["a"],"action":"SCMP_ACT_LOG","errnoRet":1"#,
                "linux.seccomp.syscalls[0].errnoRet: SCMP_ACT_LOG has no errno",
            ),
            (
                r#""names":["a"],"action":"SCMP_ACT_TRACE","errnoRet":65536"#,
                "linux.seccomp.syscalls[0].errnoRet: 65536 does not fit into 16 bits",
            ),
            (r#""action":"SCMP_ACT_LOG""#, "warning: linux.seccomp.syscalls[0].names: names no system call"),
            (
                r#""names":["a",""],"action":"SCMP_ACT_LOG""#,
                "empty string is not a valid syscall (linux.seccomp.syscalls[0].names)",
            ),
            (
                r#""names":["a"],"action":"SCMP_ACT_LOG","args":[{"index":5,"op":"SCMP_CMP_EQ"},{"op":"X"}]"#,
                "string X is not a valid operator for seccomp (linux.seccomp.syscalls[0].args[1].op)",
            ),
            (
                r#""names":["a"],"action":"SCMP_ACT_LOG","args":[{"index":6,"op":"SCMP_CMP_EQ"}]"#,
                "linux.seccomp.syscalls[0].args[0].index: 6 is not in 0..=5",
            ),
            (
                r#""names":["read","write"],"action":"SCMP_ACT_NOTIFY""#,
                "SCMP_ACT_NOTIFY cannot be used for the write syscall (linux.seccomp.syscalls[0].names)",
            ),
            (
                r#""names":["read"],"action":"SCMP_ACT_NOTIFY""#,
                "seccomp listenerPath is not set (linux.seccomp.listenerPath)",
            ),
        ],
    );
}
