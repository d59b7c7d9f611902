//! The seccomp filter, and when it is loaded.

use brig_handshake::process::SeccompLoad;
use brig_plan::host::Host;
use brig_plan::plan::Plan;
use brig_plan::refusal::Refusal;
use brig_seccomp::Canonical;

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
    }
}

#[test]
fn the_program_is_compiled_from_what_the_plan_holds() {
    let plan = tried(&host(), "true", DENY).unwrap();
    let filter = plan.filter.as_ref().unwrap();
    let (profile, native) = Canonical::read(filter.bytes()).unwrap();
    let length = brig_seccomp::compile(&profile, native).unwrap().program.len();
    let line = format!("  seccomp: {length} instructions, at most ");
    assert!(plan.explain().contains(&line), "{}", plan.explain());
}

#[test]
fn what_only_compiling_shows_is_refused_then_and_explained() {
    let twice = r#"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[
        {"names":["mkdir"],"action":"SCMP_ACT_ERRNO","args":[{"index":0,"value":1,"op":"SCMP_CMP_EQ"}]},
        {"names":["mkdir"],"action":"SCMP_ACT_TRAP","args":[{"index":0,"value":1,"op":"SCMP_CMP_EQ"}]}]}"#;
    let plan = tried(&host(), "true", twice).unwrap();
    let words =
        "seccomp rules for syscall mkdir: same conditions, different actions (EEXIST) (linux.seccomp)";
    assert!(plan.explain().contains(&format!("  seccomp: refused: {words}")), "{}", plan.explain());
}

#[test]
fn an_architecture_of_the_other_byte_order_is_refused_by_name() {
    let foreign =
        DENY.replacen('{', r#"{"architectures":["SCMP_ARCH_X86","SCMP_ARCH_S390X","SCMP_ARCH_X86_64"],"#, 1);
    let refusal = tried(&host(), "true", &foreign).unwrap_err();
    let little = cfg!(target_endian = "little");
    let at = if little { "linux.seccomp.architectures[1]" } else { "linux.seccomp.architectures[0]" };
    assert_eq!(refusal.path(), at);
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
        let plan = tried(&host(), "true", nothing).unwrap();
        assert_eq!((plan.task.process.seccomp, plan.filter), (None, None));
    }
}

#[test]
fn flags_are_those_of_the_kernel() {
    let old = Host { seccomp_flags: 0, ..host() };
    assert_eq!(tried(&old, "true", DENY).unwrap().task.process.seccomp.unwrap().flags, 0);
    let log = DENY.replacen('{', r#"{"flags":["SECCOMP_FILTER_FLAG_LOG"],"#, 1);
    assert_eq!(tried(&host(), "true", &log).unwrap().task.process.seccomp.unwrap().flags, 2);
    let refusal = tried(&old, "true", &log).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "linux.seccomp.flags[0]: this kernel does not have SECCOMP_FILTER_FLAG_LOG"
    );
    assert_eq!(tried(&old, "true", NOTIFY).unwrap_err().path(), "linux.seccomp.syscalls");
    let none = DENY.replacen('{', r#"{"flags":[],"#, 1);
    assert_eq!(tried(&host(), "true", &none).unwrap().task.process.seccomp.unwrap().flags, 0);
}
