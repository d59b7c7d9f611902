//! Which of the records in a container's directory is the one that counts.
//! Runs in: the parent, whoever looks at a container.
//!
//! `brig-init` does not wait until its creator has put the record in place: it says that only execve is left, and goes on. A
//! creator that is killed in between leaves a container that runs, or waits for `start`, and beside its intent the record that it
//! had prepared, whole, before `brig-init` could come so far. That one counts as long as it speaks of a process that lives.

use super::{HEADER, Header, Part, RECORD, RecordFile, Stage};
use crate::error::{Error, Result, best_effort};
use crate::status::is_creating;
use crate::store::{Place, beside};

impl Place {
    /// Reads the record; `None` if none is there.
    ///
    /// # Errors
    /// `Os`, or `Record` if it is cut short or of another version.
    pub fn record(&self, part: Part) -> Result<Option<RecordFile>> {
        match self.record_in(RECORD, part)? {
            Some(file) if file.is_intent() => self.prepared(file, part),
            file => Ok(file),
        }
    }

    fn record_in(&self, name: &str, part: Part) -> Result<Option<RecordFile>> {
        let Some(mut bytes) = self.read(name, HEADER)? else { return Ok(None) };
        let header = Header::read(&bytes)?;
        let least = header.end(part)?;
        if bytes.len() < least {
            bytes = self.read(name, least)?.ok_or_else(Error::not_found)?;
        }
        RecordFile::new(bytes, part).map(Some)
    }

    /// What a dead creator had prepared, now in place, or else its `intent`.
    fn prepared(&self, intent: RecordFile, part: Part) -> Result<Option<RecordFile>> {
        match intent.stage()? {
            Stage::Intent(intent) if !is_creating(self, &intent)? => {}
            Stage::Intent(_) | Stage::Ready(_) => return Ok(Some(intent)),
        }
        match self.record_in(&beside(RECORD), part) {
            Ok(Some(prepared)) if prepared.is_alive()? => {
                best_effort(
                    self.settle_record(),
                    "another was first, or it is not ours to write: it counts all the same",
                );
                Ok(Some(prepared))
            }
            // Another has put it in place meanwhile, or there was none.
            Ok(None) => self.record_in(RECORD, part),
            // The creator was killed while it wrote.
            Ok(Some(_)) | Err(_) => Ok(Some(intent)),
        }
    }
}

impl RecordFile {
    /// Only a container that is there has anything for `exec`.
    fn is_intent(&self) -> bool {
        self.header.template == 0
    }

    fn is_alive(&self) -> Result<bool> {
        match self.stage() {
            Ok(Stage::Ready(record)) => record.init.is_alive(),
            Ok(Stage::Intent(_)) | Err(_) => Ok(false),
        }
    }
}
