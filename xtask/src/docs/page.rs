//! A page of the docs: its blocks, and what is wrong with how they are written. Pure.
//! Runs on the developer's machine.

use crate::docs::config;
use crate::sources::{Finding, Tree};

/// A fenced block of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    /// The line of its fence, counted from 1.
    pub(super) line: usize,
    pub(super) kind: Kind,
    /// What stands between the fences.
    pub(super) text: String,
    /// The program without which it cannot be done.
    pub(super) needs: Option<String>,
    /// Why nobody runs it, or why only some do.
    pub(super) mark: Option<Mark>,
}

/// What a block is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// Commands and what they print. All of them end with this status.
    Console { status: i32 },
    /// The content of this file.
    File(String),
    /// Nothing that is done.
    Shown,
}

/// Why a block is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mark {
    /// Always.
    Skip(String),
    /// By `cargo xtask test`.
    Slow(String),
}

/// First words of fences that are accepted.
const LANGUAGES: [&str; 8] = ["console", "text", "rust", "c", "json", "toml", "yaml", "ini"];

/// Whether the path is that of a page whose commands are run.
pub(super) fn is_page(path: &str) -> bool {
    let below = path.strip_prefix("docs/");
    path == "README.md" || below.is_some_and(|name| name.ends_with(".md") && !name.contains('/'))
}

/// Blocks in no notation, and settings that are not well-formed.
pub(crate) fn blocks_are_in_the_notation(tree: &Tree) -> Vec<Finding> {
    let pages = tree.text.iter().filter(|(path, _)| is_page(path));
    pages.flat_map(|(path, text)| findings(path, text)).collect()
}

fn findings(path: &str, text: &str) -> Vec<Finding> {
    let (blocks, mut wrong) = split(text);
    for block in &blocks {
        wrong.extend(block.fault().map(|what| (block.line, what)));
        if let Kind::File(file) = &block.kind {
            let above: Vec<&str> = text.lines().take(block.line - 1).collect();
            if !above.concat().contains(file.as_str()) {
                wrong.push((block.line, format!("nothing above says that this is {file}")));
            }
        }
    }
    wrong.extend(indented(text));
    wrong.sort();
    let finding = |(line, what)| Finding { place: format!("{path}:{line}"), what };
    wrong.into_iter().map(finding).collect()
}

/// The blocks of a page.
pub(super) fn read(text: &str) -> Vec<Block> {
    split(text).0
}

/// Blocks, and fences that are none: their lines, and why.
fn split(text: &str) -> (Vec<Block>, Vec<(usize, String)>) {
    let (mut blocks, mut wrong) = (Vec::new(), Vec::new());
    let mut lines = text.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        if line.trim_start().starts_with("```") && !line.starts_with("```") {
            wrong.push((at + 1, "a fence starts at the beginning of its line".to_owned()));
        }
        let Some(words) = line.strip_prefix("```") else { continue };
        let inside = lines.by_ref().take_while(|(_, line)| !line.starts_with("```"));
        let inside: String = inside.map(|(_, line)| format!("{line}\n")).collect();
        match Block::new(at + 1, words, inside) {
            Ok(block) => blocks.push(block),
            Err(what) => wrong.push((at + 1, what)),
        }
    }
    (blocks, wrong)
}

/// Blocks that are made by indenting them: nobody can tell whether they are commands.
fn indented(text: &str) -> Vec<(usize, String)> {
    let (mut fenced, mut blank, mut list) = (false, true, false);
    let mut found = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let is_indented = line.starts_with("    ") && !line.trim().is_empty();
        if line.starts_with("```") {
            fenced = !fenced;
        } else if !fenced && !line.trim().is_empty() && !is_indented {
            list = line.trim_start().starts_with("- ") || list && line.starts_with(' ');
        } else if !fenced && is_indented && blank && !list {
            found.push((at + 1, "an indented block: use a fence, ```console or ```text".to_owned()));
        }
        blank = line.trim().is_empty();
    }
    found
}

