//! Words that may not stand where they stand.

use crate::sources::{Finding, Source, Tree};

/// Module names that say nothing about what is in the module.
const EMPTY_NAMES: [&str; 4] = ["utils", "util", "helpers", "misc"];
/// Crates that get decisions and never the Spec.
const WITHOUT_SPEC: [&str; 2] = ["crates/init/src/", "crates/cgroup/src/"];
/// Folders at the root of a file system that only one workplace has.
const MACHINE_FOLDERS: [&str; 5] = ["work", "farm", "tmp/fixtures", "tmp/peers", "tmp/briefs"];

/// Files that do not open with what they are for.
pub(super) fn file_opens_with_its_purpose(tree: &Tree) -> Vec<Finding> {
    let silent = tree.rust.iter().filter(|source| !source.text.starts_with("//! "));
    silent.map(|source| source.finding_here("opens without //!")).collect()
}

/// Modules named for nothing.
pub(super) fn no_module_without_a_subject(tree: &Tree) -> Vec<Finding> {
    let in_source = |source| lines_where(source, module_name, "name the module for its subject");
    tree.rust.iter().flat_map(in_source).collect()
}

/// Code of `init` and `cgroup` that names the Spec.
pub(super) fn spec_stays_in_plan(tree: &Tree) -> Vec<Finding> {
    let fenced = |source: &&Source| WITHOUT_SPEC.iter().any(|place| source.path.starts_with(place));
    let sources = tree.rust.iter().filter(fenced);
    sources
        .flat_map(|source| lines_where(source, names_spec, "decisions are taken in plan, from the Spec"))
        .collect()
}

/// Paths that exist only where somebody worked.
pub(super) fn no_machine_paths(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in &tree.text {
        for (at, line) in text.lines().enumerate() {
            let found = MACHINE_FOLDERS.iter().find(|folder| has_path(line, folder));
            findings.extend(
                found.map(|folder| Finding {
                    place: format!("{path}:{}", at + 1),
                    what: format!("/{folder}"),
                }),
            );
        }
    }
    findings
}

fn lines_where(source: &Source, is_bad: fn(&str) -> bool, what: &str) -> Vec<Finding> {
    let lines = source.code.lines().enumerate().filter(|(_, line)| is_bad(line));
    lines.map(|(at, _)| source.finding(at + 1, what)).collect()
}

fn module_name(line: &str) -> bool {
    let mut words = line.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty());
    words.any(|word| word == "mod") && words.next().is_some_and(|name| EMPTY_NAMES.contains(&name))
}

fn names_spec(line: &str) -> bool {
    line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == "Spec")
}

fn has_path(line: &str, folder: &str) -> bool {
    let path = format!("/{folder}/");
    line.match_indices(&path).any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(path: &str, text: &str) -> Tree {
        Tree { rust: vec![Source::new(path, text)], text: vec![(path.to_owned(), text.to_owned())] }
    }

    #[test]
    fn a_file_without_a_purpose_is_found() {
        assert_eq!(file_opens_with_its_purpose(&tree("a.rs", "use x;\n")).len(), 1);
        assert_eq!(file_opens_with_its_purpose(&tree("a.rs", "//! For x.\n")), []);
    }

    #[test]
    fn a_module_named_utils_is_found() {
        assert_eq!(no_module_without_a_subject(&tree("a.rs", "pub(crate) mod utils;\n")).len(), 1);
        assert_eq!(no_module_without_a_subject(&tree("a.rs", "mod mounts; // no mod utils\n")), []);
    }

    #[test]
    fn init_may_not_name_spec_but_may_speak_of_it() {
        let text = "// the Spec stays outside\nfn f(x: &Specimen) {}\nuse plan::Spec;\n";
        assert_eq!(
            spec_stays_in_plan(&tree("crates/init/src/a.rs", text))[0].place,
            "crates/init/src/a.rs:3"
        );
        assert_eq!(spec_stays_in_plan(&tree("crates/plan/src/a.rs", text)), []);
    }

    #[test]
    fn a_path_of_one_machine_is_found_in_any_file() {
        let text = |folder: &str| format!("see {}{folder}/x\n", '/');
        assert_eq!(no_machine_paths(&tree("README.md", &text("work"))).len(), 1);
        assert_eq!(no_machine_paths(&tree("README.md", &text("homework"))), []);
        assert_eq!(no_machine_paths(&tree("README.md", "a/work/b\n")), []);
    }
}
