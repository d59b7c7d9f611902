//! The OCI state document, in the pieces that are known before there is a process.
//! Runs in: the parent; pure. `brig-init` puts its process id between them and hands the whole to hooks.

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

/// The document for hooks that run inside.
pub(crate) fn pieces(facts: &StateFacts<'_>) -> StatePieces {
    let start = |status| {
        format!(r#"{{"ociVersion":"{OCI_VERSION}","id":{},"status":"{status}","pid":"#, json(&facts.id))
    };
    let mut rest = format!(r#","bundle":{}"#, json(&facts.bundle));
    for (index, Annotation { key, value }) in facts.annotations.iter().enumerate() {
        rest.push_str(if index == 0 { r#","annotations":{"# } else { "," });
        rest.push_str(&json(key));
        rest.push(':');
        rest.push_str(&json(value));
    }
    rest.push_str(if facts.annotations.is_empty() { "}" } else { "}}" });
    StatePieces { creating: start("creating"), created: start("created"), rest }
}

fn json(text: &Text<'_>) -> String {
    serde_json::Value::from(text.to_string_lossy()).to_string()
}
