//! Our end of the handshake: send the task, hear what is asked, answer.
//! Runs in: the parent. Nothing here waits without a deadline, and the end of `brig-init` is noticed at once.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use brig_handshake::wire::{self, Wire};
use brig_handshake::{Ask, Reply, Step};
use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};

use crate::pid::poll_until;

/// The most descriptors that fit into one message (unix(7), SCM_MAX_FD).
const MOST_DESCRIPTORS: usize = 253;
/// Nothing that brig-init says is longer: the longest are two streams of a hook.
const LONGEST: usize = 256 << 10;

/// Both ends of a new connection; ours waits no longer than `patience` for anything.
pub(crate) fn pair(patience: Duration) -> Result<(OwnedFd, OwnedFd), Errno> {
    let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    set_socket_timeout(&ours, Timeout::Recv, Some(patience))?;
    Ok((ours, theirs))
}

/// What comes from `brig-init`.
#[derive(Debug)]
pub(crate) enum Heard {
    /// A message, to be decoded with [`Line::ask`].
    Message,
    /// It closed its end: it executed, or it ended.
    Closed,
    /// The patience of [`pair`] is at its end.
    Silence,
}

/// What is sent at once: one message behind another, each with its length before it.
#[derive(Debug, Default)]
pub(crate) struct Messages(Vec<u8>);

impl Messages {
    /// One message.
    pub(crate) fn one<'a, T: Wire<'a>>(message: &T) -> Result<Self, Errno> {
        let mut messages = Self(Vec::with_capacity(4096));
        messages.put(|bytes| message.put(bytes))?;
        Ok(messages)
    }

    /// The filter's program.
    pub(crate) fn program(mut self, program: &[u8]) -> Result<Self, Errno> {
        self.put(|bytes| bytes.extend_from_slice(program))?;
        Ok(self)
    }

    fn put(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Result<(), Errno> {
        let start = self.0.len();
        self.0.extend_from_slice(&[0; 4]);
        write(&mut self.0);
        let length = u32::try_from(self.0.len() - start - 4).map_err(|_| Errno::MSGSIZE)?;
        self.0[start..start + 4].copy_from_slice(&length.to_le_bytes());
        Ok(())
    }
}

/// The connection.
#[derive(Debug)]
pub(crate) struct Line {
    socket: OwnedFd,
    /// Bytes received, of which the first `taken` were the last message.
    buffer: Vec<u8>,
    taken: usize,
    /// Descriptors received. Behind those of one message nothing is received before it was heard; before them may be messages
    /// without any, which the kernel hands out together with it.
    waiting: Vec<OwnedFd>,
}

impl Line {
    pub(crate) const fn new(socket: OwnedFd) -> Self {
        Self { socket, buffer: Vec::new(), taken: 0, waiting: Vec::new() }
    }

    /// Lets a `brig-init` go on that waits for its ids (`When::WhenMapped`).
    pub(crate) fn ids_are_mapped(&self) -> Result<(), Errno> {
        sendmsg(&self.socket, &[IoSlice::new(&[1])], &mut SendAncillaryBuffer::default(), SendFlags::NOSIGNAL)
            .map(drop)
    }

    /// Sends messages, with descriptors beside the first.
    pub(crate) fn send(
        &self,
        messages: &Messages,
        descriptors: &[BorrowedFd<'_>],
        deadline: Instant,
    ) -> Result<(), Errno> {
        let bytes = messages.0.as_slice();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
            return Err(Errno::TOOMANYREFS);
        }
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        let mut sent = 0;
        while sent < bytes.len() {
            let rest = [IoSlice::new(bytes.get(sent..).unwrap_or_default())];
            match sendmsg(&self.socket, &rest, &mut control, flags) {
                Ok(count) => sent += count,
                Err(Errno::INTR) => continue,
                Err(Errno::AGAIN) => {
                    let mut fds = [PollFd::new(&self.socket, PollFlags::OUT)];
                    if !poll_until(&mut fds, deadline)? {
                        return Err(Errno::TIMEDOUT);
                    }
                    continue;
                }
                Err(errno) => return Err(errno),
            }
            // They went with the first byte.
            control.clear();
        }
        Ok(())
    }

