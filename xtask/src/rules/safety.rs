//! What stands beside `unsafe`.

use std::collections::BTreeMap;

use crate::sources::{Finding, Source, Tree};

/// Phrases that state no fact about the call they stand beside.
const EMPTY: [&str; 3] = ["valid parameters", "always safe", "obviously"];

/// `unsafe` blocks and implementations without a SAFETY comment above them or above their statement.
pub(super) fn unsafe_is_explained(tree: &Tree) -> Vec<Finding> {
    tree.rust.iter().flat_map(unexplained).collect()
}

/// SAFETY comments with a phrase that states no fact.
pub(super) fn explanation_is_a_fact(tree: &Tree) -> Vec<Finding> {
    tree.rust
        .iter()
        .flat_map(|source| comments(source).into_iter().filter_map(|c| empty(source, &c)))
        .collect()
}

/// SAFETY comments that stand more than twice in their file.
pub(super) fn explanation_is_not_copied(tree: &Tree) -> Vec<Finding> {
    tree.rust.iter().flat_map(copied).collect()
}

fn unexplained(source: &Source) -> Vec<Finding> {
    let text: Vec<&str> = source.text.lines().collect();
    let code: Vec<&str> = source.code.lines().collect();
    let bare = |(at, line): (usize, &&str)| {
        let found = ["unsafe {", "unsafe impl "].iter().find(|form| line.contains(*form))?;
        let explained = is_explained(&text, &code, at);
        (!explained).then(|| {
            source
                .finding(at + 1, format!("{} without a SAFETY comment", found.trim_end_matches(" {").trim()))
        })
    };
    code.iter().enumerate().filter_map(bare).collect()
}

/// Looks upwards from line `at`: through the rest of its statement, then through the comment above it.
fn is_explained(text: &[&str], code: &[&str], at: usize) -> bool {
    let mut inside_statement = true;
    for line in (0..at).rev() {
        let (text, code) = (text[line].trim(), code[line].trim());
        if text.starts_with("//") {
            if text.contains("SAFETY:") {
                return true;
            }
            inside_statement = false;
        } else if !inside_statement || code.is_empty() || ends_statement(code) {
            return false;
        }
    }
    false
}

fn ends_statement(code: &str) -> bool {
    code.ends_with([';', '}']) || code.ends_with('{') && !code.ends_with("= {")
}

/// A SAFETY comment: its line, and its words on one line.
struct Comment {
    line: usize,
    words: String,
}

fn comments(source: &Source) -> Vec<Comment> {
    let mut comments: Vec<Comment> = Vec::new();
    let mut open = false;
    for (at, line) in source.text.lines().enumerate() {
        let is_comment_line = line.trim_start().starts_with("//");
        let said = line.trim_start().trim_start_matches('/').trim();
        match (said.strip_prefix("SAFETY:"), open) {
            (Some(words), _) if is_comment_line => {
                comments.push(Comment { line: at + 1, words: words.trim().to_owned() });
                open = true;
            }
            (_, true) if is_comment_line => {
                if let Some(comment) = comments.last_mut() {
                    comment.words = format!("{} {said}", comment.words);
                }
            }
            _ => open = false,
        }
    }
    comments
}

fn empty(source: &Source, comment: &Comment) -> Option<Finding> {
    let words = comment.words.to_lowercase();
    let phrase = EMPTY.iter().find(|phrase| words.contains(*phrase));
    let phrase = phrase.copied().or_else(|| words.is_empty().then_some(""))?;
    Some(source.finding(comment.line, format!("{phrase:?} is no fact about this call")))
}

fn copied(source: &Source) -> Vec<Finding> {
    let mut places: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for comment in comments(source) {
        places.entry(comment.words).or_default().push(comment.line);
    }
    let often = places.into_iter().filter(|(_, lines)| lines.len() > 2);
    often.map(|(words, lines)| source.finding(lines[2], format!("{} times: {words}", lines.len()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(text: &str) -> Tree {
        Tree { rust: vec![Source::new("a.rs", text)], text: Vec::new() }
    }

    #[test]
    fn a_block_without_a_comment_is_found() {
        assert_eq!(unsafe_is_explained(&tree("fn f() {\n    unsafe { g() }\n}\n")).len(), 1);
        assert_eq!(unsafe_is_explained(&tree("fn f() {\n    // quick\n    unsafe { g() }\n}\n")).len(), 1);
        assert_eq!(unsafe_is_explained(&tree("unsafe impl Send for X {}\n")).len(), 1);
    }

    #[test]
    fn a_comment_above_the_block_or_its_statement_counts() {
        assert_eq!(
            unsafe_is_explained(&tree("// SAFETY: the fd is ours,\n// and open.\nunsafe { g() }\n")),
            []
        );
        assert_eq!(unsafe_is_explained(&tree("// SAFETY: it is ours.\nlet x =\n    unsafe { g() };\n")), []);
    }

    #[test]
    fn a_comment_of_an_earlier_statement_does_not_count() {
        let text = "// SAFETY: it is ours.\nlet x = unsafe { g() };\nlet y = unsafe { h() };\n";
        assert_eq!(unsafe_is_explained(&tree(text))[0].place, "a.rs:3");
    }

    #[test]
    fn the_word_in_a_string_or_comment_is_not_a_block() {
        assert_eq!(unsafe_is_explained(&tree("// unsafe { }\nlet x = \"unsafe { }\";\n")), []);
    }

    #[test]
    fn a_comment_that_states_no_fact_is_found() {
        assert_eq!(explanation_is_a_fact(&tree("// SAFETY: these are valid\n// parameters.\n")).len(), 1);
        assert_eq!(explanation_is_a_fact(&tree("// SAFETY: Obviously sound.\n")).len(), 1);
        assert_eq!(explanation_is_a_fact(&tree("// SAFETY:\n")).len(), 1);
        assert_eq!(explanation_is_a_fact(&tree("// SAFETY: the kernel just made this fd.\n")), []);
    }

    #[test]
    fn the_same_comment_three_times_is_found() {
        let one = "// SAFETY: it is ours.\nunsafe { g() }\n";
        assert_eq!(explanation_is_not_copied(&tree(&one.repeat(2))), []);
        assert_eq!(explanation_is_not_copied(&tree(&one.repeat(3)))[0].place, "a.rs:5");
    }
}
