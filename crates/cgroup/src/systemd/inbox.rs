//! What a server sends, cut into messages: first the lines of the authentication, then frames.
//! Runs in: the parent. Pure: bytes go in, messages come out, and nothing that comes in is trusted.

use brig_dbus::{Malformed, frame};

/// Everything that is said before there is a connection, in one piece: EXTERNAL without a name, so that the server takes the
/// user from the socket, whatever that user is called here (user namespaces).
pub(crate) const GREETING: &[u8] = b"\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n";

/// Lines of the authentication that are longer are no answer.
const LONGEST_LINE: usize = 4096;

/// Bytes that came in.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    bytes: Vec<u8>,
    /// How many of them were taken.
    taken: usize,
    authenticated: bool,
}

/// Why there is no further message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Bad {
    /// The server does not want us.
    Rejected,
    /// It does not speak D-Bus.
    Malformed,
}

impl From<Malformed> for Bad {
    fn from(_: Malformed) -> Bad {
        Bad::Malformed
    }
}

impl Inbox {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.taken);
        self.taken = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole message; `None` while there is none. It stays readable until the next push.
    pub(crate) fn next(&mut self) -> Result<Option<Vec<u8>>, Bad> {
        while !self.authenticated {
            let Some(line) = self.line()? else { return Ok(None) };
            match line.as_slice() {
                b"DATA" => {}
                line if line == b"OK" || line.starts_with(b"OK ") => self.authenticated = true,
                line if line.starts_with(b"REJECTED") || line.starts_with(b"ERROR") => {
                    return Err(Bad::Rejected);
                }
                _ => return Err(Bad::Malformed),
            }
        }
        let rest = self.bytes.get(self.taken..).unwrap_or_default();
        let Some(length) = frame(rest)? else { return Ok(None) };
        let Some(message) = rest.get(..length) else { return Ok(None) };
        let message = message.to_vec();
        self.taken += length;
        Ok(Some(message))
    }

    fn line(&mut self) -> Result<Option<Vec<u8>>, Bad> {
        let rest = self.bytes.get(self.taken..).unwrap_or_default();
        let Some(end) = rest.windows(2).position(|pair| pair == b"\r\n") else {
            return if rest.len() > LONGEST_LINE { Err(Bad::Malformed) } else { Ok(None) };
        };
        let line = rest.get(..end).unwrap_or_default().to_vec();
        self.taken += end + 2;
        Ok(Some(line))
    }
}

#[cfg(test)]
mod tests {
    use brig_dbus::{Call, Message, Value};

    use super::*;

    fn message() -> Vec<u8> {
        let body = [Value::text("x")];
        Call { destination: "d.d", path: "/", interface: "i.i", member: "M", body: &body }.encode(3)
    }

    #[test]
    fn messages_come_out_whole_however_they_come_in() {
        let stream = [b"DATA\r\nOK 0123\r\n", message().as_slice(), &message()].concat();
        for size in 1..stream.len() {
            let mut inbox = Inbox::default();
            let mut found = 0;
            for piece in stream.chunks(size) {
                inbox.push(piece);
                while let Some(bytes) = inbox.next().unwrap() {
                    assert_eq!(Message::parse(&bytes).unwrap().first_text().as_deref(), Some("x"));
                    found += 1;
                }
            }
            assert_eq!(found, 2, "pieces of {size}");
        }
    }

    #[test]
    fn a_server_that_does_not_want_us_or_speaks_otherwise_is_told_apart() {
        let next = |text: &[u8]| {
            let mut inbox = Inbox::default();
            inbox.push(text);
            inbox.next()
        };
        assert_eq!(next(b"REJECTED EXTERNAL\r\n"), Err(Bad::Rejected));
        assert_eq!(next(b"ERROR\r\n"), Err(Bad::Rejected));
        assert_eq!(next(b"HTTP/1.1 400 Bad Request\r\n"), Err(Bad::Malformed));
        assert_eq!(next(&[b'x'; 5000]), Err(Bad::Malformed));
        assert_eq!(next(b"OK 1\r\nthis is no message!"), Err(Bad::Malformed));
        assert_eq!(next(b"OK 1\r\nl"), Ok(None));
    }
}
