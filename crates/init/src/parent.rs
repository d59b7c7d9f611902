//! Our end of the handshake: ask, and wait for the answer.

use alloc::vec::Vec;
use core::cell::Cell;
use core::mem::MaybeUninit;

use brig_handshake::timeline::Mark;
use brig_handshake::wire::{self, Wire};
use brig_handshake::{Ask, Fault, Reply, Step};
use brig_sys::clone::Alone;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::{self, Errno, IoSlice, IoSliceMut};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};

use crate::fault::{At, Outcome};
use crate::timeline::Timeline;

/// The most descriptors that the kernel lets travel in one message (unix(7), SCM_MAX_FD).
const MOST_DESCRIPTORS: usize = 253;

/// Docker's profile for three ABIs makes 2.4 kB.
const USUAL_PROGRAM: usize = 4 << 10;
const USUAL_REPLY: usize = 16;

/// What the parent hears of steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Steps {
    /// Nothing, which saves the messages.
    Silent,
    /// Each before it is taken (`--debug`).
    Told,
    /// In the end, how long each took (`--trace`, `--timing`).
    Timed,
    /// Both.
    ToldAndTimed,
}

/// The parent, behind its socket.
pub(crate) struct Parent {
    socket: OwnedFd,
    steps: Steps,
    /// What each step took, if the parent wants to know.
    timeline: Option<Timeline>,
    /// Past the gate, where nobody listens any more.
    gone: bool,
    /// This process may be copied.
    pub(crate) alone: Alone,
    /// Answers are on their way that nobody has waited for yet: to this first…
    network_unanswered: Cell<bool>,
    /// …then to this, in the order in which they were asked.
    walls_unanswered: Cell<bool>,
    program: Cell<Program>,
    /// What was read beyond the message that was wanted.
    ahead: Cell<Vec<u8>>,
}

/// The filter's program, empty if there is none: the first message behind the task's.
#[derive(Default)]
enum Program {
    #[default]
    None,
    /// It is on its way.
    Follows,
    Here(Vec<u8>),
}

impl Parent {
    pub(crate) const fn new(socket: OwnedFd, alone: Alone, steps: Steps) -> Self {
        Self {
            socket,
            steps,
            timeline: None,
            gone: false,
            alone,
            network_unanswered: Cell::new(false),
            walls_unanswered: Cell::new(false),
            program: Cell::new(Program::None),
            ahead: Cell::new(Vec::new()),
        }
    }

    pub(crate) fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// From now on it is watched what each step takes, if that is wanted.
    pub(crate) fn watch(&mut self) {
        if matches!(self.steps, Steps::Timed | Steps::ToldAndTimed) {
            self.timeline = Some(Timeline::new());
        }
    }

    /// That, if it is wanted.
    pub(crate) const fn timeline(&self) -> Option<&Timeline> {
        self.timeline.as_ref()
    }

    /// Asks and waits for [`Reply::Done`].
    pub(crate) fn ask(&self, step: Step, ask: &Ask<'_>) -> Outcome<()> {
        self.ask_with(step, ask, &[])
    }

    /// The task says that a program follows.
    pub(crate) fn program_follows(&self) {
        self.program.set(Program::Follows);
    }

    /// That program, waited for if it is not here yet; `None` if the task did not say so.
    pub(crate) fn take_program(&self) -> Outcome<Option<Vec<u8>>> {
        self.read_up_to_answers()?;
        match self.program.take() {
            Program::Here(program) => Ok(Some(program)),
            Program::Follows | Program::None => Ok(None),
        }
    }

    /// The program comes before every answer.
    fn read_up_to_answers(&self) -> Outcome<()> {
        let program = match self.program.take() {
            Program::Follows => {
                let read = |room: &mut [u8]| io::read(&self.socket, room);
                let program = self.waiting(Step::Record, || self.message(USUAL_PROGRAM, read));
                Program::Here(program.at(Step::Record)?)
            }
            here @ (Program::Here(_) | Program::None) => here,
        };
        self.program.set(program);
        Ok(())
    }

