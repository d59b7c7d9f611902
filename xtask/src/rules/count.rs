//! How much `unsafe` there is: the table in ARCHITECTURE.md says it, and what it is for.

use std::collections::BTreeMap;

use crate::sources::{Finding, Source, Tree};

const PAGE: &str = "ARCHITECTURE.md";
/// What stands before the table.
const HEADING: &str = "| file | `unsafe` | what for |";

/// Files whose number of the word is not the one in the table, and rows without such a file.
pub(super) fn unsafe_is_counted(tree: &Tree) -> Vec<Finding> {
    let page = tree.text.iter().find(|(path, _)| path == PAGE).map_or("", |(_, text)| text);
    let mut told = told(page);
    let found = |what: String| Finding { place: PAGE.into(), what };
    let mut wrong = Vec::new();
    let shipped = tree.rust.iter().filter(|source| !source.is_test());
    for (path, count) in shipped.map(|source| (source.path.as_str(), count(source))) {
        let name = path.strip_prefix("crates/").unwrap_or(path);
        let said = told.remove(name).unwrap_or(0);
        if said != count {
            wrong.push(found(format!("says {said} of {name}, which has {count}")));
        }
    }
    let all: usize = tree.rust.iter().filter(|source| !source.is_test()).map(count).sum();
    if all > 0 && !page.contains(&format!("`unsafe` stands {all} times")) {
        wrong.push(found(format!("wants the words \"`unsafe` stands {all} times\"")));
    }
    wrong.extend(told.keys().map(|name| found(format!("counts {name}, which is not there"))));
    wrong
}

/// The rows of the table.
fn told(page: &str) -> BTreeMap<&str, usize> {
    let table = page.split(HEADING).nth(1).unwrap_or_default();
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    rows.filter_map(|row| {
        let mut cells = row.trim_matches('|').split('|').map(str::trim);
        Some((cells.next()?.trim_matches('`'), cells.next()?.parse().ok()?))
    })
    .collect()
}

/// The word in code: blocks, implementations, functions, attributes.
fn count(source: &Source) -> usize {
    let words = source.code.split(|c: char| !c.is_alphanumeric() && c != '_');
    words.filter(|word| *word == "unsafe").count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(code: &str, page: &str) -> Vec<String> {
        let tree = Tree {
            rust: vec![Source::new("crates/sys/src/a.rs", code)],
            text: vec![(PAGE.to_owned(), page.to_owned())],
        };
        unsafe_is_counted(&tree).into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn a_file_that_is_not_counted_rightly_is_found() {
        let page =
            format!("`unsafe` stands 2 times\n\n{HEADING}\n|---|---|---|\n| `sys/src/a.rs` | 2 | x |\n");
        let code = "#![deny(unsafe_code)]\nunsafe fn f() {\n    // unsafe\n    unsafe { g() }\n}\n";
        assert!(findings(code, &page).is_empty());
        assert_eq!(findings("unsafe { g() }", &page)[0], "says 2 of sys/src/a.rs, which has 1");
        assert_eq!(findings("", &page), ["says 2 of sys/src/a.rs, which has 0"]);
        assert_eq!(findings(code, "").len(), 2);
    }
}
