//! Encoding and decoding: little-endian numbers, lengths before contents, nothing aligned, every length checked.
//!
//! Runs in: both processes, and wherever a record is read. Decoding borrows text from the input, so that `brig-init`
//! copies nothing. The bytes may come from a file or a peer that was tampered with: no input makes decoding panic,
//! and none makes it allocate more than a small multiple of the input's own length.

use alloc::borrow::Cow;
use alloc::ffi::CString;
#[doc(hidden)]
pub use alloc::vec::Vec;
use core::ffi::CStr;

/// Text for the kernel: NUL-terminated, owned where it was made and borrowed where it was received.
pub type Text<'a> = Cow<'a, CStr>;

/// The bytes are not an encoding of what was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

impl core::fmt::Display for Malformed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("malformed message")
    }
}

impl core::error::Error for Malformed {}

/// A value that can be written as bytes and read back.
pub trait Wire<'a>: Sized {
    /// Appends the encoding of `self` to `out`.
    fn put(&self, out: &mut Vec<u8>);

    /// Reads one value from the front of `input`.
    ///
    /// # Errors
    /// [`Malformed`] when the bytes are not an encoding of `Self`.
    fn take(input: &mut &'a [u8]) -> Result<Self, Malformed>;
}

/// The encoding of `value`.
pub fn encode<'a, T: Wire<'a>>(value: &T) -> Vec<u8> {
    let mut out = Vec::with_capacity(4096);
    value.put(&mut out);
    out
}

/// Decodes `input`, all of it.
///
/// # Errors
/// [`Malformed`] when the bytes are not an encoding of `T`, or bytes are left over.
pub fn decode<'a, T: Wire<'a>>(mut input: &'a [u8]) -> Result<T, Malformed> {
    let value = T::take(&mut input)?;
    if input.is_empty() { Ok(value) } else { Err(Malformed) }
}

fn bytes<'a>(input: &mut &'a [u8], count: usize) -> Result<&'a [u8], Malformed> {
    let (head, tail) = input.split_at_checked(count).ok_or(Malformed)?;
    *input = tail;
    Ok(head)
}

macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl<'a> Wire<'a> for $number {
            fn put(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }

            fn take(input: &mut &'a [u8]) -> Result<Self, Malformed> {
                let raw = bytes(input, size_of::<Self>())?;
                Ok(Self::from_le_bytes(raw.try_into().map_err(|_| Malformed)?))
            }
        }
    )*};
}

numbers!(u8, u16, u32, u64, i32, i64);

impl<'a> Wire<'a> for bool {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    fn take(input: &mut &'a [u8]) -> Result<Self, Malformed> {
        match u8::take(input)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Malformed),
        }
    }
}

fn put_length(length: usize, out: &mut Vec<u8>) {
    // A longer one could not be sent: the kernel refuses arguments of that size long before.
    u32::try_from(length).unwrap_or(u32::MAX).put(out);
}

fn take_length(input: &mut &[u8]) -> Result<usize, Malformed> {
    usize::try_from(u32::take(input)?).map_err(|_| Malformed)
}

impl<'a> Wire<'a> for Cow<'a, [u8]> {
    fn put(&self, out: &mut Vec<u8>) {
        put_length(self.len(), out);
        out.extend_from_slice(self);
    }

    fn take(input: &mut &'a [u8]) -> Result<Self, Malformed> {
        let length = take_length(input)?;
        bytes(input, length).map(Cow::Borrowed)
    }
}

impl<'a> Wire<'a> for Cow<'a, str> {
    fn put(&self, out: &mut Vec<u8>) {
        put_length(self.len(), out);
        out.extend_from_slice(self.as_bytes());
    }

    fn take(input: &mut &'a [u8]) -> Result<Self, Malformed> {
        let length = take_length(input)?;
        core::str::from_utf8(bytes(input, length)?).map(Cow::Borrowed).map_err(|_| Malformed)
    }
}

impl<'a> Wire<'a> for Text<'a> {
    fn put(&self, out: &mut Vec<u8>) {
        let raw = self.to_bytes_with_nul();
        put_length(raw.len(), out);
        out.extend_from_slice(raw);
    }

    fn take(input: &mut &'a [u8]) -> Result<Self, Malformed> {
        let length = take_length(input)?;
        let text = CStr::from_bytes_with_nul(bytes(input, length)?).map_err(|_| Malformed)?;
        Ok(Cow::Borrowed(text))
    }
}

impl<'a, T: Wire<'a>> Wire<'a> for Option<T> {
    fn put(&self, out: &mut Vec<u8>) {
        self.is_some().put(out);
        if let Some(value) = self {
            value.put(out);
        }
    }

    fn take(input: &mut &'a [u8]) -> Result<Self, Malformed> {
        if bool::take(input)? { T::take(input).map(Some) } else { Ok(None) }
    }
}

impl<'a, T: Wire<'a>> Wire<'a> for Vec<T> {
    fn put(&self, out: &mut Vec<u8>) {
        put_length(self.len(), out);
        for value in self {
            value.put(out);
        }
    }

    fn take(input: &mut &'a [u8]) -> Result<Self, Malformed> {
        let count = take_length(input)?;
        // Every element takes at least a byte, so a count beyond the rest is a lie: never reserve for it.
        if count > input.len() {
            return Err(Malformed);
        }
        let mut values = Self::with_capacity(count);
        for _ in 0..count {
            values.push(T::take(input)?);
        }
        Ok(values)
    }
}

