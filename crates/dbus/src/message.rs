//! Messages: calls that we send, and what comes back.

use alloc::string::String;
use alloc::vec::Vec;

use crate::read::{Endian, Reader};
use crate::value::{Malformed, Value};
use crate::write::{pad, put_signature, put_text};

/// A method call.
#[derive(Debug, Clone, Copy)]
pub struct Call<'c> {
    /// The bus name of the peer.
    pub destination: &'c str,
    /// The object.
    pub path: &'c str,
    /// The interface.
    pub interface: &'c str,
    /// The method.
    pub member: &'c str,
    /// Its arguments.
    pub body: &'c [Value],
}

impl Call<'_> {
    /// The message, with a number that the reply will name; not 0.
    pub fn encode(&self, serial: u32) -> Vec<u8> {
        let mut body = Vec::with_capacity(1024);
        self.body.iter().for_each(|value| value.put(&mut body));
        let signature: String = self.body.iter().map(Value::signature).collect();

        let mut out = Vec::with_capacity(body.len() + 256);
        out.extend_from_slice(&[b'l', METHOD_CALL, 0, PROTOCOL]);
        out.extend_from_slice(&u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes());
        out.extend_from_slice(&serial.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        let texts = [
            (PATH, "o", self.path),
            (INTERFACE, "s", self.interface),
            (MEMBER, "s", self.member),
            (DESTINATION, "s", self.destination),
        ];
        for (field, kind, text) in texts {
            put_field(&mut out, field, kind);
            put_text(&mut out, text);
        }
        if !signature.is_empty() {
            put_field(&mut out, SIGNATURE, "g");
            put_signature(&mut out, &signature);
        }
        let length = u32::try_from(out.len() - FIXED).unwrap_or(u32::MAX);
        if let Some(bytes) = out.get_mut(12..FIXED) {
            bytes.copy_from_slice(&length.to_le_bytes());
        }
        pad(&mut out, 8);
        out.extend_from_slice(&body);
        out
    }
}

fn put_field(out: &mut Vec<u8>, field: u8, kind: &str) {
    pad(out, 8);
    out.push(field);
    put_signature(out, kind);
}

/// How long the message at the start of `bytes` is; `None` while that cannot be known.
///
/// # Errors
/// These are no message, or one longer than [`LONGEST`].
pub fn frame(bytes: &[u8]) -> Result<Option<usize>, Malformed> {
    let Some(fixed) = bytes.get(..FIXED) else { return Ok(None) };
    let (_, mut reader) = start(fixed)?;
    reader.take(4)?;
    let body = reader.u32()?;
    reader.u32()?;
    let fields = reader.u32()?;
    let length = u64::from(fields).next_multiple_of(8) + u64::from(body) + FIXED as u64;
    match usize::try_from(length) {
        Ok(length) if length <= LONGEST => Ok(Some(length)),
        Ok(_) | Err(_) => Err(Malformed),
    }
}

fn start(bytes: &[u8]) -> Result<(Endian, Reader<'_>), Malformed> {
    let endian = match bytes.first() {
        Some(b'l') => Endian::Little,
        Some(b'B') => Endian::Big,
        Some(_) | None => return Err(Malformed),
    };
    match bytes.get(3) {
        Some(&PROTOCOL) => Ok((endian, Reader::new(bytes, endian))),
        Some(_) | None => Err(Malformed),
    }
}

/// What kind of message it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A method call, which nobody should send us.
    Call,
    /// The answer to a call.
    Return,
    /// The refusal of a call.
    Error,
    /// A signal.
    Signal,
    /// One that the specification may add.
    Other,
}

/// A message that came in.
#[derive(Debug, Clone)]
pub struct Message<'m> {
    /// What it is.
    pub kind: Kind,
    /// Its number.
    pub serial: u32,
    /// The number of the call that it answers.
    pub reply_to: Option<u32>,
    /// The signal's name.
    pub member: Option<String>,
    /// The interface of the signal.
    pub interface: Option<String>,
    /// The error's name.
    pub error: Option<String>,
    /// The types of the body.
    pub signature: String,
    body: Reader<'m>,
}

impl<'m> Message<'m> {
    /// Reads a whole message: as many bytes as [`frame`] said.
    ///
    /// # Errors
    /// These bytes are no message.
    pub fn parse(bytes: &'m [u8]) -> Result<Message<'m>, Malformed> {
        if frame(bytes)? != Some(bytes.len()) {
            return Err(Malformed);
        }
        let (endian, mut reader) = start(bytes)?;
        let kind = match reader.take(8)?.get(1) {
            Some(&METHOD_CALL) => Kind::Call,
            Some(&METHOD_RETURN) => Kind::Return,
            Some(&ERROR) => Kind::Error,
            Some(&SIGNAL) => Kind::Signal,
            Some(0) | None => return Err(Malformed),
            Some(_) => Kind::Other,
        };
        let serial = reader.u32()?;
        let Value::Array(_, fields) = reader.value("a(yv)")? else { return Err(Malformed) };
        reader.align(8)?;
        let body = bytes.get(reader.position()..).ok_or(Malformed)?;
        let mut message = Message {
            kind,
            serial,
            reply_to: None,
            member: None,
            interface: None,
            error: None,
            signature: String::new(),
            body: Reader::new(body, endian),
        };
        for field in fields {
            message.take_field(field)?;
        }
        Ok(message)
    }

    fn take_field(&mut self, field: Value) -> Result<(), Malformed> {
        let Value::Struct(field) = field else { return Err(Malformed) };
        let Ok([Value::Byte(code), Value::Variant(value)]) = <[Value; 2]>::try_from(field) else {
            return Err(Malformed);
        };
        match (code, *value) {
            (INTERFACE, Value::Text(text)) => self.interface = Some(text),
            (MEMBER, Value::Text(text)) => self.member = Some(text),
            (ERROR_NAME, Value::Text(text)) => self.error = Some(text),
            (REPLY_SERIAL, Value::U32(serial)) => self.reply_to = Some(serial),
            (SIGNATURE, Value::Signature(signature)) => self.signature = signature,
            (INTERFACE | MEMBER | ERROR_NAME | REPLY_SERIAL | SIGNATURE, _) => return Err(Malformed),
            _ => {}
        }
        Ok(())
    }

    /// The values of its body.
    ///
    /// # Errors
    /// The bytes of the body are not of the types that the message names.
    pub fn values(&self) -> Result<Vec<Value>, Malformed> {
        self.body.clone().values(&self.signature)
    }

    /// The first text of its body, which is what an error says.
    pub fn first_text(&self) -> Option<String> {
        if !self.signature.starts_with('s') {
            return None;
        }
        match self.body.clone().value("s") {
            Ok(Value::Text(text)) => Some(text),
            Ok(_) | Err(_) => None,
        }
    }
}

/// The longest message that is read. The specification allows 128 MiB; what systemd says takes some kilobytes.
pub const LONGEST: usize = 1 << 20;

/// What every message begins with, the length of the header's fields included.
const FIXED: usize = 16;
const PROTOCOL: u8 = 1;

const METHOD_CALL: u8 = 1;
const METHOD_RETURN: u8 = 2;
const ERROR: u8 = 3;
const SIGNAL: u8 = 4;

const PATH: u8 = 1;
const INTERFACE: u8 = 2;
const MEMBER: u8 = 3;
const ERROR_NAME: u8 = 4;
const REPLY_SERIAL: u8 = 5;
const DESTINATION: u8 = 6;
const SIGNATURE: u8 = 8;
