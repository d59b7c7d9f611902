//! One message: what the header says of its kind, a structure of fixed length, attributes.

use netlink_packet_core::{
    DecodeError, DefaultNla, Emitable, NetlinkDeserializable, NetlinkHeader, NetlinkSerializable, Nla,
    NlasIterator,
};

/// A message of rtnetlink(7), before or after it is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    /// `RTM_*`.
    pub(crate) kind: u16,
    /// `struct ifinfomsg`, `ifaddrmsg` or `rtmsg`.
    pub(crate) head: Vec<u8>,
    /// What follows it.
    pub(crate) attributes: Vec<DefaultNla>,
}

impl Message {
    /// The value of the attribute of this kind.
    pub(crate) fn value(&self, kind: u16) -> Option<Vec<u8>> {
        value(&self.attributes, kind)
    }
}

/// The value of the attribute of this kind.
fn value(attributes: &[DefaultNla], kind: u16) -> Option<Vec<u8>> {
    attributes.iter().find(|attribute| attribute.kind() & !FLAGS == kind).map(bytes_of)
}

/// The value of one attribute inside of another.
pub(crate) fn value_inside(nested: &[u8], kind: u16) -> Option<Vec<u8>> {
    value(&attributes(nested).ok()?, kind)
}

pub(crate) fn bytes_of(attribute: &DefaultNla) -> Vec<u8> {
    let mut bytes = vec![0; attribute.value_len()];
    attribute.emit_value(&mut bytes);
    bytes
}

fn attributes(bytes: &[u8]) -> Result<Vec<DefaultNla>, DecodeError> {
    NlasIterator::new(bytes)
        .map(|found| found.map(|found| DefaultNla::new(found.kind(), found.value().to_vec())))
        .collect()
}

/// An attribute that is text with a NUL behind it.
pub(crate) fn text(kind: u16, text: &str) -> DefaultNla {
    let mut bytes = text.as_bytes().to_vec();
    bytes.push(0);
    DefaultNla::new(kind, bytes)
}

/// An attribute that is a number.
pub(crate) fn number(kind: u16, number: u32) -> DefaultNla {
    DefaultNla::new(kind, number.to_ne_bytes().to_vec())
}

/// An attribute that holds others, behind a structure or nothing.
pub(crate) fn nested(kind: u16, head: &[u8], inside: &[DefaultNla]) -> DefaultNla {
    let mut bytes = head.to_vec();
    bytes.resize(head.len() + inside.buffer_len(), 0);
    inside.emit(bytes.get_mut(head.len()..).unwrap_or_default());
    DefaultNla::new(kind, bytes)
}

/// Text up to its NUL.
pub(crate) fn as_text(bytes: &[u8]) -> String {
    let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(text).into_owned()
}

/// A number.
pub(crate) fn as_number(bytes: &[u8]) -> Option<u32> {
    bytes.try_into().ok().map(u32::from_ne_bytes)
}

impl NetlinkSerializable for Message {
    fn message_type(&self) -> u16 {
        self.kind
    }

    fn buffer_len(&self) -> usize {
        self.head.len() + self.attributes.as_slice().buffer_len()
    }

    fn serialize(&self, buffer: &mut [u8]) {
        let (head, rest) = buffer.split_at_mut(self.head.len());
        head.copy_from_slice(&self.head);
        self.attributes.as_slice().emit(rest);
    }
}

impl NetlinkDeserializable for Message {
    type Error = DecodeError;

    fn deserialize(header: &NetlinkHeader, payload: &[u8]) -> Result<Self, DecodeError> {
        let kind = header.message_type;
        // RTM_NEWLINK and its kin are 16 to 19, those of addresses 20 to 23, of routes 24 to 27.
        let length = match kind {
            16..20 => 16,
            20..24 => 8,
            24..28 => 12,
            _ => return Err("a message of another kind".into()),
        };
        let (head, rest) = payload.split_at_checked(length).ok_or("cut short")?;
        Ok(Self { kind, head: head.to_vec(), attributes: attributes(rest)? })
    }
}

/// `NLA_F_NESTED`, `NLA_F_NET_BYTEORDER`.
const FLAGS: u16 = 0xc000;
