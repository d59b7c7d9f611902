//! What the author of a bundle writes: config.json, process.json, resources.

#[path = "../../plan/tests/plan/machine.rs"]
mod machine;

use brig_handshake::Task;
use brig_handshake::wire::{decode, encode};
use brig_plan::exec::{ExecRequest, Requested, exec};
use brig_plan::host::Host;
use brig_plan::limits::{Version, check, without_effect, writes};
use brig_plan::options::{Options, Stdio};
use brig_plan::plan::{ExecTemplate, Plan};
use brig_plan::refusal::Refusal;
use brig_plan::resources::{Resources, settle};
use brig_plan::{load, plan, rules, systemd};
use machine::{host, options};

/// A whole config.json: whatever it says there is a plan that can be sent and explained, or a refusal that names a place.
pub fn config(text: &[u8]) {
    let spec = match load::config(text) {
        Ok(spec) => spec,
        Err(refusal) => return names_a_place(&refusal, text),
    };
    for host in [host(), Host { euid: 1000, egid: 1000, ..host() }] {
        for (stdio, gate) in [(Stdio::Inherited, false), (Stdio::ConsoleSocket, true)] {
            match plan(&spec, &host, &Options { stdio, gate, ..options() }) {
                Ok(plan) => can_be_carried_out(&plan),
                Err(refusal) => assert!(!refusal.message().is_empty(), "{refusal:?}"),
            }
        }
    }
}

/// What `brig-init` gets is what was decided, and people can read it.
fn can_be_carried_out(plan: &Plan<'_>) {
    let task = Task::Init(plan.task.clone());
    let bytes = encode(&task);
    assert_eq!(decode::<Task<'_>>(&bytes).as_ref(), Ok(&task));
    let template = encode(&plan.exec);
    assert_eq!(decode::<ExecTemplate<'_>>(&template).as_ref(), Ok(&plan.exec));
    assert!(!plan.explain().is_empty() && plan.explain_json().starts_with('{'));
}

/// A process.json, for a container as `brig spec` writes it.
pub fn process(text: &[u8]) {
    let process = match load::process(text) {
        Ok(process) => process,
        Err(refusal) => return names_a_place(&refusal, text),
    };
    let spec = load::config(CONTAINER).unwrap();
    let template = plan(&spec, &host(), &options()).unwrap().exec;
    for stdio in [Stdio::Inherited, Stdio::Foreground] {
        let process = Requested::Whole(process.clone());
        let request = ExecRequest { process, stdio, preserve_fds: 0, filter: &[] };
        match exec(&template, &request) {
            Ok(plan) => {
                let task = Task::Exec(plan.task);
                assert_eq!(decode::<Task<'_>>(&encode(&task)).as_ref(), Ok(&task));
            }
            Err(refusal) => assert!(!refusal.message().is_empty(), "{refusal:?}"),
        }
    }
}

/// The object that `update` takes: settled once it is settled, and every value has a file of the cgroup.
pub fn resources(text: &[u8]) {
    let spec = match load::resources(text) {
        Ok(spec) => spec,
        Err(refusal) => return names_a_place(&refusal, text),
    };
    let refused = rules::check_resources(&spec, "linux.resources");
    let settled = settle(&spec);
    let bytes = encode(&settled);
    assert_eq!(decode::<Resources<'_>>(&bytes).as_ref(), Ok(&settled));
    for version in [Version::V1, Version::V2] {
        let checked = check(&settled, version, "linux.resources");
        without_effect(&settled, version);
        if refused.is_err() || checked.is_err() {
            continue;
        }
        for write in writes(&settled, version) {
            assert!(
                !write.file.is_empty() && !write.file.contains('/') && !write.file.contains('\0'),
                "{write:?}"
            );
            assert!(!write.field.is_empty(), "{write:?}");
        }
        let mut round = writes(&settled, version);
        systemd::round(&mut round);
        systemd::properties(&round);
        // What is asked for once more changes nothing.
        let twice = settled.merged(&settled, version);
        assert_eq!(twice.merged(&settled, version), twice);
        settled.touched(&settled);
    }
}

/// Text that is not of these types is refused with words, and with a path unless it is the whole text.
fn names_a_place(refusal: &Refusal, text: &[u8]) {
    assert!(!refusal.message().is_empty(), "{refusal:?}");
    assert!(refusal.path().len() <= 8 * text.len() + 8, "{refusal:?}");
}

/// A container that a process can join.
const CONTAINER: &[u8] =
    br#"{"ociVersion":"1.0.2","process":{"args":["/init"],"cwd":"/","env":["PATH=/bin"]},
    "root":{"path":"rootfs"},"linux":{"namespaces":[{"type":"mount"},{"type":"pid"}]}}"#;
