//! An agent for `SCMP_ACT_NOTIFY`: takes listeners on a socket, and answers what is notified as the test decides.
#![allow(unsafe_code, reason = "the notifications of seccomp_unotify(2) are ioctls")]

use std::{
    io::{IoSliceMut, Read as _},
    mem::MaybeUninit,
    os::fd::{AsFd as _, OwnedFd},
    os::unix::net::{UnixListener, UnixStream},
    path::Path,
    thread::{self, JoinHandle},
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    ioctl::{Updater, ioctl, opcode},
    net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg},
};
use serde_json::Value;

/// `struct seccomp_notif`, linux/seccomp.h.
#[repr(C)]
#[derive(Debug, Default, Clone, Copy)]
struct Notification {
    id: u64,
    pid: u32,
    flags: u32,
    nr: i32,
    arch: u32,
    instruction_pointer: u64,
    args: [u64; 6],
}

/// `struct seccomp_notif_resp`.
#[repr(C)]
#[derive(Debug, Default, Clone, Copy)]
struct Response {
    id: u64,
    val: i64,
    error: i32,
    flags: u32,
}

/// What a call gets.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Answer {
    /// It fails with this errno.
    Errno(i32),
    /// It returns this, and the kernel does nothing.
    Value(i64),
    /// The kernel carries it out.
    Continue,
}

/// An agent at work: the messages that came with its listeners, in the end.
#[derive(Debug)]
pub(crate) struct Agent(JoinHandle<Vec<Value>>);

/// No test takes longer.
const PATIENCE: Duration = Duration::from_secs(30);

impl Agent {
    /// Listens at `path` for `listeners` filters, one after the other, and answers with `answers` in turn; what comes after
    /// the last of them is continued.
    pub(crate) fn at(path: &Path, listeners: usize, answers: &'static [Answer]) -> Self {
        let socket = UnixListener::bind(path).unwrap();
        Self(thread::spawn(move || {
            let mut answers = answers.iter().copied();
            let take = |_| {
                let (message, listener) = received(&socket.accept().unwrap().0);
                serve(&listener, &mut answers);
                message
            };
            (0..listeners).map(take).collect()
        }))
    }

    /// The messages, when every process under the filters has ended.
    pub(crate) fn messages(self) -> Vec<Value> {
        self.0.join().unwrap()
    }
}

/// One message with one descriptor, and then the end.
fn received(stream: &UnixStream) -> (Value, OwnedFd) {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut text = vec![0; 64 << 10];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::CMSG_CLOEXEC;
    let count = recvmsg(stream, &mut [IoSliceMut::new(&mut text)], &mut control, flags).unwrap().bytes;
    let mut descriptors = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            descriptors.extend(rights);
        }
    }
    assert_eq!(descriptors.len(), 1, "one listener");
    assert_eq!((&*stream).read(&mut [0]).unwrap(), 0, "one message, and the end");
    (serde_json::from_slice(&text[..count]).unwrap(), descriptors.remove(0))
}

/// Until the last process under the filter is gone.
fn serve(listener: &OwnedFd, answers: &mut impl Iterator<Item = Answer>) {
    loop {
        let mut fds = [PollFd::from_borrowed_fd(listener.as_fd(), PollFlags::IN)];
        let patience = Timespec { tv_sec: 30, tv_nsec: 0 };
        assert_eq!(poll(&mut fds, Some(&patience)).unwrap(), 1, "nothing happened for long");
        if fds[0].revents().contains(PollFlags::HUP) {
            return;
        }
        let mut notification = Notification::default();
        match receive(listener, &mut notification) {
            // It was killed meanwhile.
            Err(Errno::NOENT | Errno::INTR) => continue,
            other => other.unwrap(),
        }
        let mut response = Response { id: notification.id, ..Response::default() };
        match answers.next().unwrap_or(Answer::Continue) {
            Answer::Errno(errno) => response.error = -errno,
            Answer::Value(value) => response.val = value,
            Answer::Continue => response.flags = 1,
        }
        match send(listener, &mut response) {
            Err(Errno::NOENT) => {}
            other => other.unwrap(),
        }
    }
}

/// `SECCOMP_IOCTL_NOTIF_RECV`.
fn receive(listener: &OwnedFd, notification: &mut Notification) -> Result<(), Errno> {
    const RECV: u32 = opcode::read_write::<Notification>(b'!', 0);
    // SAFETY: with this number the kernel fills one struct seccomp_notif, which is what `Notification` is.
    let call = unsafe { Updater::<RECV, _>::new(notification) };
    // SAFETY: the number is one of a seccomp listener's, and any bits are a `Notification`.
    unsafe { ioctl(listener, call) }
}

/// `SECCOMP_IOCTL_NOTIF_SEND`.
fn send(listener: &OwnedFd, response: &mut Response) -> Result<(), Errno> {
    const SEND: u32 = opcode::read_write::<Response>(b'!', 1);
    // SAFETY: with this number the kernel reads one struct seccomp_notif_resp, which is what `Response` is.
    let call = unsafe { Updater::<SEND, _>::new(response) };
    // SAFETY: the number is one of a seccomp listener's, which only looks at what it is given.
    unsafe { ioctl(listener, call) }
}
