//! A D-Bus value, and a property of a unit.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

/// A value with its type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// `y`
    Byte(u8),
    /// `b`
    Bool(bool),
    /// `n`
    I16(i16),
    /// `q`
    U16(u16),
    /// `i`
    I32(i32),
    /// `u`
    U32(u32),
    /// `x`
    I64(i64),
    /// `t`
    U64(u64),
    /// `d`, as the bits of the number.
    F64(u64),
    /// `s`
    Text(String),
    /// `o`
    Path(String),
    /// `g`
    Signature(String),
    /// `a`: the type of the elements, which are all of it.
    Array(String, Vec<Value>),
    /// `(…)`
    Struct(Vec<Value>),
    /// `{…}`, an element of an array.
    Entry(Box<(Value, Value)>),
    /// `v`
    Variant(Box<Value>),
}

impl Value {
    /// A text.
    pub fn text(text: impl Into<String>) -> Value {
        Value::Text(text.into())
    }

    /// A list of texts.
    pub fn texts<T: Into<String>>(texts: impl IntoIterator<Item = T>) -> Value {
        Value::Array("s".to_string(), texts.into_iter().map(Value::text).collect())
    }

    /// Bytes.
    pub fn bytes(bytes: &[u8]) -> Value {
        Value::Array("y".to_string(), bytes.iter().map(|byte| Value::Byte(*byte)).collect())
    }

    /// Its type.
    pub fn signature(&self) -> String {
        let basic = |code: &str| code.to_string();
        match self {
            Value::Byte(_) => basic("y"),
            Value::Bool(_) => basic("b"),
            Value::I16(_) => basic("n"),
            Value::U16(_) => basic("q"),
            Value::I32(_) => basic("i"),
            Value::U32(_) => basic("u"),
            Value::I64(_) => basic("x"),
            Value::U64(_) => basic("t"),
            Value::F64(_) => basic("d"),
            Value::Text(_) => basic("s"),
            Value::Path(_) => basic("o"),
            Value::Signature(_) => basic("g"),
            Value::Array(element, _) => format!("a{element}"),
            Value::Struct(members) => {
                format!("({})", members.iter().map(Value::signature).collect::<String>())
            }
            Value::Entry(entry) => format!("{{{}{}}}", entry.0.signature(), entry.1.signature()),
            Value::Variant(_) => basic("v"),
        }
    }

    /// The text of a string or an object path, also in a variant.
    pub fn as_text(&self) -> Option<&str> {
        if let Value::Variant(value) = self {
            return value.as_text();
        }
        if let Value::Text(text) | Value::Path(text) = self { Some(text) } else { None }
    }
}

/// As in the text of annotations, but for types that the numbers do not tell.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Byte(number) => write!(f, "{number}"),
            Value::Bool(value) => write!(f, "{value}"),
            Value::I16(number) => write!(f, "{number}"),
            Value::U16(number) => write!(f, "{number}"),
            Value::I32(number) => write!(f, "{number}"),
            Value::U32(number) => write!(f, "{number}"),
            Value::I64(number) => write!(f, "{number}"),
            Value::U64(u64::MAX) => f.write_str("infinity"),
            Value::U64(number) => write!(f, "{number}"),
            Value::F64(bits) => write!(f, "{}", f64::from_bits(*bits)),
            Value::Text(text) | Value::Path(text) | Value::Signature(text) => write!(f, "{text:?}"),
            Value::Array(_, items) => listed(f, "[", items, "]"),
            Value::Struct(members) => listed(f, "(", members, ")"),
            Value::Entry(entry) => write!(f, "{}: {}", entry.0, entry.1),
            Value::Variant(value) => write!(f, "<{value}>"),
        }
    }
}

fn listed(f: &mut fmt::Formatter<'_>, open: &str, values: &[Value], close: &str) -> fmt::Result {
    f.write_str(open)?;
    for (index, value) in values.iter().enumerate() {
        write!(f, "{}{value}", if index == 0 { "" } else { ", " })?;
    }
    f.write_str(close)
}

/// A property of a unit, as `StartTransientUnit` and `SetUnitProperties` take it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Property {
    /// Its name, such as `MemoryMax`.
    pub name: String,
    /// Its value.
    pub value: Value,
    /// The first version of systemd that knows it, or knows this value of it.
    pub since: u32,
}

impl Property {
    /// One that every version knows that brig may meet.
    pub fn new(name: impl Into<String>, value: Value) -> Property {
        Property { name: name.into(), value, since: 0 }
    }

    /// One that is known since a version.
    pub fn since(since: u32, name: impl Into<String>, value: Value) -> Property {
        Property { name: name.into(), value, since }
    }
}

/// The bytes are not a message, or not the values that were expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("malformed D-Bus message")
    }
}

impl core::error::Error for Malformed {}
