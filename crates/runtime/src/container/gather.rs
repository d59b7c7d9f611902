//! Reading two pipes at once, so that neither fills up while the other is waited for.
//! Runs in: the parent.

use std::io::PipeReader;

use rustix::event::{PollFd, PollFlags};

use super::process::read;
use crate::error::Result;
use crate::patience::Patience;

/// What comes from each, to its end.
pub(crate) fn both(
    stdout: Option<PipeReader>,
    stderr: Option<PipeReader>,
    patience: &Patience,
) -> Result<[Vec<u8>; 2]> {
    let mut open = [stdout, stderr];
    let mut gathered = [Vec::new(), Vec::new()];
    while open.iter().any(Option::is_some) {
        let fds = open.iter().flatten().map(|pipe| PollFd::new(pipe, PollFlags::IN)).collect();
        let mut ready = patience.wait("read", fds)?.into_iter();
        for (pipe, bytes) in open.iter_mut().zip(&mut gathered) {
            let Some(reader) = pipe else { continue };
            if ready.next().is_some_and(|events| !events.is_empty()) && read(reader, bytes)? == 0 {
                *pipe = None;
            }
        }
    }
    Ok(gathered)
}
