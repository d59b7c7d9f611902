//! How far `checkpoint` and `restore` are: plain lines for who sits at a terminal. Runs in: parent.
//!
//! Engines read standard error from a pipe: they get nothing. Neither colour nor anything else that moves the cursor is written.

use std::fs;
use std::io::{self, IsTerminal as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Instant;

use brig_runtime::criu::Phase;

/// Somebody looks.
pub(super) struct Shown<'a> {
    command: &'static str,
    id: &'a str,
    started: Instant,
}

/// `None` where standard error is no terminal.
pub(super) fn on_terminal<'a>(command: &'static str, id: &'a str) -> Option<Shown<'a>> {
    io::stderr().is_terminal().then(|| Shown { command, id, started: Instant::now() })
}

impl Shown<'_> {
    /// A line for a phase.
    pub(super) fn tell(&self, phase: Phase, images: &Path) {
        let way = if self.command == "restore" { "reads" } else { "writes" };
        match phase {
            Phase::Started(version) => self.say(&format!("CRIU {version} {way} {}", images.display())),
            Phase::Namespaces => self.say("namespaces are there"),
            Phase::Processes => self.say("processes are there"),
            _ => {}
        }
    }

    /// The last line of a checkpoint.
    pub(super) fn written(&self, images: &Path) {
        let seconds = self.started.elapsed().as_secs_f64();
        let kibibytes = size(images) / 1024;
        self.say(&format!("done: {kibibytes} KiB in {seconds:.1} s"));
    }

    fn say(&self, words: &str) {
        // A terminal that is gone must not keep the command from its work.
        drop(writeln!(io::stderr(), "{} {}: {words}", self.command, self.id));
    }
}

/// Bytes that the files of a directory take on the disk.
fn size(directory: &Path) -> u64 {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let blocks = entries.filter_map(|entry| entry.metadata().ok()).map(|metadata| metadata.blocks());
    blocks.sum::<u64>() * 512
}