/// Text for the kernel from `text`; `None` when it holds a NUL byte.
pub fn text(text: impl Into<Vec<u8>>) -> Option<Text<'static>> {
    CString::new(text).ok().map(Cow::Owned)
}

/// Declares a struct whose encoding is its fields in order.
#[macro_export]
macro_rules! wire_struct {
    ($(#[$meta:meta])* pub struct $name:ident<$life:lifetime> { $($(#[$doc:meta])* pub $field:ident: $kind:ty,)* }) => {
        $(#[$meta])* #[derive(Debug, Clone, PartialEq, Eq)] pub struct $name<$life> { $($(#[$doc])* pub $field: $kind,)* }
        impl<$life> $crate::wire::Wire<$life> for $name<$life> {
            fn put(&self, out: &mut $crate::wire::Vec<u8>) { $($crate::wire::Wire::put(&self.$field, out);)* }
            fn take(input: &mut &$life [u8]) -> Result<Self, $crate::wire::Malformed> {
                Ok(Self { $($field: $crate::wire::Wire::take(input)?,)* })
            }
        }
    };
    ($(#[$meta:meta])* pub struct $name:ident { $($(#[$doc:meta])* pub $field:ident: $kind:ty,)* }) => {
        $(#[$meta])* #[derive(Debug, Clone, PartialEq, Eq)] pub struct $name { $($(#[$doc])* pub $field: $kind,)* }
        impl<'w> $crate::wire::Wire<'w> for $name {
            fn put(&self, out: &mut $crate::wire::Vec<u8>) { $($crate::wire::Wire::put(&self.$field, out);)* }
            fn take(input: &mut &'w [u8]) -> Result<Self, $crate::wire::Malformed> {
                Ok(Self { $($field: $crate::wire::Wire::take(input)?,)* })
            }
        }
    };
}

/// Declares an enum whose encoding is a number and, where a variant has one, its value.
#[macro_export]
macro_rules! wire_enum {
    ($(#[$meta:meta])* pub enum $name:ident<$life:lifetime> {
        $($(#[$doc:meta])* $variant:ident $(($value:ident: $kind:ty))? = $tag:literal,)*
    }) => {
        $(#[$meta])* #[derive(Debug, Clone, PartialEq, Eq)] pub enum $name<$life> { $($(#[$doc])* $variant $(($kind))?,)* }
        impl<$life> $crate::wire::Wire<$life> for $name<$life> {
            fn put(&self, out: &mut $crate::wire::Vec<u8>) {
                match self { $(Self::$variant $(($value))? => { out.push($tag); $($value.put(out);)? })* }
            }
            fn take(input: &mut &$life [u8]) -> Result<Self, $crate::wire::Malformed> {
                match <u8 as $crate::wire::Wire>::take(input)? {
                    $($tag => Ok(Self::$variant $((<$kind as $crate::wire::Wire>::take(input)?))?),)*
                    _ => Err($crate::wire::Malformed),
                }
            }
        }
    };
    ($(#[$meta:meta])* pub enum $name:ident {
        $($(#[$doc:meta])* $variant:ident $(($value:ident: $kind:ty))? = $tag:literal,)*
    }) => {
        $(#[$meta])* #[derive(Debug, Clone, Copy, PartialEq, Eq)] pub enum $name { $($(#[$doc])* $variant $(($kind))?,)* }
        impl<'w> $crate::wire::Wire<'w> for $name {
            fn put(&self, out: &mut $crate::wire::Vec<u8>) {
                match self { $(Self::$variant $(($value))? => { out.push($tag); $($value.put(out);)? })* }
            }
            fn take(input: &mut &'w [u8]) -> Result<Self, $crate::wire::Malformed> {
                match <u8 as $crate::wire::Wire>::take(input)? {
                    $($tag => Ok(Self::$variant $((<$kind as $crate::wire::Wire>::take(input)?))?),)*
                    _ => Err($crate::wire::Malformed),
                }
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    #[test]
    fn what_is_encoded_decodes_to_itself() {
        let value = vec![Some(text("a").unwrap()), None, text("").map(Some).unwrap()];
        assert_eq!(decode::<Vec<Option<Text<'_>>>>(&encode(&value)), Ok(value));
    }

    #[test]
    fn a_count_beyond_the_input_is_refused_before_anything_is_reserved() {
        assert_eq!(decode::<Vec<u64>>(&[0xff, 0xff, 0xff, 0x7f, 1]), Err(Malformed));
    }

    #[test]
    fn text_without_its_nul_or_with_one_inside_is_refused() {
        assert_eq!(decode::<Text<'_>>(&[2, 0, 0, 0, b'a', b'b']), Err(Malformed));
        assert_eq!(decode::<Text<'_>>(&[3, 0, 0, 0, b'a', 0, 0]), Err(Malformed));
    }

    #[test]
    fn bytes_left_over_are_refused() {
        assert_eq!(decode::<u8>(&[1, 2]), Err(Malformed));
    }
}
