//! Values from text: GLib's "GVariant Text Format", which the annotations `org.systemd.property.*` are written in.
//!
//! A number without a type is an `int32`, one with a point a `double`. Maybe types, which D-Bus lacks, are refused.

mod typed;

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use crate::signature::{self, DEEPEST};
use crate::value::Value;
use typed::{kind_of, typed};

/// The text is no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextError {
    /// At which byte.
    pub at: usize,
    /// Why.
    pub what: &'static str,
}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (at byte {})", self.what, self.at)
    }
}

impl core::error::Error for TextError {}

/// Reads a value.
///
/// # Errors
/// Where the text stops making sense, and why.
pub fn parse(text: &str) -> Result<Value, TextError> {
    let mut parser = Parser { text, at: 0 };
    let node = parser.node(DEEPEST)?;
    parser.skip_space();
    if parser.at != text.len() {
        return Err(parser.error("something follows the value"));
    }
    let kind =
        kind_of(&node).ok_or(TextError { at: 0, what: "an empty list needs a type, such as @as []" })?;
    let value = typed(node, &kind)?;
    if signature::is_single(&kind) { Ok(value) } else { Err(TextError { at: 0, what: "nested too deep" }) }
}

/// What was written, before types are known.
#[derive(Debug, Clone)]
struct Node {
    at: usize,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    Bool(bool),
    Number(String),
    Text(String),
    Bytes(Vec<u8>),
    List(Vec<Node>),
    Tuple(Vec<Node>),
    Map(Vec<(Node, Node)>),
    Variant(Box<Node>),
    Typed(String, Box<Node>),
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Parser<'t> {
    fn error(&self, what: &'static str) -> TextError {
        TextError { at: self.at, what }
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn skip_space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
    }

    /// Passes over `sign`, if it is next.
    fn eat(&mut self, sign: char) -> bool {
        self.skip_space();
        let next = self.rest().starts_with(sign);
        if next {
            self.at += sign.len_utf8();
        }
        next
    }

    fn want(&mut self, sign: char, what: &'static str) -> Result<(), TextError> {
        if self.eat(sign) { Ok(()) } else { Err(self.error(what)) }
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'t str {
        let rest = self.rest();
        let end = rest.find(|sign| !wanted(sign)).unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or_default()
    }

    fn node(&mut self, deep: usize) -> Result<Node, TextError> {
        let deep = deep.checked_sub(1).ok_or(self.error("nested too deep"))?;
        self.skip_space();
        let at = self.at;
        let rest = self.rest();
        let what = match rest.chars().next() {
            None => return Err(self.error("a value is missing")),
            Some('\'' | '"') => What::Text(self.quoted()?),
            Some('b') if rest.starts_with("b'") || rest.starts_with("b\"") => {
                self.at += 1;
                What::Bytes(self.byte_string()?)
            }
            Some('[') => What::List(self.list('[', ']', deep)?),
            Some('(') => What::Tuple(self.list('(', ')', deep)?),
            Some('{') => What::Map(self.map(deep)?),
            Some('<') => {
                self.at += 1;
                let inner = self.node(deep)?;
                self.want('>', "> is missing")?;
                What::Variant(Box::new(inner))
            }
            Some('@') => {
                self.at += 1;
                let (kind, _) = signature::split(self.rest()).ok_or(self.error("no type"))?;
                self.at += kind.len();
                What::Typed(kind.to_string(), Box::new(self.node(deep)?))
            }
            Some('0'..='9' | '+' | '-' | '.') => What::Number(self.number()),
            Some(_) => return self.word(deep),
        };
        Ok(Node { at, what })
    }

    fn number(&mut self) -> String {
        let sign = self.take_while(|sign| matches!(sign, '+' | '-'));
        let mut number = sign.to_string();
        number.push_str(self.take_while(|sign| sign.is_ascii_alphanumeric() || sign == '.'));
        // 1e-3
        if number.ends_with(['e', 'E']) && !number.contains(['x', 'X']) {
            number.push_str(self.take_while(|sign| matches!(sign, '+' | '-')));
            number.push_str(self.take_while(|sign| sign.is_ascii_digit()));
        }
        number
    }