impl Block {
    /// A block whose fence is followed by `words`: a language, `file=PATH`, `status=N`, `needs=PROGRAM`, and then `skip: REASON` or
    /// `slow: REASON`.
    fn new(line: usize, words: &str, text: String) -> Result<Self, String> {
        let marked = [(" skip: ", Mark::Skip as fn(String) -> Mark), (" slow: ", Mark::Slow)];
        let marked = marked.into_iter().find_map(|(word, mark)| {
            let (words, reason) = words.split_once(word)?;
            Some((words, mark(reason.to_owned())))
        });
        let (words, mark) = marked.map_or((words, None), |(words, mark)| (words, Some(mark)));
        let mut words = words.split_whitespace();
        let language = words.next().unwrap_or_default();
        if !LANGUAGES.contains(&language) {
            return Err(format!("a fence says what is in it: one of {}", LANGUAGES.join(", ")));
        }
        let mut kind = if language == "console" { Kind::Console { status: 0 } } else { Kind::Shown };
        let mut needs = None;
        for word in words {
            if let Some(program) = word.strip_prefix("needs=") {
                needs = Some(program.to_owned());
                continue;
            }
            kind = match (word.split_once('='), kind) {
                (Some(("file", path)), Kind::Shown) => Kind::File(path.to_owned()),
                (Some(("status", number)), Kind::Console { .. }) => {
                    Kind::Console { status: number.parse().map_err(|_| format!("no number: {word}"))? }
                }
                _ => return Err(format!("{word:?} means nothing here")),
            };
        }
        let block = Self { line, kind, text, needs, mark };
        let well_formed = match language {
            "json" => config::json(&block.text),
            "toml" => config::toml(&block.text).map(drop),
            "yaml" => config::yaml(&block.text).map(drop),
            _ => Ok(()),
        };
        well_formed.map(|()| block)
    }

    /// What is wrong with what stands in it.
    fn fault(&self) -> Option<String> {
        let is_console = matches!(self.kind, Kind::Console { .. });
        if is_console && !self.text.starts_with("$ ") && !self.text.starts_with("# ") {
            return Some("a console block starts with a command, behind `$ ` or `# `".into());
        }
        let is_conditional = self.mark.is_some() || self.needs.is_some();
        (is_conditional && self.kind == Kind::Shown).then(|| "nothing is run here anyway".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        findings("docs/a.md", text).into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn a_fence_says_what_is_in_it_and_what_becomes_of_it() {
        let text = "x\n```console status=1 slow: it builds\n$ false\n```\n```json file=/etc/a\n{}\n```\n";
        let blocks = read(text);
        assert_eq!(blocks[0].line, 2);
        assert_eq!(blocks[0].kind, Kind::Console { status: 1 });
        assert_eq!(blocks[0].mark, Some(Mark::Slow("it builds".into())));
        assert_eq!((&blocks[1].kind, &*blocks[1].text), (&Kind::File("/etc/a".into()), "{}\n"));
    }

    #[test]
    fn a_block_in_no_notation_is_found() {
        assert_eq!(found("```\n$ ls\n```\n").len(), 1);
        assert_eq!(found("```sh\nls\n```\n").len(), 1);
        assert_eq!(found("```console\nls\n```\n").len(), 1);
        assert_eq!(found("```console file=/a\n$ ls\n```\n").len(), 1);
        assert_eq!(found("  ```console\n  $ ls\n  ```\n").len(), 2);
        assert_eq!(
            found("One does this:\n\n    ls\n"),
            ["an indented block: use a fence, ```console or ```text"]
        );
        assert_eq!(found("- one\n\n    more of it\n\nend\n```text\n    ls\n```\n"), [""; 0]);
    }

    #[test]
    fn a_file_is_named_above_and_well_formed() {
        assert_eq!(found("In `/etc/a`:\n```json file=/etc/a\n{}\n```\n"), [""; 0]);
        assert_eq!(found("```json file=/etc/a\n{}\n```\n"), ["nothing above says that this is /etc/a"]);
        assert_eq!(found("```json\n{]\n```\n").len(), 1);
        assert_eq!(found("```toml\na = b\n```\n").len(), 1);
    }

    #[test]
    fn pages_are_the_readme_and_what_lies_in_docs_itself() {
        let pages = ["README.md", "docs/a.md", "docs/decisions/a.md", "CHANGELOG.md"];
        assert_eq!(pages.map(is_page), [true, true, false, false]);
    }
}
