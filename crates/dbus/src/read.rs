//! Values from bytes that a peer sent.

use alloc::boxed::Box;
use alloc::string::ToString;
use alloc::vec::Vec;

use crate::signature::{self, DEEPEST, alignment};
use crate::value::{Malformed, Value};

/// Reads values one after the other.
#[derive(Debug, Clone)]
pub struct Reader<'m> {
    bytes: &'m [u8],
    at: usize,
    endian: Endian,
}

/// The order of bytes in a number: the sender's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Endian {
    Little,
    Big,
}

impl<'m> Reader<'m> {
    /// `bytes` begin at an offset that is a multiple of 8.
    pub(crate) fn new(bytes: &'m [u8], endian: Endian) -> Reader<'m> {
        Reader { bytes, at: 0, endian }
    }

    /// Where the next value begins, before its padding.
    pub(crate) fn position(&self) -> usize {
        self.at
    }

    /// The next value, of type `signature`.
    ///
    /// # Errors
    /// The bytes end, or are not of that type.
    pub fn value(&mut self, signature: &str) -> Result<Value, Malformed> {
        if !signature::is_single(signature) {
            return Err(Malformed);
        }
        self.nested(signature, DEEPEST)
    }

    /// Every value of a body of type `signature`, all of it.
    ///
    /// # Errors
    /// As for [`Reader::value`]; or bytes are left over.
    pub fn values(mut self, signature: &str) -> Result<Vec<Value>, Malformed> {
        let mut values = Vec::new();
        let mut rest = signature;
        while !rest.is_empty() {
            let (first, others) = signature::split(rest).ok_or(Malformed)?;
            values.push(self.nested(first, DEEPEST)?);
            rest = others;
        }
        if self.at == self.bytes.len() { Ok(values) } else { Err(Malformed) }
    }

    fn nested(&mut self, signature: &str, deep: usize) -> Result<Value, Malformed> {
        let deep = deep.checked_sub(1).ok_or(Malformed)?;
        Ok(match signature.as_bytes().first() {
            Some(b'y') => Value::Byte(u8::from_le_bytes(self.number()?)),
            Some(b'b') => match self.u32()? {
                0 => Value::Bool(false),
                1 => Value::Bool(true),
                _ => return Err(Malformed),
            },
            Some(b'n') => Value::I16(i16::from_le_bytes(self.number()?)),
            Some(b'q') => Value::U16(u16::from_le_bytes(self.number()?)),
            Some(b'i') => Value::I32(i32::from_le_bytes(self.number()?)),
            // A descriptor is a place in a list of them, and we take none.
            Some(b'u' | b'h') => Value::U32(self.u32()?),
            Some(b'x') => Value::I64(i64::from_le_bytes(self.number()?)),
            Some(b't') => Value::U64(u64::from_le_bytes(self.number()?)),
            Some(b'd') => Value::F64(u64::from_le_bytes(self.number()?)),
            Some(b's') => Value::Text(self.text()?.to_string()),
            Some(b'o') => Value::Path(self.text()?.to_string()),
            Some(b'g') => Value::Signature(self.signature()?.to_string()),
            Some(b'v') => {
                let signature = self.signature()?;
                if !signature::is_single(signature) {
                    return Err(Malformed);
                }
                Value::Variant(Box::new(self.nested(signature, deep)?))
            }
            Some(b'a') => self.array(signature.get(1..).ok_or(Malformed)?, deep)?,
            Some(b'(') => {
                self.align(8)?;
                let mut rest = signature::members(signature).ok_or(Malformed)?;
                let mut members = Vec::new();
                while let Some((first, others)) = signature::split(rest) {
                    members.push(self.nested(first, deep)?);
                    rest = others;
                }
                Value::Struct(members)
            }
            Some(b'{') => {
                self.align(8)?;
                let both = signature::entry(signature).ok_or(Malformed)?;
                let (key, value) = signature::split(both).ok_or(Malformed)?;
                Value::Entry(Box::new((self.nested(key, deep)?, self.nested(value, deep)?)))
            }
            Some(_) | None => return Err(Malformed),
        })
    }

    fn array(&mut self, element: &str, deep: usize) -> Result<Value, Malformed> {
        let length = usize::try_from(self.u32()?).map_err(|_| Malformed)?;
        self.align(alignment(element))?;
        let end = self.at.checked_add(length).filter(|end| *end <= self.bytes.len()).ok_or(Malformed)?;
        let mut items = Vec::new();
        while self.at < end {
            items.push(self.nested(element, deep)?);
        }
        if self.at == end { Ok(Value::Array(element.to_string(), items)) } else { Err(Malformed) }
    }

    /// Passes over padding, which must be zero.
    pub(crate) fn align(&mut self, alignment: usize) -> Result<(), Malformed> {
        let next = self.at.next_multiple_of(alignment);
        let padding = self.bytes.get(self.at..next).ok_or(Malformed)?;
        self.at = next;
        if padding.iter().all(|byte| *byte == 0) { Ok(()) } else { Err(Malformed) }
    }

    /// A number as little-endian bytes.
    fn number<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        self.align(N)?;
        let mut bytes: [u8; N] = self.take(N)?.try_into().map_err(|_| Malformed)?;
        if self.endian == Endian::Big {
            bytes.reverse();
        }
        Ok(bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Malformed> {
        Ok(u32::from_le_bytes(self.number()?))
    }

    fn text(&mut self) -> Result<&'m str, Malformed> {
        let length = usize::try_from(self.u32()?).map_err(|_| Malformed)?;
        self.terminated(length)
    }

    pub(crate) fn signature(&mut self) -> Result<&'m str, Malformed> {
        let [length] = self.number()?;
        self.terminated(usize::from(length))
    }

    fn terminated(&mut self, length: usize) -> Result<&'m str, Malformed> {
        let text = self.take(length)?;
        if self.take(1)? != [0] || text.contains(&0) {
            return Err(Malformed);
        }
        str::from_utf8(text).map_err(|_| Malformed)
    }

    pub(crate) fn take(&mut self, count: usize) -> Result<&'m [u8], Malformed> {
        let end = self.at.checked_add(count).ok_or(Malformed)?;
        let bytes = self.bytes.get(self.at..end).ok_or(Malformed)?;
        self.at = end;
        Ok(bytes)
    }
}
