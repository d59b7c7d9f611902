//! What the standard streams of the first process are, as far as that matters to others than it.
//! Runs in: the parent, on the host, while `brig-init` works.

use std::os::fd::BorrowedFd;

use rustix::fs::{FileType, fstat};

use super::{Making, Streams};

impl Making<'_> {
    /// The streams that it is given; `None`: it gets a terminal.
    pub(super) fn streams(&self) -> Option<[BorrowedFd<'_>; 3]> {
        if self.plan.task.process.terminal.is_some() {
            return None;
        }
        match &self.request.streams {
            Streams::Passed(streams) => Some(*streams),
            Streams::Inherited
            | Streams::Foreground(_)
            | Streams::Terminal { .. }
            | Streams::ConsoleSocket(_) => Some(brig_sys::stdio::streams()),
        }
    }
}

/// The inodes of those that are pipes; 0 for one that is none.
pub(super) fn that_are_pipes(streams: Option<[BorrowedFd<'_>; 3]>) -> [u64; 3] {
    let inode = |stream: BorrowedFd<'_>| {
        let stat = fstat(stream).ok().filter(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Fifo);
        stat.map_or(0, |stat| stat.st_ino)
    };
    streams.map_or([0; 3], |streams| streams.map(inode))
}
