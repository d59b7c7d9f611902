//! Where `unsafe` may stand: in `sys`, and in brig-init's entry stub and arena.

use crate::sources::{Finding, Source, Tree};

/// The only crate whose every file may hold `unsafe`.
const HOME: &str = "crates/sys/";
/// The executable brig-init: its root and what only its root declares.
const INIT: &str = "crates/init/src/";
/// The command: its `main` is called by the C library, and is the one item of its root that may say so.
const COMMAND: &str = "crates/cli/src/main.rs";
/// The modules of the executable that hold `unsafe`.
const INIT_HOMES: [&str; 2] = ["arena", "entry"];

/// Crate roots, and modules of the executable brig-init, that do not forbid `unsafe` though they have to.
pub(super) fn unsafe_is_fenced(tree: &Tree) -> Vec<Finding> {
    let modules = init_modules(tree);
    tree.rust
        .iter()
        .filter(|source| !source.is_test())
        .filter_map(|source| breach(source, &modules))
        .collect()
}

fn breach(source: &Source, init_modules: &[&str]) -> Option<Finding> {
    let has =
        |level: &str| source.code.lines().any(|line| line.starts_with(&format!("#![{level}(unsafe_code)]")));
    let file = source.path.strip_prefix(INIT);
    // A root that forbids it would forbid it to entry and arena too.
    let is_init_root = file == Some("main.rs");
    let denies = is_init_root || source.path == COMMAND;
    let module = file.map(|file| file.split(['/', '.']).next().unwrap_or_default());
    let is_init_module = module.is_some_and(|module| init_modules.contains(&module));
    let must = is_crate_root(&source.path) && !source.path.starts_with(HOME) || is_init_module;
    let fenced = has("forbid") || denies && has("deny");
    let wanted = if denies { "deny" } else { "forbid" };
    (must && !fenced).then(|| source.finding_here(format!("wants #![{wanted}(unsafe_code)]")))
}

/// What the executable brig-init declares itself, but for the homes of `unsafe`; its library fences its own.
fn init_modules(tree: &Tree) -> Vec<&str> {
    let root = tree.rust.iter().find(|source| source.path.strip_prefix(INIT) == Some("main.rs"));
    let lines = root.map_or("", |root| &root.code).lines();
    let modules = lines.filter_map(|line| line.trim().strip_prefix("mod ")?.strip_suffix(';'));
    modules.filter(|module| !INIT_HOMES.contains(module)).collect()
}

fn is_crate_root(path: &str) -> bool {
    path.ends_with("src/lib.rs")
        || path.ends_with("src/main.rs")
        || path.contains("/src/bin/")
        || path.ends_with("/build.rs")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(path: &str, text: &str) -> usize {
        unsafe_is_fenced(&Tree { rust: vec![Source::new(path, text)], text: Vec::new() }).len()
    }

    #[test]
    fn a_crate_root_must_forbid_unsafe() {
        assert_eq!(findings("crates/plan/src/lib.rs", "//! plan\n"), 1);
        assert_eq!(findings("crates/plan/src/lib.rs", "//! plan\n#![forbid(unsafe_code)]\n"), 0);
        assert_eq!(findings("crates/plan/src/lib.rs", "// #![forbid(unsafe_code)]\n"), 1);
        assert_eq!(findings("crates/plan/src/mounts.rs", "//! mounts\n"), 0);
    }

    #[test]
    fn sys_and_the_entry_and_arena_of_init_are_the_homes_of_unsafe() {
        assert_eq!(findings("crates/sys/src/lib.rs", ""), 0);
        assert_eq!(findings("crates/init/src/entry/x86_64.rs", ""), 0);
        assert_eq!(findings("crates/init/src/arena.rs", ""), 0);
    }

    #[test]
    fn the_executable_of_init_denies_and_its_other_modules_forbid() {
        assert_eq!(findings("crates/init/src/main.rs", ""), 1);
        assert_eq!(findings("crates/init/src/main.rs", "#![deny(unsafe_code)]\n"), 0);
        let root = Source::new("crates/init/src/main.rs", "#![deny(unsafe_code)]\nmod arena;\nmod words;\n");
        let rust = vec![
            root,
            Source::new("crates/init/src/words.rs", ""),
            Source::new("crates/init/src/arena.rs", ""),
        ];
        let found = unsafe_is_fenced(&Tree { rust, text: Vec::new() });
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].place, "crates/init/src/words.rs");
    }

    #[test]
    fn the_library_of_init_forbids_for_all_its_modules() {
        assert_eq!(findings("crates/init/src/lib.rs", ""), 1);
        assert_eq!(findings("crates/init/src/mounts.rs", ""), 0);
    }
}
