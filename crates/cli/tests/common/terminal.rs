//! A terminal of the host for tests, and the other end of sockets that take terminals.

use std::{
    fs::File,
    io::{IoSliceMut, Read as _, Write as _},
    mem::MaybeUninit,
    os::{fd::OwnedFd, unix::net::UnixListener},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::Instant,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{Mode, OFlags},
    net, pty, termios,
};

use super::{DEADLINE, POLL};

/// A terminal of the host, made by the test: what its user types and sees.
#[derive(Debug)]
pub(crate) struct HostTerminal {
    master: File,
    slave: OwnedFd,
    shown: Arc<Mutex<String>>,
}

impl HostTerminal {
    /// With this many lines and columns.
    pub(crate) fn new(lines: u16, columns: u16) -> Self {
        let terminal = Self::unwatched(lines, columns);
        terminal.watch();
        terminal
    }

    /// The same, with nobody who reads what is shown until [`watch`](Self::watch).
    pub(crate) fn unwatched(lines: u16, columns: u16) -> Self {
        let master =
            pty::openpt(pty::OpenptFlags::RDWR | pty::OpenptFlags::NOCTTY | pty::OpenptFlags::CLOEXEC)
                .unwrap();
        pty::grantpt(&master).unwrap();
        pty::unlockpt(&master).unwrap();
        let name = pty::ptsname(&master, Vec::new()).unwrap();
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let slave = rustix::fs::open(&*name, flags, Mode::empty()).unwrap();
        let terminal = Self { master: File::from(master), slave, shown: Arc::default() };
        terminal.resize(lines, columns);
        terminal
    }

    /// Waits until there is something to read.
    pub(crate) fn has_output(&self) {
        let deadline = Timespec::try_from(*DEADLINE).unwrap();
        let ready = poll(&mut [PollFd::new(&self.master, PollFlags::IN)], Some(&deadline)).unwrap();
        assert_eq!(ready, 1, "nothing is written");
    }

    /// Reads, from now on.
    pub(crate) fn watch(&self) {
        let (mut master, shown) = (self.master.try_clone().unwrap(), Arc::clone(&self.shown));
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = master.read(&mut buffer) {
                shown.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..count]));
            }
        });
    }

    /// Starts a command whose terminal this is.
    pub(crate) fn spawn(&self, command: &Command) -> Child {
        let stream = || Stdio::from(self.slave.try_clone().unwrap());
        let mut session = Command::new("setsid");
        session.arg("--ctty").arg("--wait").arg(command.get_program()).args(command.get_args());
        session.stdin(stream()).stdout(stream()).stderr(stream()).spawn().unwrap()
    }

    /// Changes its size.
    pub(crate) fn resize(&self, lines: u16, columns: u16) {
        let size = termios::Winsize { ws_row: lines, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        termios::tcsetwinsize(&self.master, size).unwrap();
    }

    /// Types.
    pub(crate) fn types(&self, text: &str) {
        (&self.master).write_all(text.as_bytes()).unwrap();
    }

    /// Waits until `text` was shown.
    #[track_caller]
    pub(crate) fn shows(&self, text: &str) {
        let deadline = Instant::now() + *DEADLINE;
        while !self.shown().contains(text) {
            assert!(Instant::now() < deadline, "{text:?} is not shown, but {:?}", self.shown());
            thread::sleep(POLL);
        }
    }

    /// All that was shown until now.
    pub(crate) fn shown(&self) -> String {
        self.shown.lock().unwrap().clone()
    }

    /// Its settings, as text to compare.
    pub(crate) fn settings(&self) -> String {
        let settings = termios::tcgetattr(&self.slave).unwrap();
        format!(
            "{:?} {:?} {:?} {:?}",
            settings.input_modes, settings.output_modes, settings.local_modes, settings.control_modes
        )
    }
}

/// Takes one message with one descriptor from somebody who connects.
pub(crate) fn take_descriptor(listener: &UnixListener) -> (String, OwnedFd) {
    let (connection, _) = listener.accept().unwrap();
    let mut text = [0; 64];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = net::RecvAncillaryBuffer::new(&mut space);
    let mut room = [IoSliceMut::new(&mut text)];
    let received = net::recvmsg(&connection, &mut room, &mut control, net::RecvFlags::CMSG_CLOEXEC).unwrap();
    let descriptor = control.drain().find_map(|message| match message {
        net::RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        net::RecvAncillaryMessage::ScmCredentials(_) | _ => None,
    });
    (String::from_utf8_lossy(&text[..received.bytes]).into_owned(), descriptor.unwrap())
}