    /// Asks with descriptors beside the question.
    pub(crate) fn ask_with(&self, step: Step, ask: &Ask<'_>, descriptors: &[BorrowedFd<'_>]) -> Outcome<()> {
        self.walls_are_finished()?;
        self.tell(ask, descriptors).at(step)?;
        self.wait_for_done(step)
    }

    /// Asks for the network to be set up by way of a socket in it, without waiting. Before [`Parent::finish_walls`].
    pub(crate) fn set_up_network(&self, socket: BorrowedFd<'_>) -> Outcome<()> {
        self.network_unanswered.set(true);
        self.tell(&Ask::SetUpNetwork, &[socket]).at(Step::Network)
    }

    /// Waits for that, if it was asked for.
    pub(crate) fn network_is_up(&self) -> Outcome<()> {
        if self.network_unanswered.take() { self.wait_for_done(Step::Network) } else { Ok(()) }
    }

    /// Asks for the walls to be finished, without waiting.
    pub(crate) fn finish_walls(&self) -> Outcome<()> {
        self.walls_unanswered.set(true);
        self.tell(&Ask::FinishWalls, &[]).at(Step::Walls)
    }

    /// Waits for that, if it was asked for, and for all that was asked for before.
    pub(crate) fn walls_are_finished(&self) -> Outcome<()> {
        self.network_is_up()?;
        if self.walls_unanswered.take() { self.wait_for_done(Step::Walls) } else { Ok(()) }
    }

    /// Waits for the [`Reply::Done`] to something that was told before.
    pub(crate) fn wait_for_done(&self, step: Step) -> Outcome<()> {
        self.read_up_to_answers()?;
        match self.waiting(step, || self.plain_reply()).at(step)? {
            Reply::Done => Ok(()),
            Reply::Failed | Reply::NoSource(_) => crate::leave(255),
        }
    }

    /// Asks for the detached tree of a mount source, or to have the one that was opened made ready; the inner error is the
    /// parent's errno.
    pub(crate) fn ask_for_source(
        &self,
        mount: u32,
        opened: Option<BorrowedFd<'_>>,
    ) -> Outcome<Result<OwnedFd, Errno>> {
        self.walls_are_finished()?;
        self.read_up_to_answers()?;
        self.tell(&Ask::OpenSource(mount), opened.as_slice()).at(Step::MountSource)?;
        match self.waiting(Step::MountSource, || self.reply()).at_entry(Step::MountSource, mount)? {
            (Reply::Done, Some(tree)) => Ok(Ok(tree)),
            (Reply::NoSource(errno), _) => Ok(Err(Errno::from_raw_os_error(errno))),
            _ => crate::leave(255),
        }
    }

    /// Sends something that is not answered, or whose answer is waited for elsewhere.
    pub(crate) fn tell(&self, ask: &Ask<'_>, descriptors: &[BorrowedFd<'_>]) -> Result<(), Errno> {
        let mut message = alloc::vec![0; 4];
        ask.put(&mut message);
        let length = u32::try_from(message.len() - 4).map_err(|_| Errno::MSGSIZE)?.to_le_bytes();
        message[..4].copy_from_slice(&length);
        let sent = if descriptors.is_empty() {
            // A filter with a listener may already be in force, and is known to let write(2) pass.
            io::write(&self.socket, &message)?
        } else {
            let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(3))];
            let mut control = SendAncillaryBuffer::new(&mut room);
            control.push(SendAncillaryMessage::ScmRights(descriptors));
            sendmsg(&self.socket, &[IoSlice::new(&message)], &mut control, SendFlags::NOSIGNAL)?
        };
        // A stream socket takes a message of a few kilobytes at once or waits; only a broken peer leaves a part.
        if sent == message.len() { Ok(()) } else { Err(Errno::PIPE) }
    }

    /// An answer without descriptors, read with read(2): for the same reason as in [`Parent::tell`].
    fn plain_reply(&self) -> Result<Reply, Errno> {
        let message = self.message(USUAL_REPLY, |room| io::read(&self.socket, room))?;
        wire::decode(&message).map_err(|_| Errno::PROTO)
    }

    fn reply(&self) -> Result<(Reply, Option<OwnedFd>), Errno> {
        let (message, mut descriptors) = self.receive(USUAL_REPLY)?;
        let reply = wire::decode(&message).map_err(|_| Errno::PROTO)?;
        Ok((reply, descriptors.pop()))
    }

    /// One message and the descriptors beside it. `usual` bytes are made room for at first.
    pub(crate) fn receive(&self, usual: usize) -> Result<(Vec<u8>, Vec<OwnedFd>), Errno> {
        let mut descriptors = Vec::new();
        let message = self.message(usual, |room| self.receive_some(room, &mut descriptors))?;
        Ok((message, descriptors))
    }

    /// Waits for what the parent does in `step`.
    pub(crate) fn waiting<T>(&self, step: Step, wait: impl FnOnce() -> T) -> T {
        self.mark(Mark::Waits, step, 0);
        let come = wait();
        self.mark(Mark::Resumes, step, 0);
        come
    }

    fn mark(&self, mark: Mark, step: Step, index: u32) {
        if let Some(timeline) = &self.timeline {
            timeline.read(mark, step, index);
        }
    }

    /// The next message. What comes with its end is kept for the one behind it, which has no descriptors: only an answer has
    /// some, and that is never behind another message.
    fn message(
        &self,
        usual: usize,
        mut read: impl FnMut(&mut [u8]) -> Result<usize, Errno>,
    ) -> Result<Vec<u8>, Errno> {
        let ahead = self.ahead.take();
        let mut filled = ahead.len();
        // Zeros that are never touched cost nothing: no page of them is there.
        let mut buffer = alloc::vec![0; filled.max(usual + 4)];
        buffer[..filled].copy_from_slice(&ahead);
        loop {
            let length = buffer[..filled].first_chunk::<4>().map_or(0, |length| u32::from_le_bytes(*length));
            let wanted = 4 + usize::try_from(length).map_err(|_| Errno::MSGSIZE)?;
            if filled >= 4 && filled >= wanted {
                self.ahead.set(buffer[wanted..filled].to_vec());
                buffer.truncate(wanted);
                buffer.drain(..4);
                return Ok(buffer);
            }
            if buffer.len() < wanted {
                buffer.resize(wanted, 0);
            }
            match read(&mut buffer[filled..]) {
                Ok(0) => return Err(Errno::CONNRESET),
                Ok(count) => filled += count,
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno),
            }
        }
    }

    fn receive_some(&self, room: &mut [u8], descriptors: &mut Vec<OwnedFd>) -> Result<usize, Errno> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let received = loop {
            match recvmsg(&self.socket, &mut [IoSliceMut::new(room)], &mut control, RecvFlags::CMSG_CLOEXEC) {
                Err(Errno::INTR) => {}
                other => break other?,
            }
        };
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(rights) = message {
                descriptors.extend(rights);
            }
        }
        Ok(received.bytes)
    }

    /// Says that only the gate and execve are left, and that nobody is to wait for us any longer.
    pub(crate) fn at_gate(&mut self) -> Outcome<()> {
        self.tell_timeline().at(Step::Gate)?;
        self.tell(&Ask::AtGate, &[]).at(Step::Gate)
    }

    /// From here on nobody answers; faults go to standard error.
    pub(crate) fn let_go(&mut self) {
        self.gone = true;
    }

    /// Reports why we stop: to the parent, or, past the gate, in one line to the user's standard error, as runc does.
    pub(crate) fn fail(&self, fault: &Fault<'_>) {
        if self.gone {
            crate::payload::last_words(fault);
        } else if self.tell_timeline().and_then(|()| self.tell(&Ask::Failed(fault.clone()), &[])).is_err() {
            // It was killed, and we are about to be: nobody asked the user's standard error to hear of that.
        }
    }

    fn tell_timeline(&self) -> Result<(), Errno> {
        let Some(timeline) = &self.timeline else { return Ok(()) };
        timeline.read(Mark::Ends, Step::Gate, 0);
        self.tell(&Ask::Timeline(timeline.take()), &[])
    }

    /// Tells of a step that is about to be taken, and reads the clock, if that is wanted.
    pub(crate) fn begins(&self, step: Step) -> Outcome<()> {
        self.enters(step, 0);
        match self.steps {
            Steps::Told | Steps::ToldAndTimed => self.tell(&Ask::Begins(step), &[]).at(step),
            Steps::Silent | Steps::Timed => Ok(()),
        }
    }

    /// Reads the clock at the begin of a step, or of one entry of its list, if that is wanted.
    pub(crate) fn enters(&self, step: Step, index: u32) {
        self.mark(Mark::Begins, step, index);
    }

    /// Something was left out; the container starts all the same.
    pub(crate) fn note(&self, fault: Fault<'_>) -> Outcome<()> {
        let step = fault.step;
        self.tell(&Ask::Note(fault), &[]).at(step)
    }
}