    /// `true`, or a type such as `uint32` and its value.
    fn word(&mut self, deep: usize) -> Result<Node, TextError> {
        let at = self.at;
        let word = self.take_while(|sign| sign.is_ascii_alphanumeric());
        let what = match word {
            "true" => What::Bool(true),
            "false" => What::Bool(false),
            "inf" | "nan" => What::Number(word.to_string()),
            _ => match TYPES.iter().find(|(name, _)| *name == word) {
                Some((_, kind)) => What::Typed(kind.to_string(), Box::new(self.node(deep)?)),
                None => return Err(TextError { at, what: "no value, and no type" }),
            },
        };
        Ok(Node { at, what })
    }

    fn list(&mut self, open: char, close: char, deep: usize) -> Result<Vec<Node>, TextError> {
        self.want(open, "a list is missing")?;
        let mut nodes = Vec::new();
        while !self.eat(close) {
            if !nodes.is_empty() {
                self.want(',', ", is missing")?;
                // A tuple of one has a comma behind it.
                if self.eat(close) {
                    break;
                }
            }
            nodes.push(self.node(deep)?);
        }
        Ok(nodes)
    }

    fn map(&mut self, deep: usize) -> Result<Vec<(Node, Node)>, TextError> {
        self.want('{', "{ is missing")?;
        let mut entries = Vec::new();
        while !self.eat('}') {
            if !entries.is_empty() {
                self.want(',', ", is missing")?;
            }
            let key = self.node(deep)?;
            self.want(':', ": is missing")?;
            entries.push((key, self.node(deep)?));
        }
        Ok(entries)
    }

    fn quoted(&mut self) -> Result<String, TextError> {
        let quote = self.next().ok_or(self.error("a quote is missing"))?;
        let mut text = String::new();
        loop {
            match self.next().ok_or(self.error("the closing quote is missing"))? {
                sign if sign == quote => return Ok(text),
                '\\' => match self.next().ok_or(self.error("the closing quote is missing"))? {
                    'u' => text.push(self.code_point(4)?),
                    'U' => text.push(self.code_point(8)?),
                    '\n' => {}
                    other => text.push(escaped(other)),
                },
                '\0' => return Err(self.error("a NUL byte")),
                sign => text.push(sign),
            }
        }
    }

    fn next(&mut self) -> Option<char> {
        let sign = self.rest().chars().next()?;
        self.at += sign.len_utf8();
        Some(sign)
    }

    fn code_point(&mut self, digits: usize) -> Result<char, TextError> {
        let text = self.rest().get(..digits).filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let sign = text.and_then(|text| u32::from_str_radix(text, 16).ok()).and_then(char::from_u32);
        let sign = sign.filter(|sign| *sign != '\0').ok_or(self.error("no code point"))?;
        self.at += digits;
        Ok(sign)
    }

    /// A byte string ends with a NUL byte that is not written.
    fn byte_string(&mut self) -> Result<Vec<u8>, TextError> {
        let quote = self.next();
        let mut bytes = Vec::new();
        loop {
            match self.next() {
                None => return Err(self.error("the closing quote is missing")),
                sign if sign == quote => break,
                Some('\\') => bytes.push(self.escaped_byte()?),
                Some(sign) => bytes.extend_from_slice(sign.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        bytes.push(0);
        Ok(bytes)
    }

    /// `\n`, or up to three octal digits.
    fn escaped_byte(&mut self) -> Result<u8, TextError> {
        let digits = self.rest().bytes().take(3).take_while(|byte| matches!(byte, b'0'..=b'7')).count();
        if digits > 0 {
            let number = self.rest().get(..digits).and_then(|text| u8::from_str_radix(text, 8).ok());
            self.at += digits;
            return number.ok_or(self.error("no byte"));
        }
        let sign = self.next().map(escaped).ok_or(self.error("the closing quote is missing"))?;
        u8::try_from(sign).map_err(|_| self.error("no byte"))
    }
}

fn escaped(sign: char) -> char {
    match sign {
        'a' => '\u{7}',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\u{b}',
        other => other,
    }
}

/// Words for types.
const TYPES: [(&str, &str); 11] = [
    ("boolean", "b"),
    ("byte", "y"),
    ("int16", "n"),
    ("uint16", "q"),
    ("int32", "i"),
    ("uint32", "u"),
    ("int64", "x"),
    ("uint64", "t"),
    ("double", "d"),
    ("objectpath", "o"),
    ("signature", "g"),
];
