//! The protobuf encoding (<https://protobuf.dev/programming-guides/encoding/>), as much of it as CRIU's messages take: numbers,
//! text, messages in messages.
//! Runs in: the parent.

/// A message that is written field by field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Message {
    bytes: Vec<u8>,
}

impl Message {
    /// Its encoding.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn number(&mut self, field: u32, number: u64) -> &mut Self {
        self.varint(u64::from(field) << 3 | VARINT);
        self.varint(number);
        self
    }

    /// Negative ones are long: they are extended to 64 bits.
    pub(crate) fn signed(&mut self, field: u32, number: i32) -> &mut Self {
        self.number(field, i64::from(number).cast_unsigned())
    }

    /// Written only where it is set: false is what its absence says.
    pub(crate) fn flag(&mut self, field: u32, flag: bool) -> &mut Self {
        if flag { self.number(field, 1) } else { self }
    }

    pub(crate) fn text(&mut self, field: u32, text: impl AsRef<[u8]>) -> &mut Self {
        let text = text.as_ref();
        self.varint(u64::from(field) << 3 | LENGTH);
        self.varint(text.len() as u64);
        self.bytes.extend_from_slice(text);
        self
    }

    pub(crate) fn message(&mut self, field: u32, message: &Message) -> &mut Self {
        self.text(field, &message.bytes)
    }

    fn varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.bytes.push(number.to_le_bytes()[0] | 0x80);
            number >>= 7;
        }
        self.bytes.push(number.to_le_bytes()[0]);
    }
}

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    /// Of a kind that no message of CRIU's has.
    Other,
}

impl Value<'_> {
    pub(crate) fn signed(self) -> i32 {
        // The upper half repeats the sign.
        self.number().to_le_bytes().first_chunk().map_or(0, |low| i32::from_le_bytes(*low))
    }

    pub(crate) fn number(self) -> u64 {
        match self {
            Self::Number(number) => number,
            Self::Bytes(_) | Self::Other => 0,
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Number(_) | Self::Other => &[],
        }
    }
}

/// The fields of a message, in their order; the last one is `None` where the bytes are no message.
pub(crate) fn fields(mut bytes: &[u8]) -> impl Iterator<Item = Option<(u32, Value<'_>)>> {
    std::iter::from_fn(move || {
        if bytes.is_empty() {
            return None;
        }
        let field = take(&mut bytes);
        if field.is_none() {
            bytes = &[];
        }
        Some(field)
    })
}

fn take<'a>(bytes: &mut &'a [u8]) -> Option<(u32, Value<'a>)> {
    let key = take_varint(bytes)?;
    let field = u32::try_from(key >> 3).ok()?;
    let value = match key & 7 {
        VARINT => Value::Number(take_varint(bytes)?),
        LENGTH => {
            let length = usize::try_from(take_varint(bytes)?).ok()?;
            Value::Bytes(take_bytes(bytes, length)?)
        }
        FIXED64 => take_bytes(bytes, 8).map(|_| Value::Other)?,
        FIXED32 => take_bytes(bytes, 4).map(|_| Value::Other)?,
        _ => return None,
    };
    Some((field, value))
}

fn take_bytes<'a>(bytes: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (head, tail) = bytes.split_at_checked(length)?;
    *bytes = tail;
    Some(head)
}

fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for place in 0..LONGEST {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// Kinds of values.
const VARINT: u64 = 0;
const FIXED64: u64 = 1;
const LENGTH: u64 = 2;
const FIXED32: u64 = 5;

/// A number of 64 bits in groups of seven.
const LONGEST: u32 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_published_description_are_written_as_it_says() {
        assert_eq!(Message::default().number(1, 150).bytes(), [0x08, 0x96, 0x01]);
        assert_eq!(
            Message::default().text(2, "testing").bytes(),
            [0x12, 7, b't', b'e', b's', b't', b'i', b'n', b'g']
        );
        let inner = Message::default().number(1, 150).clone();
        assert_eq!(Message::default().message(3, &inner).bytes(), [0x1a, 3, 0x08, 0x96, 0x01]);
        let minus_two = [0x08, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert_eq!(Message::default().signed(1, -2).bytes(), minus_two);
    }

    #[test]
    fn what_is_written_is_read() {
        let mut message = Message::default();
        message.number(71, u64::MAX).signed(2, -2).text(3, "a").flag(4, false).flag(5, true);
        let read: Vec<_> = fields(message.bytes()).map(Option::unwrap).collect();
        assert_eq!(read[0], (71, Value::Number(u64::MAX)));
        assert_eq!((read[1].0, read[1].1.signed()), (2, -2));
        assert_eq!(read[2], (3, Value::Bytes(b"a")));
        assert_eq!(read[3], (5, Value::Number(1)));
        assert_eq!(read.len(), 4);
    }

    #[test]
    fn fields_of_other_kinds_are_passed_over() {
        let bytes = [0x09, 1, 2, 3, 4, 5, 6, 7, 8, 0x15, 1, 2, 3, 4, 0x18, 9];
        let read: Vec<_> = fields(&bytes).map(Option::unwrap).collect();
        assert_eq!(read, [(1, Value::Other), (2, Value::Other), (3, Value::Number(9))]);
    }

    #[test]
    fn no_bytes_make_it_panic_or_go_on_for_ever() {
        let message = Message::default().number(1, 300).text(2, "four").clone();
        for end in 0..message.bytes().len() {
            let last = fields(&message.bytes()[..end]).last();
            assert!(end == 0 || end == 3 || last == Some(None), "{end}");
        }
        for bytes in [&[0xff; 30][..], &[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f], &[0x0b]]
        {
            assert_eq!(fields(bytes).last(), Some(None));
        }
    }
}
