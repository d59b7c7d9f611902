//! Values to bytes, little-endian. Offsets count from the start of a message's body, which is aligned to 8.

use alloc::string::String;
use alloc::vec::Vec;

use crate::signature::alignment;
use crate::value::Value;

pub(crate) fn pad(out: &mut Vec<u8>, alignment: usize) {
    out.resize(out.len().next_multiple_of(alignment), 0);
}

/// A length or a number of bytes. Longer messages than fit cannot be sent: the peer hangs up long before.
fn put_length(out: &mut Vec<u8>, length: usize) {
    out.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
}

pub(crate) fn put_text(out: &mut Vec<u8>, text: &str) {
    pad(out, 4);
    put_length(out, text.len());
    out.extend_from_slice(text.as_bytes());
    out.push(0);
}

pub(crate) fn put_signature(out: &mut Vec<u8>, signature: &str) {
    out.push(u8::try_from(signature.len()).unwrap_or(u8::MAX));
    out.extend_from_slice(signature.as_bytes());
    out.push(0);
}

impl Value {
    /// Appends it. `out` begins where the body of a message begins.
    pub fn put(&self, out: &mut Vec<u8>) {
        match self {
            Value::Byte(byte) => out.push(*byte),
            Value::Bool(value) => put_number(out, &u32::from(*value).to_le_bytes()),
            Value::I16(number) => put_number(out, &number.to_le_bytes()),
            Value::U16(number) => put_number(out, &number.to_le_bytes()),
            Value::I32(number) => put_number(out, &number.to_le_bytes()),
            Value::U32(number) => put_number(out, &number.to_le_bytes()),
            Value::I64(number) => put_number(out, &number.to_le_bytes()),
            Value::U64(number) | Value::F64(number) => put_number(out, &number.to_le_bytes()),
            Value::Text(text) | Value::Path(text) => put_text(out, text),
            Value::Signature(signature) => put_signature(out, signature),
            Value::Array(element, items) => put_array(out, element, items),
            Value::Struct(members) => {
                pad(out, 8);
                members.iter().for_each(|member| member.put(out));
            }
            Value::Entry(entry) => {
                pad(out, 8);
                entry.0.put(out);
                entry.1.put(out);
            }
            Value::Variant(value) => {
                let signature: String = value.signature();
                put_signature(out, &signature);
                value.put(out);
            }
        }
    }
}

/// Numbers are aligned to their size.
fn put_number(out: &mut Vec<u8>, bytes: &[u8]) {
    pad(out, bytes.len());
    out.extend_from_slice(bytes);
}

/// The length is that of the elements, without the padding before the first.
fn put_array(out: &mut Vec<u8>, element: &str, items: &[Value]) {
    pad(out, 4);
    let place = out.len();
    put_length(out, 0);
    pad(out, alignment(element));
    let start = out.len();
    items.iter().for_each(|item| item.put(out));
    let length = u32::try_from(out.len() - start).unwrap_or(u32::MAX);
    if let Some(bytes) = out.get_mut(place..place + 4) {
        bytes.copy_from_slice(&length.to_le_bytes());
    }
}
