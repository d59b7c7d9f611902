//! Whether the links of Markdown files lead somewhere in the workspace. Pure.
//! Runs on the developer's machine.

use std::collections::BTreeSet;

use crate::sources::{Finding, Tree};

/// Links to files, folders and headings that are not there. Links to elsewhere are not followed.
pub(crate) fn links_lead_somewhere(tree: &Tree) -> Vec<Finding> {
    let pages = tree.text.iter().filter(|(path, _)| path.ends_with(".md"));
    pages.flat_map(|(path, text)| findings(tree, path, text)).collect()
}

fn findings(tree: &Tree, path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (at, line) in prose(text) {
        for target in targets(line).filter(|target| !target.contains("://")) {
            if !leads_somewhere(tree, path, target) {
                findings.push(Finding { place: format!("{path}:{}", at + 1), what: target.to_owned() });
            }
        }
    }
    findings
}

/// The lines outside of fences.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut is_fenced = false;
    text.lines().enumerate().filter(move |(_, line)| {
        is_fenced ^= line.starts_with("```");
        !is_fenced
    })
}

/// What stands in the brackets of `[words](target)`.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    line.match_indices("](").filter_map(|(at, _)| line[at + 2..].split(')').next())
}

fn leads_somewhere(tree: &Tree, from: &str, target: &str) -> bool {
    let (file, heading) = target.split_once('#').unwrap_or((target, ""));
    let path = if file.is_empty() { from.to_owned() } else { beside(from, file) };
    let folder = format!("{path}/");
    match tree.text.iter().find(|(other, _)| *other == path) {
        Some((_, text)) => heading.is_empty() || headings(text).contains(heading),
        None => heading.is_empty() && tree.text.iter().any(|(other, _)| other.starts_with(&folder)),
    }
}

/// `file` as seen from the folder of `from`.
fn beside(from: &str, file: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in file.trim_end_matches('/').split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." => {}
            other => parts.push(other),
        }
    }
    parts.join("/")
}

/// The headings of a page, as links name them: lower case, blanks as dashes, nothing but letters, digits and dashes.
fn headings(text: &str) -> BTreeSet<String> {
    let headings = prose(text).filter(|(_, line)| line.starts_with('#'));
    let slug = |line: &str| {
        let words = line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
        words.chars().filter(|letter| letter.is_alphanumeric() || "-_".contains(*letter)).collect()
    };
    headings.map(|(_, line)| slug(line)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_to_a_file_a_folder_or_a_heading_that_is_not_there_is_found() {
        let page = |path: &str, text: &str| (path.to_owned(), text.to_owned());
        let text = "[a](b.md) [a](b.md#one-two) [a](../README.md) [a](more) [a](#here) [a](https://b.example)\n# Here\n\
                    [a](c.md) [a](b.md#three)\n```text\n[a](d.md)\n```\n";
        let tree = Tree {
            rust: Vec::new(),
            text: vec![
                page("README.md", ""),
                page("docs/a.md", text),
                page("docs/b.md", "## One, two!\n"),
                page("docs/more/x.md", ""),
            ],
        };
        let found: Vec<String> =
            links_lead_somewhere(&tree).into_iter().map(|finding| finding.what).collect();
        assert_eq!(found, ["c.md", "b.md#three"]);
    }
}
