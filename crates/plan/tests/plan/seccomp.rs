//! The seccomp filter, and when it is loaded.

use brig_handshake::process::SeccompLoad;
use brig_plan::host::Host;
use brig_plan::plan::Plan;
use brig_plan::refusal::Refusal;

use crate::{host, options, planned_on, text};

fn tried(host: &Host, nnp: &str, seccomp: &str) -> Result<Plan<'static>, Refusal> {
    let more = format!(
        r#""process":{{"args":["/a"],"cwd":"/","noNewPrivileges":{nnp}}},
           "linux":{{"namespaces":[{{"type":"mount"}}],"seccomp":{seccomp}}}"#
    );
    planned_on(host, &options(), &more)
}

const DENY: &str =
    r#"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir"],"action":"SCMP_ACT_ERRNO"}]}"#;
const NOTIFY: &str = r#"{"defaultAction":"SCMP_ACT_ALLOW","listenerPath":"/agent","listenerMetadata":"m",
    "syscalls":[{"names":["mkdir"],"action":"SCMP_ACT_NOTIFY"}]}"#;

#[test]
fn a_filter_is_loaded_as_late_as_privileges_allow() {
    for (nnp, load) in [("true", SeccompLoad::JustBeforeExec), ("false", SeccompLoad::BeforeDrop)] {
        let filter = tried(&host(), nnp, DENY).unwrap().task.process.seccomp.unwrap();
        assert_eq!((filter.load, filter.flags), (load, 4), "SPEC_ALLOW is runc's default");
        assert!(!filter.program.is_empty() && filter.program.len().is_multiple_of(8));
    }
}

#[test]
fn a_listener_is_handed_over_while_the_parent_is_there() {
    for (nnp, load) in [("true", SeccompLoad::WithListener), ("false", SeccompLoad::BeforeDrop)] {
        let plan = tried(&host(), nnp, NOTIFY).unwrap();
        assert_eq!(plan.task.process.seccomp.unwrap().load, load);
        let listener = plan.exec.listener.unwrap();
        assert_eq!((listener.path, listener.metadata), (text("/agent"), text("m")));
    }
}

#[test]
fn a_profile_that_says_nothing_is_no_filter() {
    for nothing in ["{}", "null", r#"{"architectures":["SCMP_ARCH_X86"]}"#] {
        assert_eq!(tried(&host(), "true", nothing).unwrap().task.process.seccomp, None);
    }
}

#[test]
fn flags_are_those_of_the_kernel() {
    let old = Host { seccomp_flags: 0, ..host() };
    assert_eq!(tried(&old, "true", DENY).unwrap().task.process.seccomp.unwrap().flags, 0);
    let log = DENY.replacen('{', r#"{"flags":["SECCOMP_FILTER_FLAG_LOG"],"#, 1);
    assert_eq!(tried(&host(), "true", &log).unwrap().task.process.seccomp.unwrap().flags, 2);
    assert_eq!(tried(&old, "true", &log).unwrap_err().path(), "linux.seccomp.flags");
    assert_eq!(tried(&old, "true", NOTIFY).unwrap_err().path(), "linux.seccomp.syscalls");
    let none = DENY.replacen('{', r#"{"flags":[],"#, 1);
    assert_eq!(tried(&host(), "true", &none).unwrap().task.process.seccomp.unwrap().flags, 0);
}
