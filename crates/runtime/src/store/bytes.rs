//! Files of the store, as bytes: written whole, read as far as is needed.
//! Runs in: the parent.

use std::os::fd::OwnedFd;

use rustix::buffer::spare_capacity;
use rustix::io::{Errno, read, retry_on_intr, write};

pub(crate) fn write_all(file: &OwnedFd, mut bytes: &[u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        let written = retry_on_intr(|| write(file, bytes))?;
        if written == 0 {
            return Err(Errno::IO);
        }
        bytes = bytes.get(written..).unwrap_or_default();
    }
    Ok(())
}

/// One read is enough for most records. Memory is reserved as bytes arrive, never because a length says so.
pub(crate) fn read_least(file: &OwnedFd, bytes: &mut Vec<u8>, least: usize) -> Result<(), Errno> {
    loop {
        bytes.reserve(CHUNK);
        let length = retry_on_intr(|| read(file, spare_capacity(bytes)))?;
        if length == 0 || bytes.len() >= least {
            return Ok(());
        }
    }
}

/// How much is read at once.
const CHUNK: usize = 8192;
