//! The OCI state document: whole, or in the pieces that are known before there is a process.
//! Runs in: the parent; pure. `brig-init` puts its process id between the pieces and hands the whole to hooks; the parent's own
//! hooks and the seccomp agent get it as a whole.

use brig_handshake::Text;

use crate::options::Options;
use crate::plan::{Annotation, StateFacts};
use crate::refusal::{Refusal, member};
use crate::spec::Spec;
use crate::text::{beneath, text};

/// The version of the specification that the state document follows, and config.json is read by.
pub const OCI_VERSION: &str = "1.3.0";

/// A state document without its process id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StatePieces {
    /// Up to the process id, status `creating`.
    pub(crate) creating: String,
    /// Up to the process id, status `created`.
    pub(crate) created: String,
    /// From behind the process id to the end.
    pub(crate) rest: String,
}

/// What does not change.
pub(crate) fn facts<'a>(spec: &Spec<'_>, options: &Options<'_>) -> Result<StateFacts<'a>, Refusal> {
    let root = spec.root.as_ref().map_or("", |root| &root.path);
    let mut annotations = Vec::with_capacity(spec.annotations.len());
    for (key, value) in &spec.annotations {
        let path = member("annotations", key);
        annotations.push(Annotation {
            key: text(&**key, format_args!("{path}"))?,
            value: text(&**value, format_args!("{path}"))?,
        });
    }
    Ok(StateFacts {
        id: text(options.id, format_args!("container id"))?,
        bundle: text(options.bundle, format_args!("bundle"))?,
        rootfs: text(beneath(options.bundle, root), format_args!("root.path"))?,
        annotations,
    })
}

/// The whole document: the specification's fields, and no others. `status` is one of the specification's words; `pid` is the
/// process id as the reader of the document sees it.
pub fn document(facts: &StateFacts<'_>, status: &str, pid: Option<u32>) -> String {
    let pid = pid.map_or_else(String::new, |pid| format!(r#","pid":{pid}"#));
    format!("{}{pid}{}", start(facts, status), rest(facts))
}

/// The document for hooks that run inside.
pub(crate) fn pieces(facts: &StateFacts<'_>) -> StatePieces {
    let up_to_pid = |status| start(facts, status) + r#","pid":"#;
    StatePieces { creating: up_to_pid("creating"), created: up_to_pid("created"), rest: rest(facts) }
}

fn start(facts: &StateFacts<'_>, status: &str) -> String {
    format!(r#"{{"ociVersion":"{OCI_VERSION}","id":{},"status":"{status}""#, json_string(&facts.id))
}

fn rest(facts: &StateFacts<'_>) -> String {
    let mut rest = format!(r#","bundle":{}"#, json_string(&facts.bundle));
    for (index, Annotation { key, value }) in facts.annotations.iter().enumerate() {
        rest.push_str(if index == 0 { r#","annotations":{"# } else { "," });
        rest.push_str(&json_string(key));
        rest.push(':');
        rest.push_str(&json_string(value));
    }
    rest.push_str(if facts.annotations.is_empty() { "}" } else { "}}" });
    rest
}

/// `text` as a JSON string, quotes included. Bytes that are not UTF-8 become U+FFFD.
pub fn json_string(text: &Text<'_>) -> String {
    serde_json::Value::from(text.to_string_lossy()).to_string()
}
