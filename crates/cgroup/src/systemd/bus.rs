//! A connection to systemd, or to a bus on which it is. Everything that needs no answer goes out in one piece: greeting, match and
//! calls, so that a command makes one round trip.
//! Runs in: the parent. No wait is without a deadline.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;

use brig_dbus::{Call, Kind, Message, Value};
use rustix::event::{PollFd, PollFlags};
use rustix::io::{Errno, retry_on_intr};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType, connect, recv, send,
    socket_with,
};

use super::address::{Peer, Server, Socket};
use super::failure::Failure;
use super::inbox::{Bad, GREETING, Inbox};
use crate::until::Until;

/// The connection.
#[derive(Debug)]
pub(crate) struct Bus {
    socket: OwnedFd,
    peer: Peer,
    inbox: Inbox,
    outbox: Vec<u8>,
    serial: u32,
    until: Until,
    /// What came while something else was waited for.
    jobs: VecDeque<JobEnd>,
    replies: VecDeque<(u32, Reply)>,
}

/// The end of a job, as `JobRemoved` tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JobEnd {
    pub(crate) job: String,
    pub(crate) result: String,
}

/// The answer to a call: the values of the reply, or the error.
pub(crate) type Reply = Result<Vec<Value>, Failure>;

impl Bus {
    /// Connects to the first server that takes us. `missed` hears of those that do not.
    pub(crate) fn connect(
        servers: &[Server],
        until: &Until,
        mut missed: impl FnMut(&Server, Errno),
    ) -> Result<Bus, Failure> {
        let mut tried = Vec::new();
        for server in servers {
            match open(&server.socket, until) {
                Ok(socket) => return Ok(Bus::on(socket, server.peer, until.clone())),
                Err(errno) => {
                    missed(server, errno);
                    tried.push((name(&server.socket), errno));
                }
            }
        }
        Err(Failure::Unreachable(tried))
    }

    fn on(socket: OwnedFd, peer: Peer, until: Until) -> Bus {
        let mut bus = Bus {
            socket,
            peer,
            inbox: Inbox::default(),
            outbox: GREETING.to_vec(),
            serial: 0,
            until,
            jobs: VecDeque::new(),
            replies: VecDeque::new(),
        };
        if peer == Peer::Bus {
            bus.queue_to_daemon("Hello", &[]);
        }
        bus
    }

    /// Asks to be told of the ends of jobs. systemd itself tells everybody who is connected to it. On a bus it can go away without
    /// a change to our connection, and signals of the meantime are lost: that it left is a signal as well.
    pub(crate) fn watch_jobs(&mut self) {
        if self.peer == Peer::Bus {
            self.queue_to_daemon("AddMatch", &[Value::text(JOB_REMOVED)]);
            self.queue_to_daemon("AddMatch", &[Value::text(NAME_LOST)]);
        }
    }

    fn queue_to_daemon(&mut self, member: &str, body: &[Value]) {
        let daemon = "org.freedesktop.DBus";
        self.queue(&Call {
            destination: daemon,
            path: "/org/freedesktop/DBus",
            interface: daemon,
            member,
            body,
        });
    }

    /// Puts a call to the rest that waits to be sent; the number is what its reply will name.
    pub(crate) fn queue(&mut self, call: &Call<'_>) -> u32 {
        self.serial += 1;
        self.outbox.extend(call.encode(self.serial));
        self.serial
    }

