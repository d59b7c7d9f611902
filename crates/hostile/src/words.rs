//! What is typed.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use brig_cli::args;

/// Any words, a NUL between them: a command, or a message and an exit code that is not 0.
pub fn arguments(bytes: &[u8]) {
    let words = bytes.split(|byte| *byte == 0).map(|word| OsString::from_vec(word.to_vec()));
    match args::global(words) {
        Ok((_, words)) => match args::command("brig", words) {
            Ok(command) => drop(command),
            Err(refused) => is_explained(&refused),
        },
        Err(refused) => is_explained(&refused),
    }
}

fn is_explained(refused: &args::Refused) {
    assert!(!refused.message.is_empty());
    assert_ne!(refused.exit.code(), 0, "{}", refused.message);
}
