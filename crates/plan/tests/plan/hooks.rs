//! Hooks and the state document.

use brig_handshake::hooks::Hook;
use brig_plan::plan::ParentHook;

use crate::{planned, text, texts};

#[test]
fn the_parent_runs_its_hooks_with_its_own_environment_unless_they_have_one() {
    let plan = planned(
        r#""hooks":{"prestart":[{"path":"/a"}],"createRuntime":[{"path":"/b","args":["x","y"],"env":["E=1"],"timeout":3}],
           "poststart":[{"path":"/c"}],"poststop":[{"path":"/d"}]}"#,
    );
    let bare = |path| ParentHook { path: text(path), args: vec![], env: None, timeout: None };
    assert_eq!(plan.hooks.prestart, [bare("/a")]);
    let full = ParentHook {
        path: text("/b"),
        args: texts(&["x", "y"]),
        env: Some(texts(&["E=1"])),
        timeout: Some(3000),
    };
    assert_eq!(plan.hooks.create_runtime, [full]);
    assert_eq!((plan.hooks.poststart, plan.hooks.poststop), (vec![bare("/c")], vec![bare("/d")]));
    assert!(plan.task.runtime_hooks);
    assert_eq!(plan.task.hooks.rest, text(""), "no hook inside reads the state");
    assert!(!planned(r#""hooks":{"poststop":[{"path":"/d"}]}"#).task.runtime_hooks);
}

#[test]
fn hooks_inside_have_arguments_of_their_own() {
    let plan = planned(
        r#""hooks":{"createContainer":[{"path":"/a"}],"startContainer":[{"path":"/b","args":["b","c"],"env":["E=1"]}]},
           "process":{"args":["/x"],"cwd":"/","env":["P=1"]},"linux":{"namespaces":[{"type":"mount"}]}"#,
    );
    let hooks = plan.task.hooks;
    let create = Hook { path: text("/a"), args: texts(&["/a"]), env: vec![], timeout: None };
    assert_eq!(hooks.create_container, [create]);
    let start = Hook { path: text("/b"), args: texts(&["b", "c"]), env: texts(&["E=1"]), timeout: None };
    assert_eq!(hooks.start_container, [start]);
}

#[test]
fn a_timeout_beyond_all_waiting_is_the_longest_there_is() {
    let plan = planned(r#""hooks":{"poststop":[{"path":"/d","timeout":9223372036854775807}]}"#);
    assert_eq!(plan.hooks.poststop[0].timeout, Some(u32::MAX));
}

#[test]
fn the_pieces_of_the_state_document_make_a_whole_around_a_process_id() {
    let hook = r#""hooks":{"createContainer":[{"path":"/a"}]}"#;
    for (annotations, end) in
        [("", ""), (r#","annotations":{"k\"":"v\n","z":""}"#, r#","annotations":{"k\"":"v\n","z":""}"#)]
    {
        let hooks = planned(&format!("{hook}{annotations}")).task.hooks;
        for (start, status) in [(&hooks.creating, "creating"), (&hooks.created, "created")] {
            let document = format!("{}7{}", start.to_str().unwrap(), hooks.rest.to_str().unwrap());
            let expected = format!(
                r#"{{"ociVersion":"1.3.0","id":"c","status":"{status}","pid":7,"bundle":"/bundle"{end}}}"#
            );
            assert_eq!(document, expected);
            serde_json::from_str::<serde_json::Value>(&document).unwrap();
        }
    }
}
