//! The socket: netlink(7).

use std::cell::Cell;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use rustix::io::Errno;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, sockopt};
use rustix::net::{recvfrom, send, socket_with};

use crate::message::Message;

/// A route socket.
#[derive(Debug)]
pub struct Socket {
    socket: OwnedFd,
    sequence: Cell<u32>,
}

impl Socket {
    /// One in the caller's network namespace.
    ///
    /// # Errors
    /// socket(2).
    pub fn open() -> Result<Self, Errno> {
        let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
        Ok(Self { socket, sequence: Cell::new(0) })
    }

    /// One that somebody else has made.
    ///
    /// # Errors
    /// `NOTSOCK`, or `PROTOTYPE` for a socket that is not a route socket.
    pub fn from_descriptor(socket: OwnedFd) -> Result<Self, Errno> {
        // NETLINK_ROUTE is protocol 0, which rustix shows as none.
        let is_route = sockopt::socket_domain(&socket)? == AddressFamily::NETLINK
            && sockopt::socket_protocol(&socket)?.is_none();
        if is_route { Ok(Self { socket, sequence: Cell::new(0) }) } else { Err(Errno::PROTOTYPE) }
    }

    /// Asks for something to be done.
    pub(crate) fn change(&self, message: Message, flags: u16) -> Result<(), Errno> {
        self.ask(message, NLM_F_ACK | flags).map(drop)
    }

    /// Asks for one thing.
    pub(crate) fn one(&self, message: Message) -> Result<Message, Errno> {
        self.ask(message, NLM_F_ACK)?.pop().ok_or(Errno::PROTO)
    }

    /// Asks for all things of a kind.
    pub(crate) fn all(&self, message: &Message) -> Result<Vec<Message>, Errno> {
        for _ in 1..DUMPS {
            match self.ask(message.clone(), NLM_F_DUMP) {
                Err(Errno::INTR) => {}
                answer => return answer,
            }
        }
        self.ask(message.clone(), NLM_F_DUMP)
    }

    fn ask(&self, message: Message, flags: u16) -> Result<Vec<Message>, Errno> {
        let sequence = self.sequence.get().wrapping_add(1);
        self.sequence.set(sequence);
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST | flags;
        header.sequence_number = sequence;
        let mut request = NetlinkMessage::new(header, NetlinkPayload::InnerMessage(message));
        request.finalize();
        let mut bytes = vec![0; request.buffer_len()];
        request.serialize(&mut bytes);
        if send(&self.socket, &bytes, SendFlags::empty())? != bytes.len() {
            return Err(Errno::MSGSIZE);
        }
        self.answers(sequence)
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "the list is open, and what is not known is no answer")]
    /// All that is answered to `sequence`. The kernel works inside send(2): the answer is there when that returns.
    fn answers(&self, sequence: u32) -> Result<Vec<Message>, Errno> {
        let (mut answers, mut changed) = (Vec::new(), false);
        let mut buffer = vec![0; LONGEST];
        loop {
            let received = self.receive(&mut buffer)?;
            let mut rest = buffer.get(..received).unwrap_or_default();
            while !rest.is_empty() {
                let (message, behind) = first_message(rest)?;
                rest = behind;
                if message.header.sequence_number != sequence {
                    continue;
                }
                changed |= message.header.flags & DUMP_INTR != 0;
                let end = match message.payload {
                    NetlinkPayload::InnerMessage(answer) => {
                        answers.push(answer);
                        continue;
                    }
                    NetlinkPayload::Error(error) => error.raw_code(),
                    NetlinkPayload::Done(done) => done.code,
                    NetlinkPayload::Overrun(_) => return Err(Errno::NOBUFS),
                    _ => continue,
                };
                return match end {
                    0 if changed => Err(Errno::INTR),
                    0 => Ok(answers),
                    code => Err(Errno::from_raw_os_error(code.wrapping_neg())),
                };
            }
        }
    }

    /// The next datagram of the kernel's own. Others in the namespace may write to this socket too.
    fn receive(&self, buffer: &mut [u8]) -> Result<usize, Errno> {
        loop {
            let received = recvfrom(&self.socket, &mut *buffer, RecvFlags::DONTWAIT | RecvFlags::TRUNC);
            let (_, length, sender) = match received {
                // Not the INTR of a list that changed: half of the answer is still to be read.
                Err(Errno::INTR) => continue,
                received => received?,
            };
            let sender = sender.and_then(|sender| SocketAddrNetlink::try_from(sender).ok());
            match sender {
                Some(sender) if sender.pid() == KERNEL && length > buffer.len() => {
                    return Err(Errno::MSGSIZE);
                }
                Some(sender) if sender.pid() == KERNEL => return Ok(length),
                Some(_) | None => {}
            }
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// The first message, and what stands behind it.
fn first_message(bytes: &[u8]) -> Result<(NetlinkMessage<Message>, &[u8]), Errno> {
    let message = NetlinkMessage::<Message>::deserialize(bytes).map_err(|_| Errno::PROTO)?;
    let length = usize::try_from(message.header.length).map_err(|_| Errno::PROTO)?;
    Ok((message, bytes.get(length.next_multiple_of(4)..).unwrap_or_default()))
}

/// How many messages there are in what was received, each of them read: for `brig-hostile`, which throws any bytes at it.
#[doc(hidden)]
pub fn count_answers(mut rest: &[u8]) -> usize {
    let mut count = 0;
    while let Ok((message, behind)) = first_message(rest) {
        if let NetlinkPayload::InnerMessage(message) = message.payload {
            drop((crate::link::Link::read(&message), crate::address::read(&message)));
        }
        assert!(behind.len() < rest.len(), "a message has a length");
        (rest, count) = (behind, count + 1);
    }
    count
}

/// The sender's address of what comes from the kernel.
const KERNEL: u32 = 0;

/// `NLM_F_DUMP_INTR`: something changed while the list was made, which may be wrong.
const DUMP_INTR: u16 = 0x10;

/// How often a list is asked for while it keeps changing.
const DUMPS: u32 = 8;

/// What the kernel puts into one datagram at most when the reader has room for it.
const LONGEST: usize = 32 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_bytes_make_reading_a_message_panic() {
        // A generator of its own (xorshift): the same bytes in every run.
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        for round in 0..20_000_u64 {
            let length = usize::try_from(next() % 96).unwrap();
            let mut bytes: Vec<u8> = (0..length).map(|_| next().to_le_bytes()[0]).collect();
            if let (true, Some(header)) = (round % 2 == 0, bytes.get_mut(..6)) {
                // Half of them with a length and a kind that could be true.
                header.copy_from_slice(&[
                    u8::try_from(length).unwrap(),
                    0,
                    0,
                    0,
                    [2, 3, 16, 20, 24][length % 5],
                    0,
                ]);
            }
            assert!(count_answers(&bytes) <= bytes.len());
        }
    }

    #[test]
    fn only_a_route_socket_is_taken_for_one() {
        let other = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
        assert_eq!(Socket::from_descriptor(other).unwrap_err(), Errno::PROTOTYPE);
        let Socket { socket, .. } = Socket::open().unwrap();
        assert!(Socket::from_descriptor(socket).is_ok());
    }
}
