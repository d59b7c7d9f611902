//! Text in Go's double quotes, as log lines and messages carry it (`strconv.Quote`). Runs in: parent.

use std::fmt::Write as _;

/// `text` in double quotes, with Go's escapes for quotes, backslashes and what cannot be printed.
#[must_use]
pub fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    push_quoted(&mut quoted, text);
    quoted
}

/// Appends what [`quote`] returns.
pub fn push_quoted(out: &mut String, text: &str) {
    out.push('"');
    text.chars().for_each(|character| push_escaped(out, character));
    out.push('"');
}

fn push_escaped(out: &mut String, character: char) {
    match character {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\u{7}' => out.push_str("\\a"),
        '\u{8}' => out.push_str("\\b"),
        '\u{c}' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\u{b}' => out.push_str("\\v"),
        ' '..='~' => out.push(character),
        _ => push_rare(out, character),
    }
}

/// Go escapes what is not printable; the standard library's own idea of that (`escape_debug`) is close to it, and only
/// combining marks and private characters differ.
fn push_rare(out: &mut String, character: char) {
    let code = u32::from(character);
    let printable = character.escape_debug().len() == 1;
    // Writing to a String cannot fail, so the results below say nothing.
    let _infallible = match (printable, code) {
        (true, _) => out.write_char(character),
        (false, 0..=0x7f) => write!(out, "\\x{code:02x}"),
        (false, 0x80..=0xffff) => write!(out, "\\u{code:04x}"),
        (false, _) => write!(out, "\\U{code:08x}"),
    };
}

#[cfg(test)]
mod tests {
    use super::quote;

    #[test]
    fn quotes_escapes_and_what_cannot_be_printed_are_escaped_as_in_go() {
        for (text, quoted) in [
            ("", r#""""#),
            ("plain words", r#""plain words""#),
            (r#"say "hi" \ bye"#, r#""say \"hi\" \\ bye""#),
            ("a\tb\r\n\u{7}\u{8}\u{b}\u{c}", r#""a\tb\r\n\a\b\v\f""#),
            ("\0\u{1b}[31m\u{7f}", r#""\x00\x1b[31m\x7f""#),
            ("grüße ✓", "\"grüße ✓\""),
            ("\u{85}\u{200b}\u{e0001}", r#""\u0085\u200b\U000e0001""#),
        ] {
            assert_eq!(quote(text), quoted);
        }
    }
}
