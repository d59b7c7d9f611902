//! Which value of a JSON text stands at an offset.
//! Runs in: the parent, only after a text was found to be bad.
//!
//! The text may be no JSON at all, so nothing here can fail: what is not understood is stepped over.

use crate::refusal::member;

/// The offset just behind the character at `line` and `column`, both counted from 1 as serde_json counts them.
pub(super) fn offset(text: &[u8], line: usize, column: usize) -> usize {
    let before = text.split_inclusive(|&byte| byte == b'\n').take(line.saturating_sub(1));
    (before.map(<[u8]>::len).sum::<usize>() + column).min(text.len())
}

/// The path, such as `linux.namespaces[2].type`, of the innermost value that is open, or just ends, at `offset`.
pub(super) fn path(text: &[u8], offset: usize) -> String {
    let text = &text[..offset.min(text.len())];
    let mut open = Vec::new();
    let mut at = 0;
    while at < text.len() {
        at = step(text, at, &mut open);
    }
    written(&open)
}

/// An object or array around the present point, and where in it that point is.
enum Container {
    Object { key: Option<String>, wants: Wants },
    Array { index: usize },
}

#[derive(PartialEq)]
enum Wants {
    Key,
    Value,
}

/// Takes in the token at `at` and returns where the next one starts.
fn step(text: &[u8], at: usize, open: &mut Vec<Container>) -> usize {
    match (text[at], open.last_mut()) {
        // An error is reported just behind the bracket that begins or ends a value: that value is the place.
        (b'{' | b'[' | b'}' | b']', _) if at + 1 == text.len() => {}
        (b'{', _) => open.push(Container::Object { key: None, wants: Wants::Key }),
        (b'[', _) => open.push(Container::Array { index: 0 }),
        (b'}' | b']', _) => drop(open.pop()),
        (b',', Some(Container::Object { key, wants })) => (*key, *wants) = (None, Wants::Key),
        (b',', Some(Container::Array { index })) => *index += 1,
        (b':', Some(Container::Object { wants, .. })) => *wants = Wants::Value,
        (b'"', top) => {
            let end = string_end(text, at);
            if let Some(Container::Object { key, wants: Wants::Key }) = top {
                *key = Some(String::from_utf8_lossy(&text[at..end]).trim_matches('"').to_owned());
            }
            return end;
        }
        _ => {}
    }
    at + 1
}

/// Where the string that starts at `at` ends, its closing quote included.
fn string_end(text: &[u8], at: usize) -> usize {
    let mut end = at + 1;
    while end < text.len() && text[end] != b'"' {
        end += if text[end] == b'\\' { 2 } else { 1 };
    }
    (end + 1).min(text.len())
}

fn written(open: &[Container]) -> String {
    open.iter().fold(String::new(), |path, container| match container {
        Container::Object { key: Some(key), .. } => member(&path, key),
        Container::Object { key: None, .. } => path,
        Container::Array { index } => format!("{path}[{index}]"),
    })
}