    /// Sends all that waits.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        self.reach_beyond_the_greeting();
        while !self.outbox.is_empty() {
            match retry_on_intr(|| {
                send(&self.socket, &self.outbox, SendFlags::NOSIGNAL | SendFlags::DONTWAIT)
            }) {
                Ok(sent) => drop(self.outbox.drain(..sent.min(self.outbox.len()))),
                Err(Errno::AGAIN) => self.wait(PollFlags::OUT, "it takes no more calls")?,
                Err(Errno::PIPE | Errno::CONNRESET) => return Err(self.last_words()),
                Err(errno) => return Err(Failure::Call(errno)),
            }
        }
        Ok(())
    }

    /// systemd's first look takes in the greeting and a little more. What it finds behind the greeting it keeps, and then waits
    /// for more: a call that is already there as a whole would never be heard (sd-bus; seen in 257).
    fn reach_beyond_the_greeting(&mut self) {
        while self.peer == Peer::Systemd
            && self.outbox.starts_with(GREETING)
            && self.outbox.len() <= FIRST_LOOK
        {
            self.queue(&Call {
                destination: "org.freedesktop.systemd1",
                path: "/org/freedesktop/systemd1",
                interface: "org.freedesktop.DBus.Peer",
                member: "Ping",
                body: &[],
            });
        }
    }

    /// Who hangs up on us may have said why.
    fn last_words(&mut self) -> Failure {
        match self.hear("why it hung up") {
            Err(failure) => failure,
            Ok(()) => Failure::Closed,
        }
    }

    /// The answer to the call `serial`.
    pub(crate) fn reply(&mut self, serial: u32, what: &'static str) -> Reply {
        self.flush()?;
        loop {
            if let Some(at) = self.replies.iter().position(|(number, _)| *number == serial)
                && let Some((_, reply)) = self.replies.remove(at)
            {
                return reply;
            }
            self.hear(what)?;
        }
    }

    /// The result of a job.
    pub(crate) fn job_end(&mut self, job: &str, what: &'static str) -> Result<String, Failure> {
        loop {
            if let Some(at) = self.jobs.iter().position(|end| end.job == job)
                && let Some(end) = self.jobs.remove(at)
            {
                return Ok(end.result);
            }
            self.hear(what)?;
        }
    }

    /// Takes in at least one message.
    fn hear(&mut self, what: &'static str) -> Result<(), Failure> {
        // Who never stops talking is no better than who never begins.
        if self.until.is_over() {
            return Err(Failure::Deadline(what));
        }
        loop {
            match self.inbox.next() {
                Ok(Some(bytes)) => return self.sort(&bytes),
                Ok(None) => {}
                Err(Bad::Rejected) => return Err(Failure::Rejected),
                Err(Bad::Malformed) => return Err(Failure::Malformed),
            }
            let mut chunk = [0; 4096];
            match retry_on_intr(|| recv(&self.socket, &mut chunk, RecvFlags::DONTWAIT)) {
                Ok((0, _)) | Err(Errno::CONNRESET) => return Err(Failure::Closed),
                Ok((length, _)) => self.inbox.push(chunk.get(..length).unwrap_or_default()),
                Err(Errno::AGAIN) => self.wait(PollFlags::IN, what)?,
                Err(errno) => return Err(Failure::Call(errno)),
            }
        }
    }

    fn wait(&self, flags: PollFlags, what: &'static str) -> Result<(), Failure> {
        match self.until.poll(&mut vec![PollFd::new(&self.socket, flags)]) {
            Ok(true) => Ok(()),
            Ok(false) => Err(Failure::Deadline(what)),
            Err(errno) => Err(Failure::Call(errno)),
        }
    }

    /// Keeps what somebody here may be waiting for: answers, and ends of jobs.
    fn sort(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let message = Message::parse(bytes).map_err(|_| Failure::Malformed)?;
        let awaited = message.reply_to.filter(|serial| *serial <= self.serial);
        match (message.kind, awaited) {
            (Kind::Return | Kind::Error, Some(_)) if self.replies.len() >= MOST => {}
            (Kind::Return, Some(serial)) => {
                let values = message.values().map_err(|_| Failure::Malformed)?;
                self.replies.push_back((serial, Ok(values)));
            }
            (Kind::Error, Some(serial)) => {
                let text = message.first_text().unwrap_or_default();
                let refused = Failure::Refused { name: message.error.unwrap_or_default(), message: text };
                self.replies.push_back((serial, Err(refused)));
            }
            (Kind::Signal, _) if message.member.as_deref() == Some("JobRemoved") => {
                self.jobs.extend(message.values().ok().and_then(|values| job_end(&values)));
                // Ours is among the last: everybody's jobs are told.
                self.jobs.drain(..self.jobs.len().saturating_sub(MOST));
            }
            (Kind::Signal, _)
                if message.member.as_deref() == Some("NameOwnerChanged")
                    && message.values().is_ok_and(|values| is_loss(&values)) =>
            {
                return Err(Failure::Closed);
            }
            _ => {}
        }
        Ok(())
    }
}

/// `NameOwnerChanged(s name, s old_owner, s new_owner)`: systemd has left the bus.
fn is_loss(values: &[Value]) -> bool {
    match values {
        [Value::Text(name), Value::Text(_), Value::Text(owner)] => {
            name == "org.freedesktop.systemd1" && owner.is_empty()
        }
        _ => false,
    }
}

/// `JobRemoved(u id, o job, s unit, s result)`; somebody else's signal of that name has other arguments.
fn job_end(values: &[Value]) -> Option<JobEnd> {
    match values {
        [Value::U32(_), Value::Path(job), Value::Text(_), Value::Text(result)] => {
            Some(JobEnd { job: job.clone(), result: result.clone() })
        }
        _ => None,
    }
}

/// A server whose queue is full is waited for.
fn open(socket: &Socket, until: &Until) -> Result<OwnedFd, Errno> {
    let address = match socket {
        Socket::Path(path) => SocketAddrUnix::new(path.as_str())?,
        Socket::Abstract(name) => SocketAddrUnix::new_abstract_name(name)?,
    };
    let opened = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    set_socket_timeout(&opened, Timeout::Send, Some(TURN))?;
    loop {
        match retry_on_intr(|| connect(&opened, &address)) {
            Err(Errno::AGAIN) if !until.is_over() => {}
            connected => return connected.map(|()| opened),
        }
    }
}

fn name(socket: &Socket) -> String {
    match socket {
        Socket::Path(path) => path.clone(),
        Socket::Abstract(name) => format!("@{}", String::from_utf8_lossy(name)),
    }
}

/// How many bytes systemd takes in before it knows who we are.
const FIRST_LOOK: usize = 256;

/// How much is kept of what may be waited for later.
const MOST: usize = 256;

/// How long a full queue is waited for in one turn.
const TURN: std::time::Duration = std::time::Duration::from_millis(100);

const JOB_REMOVED: &str = "type='signal',sender='org.freedesktop.systemd1',path='/org/freedesktop/systemd1',interface='org.freedesktop.systemd1.Manager',member='JobRemoved'";

const NAME_LOST: &str = "type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='org.freedesktop.systemd1'";
