//! The state document: the specification's fields, and runc's. As values for the caller, and as the JSON that hooks read.
//! Runs in: the parent.

use brig_handshake::Text;
pub use brig_plan::OCI_VERSION;
use brig_plan::plan::StateFacts;

use crate::error::{Error, Result};
use crate::record::{Part, RecordFile, Stage, Timestamp};
use crate::status::{self, Status};
use crate::store::{ContainerId, Place, Store};

/// What a container is at this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// Container id.
    pub id: String,
    /// Its first process; 0 when it is stopped, or not there yet.
    pub pid: u32,
    /// Its status.
    pub status: Status,
    /// Absolute path of the bundle.
    pub bundle: String,
    /// Absolute path of the rootfs; empty while it is being created.
    pub rootfs: String,
    /// When it was created.
    pub created: Timestamp,
    /// Annotations in the order of config.json.
    pub annotations: Vec<(String, String)>,
    /// Effective user id of its creator.
    pub owner: u32,
}

/// The state of one container.
///
/// # Errors
/// `NotFound`, `Record`, `Os`, `Cgroup`.
pub fn state(store: &Store, id: &ContainerId) -> Result<State> {
    let (place, record) = store.load(id, Part::Head)?;
    of(&place, &record)
}

/// The state of a container whose record was read.
///
/// # Errors
/// `Record`, `Os`, `Cgroup`.
pub fn of(place: &Place, record: &RecordFile) -> Result<State> {
    let stage = record.stage()?;
    let status = status::status(place, &stage)?;
    if matches!(stage, Stage::Intent(_)) && status != Status::Creating {
        // Only a finished one has anything to say beyond its intent.
        let newer = place.record(Part::Head)?.ok_or_else(Error::not_found)?;
        if let Stage::Ready(_) = newer.stage()? {
            return of(place, &newer);
        }
    }
    Ok(match stage {
        Stage::Intent(intent) => State {
            id: string(&intent.id),
            pid: 0,
            status,
            bundle: string(&intent.bundle),
            rootfs: String::new(),
            created: intent.created,
            annotations: Vec::new(),
            owner: intent.owner,
        },
        Stage::Ready(record) => State {
            id: string(&record.facts.id),
            pid: if status == Status::Stopped { 0 } else { record.init.pid },
            status,
            bundle: string(&record.facts.bundle),
            rootfs: string(&record.facts.rootfs),
            created: record.created,
            annotations: record
                .facts
                .annotations
                .iter()
                .map(|a| (string(&a.key), string(&a.value)))
                .collect(),
            owner: record.owner,
        },
    })
}

/// The document that hooks get on standard input: the specification's fields, and no others. `pid` as the hook sees it.
pub fn document(facts: &StateFacts<'_>, status: Status, pid: Option<u32>) -> String {
    brig_plan::document(facts, status.as_str(), pid)
}

pub(crate) fn quote(json: &mut String, text: &Text<'_>) {
    json.push_str(&brig_plan::json_string(text));
}

fn string(text: &Text<'_>) -> String {
    text.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::tests::{facts, text};

    #[test]
    fn hooks_read_the_fields_of_the_specification() {
        let mut facts = facts();
        facts.annotations.clear();
        assert_eq!(
            document(&facts, Status::Creating, Some(7)),
            r#"{"ociVersion":"1.3.0","id":"a","status":"creating","pid":7,"bundle":"/b"}"#
        );
        assert_eq!(
            document(&facts, Status::Stopped, None),
            r#"{"ociVersion":"1.3.0","id":"a","status":"stopped","bundle":"/b"}"#
        );
    }

    #[test]
    fn whatever_an_annotation_says_is_quoted() {
        let mut facts = facts();
        facts.annotations[0].key = text("a\"b\\c");
        facts.annotations[0].value = text("\n\u{1}\u{e4}");
        let json = document(&facts, Status::Created, Some(1));
        assert!(json.ends_with(r#","annotations":{"a\"b\\c":"\n\u0001ä","k2":"v2"}}"#), "{json}");
    }
}
