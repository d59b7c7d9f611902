//! Every input in `fuzz/corpus`, once: what fuzzers started from, and what they found.
#![allow(clippy::unwrap_used, reason = "a test ends where its preparation fails")]

use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use brig_hostile::TARGETS;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus")
}

fn inputs(target: &str) -> Vec<PathBuf> {
    let folder = corpus().join(target);
    let mut inputs: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    inputs.sort_unstable();
    inputs
}

#[test]
fn every_kept_input_holds() {
    let mut failed = Vec::new();
    for (name, target) in TARGETS {
        for path in inputs(name) {
            let bytes = fs::read(&path).unwrap();
            if catch_unwind(|| target(&bytes)).is_err() {
                failed.push(path);
            }
        }
    }
    assert!(failed.is_empty(), "{failed:?}");
}

#[test]
fn every_target_has_a_small_corpus_and_every_corpus_a_target() {
    for (name, _) in TARGETS {
        let inputs = inputs(name);
        let bytes: u64 = inputs.iter().map(|path| path.metadata().unwrap().len()).sum();
        assert!(
            (1..300).contains(&inputs.len()) && bytes < 200_000,
            "{name}: {} files, {bytes} bytes",
            inputs.len()
        );
    }
    for entry in fs::read_dir(corpus()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(TARGETS.iter().any(|(target, _)| *target == name), "{name} is nobody's");
    }
}

#[test]
fn every_target_takes_nothing_and_the_same_byte_many_times() {
    for (_, target) in TARGETS {
        target(b"");
        for byte in 0..=u8::MAX {
            target(&[byte]);
            target(&[byte; 100]);
        }
    }
}
