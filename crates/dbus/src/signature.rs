//! Type signatures: which text is one, and where its first complete type ends.

/// How deep containers may be nested: the specification allows 32 arrays and 32 structs.
pub const DEEPEST: usize = 64;

/// The first complete type of `signature` and the rest; `None` if there is no valid one.
pub fn split(signature: &str) -> Option<(&str, &str)> {
    let length = complete(signature.as_bytes(), DEEPEST)?;
    signature.split_at_checked(length)
}

/// Whether it is exactly one complete type.
pub fn is_single(signature: &str) -> bool {
    matches!(split(signature), Some((_, "")))
}

/// Whether it is a sequence of complete types; an empty one is.
pub fn is_valid(mut signature: &str) -> bool {
    while !signature.is_empty() {
        match split(signature) {
            Some((_, rest)) => signature = rest,
            None => return false,
        }
    }
    true
}

/// The types of the members of a struct: `us` of `(us)`.
pub fn members(signature: &str) -> Option<&str> {
    signature.strip_prefix('(')?.strip_suffix(')')
}

/// The key and value types of a dict entry: `sv` of `{sv}`.
pub fn entry(signature: &str) -> Option<&str> {
    signature.strip_prefix('{')?.strip_suffix('}')
}

/// To how many bytes a value of this type is aligned.
pub(crate) fn alignment(signature: &str) -> usize {
    match signature.as_bytes().first() {
        Some(b'n' | b'q') => 2,
        Some(b'b' | b'i' | b'u' | b'h' | b's' | b'o' | b'a') => 4,
        Some(b'x' | b't' | b'd' | b'(' | b'{') => 8,
        Some(_) | None => 1,
    }
}

pub(crate) fn is_basic(code: u8) -> bool {
    matches!(code, b'y' | b'b' | b'n' | b'q' | b'i' | b'u' | b'x' | b't' | b'd' | b's' | b'o' | b'g' | b'h')
}

/// The length of the first complete type.
fn complete(text: &[u8], deep: usize) -> Option<usize> {
    let deep = deep.checked_sub(1)?;
    match *text.first()? {
        code if is_basic(code) || code == b'v' => Some(1),
        b'a' => match text.get(1)? {
            b'{' => {
                let key = text.get(2).copied().filter(|&code| is_basic(code));
                let value = key.and_then(|_| complete(text.get(3..)?, deep))?;
                (text.get(3 + value) == Some(&b'}')).then_some(4 + value)
            }
            _ => complete(text.get(1..)?, deep).map(|length| length + 1),
        },
        b'(' => {
            let mut at = 1;
            loop {
                match text.get(at)? {
                    b')' if at > 1 => return Some(at + 1),
                    _ => at += complete(text.get(at..)?, deep)?,
                }
            }
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_complete_type_is_split_off() {
        let table = [
            ("s", Some(("s", ""))),
            ("uoss", Some(("u", "oss"))),
            ("a(sv)a(sa(sv))", Some(("a(sv)", "a(sa(sv))"))),
            ("a{sv}x", Some(("a{sv}", "x"))),
            ("aay", Some(("aay", ""))),
            ("", None),
            ("a", None),
            ("()", None),
            ("(s", None),
            ("{sv}", None),
            ("a{vs}", None),
            ("a{sss}", None),
            ("z", None),
        ];
        for (signature, want) in table {
            assert_eq!(split(signature), want, "{signature}");
        }
        assert!(is_valid("uoss") && is_valid("") && !is_valid("ua"));
    }

    #[test]
    fn nesting_is_bounded() {
        let deep = "a".repeat(10_000) + "y";
        assert_eq!(split(&deep), None);
    }

    extern crate std;
    use std::prelude::rust_2024::*;
}
