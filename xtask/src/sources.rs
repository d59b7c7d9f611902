//! The files of the workspace as the rules see them.

use std::fs;
use std::path::Path;

/// Everything the rules look at.
#[derive(Debug)]
pub(crate) struct Tree {
    /// Every `.rs` file.
    pub(crate) rust: Vec<Source>,
    /// Every text file, as path and content; Rust files included.
    pub(crate) text: Vec<(String, String)>,
}

/// One Rust file.
#[derive(Debug)]
pub(crate) struct Source {
    /// Path below the workspace, with `/`.
    pub(crate) path: String,
    /// The file as it is.
    pub(crate) text: String,
    /// The same lines with comments and literals blanked.
    pub(crate) code: String,
}

/// One breach of a rule.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// `path:line`, or what the finding is about.
    pub(crate) place: String,
    /// What is wrong.
    pub(crate) what: String,
}

impl Tree {
    /// Reads the workspace, without `target` and hidden folders other than `.ci`, `.cargo` and `.github`.
    ///
    /// # Errors
    /// A folder or file cannot be read.
    pub(crate) fn read(root: &Path) -> Result<Self, String> {
        let mut text = Vec::new();
        walk(root, "", &mut text)?;
        text.sort();
        let rust = text.iter().filter(|(path, _)| path.ends_with(".rs"));
        let rust = rust.map(|(path, text)| Source::new(path, text)).collect();
        Ok(Self { rust, text })
    }
}

impl Source {
    /// A Rust file at `path` below the workspace.
    pub(crate) fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned(), code: blank(text) }
    }

    /// Whether the whole file is test, benchmark or fuzzing code.
    pub(crate) fn is_test(&self) -> bool {
        let names = ["tests", "tests.rs", "benches", "fuzz", "examples"];
        self.path.split('/').any(|part| names.contains(&part))
    }

    /// A finding at `line`, counted from 1.
    pub(crate) fn finding(&self, line: usize, what: impl Into<String>) -> Finding {
        Finding { place: format!("{}:{line}", self.path), what: what.into() }
    }

    /// A finding about the whole file.
    pub(crate) fn finding_here(&self, what: impl Into<String>) -> Finding {
        Finding { place: self.path.clone(), what: what.into() }
    }
}

fn walk(folder: &Path, prefix: &str, files: &mut Vec<(String, String)>) -> Result<(), String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for entry in entries {
        let entry = entry.map_err(|error| format!("{}: {error}", folder.display()))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{prefix}{name}");
        let kind = entry.file_type().map_err(|error| format!("{path}: {error}"))?;
        if kind.is_dir() && is_ours(&name) {
            walk(&entry.path(), &format!("{path}/"), files)?;
        } else if kind.is_file() && name != GIT {
            let bytes = fs::read(entry.path()).map_err(|error| format!("{path}: {error}"))?;
            files.extend(String::from_utf8(bytes).ok().map(|text| (path, text)));
        }
    }
    Ok(())
}

/// In a work tree of its own this is a file that names the repository on this machine.
const GIT: &str = ".git";

fn is_ours(folder: &str) -> bool {
    folder != "target" && (!folder.starts_with('.') || [".ci", ".cargo", ".github"].contains(&folder))
}

/// Replaces every character of comments and of string and character literals with a blank, keeping the lines.
fn blank(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (length, is_code) = match token(rest, out.chars().next_back()) {
            Some(length) => (length, false),
            None => (first.len_utf8(), true),
        };
        let (taken, left) = rest.split_at(length);
        match is_code {
            true => out.push_str(taken),
            false => out.extend(taken.chars().map(|c| if c == '\n' { '\n' } else { ' ' })),
        }
        rest = left;
    }
    out
}

/// The length of the comment or literal that `rest` starts with.
fn token(rest: &str, before: Option<char>) -> Option<usize> {
    let in_word = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    match rest.as_bytes() {
        [b'/', b'/', ..] => Some(rest.find('\n').unwrap_or(rest.len())),
        [b'/', b'*', ..] => Some(block_comment(rest)),
        [b'"', ..] => Some(quoted(rest, '"')),
        [b'r', b'"' | b'#', ..] if !in_word => raw_string(rest),
        [b'b', b'r', b'"' | b'#', ..] if !in_word => raw_string(&rest[1..]).map(|length| length + 1),
        [b'\'', ..] => character(rest),
        _ => None,
    }
}

fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        let step = match rest.get(at..at + 2) {
            Some("/*") => {
                depth += 1;
                2
            }
            Some("*/") => {
                depth -= 1;
                2
            }
            _ => rest[at..].chars().next().map_or(1, char::len_utf8),
        };
        at += step;
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

/// The length of a literal from its opening `quote` to its closing one.
fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match (escaped, c) {
            (true, _) => escaped = false,
            (false, '\\') => escaped = true,
            (false, c) if c == quote => return at + 1,
            (false, _) => {}
        }
    }
    rest.len()
}

fn raw_string(rest: &str) -> Option<usize> {
    let hashes = rest[1..].bytes().take_while(|byte| *byte == b'#').count();
    let body = 1 + hashes + 1;
    if rest.as_bytes().get(body - 1) != Some(&b'"') {
        return None;
    }
    let end = format!("\"{}", "#".repeat(hashes));
    Some(rest[body..].find(&end).map_or(rest.len(), |at| body + at + end.len()))
}

/// A character literal; a lifetime is not one.
fn character(rest: &str) -> Option<usize> {
    let mut chars = rest.char_indices().skip(1);
    let (_, first) = chars.next()?;
    if first == '\\' {
        return Some(quoted(rest, '\''));
    }
    let (at, second) = chars.next()?;
    (second == '\'').then_some(at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blanked_and_lines_kept() {
        assert_eq!(blank("a // unsafe {\nb"), "a            \nb");
        assert_eq!(blank("/* x /* y */ z\n */b").trim_start_matches([' ', '\n']), "b");
        assert_eq!(blank(r#"f("a\"b", 'c')"#), "f(      ,    )");
        assert_eq!(blank("let x = r#\"q\"u\"#;"), "let x =         ;");
        assert_eq!(blank("b\"x\" br\"y\" for"), "b          for");
    }

    #[test]
    fn lifetimes_are_code() {
        assert_eq!(blank("fn f<'a>(x: &'a str) {}"), "fn f<'a>(x: &'a str) {}");
        assert_eq!(blank(r"['\'', '\\', 'x']"), "[    ,     ,    ]");
    }
}
