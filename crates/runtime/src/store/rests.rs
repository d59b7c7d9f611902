//! What commands that were killed leave of a container that is not there yet, or not any more.
//! Runs in: the parent, where an id is wanted again.

use std::ffi::CString;

use rustix::io::Errno;

use super::{ContainerId, Emptiness, Store, entries};
use crate::error::{Error, Result};
use crate::gate::GATE;

impl Store {
    /// Removes the directory of an id that is no container's: nobody holds it, and there is no record in it, nor anything
    /// that did not belong to one. True if it is gone.
    pub(super) fn clear(&self, id: &ContainerId) -> Result<bool> {
        let mut place = match self.find(id) {
            Err(error) if error.is_not_found() => return Ok(true),
            Err(error) if error.errno() == Some(Errno::NOTDIR) => return Ok(false),
            place => place?,
        };
        let failed = |errno| Error::os(format_args!("remove {}", self.path(id).display()), errno);
        let is_rest = |name: &CString| RESTS.iter().any(|rest| name.to_bytes() == rest.as_bytes());
        if !place.try_lock()? || !entries(&place.dir, |_| true).map_err(failed)?.iter().all(is_rest) {
            return Ok(false);
        }
        for rest in RESTS {
            place.unlink(rest)?;
        }
        Ok(place.rmdir().map_err(failed)? == Emptiness::Empty)
    }
}

/// What may be in a container's directory when its record is not there yet, or not any more.
const RESTS: [&str; 2] = [GATE, ".record.new"];
