//! docs/library.md names a test in each row of its tables: each is one.
#![allow(clippy::unwrap_used, reason = "a test ends where its preparation fails")]

use std::fs;
use std::path::Path;

/// Everything in the files of the workspace that ends in `.rs`.
fn sources(folder: &Path, all: &mut String) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, all);
        } else if path.extension().is_some_and(|end| end == "rs") {
            all.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn every_row_of_the_guide_names_a_test_that_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let guide = fs::read_to_string(root.join("docs/library.md")).unwrap();
    let mut all = String::new();
    sources(&root.join("crates"), &mut all);
    let mut rows = 0;
    let tables = guide.split("shown by |\n|---|---|---|\n").skip(1);
    for row in tables.flat_map(|table| table.lines().take_while(|line| line.starts_with('|'))) {
        let named = row.trim_end_matches('|').rsplit('|').next().unwrap();
        let tests: Vec<&str> = named.split('`').skip(1).step_by(2).collect();
        assert!(!tests.is_empty(), "{row}");
        for test in tests {
            assert!(all.contains(&format!("fn {test}()")), "there is no test {test}: {row}");
        }
        rows += 1;
    }
    assert!(rows > 100, "the tables were not found: {rows}");
}
