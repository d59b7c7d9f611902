//! Types for what was written: those that it names, and those that it has without a word.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::{Node, TextError, What};
use crate::signature;
use crate::value::Value;

/// The type that a node says it has, or has without a word. `None` where an empty list leaves that open.
pub(super) fn kind_of(node: &Node) -> Option<String> {
    Some(match &node.what {
        What::Bool(_) => "b".to_string(),
        What::Number(number) => if is_fraction(number) { "d" } else { "i" }.to_string(),
        What::Text(_) => "s".to_string(),
        What::Bytes(_) => "ay".to_string(),
        What::List(nodes) => "a".to_string() + &common(nodes.iter())?,
        What::Tuple(nodes) => "(".to_string() + &nodes.iter().map(kind_of).collect::<Option<String>>()? + ")",
        What::Map(entries) => {
            let keys = common(entries.iter().map(|(key, _)| key))?;
            let values = common(entries.iter().map(|(_, value)| value))?;
            "a{".to_string() + &keys + &values + "}"
        }
        What::Variant(_) => "v".to_string(),
        What::Typed(kind, _) => kind.clone(),
    })
}

/// The type of the elements of a list: what one of them says outright, else what the first has by itself. Of numbers, that of
/// a fraction.
fn common<'n>(nodes: impl Iterator<Item = &'n Node>) -> Option<String> {
    let mut found: Option<String> = None;
    for node in nodes {
        if let What::Typed(kind, _) = &node.what {
            return Some(kind.clone());
        }
        match (&found, kind_of(node)) {
            (None, kind) => found = kind,
            (Some(known), Some(kind)) if known == "i" && kind == "d" => found = Some(kind),
            (Some(_), _) => {}
        }
    }
    found
}

fn is_fraction(number: &str) -> bool {
    let digits = number.trim_start_matches(['+', '-']);
    matches!(digits, "inf" | "nan") || !digits.starts_with("0x") && digits.contains(['.', 'e', 'E'])
}

/// The node as a value of type `kind`.
pub(super) fn typed(node: Node, kind: &str) -> Result<Value, TextError> {
    let at = node.at;
    let wrong = TextError { at, what: "not of the type that it should have" };
    let first = kind.as_bytes().first();
    Ok(match (node.what, first) {
        (What::Typed(own, inner), _) if own == kind => typed(*inner, kind)?,
        (What::Bool(value), Some(b'b')) => Value::Bool(value),
        (What::Number(number), Some(code)) => numeric(&number, *code).ok_or(wrong)?,
        (What::Text(text), Some(b's')) => Value::Text(text),
        (What::Text(text), Some(b'o')) if is_object_path(&text) => Value::Path(text),
        (What::Text(text), Some(b'g')) if signature::is_valid(&text) => Value::Signature(text),
        (What::Bytes(bytes), Some(_)) if kind == "ay" => Value::bytes(&bytes),
        (What::Variant(inner), Some(b'v')) => {
            let own = kind_of(&inner).ok_or(TextError { at, what: "an empty list needs a type" })?;
            Value::Variant(Box::new(typed(*inner, &own)?))
        }
        (What::List(nodes), Some(b'a')) => {
            let element = kind.get(1..).unwrap_or_default();
            let items = nodes.into_iter().map(|node| typed(node, element)).collect::<Result<_, _>>()?;
            Value::Array(element.to_string(), items)
        }
        (What::Map(entries), Some(b'a')) => {
            let element = kind.get(1..).unwrap_or_default();
            let (key, value) = signature::entry(element).and_then(signature::split).ok_or(wrong)?;
            let entry = |(one, other)| Ok(Value::Entry(Box::new((typed(one, key)?, typed(other, value)?))));
            Value::Array(element.to_string(), entries.into_iter().map(entry).collect::<Result<_, _>>()?)
        }
        (What::Tuple(nodes), Some(b'(')) => {
            let mut rest = signature::members(kind).unwrap_or_default();
            let mut members = Vec::with_capacity(nodes.len());
            for node in nodes {
                let (member, others) = signature::split(rest).ok_or(wrong.clone())?;
                members.push(typed(node, member)?);
                rest = others;
            }
            if members.is_empty() || !rest.is_empty() {
                return Err(wrong);
            }
            Value::Struct(members)
        }
        _ => return Err(wrong),
    })
}

fn numeric(number: &str, code: u8) -> Option<Value> {
    if code == b'd' {
        return number.parse::<f64>().ok().map(|number| Value::F64(number.to_bits()));
    }
    let value = integer(number)?;
    Some(match code {
        b'y' => Value::Byte(value.try_into().ok()?),
        b'n' => Value::I16(value.try_into().ok()?),
        b'q' => Value::U16(value.try_into().ok()?),
        b'i' => Value::I32(value.try_into().ok()?),
        b'u' => Value::U32(value.try_into().ok()?),
        b'x' => Value::I64(value.try_into().ok()?),
        b't' => Value::U64(value.try_into().ok()?),
        _ => return None,
    })
}

/// Decimal, `0x` hexadecimal, or octal with a leading zero.
fn integer(number: &str) -> Option<i128> {
    let (negative, digits) = match number.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, number.strip_prefix('+').unwrap_or(number)),
    };
    if !digits.starts_with(|sign: char| sign.is_ascii_digit()) {
        return None;
    }
    let value = match (digits.strip_prefix("0x"), digits.strip_prefix('0')) {
        (Some(digits), _) => u64::from_str_radix(digits, 16).ok()?,
        (None, Some(digits)) if !digits.is_empty() => u64::from_str_radix(digits, 8).ok()?,
        (None, _) => digits.parse().ok()?,
    };
    Some(if negative { -i128::from(value) } else { i128::from(value) })
}

fn is_object_path(text: &str) -> bool {
    let part = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    text == "/" || text.strip_prefix('/').is_some_and(|rest| rest.split('/').all(part))
}
