//! The state document of a container, as `state` prints it and as `list` repeats it. Runs in: parent.

use std::collections::BTreeMap;

use serde::Serialize;

/// OCI's state of a container with runc's additions, in runc's order.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StateDocument<'a> {
    /// Version of the OCI runtime specification that this runtime follows, not the one in config.json.
    pub oci_version: &'a str,
    /// The container.
    pub id: &'a str,
    /// Its init as the host sees it; 0 once stopped.
    pub pid: i32,
    /// `created`, `running`, `paused` or `stopped`.
    pub status: &'a str,
    /// Absolute path.
    pub bundle: &'a str,
    /// Absolute path.
    pub rootfs: &'a str,
    /// When it was created: [`rfc3339_nano`](super::time::rfc3339_nano).
    pub created: &'a str,
    /// Annotations of config.json; the key is left out if there are none.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<&'a str, &'a str>,
    /// Name of the owner of the container's directory, or `#uid`. Empty in `state`: only `list` looks it up.
    pub owner: &'a str,
}

/// What `state` prints: indented by two spaces, no newline at the end.
///
/// # Errors
/// None in practice: see [`indented`](super::indented).
pub fn state_json(document: &StateDocument<'_>) -> serde_json::Result<String> {
    super::indented(document, "  ")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::output) fn document(id: &str) -> StateDocument<'_> {
        StateDocument {
            oci_version: "1.3.0",
            id,
            pid: 42,
            status: "running",
            bundle: "/b",
            rootfs: "/b/rootfs",
            created: "2026-11-21T19:41:23.5Z",
            annotations: BTreeMap::new(),
            owner: "",
        }
    }

    #[test]
    fn state_has_runcs_keys_in_runcs_order() {
        let expected = r#"{
  "ociVersion": "1.3.0",
  "id": "c1",
  "pid": 42,
  "status": "running",
  "bundle": "/b",
  "rootfs": "/b/rootfs",
  "created": "2026-11-21T19:41:23.5Z",
  "owner": ""
}"#;
        assert_eq!(state_json(&document("c1")).unwrap(), expected);
    }

    #[test]
    fn annotations_are_sorted_and_stand_before_the_owner() {
        let annotations = BTreeMap::from([("b", "2"), ("a", "\"1\"")]);
        let text = state_json(&StateDocument { annotations, ..document("c1") }).unwrap();
        let expected =
            "\"annotations\": {\n    \"a\": \"\\\"1\\\"\",\n    \"b\": \"2\"\n  },\n  \"owner\": \"\"\n}";
        assert!(text.ends_with(expected), "{text}");
    }
}
