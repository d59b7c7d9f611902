//! A bad text is refused with the JSON path, the line and the column of its fault.

use brig_plan::load;

fn refusal(text: &str) -> String {
    load::config(text.as_bytes()).err().map(|refusal| refusal.to_string()).unwrap_or_default()
}

#[test]
fn a_value_of_the_wrong_type_is_named_by_path_line_and_column() {
    let text = "{\n \"process\": {\n  \"user\": {\n   \"uid\": \"x\",\n   \"gid\": 0\n  }\n }\n}";
    assert_eq!(
        refusal(text),
        r#"process.user.uid: invalid type: string "x", expected u32 (line 4 column 13)"#
    );
}

#[test]
fn the_path_leads_through_arrays_and_maps() {
    for (text, begins) in [
        (r#"{"process":{"user":7}}"#, "process.user: invalid type: integer `7`"),
        (r#"{"process":{"args":"sh"}}"#, r#"process.args: invalid type: string "sh", expected a sequence"#),
        (r#"{"process":{"args":{"a":1}}}"#, "process.args: invalid type: map"),
        (r#"{"process":{"args":["sh",7]}}"#, "process.args[1]: invalid type: integer `7`, expected a string"),
        (r#"{"process":{"args":["sh",{"a":1}]}}"#, "process.args[1]: invalid type: map"),
        (r#"{"process":{"args":["sh",[1]]}}"#, "process.args[1]: invalid type: sequence"),
        (r#"{"process":{"args":[[[1,2],3],[1]]}}"#, "process.args[0]: invalid type: sequence"),
        (r#"{"process":{"terminal":"yes"}}"#, "process.terminal: invalid type: string"),
        (
            r#"{"linux":{"namespaces":[{"type":"pid"},{"type":"ipc"},{"type":5}]}}"#,
            "linux.namespaces[2].type: invalid type: integer `5`",
        ),
        (r#"{"linux":{"namespaces":[{"type":"pid"},7]}}"#, "linux.namespaces[1]: invalid type: integer `7`"),
        (r#"{"linux":{"sysctl":{"a.b":"1","c.d":2}}}"#, r#"linux.sysctl["c.d"]: invalid type: integer `2`"#),
        (r#"{"linux":{"sysctl":[1]}}"#, "linux.sysctl: invalid type: sequence, expected a map"),
        (r#"{"annotations":{"a\"":1}}"#, "annotations"),
        (
            r#"{"linux":{"x":[{"y":{}}],"resources":{"memory":{"limit":"64m"}}}}"#,
            "linux.resources.memory.limit: invalid type: string \"64m\", expected i64",
        ),
    ] {
        assert!(refusal(text).starts_with(begins), "{text}\n{}", refusal(text));
    }
}

#[test]
fn a_number_that_does_not_fit_is_refused() {
    for number in ["-1", "1.5", "1e3", "4294967296", "true", "\"1\"", "{}", "[]"] {
        let text = format!(r#"{{"process":{{"user":{{"gid":1,"uid":{number}}}}}}}"#);
        assert!(refusal(&text).starts_with("process.user.uid: invalid "), "{}", refusal(&text));
    }
    for (field, number) in [("pids", "9223372036854775808"), ("pids", "0.5")] {
        let text = format!(r#"{{"linux":{{"resources":{{"{field}":{{"limit":{number}}}}}}}}}"#);
        assert!(refusal(&text).starts_with("linux.resources.pids.limit: "), "{}", refusal(&text));
    }
    let weight = r#"{"linux":{"resources":{"blockIO":{"weight":65536}}}}"#;
    assert!(refusal(weight).starts_with("linux.resources.blockIO.weight: "), "{}", refusal(weight));
}

#[test]
fn what_is_not_json_is_refused_where_it_stops_being_json() {
    for (text, whole) in [
        ("", "EOF while parsing a value (line 1 column 0)"),
        ("nul", "EOF while parsing a value (line 1 column 3)"),
        ("{'a':1}", "key must be a string (line 1 column 2)"),
        (r#"{"root":"#, "root: EOF while parsing a value (line 1 column 8)"),
        (r#"{"root":{"path":"a"#, "root.path: EOF while parsing a string (line 1 column 18)"),
        (r#"{"root":{"path":"a" "b"}}"#, "root.path: expected `,` or `}` (line 1 column 21)"),
        (r#"{"root":{"path":"\x"}}"#, "root.path: invalid escape (line 1 column 19)"),
        (r#"{"root":{"path":"a",}}"#, "root: trailing comma (line 1 column 21)"),
        (r#"{"root":{"path":"a"}} x"#, "trailing characters (line 1 column 23)"),
        ("7", "invalid type: integer `7`, expected struct Spec (line 1 column 1)"),
        (" []", "invalid type: sequence, expected an object"),
    ] {
        assert_eq!(refusal(text), whole, "{text}");
    }
}

#[test]
fn a_key_given_twice_is_refused() {
    let text = r#"{"root":{"path":"a","path":"b"}}"#;
    assert_eq!(refusal(text), "root.path: duplicate field `path` (line 1 column 26)");
}

#[test]
fn text_that_is_not_utf_8_is_refused_at_its_first_bad_byte() {
    let refusal = load::config(b"{\"root\":{\"path\":\"\xff\"}}").unwrap_err();
    assert_eq!(refusal.to_string(), "root.path: byte 17 of the text is not UTF-8");
    assert_eq!(refusal.path(), "root.path");
}

#[test]
fn null_is_no_config_and_no_process_but_limits_nothing() {
    assert_eq!(refusal("null"), "config cannot be null");
    assert_eq!(refusal(" null\n"), "config cannot be null");
    assert_eq!(load::process(b"null").unwrap_err().to_string(), "process property must not be empty");
    assert_eq!(load::resources(b"null"), Ok(Default::default()));
}

#[test]
fn the_paths_of_a_process_and_of_resources_start_at_their_own_top() {
    assert_eq!(
        load::process(br#"{"user":{"uid":-1}}"#).unwrap_err().to_string(),
        "user.uid: invalid value: integer `-1`, expected u32 (line 1 column 17)"
    );
    assert_eq!(load::resources(br#"{"memory":{"limit":"1"}}"#).unwrap_err().path(), "memory.limit");
}

#[test]
fn every_cut_of_a_text_is_refused_without_a_panic() {
    let text =
        r#"{"linux":{"sysctl":{"a\\.\"b":"1"},"namespaces":[{"type":"pid"},[],{}],"x":[1,[2,{"y":null}]]}}"#;
    for end in 0..text.len() {
        load::config(&text.as_bytes()[..end]).unwrap_err();
    }
}