    /// Answers.
    pub(crate) fn reply(
        &self,
        reply: &Reply,
        descriptor: Option<BorrowedFd<'_>>,
        deadline: Instant,
    ) -> Result<(), Errno> {
        self.send(&Messages::one(reply)?, descriptor.as_slice(), deadline)
    }

    /// Waits for the next message, as long as [`pair`] lets it.
    pub(crate) fn hear(&mut self) -> Result<Heard, Errno> {
        self.buffer.drain(..self.taken);
        self.taken = 0;
        loop {
            if let Some(whole) = self.whole_message()? {
                self.taken = whole;
                return Ok(Heard::Message);
            }
            match self.receive() {
                Ok(0) => return Ok(Heard::Closed),
                Ok(_) | Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Ok(Heard::Silence),
                Err(errno) => return Err(errno),
            }
        }
    }

    /// The descriptors beside the message that was heard last, which is of a kind that has some.
    pub(crate) fn descriptors(&mut self) -> Vec<OwnedFd> {
        std::mem::take(&mut self.waiting)
    }

    /// What the message said that was heard last.
    pub(crate) fn ask(&self) -> Result<Ask<'_>, Errno> {
        let body = self.buffer.get(4..self.taken).unwrap_or_default();
        wire::decode(body).map_err(|_| Errno::PROTO)
    }

    fn whole_message(&self) -> Result<Option<usize>, Errno> {
        let Some(length) = self.buffer.first_chunk::<4>() else { return Ok(None) };
        let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| Errno::MSGSIZE)?;
        if length > LONGEST {
            return Err(Errno::MSGSIZE);
        }
        Ok((self.buffer.len() >= 4 + length).then_some(4 + length))
    }

    fn receive(&mut self) -> Result<usize, Errno> {
        let mut room = [0; 1024];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let flags = RecvFlags::CMSG_CLOEXEC;
        let received = match recvmsg(&self.socket, &mut [IoSliceMut::new(&mut room)], &mut control, flags) {
            Err(Errno::CONNRESET) => return Ok(0),
            other => other?.bytes,
        };
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(rights) = message {
                self.waiting.extend(rights);
            }
        }
        self.buffer.extend_from_slice(room.get(..received).unwrap_or_default());
        Ok(received)
    }
}

/// What was last known of a `brig-init` that fell silent.
pub(crate) fn last_heard(last: Option<Step>) -> String {
    last.map_or_else(|| "before its first word".to_owned(), |step| format!("last heard: {}", step.name()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::{AsFd, AsRawFd};

    #[test]
    fn a_descriptor_stays_with_its_own_message_when_several_arrive_together() {
        let (ours, theirs) = pair(Duration::from_secs(10)).unwrap();
        let speaker = Line::new(theirs);
        let deadline = Instant::now() + Duration::from_secs(10);
        let say = |ask: &Ask<'_>, beside: &[BorrowedFd<'_>]| {
            speaker.send(&Messages::one(ask).unwrap(), beside, deadline).unwrap();
        };
        say(&Ask::Begins(Step::JoinNamespaces), &[]);
        say(&Ask::Spawned(7), &[speaker.socket.as_fd()]);
        say(&Ask::AtGate, &[]);
        let mut line = Line::new(ours);
        assert!(matches!(line.hear(), Ok(Heard::Message)));
        assert_eq!(line.ask(), Ok(Ask::Begins(Step::JoinNamespaces)));
        assert!(matches!(line.hear(), Ok(Heard::Message)));
        assert_eq!(line.ask(), Ok(Ask::Spawned(7)));
        let beside = line.descriptors();
        assert!(matches!(beside.as_slice(), [copy] if copy.as_raw_fd() != speaker.socket.as_raw_fd()));
        assert!(matches!(line.hear(), Ok(Heard::Message)));
        assert_eq!(line.ask(), Ok(Ask::AtGate));
        assert!(line.descriptors().is_empty());
    }
}
