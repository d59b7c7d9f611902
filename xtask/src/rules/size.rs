//! Budgets: lines per file, lines per function.

use crate::sources::{Finding, Source, Tree};

const FILE: usize = 400;
const FUNCTION: usize = 80;

/// Files over the budget, tests too.
pub(super) fn file_is_short(tree: &Tree) -> Vec<Finding> {
    let lengths = tree.rust.iter().map(|source| (source, source.text.lines().count()));
    let long = lengths.filter(|(_, lines)| *lines > FILE);
    long.map(|(source, lines)| source.finding_here(format!("{lines} lines"))).collect()
}

/// Functions over the budget, from `fn` to the closing brace, tests too.
pub(super) fn function_is_short(tree: &Tree) -> Vec<Finding> {
    tree.rust.iter().flat_map(long_functions).collect()
}

/// rustfmt puts a function's closing brace alone, at the indent of its `fn`.
fn long_functions(source: &Source) -> Vec<Finding> {
    let lines: Vec<&str> = source.code.lines().collect();
    let mut findings = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let Some(name) = function_name(line) else { continue };
        let indent = line.len() - line.trim_start().len();
        let closing = |line: &&str| line.trim_end().len() == indent + 1 && line.trim() == "}";
        let is_whole = line.trim_end().ends_with(['}', ';']);
        let length = lines[start..].iter().position(closing).map_or(0, |at| at + 1);
        if !is_whole && length > FUNCTION {
            findings.push(source.finding(start + 1, format!("fn {name}: {length} lines")));
        }
    }
    findings
}

fn function_name(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace().skip_while(|word| is_qualifier(word));
    if words.next() != Some("fn") {
        return None;
    }
    words.next()?.split(['(', '<']).next()
}

/// What may stand before `fn`; the ABI's string is blanked in `code`.
fn is_qualifier(word: &str) -> bool {
    word.starts_with("pub")
        || word.ends_with(')')
        || ["const", "async", "unsafe", "extern", "in"].contains(&word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(path: &str, text: &str) -> Tree {
        Tree { rust: vec![Source::new(path, text)], text: Vec::new() }
    }

    #[test]
    fn a_file_of_401_lines_is_too_long() {
        let text = "\n".repeat(401);
        for path in ["crates/plan/src/a.rs", "crates/plan/tests/a.rs"] {
            assert_eq!(file_is_short(&tree(path, &text)).len(), 1);
            assert_eq!(file_is_short(&tree(path, &text[1..])), []);
        }
    }

    #[test]
    fn a_function_of_81_lines_is_too_long() {
        let body = |lines: usize| {
            format!(
                "    pub(crate) const unsafe extern \"C\" fn f() {{\n{}    }}\n",
                "        x\n".repeat(lines - 2)
            )
        };
        for path in ["crates/plan/src/a.rs", "crates/plan/tests/a.rs"] {
            assert_eq!(function_is_short(&tree(path, &body(80))), []);
            let findings = function_is_short(&tree(path, &body(81)));
            assert_eq!(findings, [Finding { place: format!("{path}:1"), what: "fn f: 81 lines".into() }]);
        }
    }

    #[test]
    fn a_declaration_is_not_a_function_body() {
        let text = format!("    fn f();\n{}    }}\n", "        x\n".repeat(90));
        assert_eq!(function_is_short(&tree("a.rs", &text)), []);
    }
}
