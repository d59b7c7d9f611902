//! A process in the foreground: signals are passed on, a terminal is copied and resized, children are reaped, and its end is
//! waited for.
//! Runs in: the parent. For a command with one thread: it blocks signals, and changes the caller's terminal until the end.

mod reader;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use brig_sys::{close_range, signal};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::{Errno, ioctl_fionbio, read, write};
use rustix::process::{
    Pid, PidfdFlags, PidfdGetfdFlags, WaitId, WaitIdOptions, WaitOptions, getpid, pidfd_getfd, pidfd_open,
    set_child_subreaper, wait, waitid,
};
use rustix::termios::{
    OptionalActions, OutputModes, Termios, isatty, tcgetattr, tcgetwinsize, tcsetattr, tcsetwinsize,
};

use crate::create::Created;
use crate::error::{Error, Result, best_effort};

use reader::Reader;

/// SIGCHLD, SIGURG, SIGWINCH (signal(7)).
const CHILD: u32 = 17;
const URGENT: u32 = 23;
const WINDOW: u32 = 28;

/// Signals that arrive, from now on, as data.
#[derive(Debug)]
pub struct Signals {
    arrived: OwnedFd,
}

impl Signals {
    /// Blocks all signals. Call it before the process is made, so that none is lost; `brig-init` unblocks them again.
    ///
    /// # Errors
    /// `Os`.
    pub fn block() -> Result<Self> {
        let failed = |errno| Error::os("signalfd", errno);
        signal::block_all().map_err(failed)?;
        Ok(Self { arrived: signal::signalfd().map_err(failed)? })
    }

    /// The next signal, by its number; `None` when `limit` has passed without one.
    ///
    /// # Errors
    /// `Os`.
    pub fn wait(&self, limit: Duration) -> Result<Option<u32>> {
        let failed = |errno| Error::os("poll", errno);
        let limit = Timespec::try_from(limit).map_err(|_| failed(Errno::INVAL))?;
        match poll(&mut [PollFd::new(&self.arrived, PollFlags::IN)], Some(&limit)) {
            Ok(_) | Err(Errno::INTR) => Ok(self.next()),
            Err(errno) => Err(failed(errno)),
        }
    }

    fn next(&self) -> Option<u32> {
        let mut info = [0; signal::SIGINFO];
        read(&self.arrived, &mut info).ok().filter(|count| *count == info.len())?;
        info.first_chunk::<4>().map(|number| u32::from_ne_bytes(*number))
    }
}

/// Descriptors 0, 1 and 2.
pub fn standard_streams() -> [BorrowedFd<'static>; 3] {
    brig_sys::stdio::streams()
}

/// Descriptors from `first` on that our own caller left open are not for hooks or helpers: they are closed when those are
/// executed.
pub fn keep_descriptors(first: u32) {
    if close_range::mark(first, u32::MAX).is_err() {
        // Before Linux 5.11.
        let open = std::fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
        let open = open.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        for descriptor in open.filter(|descriptor: &u32| *descriptor >= first) {
            best_effort(close_range::mark_one(descriptor), "that of the directory is closed by now");
        }
    }
}

/// A descriptor that our caller left to us, by its number, to be written to. Ours are all close-on-exec, and are refused.
///
/// # Errors
/// `Os`: BADF for one that was not left, or cannot be written to.
pub fn callers_descriptor(number: i32) -> Result<OwnedFd> {
    const CLOEXEC: u32 = 0o2_000_000;
    const ACCESS: u32 = 0o3;
    let failed = |errno| Error::os(format_args!("descriptor {number}"), errno);
    let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{number}")).unwrap_or_default();
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok());
    if flags.is_none_or(|flags| flags & CLOEXEC != 0) {
        return Err(failed(Errno::BADF));
    }
    if flags.is_some_and(|flags| flags & ACCESS == 0) {
        return Err(failed(Errno::BADF).followed_by(" (not writable)"));
    }
    let ourselves = pidfd_open(getpid(), PidfdFlags::empty()).map_err(failed)?;
    pidfd_getfd(&ourselves, number, PidfdGetfdFlags::empty()).map_err(failed)
}

/// Orphans of the container become our children, and are reaped by us (`--no-subreaper` does without).
///
/// # Errors
/// `Os`.
pub fn become_subreaper() -> Result<()> {
    set_child_subreaper(Some(getpid())).map_err(|errno| Error::os("set subreaper", errno))
}

/// The caller's terminal, on whichever of 0, 1, 2 it is, or else the controlling one.
///
/// # Errors
/// `Os`: `open /dev/tty: no such device or address`, in runc's words.
pub fn host_terminal() -> Result<HostTerminal> {
    let stream = brig_sys::stdio::streams().into_iter().find(|stream| isatty(stream));
    let tty = match stream {
        Some(stream) => stream.try_clone_to_owned().map_err(|error| Error::io("dup", &error))?,
        None => openat(CWD, "/dev/tty", OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOCTTY, Mode::empty())
            .map_err(|errno| Error::os("open /dev/tty", errno))?,
    };
    let before = tcgetattr(&tty).map_err(|errno| Error::os("tcgetattr", errno))?;
    let [_, output, _] = brig_sys::stdio::streams();
    Ok(HostTerminal { tty, before, reader: Reader::of(output) })
}

/// Says, on standard error, why the command ends. If that is a pseudoterminal, it has been read afterwards, or a tenth of a second
/// has passed: who waits for this process and then closes the terminal would lose it.
pub fn last_words(say: impl FnOnce()) {
    let [_, _, error] = brig_sys::stdio::streams();
    let reader = Reader::of(error);
    say();
    if let Some(reader) = reader {
        reader.has_got_more();
        reader.wait();
    }
}

/// The caller's terminal and how it was, which it becomes again when this is dropped. What the container's terminal had to show
/// has been read then, or a tenth of a second has passed.
#[derive(Debug)]
pub struct HostTerminal {
    tty: OwnedFd,
    before: Termios,
    /// Of what is copied to standard output.
    reader: Option<Reader>,
}

impl HostTerminal {
    /// All but the output: its lines end here, since those of the container's terminal do not ([`end_lines_plainly`]).
    fn make_raw(&self) -> Result<()> {
        let mut raw = self.before.clone();
        raw.make_raw();
        raw.output_modes |= self.before.output_modes & OutputModes::OPOST;
        tcsetattr(&self.tty, OptionalActions::Now, &raw).map_err(|errno| Error::os("tcsetattr", errno))
    }

    pub(crate) fn give_size_to(&self, master: &OwnedFd) {
        let given = tcgetwinsize(&self.tty).and_then(|size| tcsetwinsize(master, size));
        best_effort(given, "a terminal without a size has none to give");
    }
}

/// Lines of the container's terminal end as its programs end them: the caller may have sent standard output to a file.
/// Where it is a terminal, that one adds what a terminal wants. As runc does.
pub(crate) fn end_lines_plainly(master: &OwnedFd) -> Result<()> {
    let failed = |errno| Error::os("tcsetattr", errno);
    let mut settings = tcgetattr(master).map_err(failed)?;
    settings.output_modes.remove(OutputModes::ONLCR);
    tcsetattr(master, OptionalActions::Now, &settings).map_err(failed)
}

impl Drop for HostTerminal {
    fn drop(&mut self) {
        if let Some(reader) = &self.reader {
            reader.wait();
        }
        best_effort(tcsetattr(&self.tty, OptionalActions::Now, &self.before), "it may be gone by now");
    }
}

/// Stays with `created` until it ends; returns its exit code, or 128 and the signal that ended it.
///
/// # Errors
/// `Os`.
pub fn attend(created: &Created, signals: &Signals, terminal: Option<&HostTerminal>) -> Result<u8> {
    let mut copy = match (&created.terminal, terminal) {
        (Some(master), Some(host)) => Some(Copy::start(master, host)?),
        _ => None,
    };
    loop {
        let mut fds =
            vec![PollFd::new(&signals.arrived, PollFlags::IN), PollFd::new(&created.pidfd, PollFlags::IN)];
        if let Some(copy) = &copy {
            copy.wanted(&mut fds);
        }
        match poll(&mut fds, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(Error::os("poll", errno)),
        }
        let ready = fds.iter().map(PollFd::revents).collect::<Vec<_>>();
        drop(fds);
        if let Some(copy) = &mut copy {
            copy.go_on(ready.get(2..).unwrap_or_default());
        }
        while let Some(number) = signals.next() {
            pass_on(number, created, terminal);
        }
        let reaped = reap(created.pid);
        let ended = ready.get(1).is_some_and(|events| !events.is_empty());
        if ended || reaped.is_some() {
            if let Some(copy) = &mut copy {
                copy.finish();
            }
            return reaped.map_or_else(|| exit_code(created.pidfd.as_fd()), Ok);
        }
    }
}

fn pass_on(number: u32, created: &Created, terminal: Option<&HostTerminal>) {
    match number {
        CHILD | URGENT => {}
        WINDOW => {
            if let (Some(host), Some(master)) = (terminal, &created.terminal) {
                host.give_size_to(master);
            }
        }
        _ => {
            let number = i32::try_from(number).unwrap_or(0);
            best_effort(signal::pidfd_send_signal(&created.pidfd, number), "it has ended");
        }
    }
}

/// Reaps every child that has ended; the exit code if ours is among them.
fn reap(ours: Pid) -> Option<u8> {
    let mut code = None;
    while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
        if pid == ours {
            code = Some(worded(status.exit_status(), status.terminating_signal()));
        }
    }
    code
}

/// How a child ended: its exit code, or 128 and the signal.
///
/// # Errors
/// `Os`.
pub fn exit_code(pidfd: BorrowedFd<'_>) -> Result<u8> {
    let status =
        waitid(WaitId::PidFd(pidfd), WaitIdOptions::EXITED).map_err(|errno| Error::os("waitid", errno))?;
    Ok(status.map_or(0, |status| worded(status.exit_status(), status.terminating_signal())))
}

fn worded(exit: Option<i32>, signal: Option<i32>) -> u8 {
    let code = match (exit, signal) {
        (Some(code), _) => code,
        (None, Some(signal)) => 128 + signal,
        (None, None) => 0,
    };
    u8::try_from(code & 0xff).unwrap_or(u8::MAX)
}

/// Bytes on their way between the caller's terminal and the container's.
struct Copy<'c> {
    master: &'c OwnedFd,
    host: &'c HostTerminal,
    input: BorrowedFd<'static>,
    output: BorrowedFd<'static>,
    /// Typed, and not yet taken by the container.
    typed: Vec<u8>,
    input_open: bool,
    output_open: bool,
}

impl<'c> Copy<'c> {
    fn start(master: &'c OwnedFd, host: &'c HostTerminal) -> Result<Self> {
        host.make_raw()?;
        ioctl_fionbio(master, true).map_err(|errno| Error::os("ioctl", errno))?;
        let [input, output, _] = brig_sys::stdio::streams();
        Ok(Self { master, host, input, output, typed: Vec::new(), input_open: true, output_open: true })
    }

    /// What to poll for: the master always, standard input while nothing typed waits.
    fn wanted<'f>(&'f self, fds: &mut Vec<PollFd<'f>>) {
        if self.output_open {
            let typed = if self.typed.is_empty() { PollFlags::empty() } else { PollFlags::OUT };
            fds.push(PollFd::new(self.master, PollFlags::IN | typed));
        }
        if self.input_open && self.typed.is_empty() {
            fds.push(PollFd::from_borrowed_fd(self.input, PollFlags::IN));
        }
    }

    fn go_on(&mut self, ready: &[PollFlags]) {
        let mut ready = ready.iter();
        let master = if self.output_open { ready.next().copied() } else { None };
        let input = ready.next().copied().unwrap_or(PollFlags::empty());
        if master.is_some_and(|events| !events.is_empty()) {
            self.give();
            self.show();
        }
        if !input.is_empty() {
            self.take();
        }
    }

    fn take(&mut self) {
        let mut buffer = [0; 4096];
        match read(self.input, &mut buffer) {
            Ok(0) | Err(Errno::IO) => self.input_open = false,
            Ok(count) => self.typed.extend_from_slice(buffer.get(..count).unwrap_or_default()),
            Err(_) => {}
        }
        self.give();
    }

    fn give(&mut self) {
        if self.typed.is_empty() {
            return;
        }
        if let Ok(count) = write(self.master, &self.typed) {
            self.typed.drain(..count);
        }
    }

    fn show(&mut self) {
        let mut buffer = [0; 16 << 10];
        match read(self.master, &mut buffer) {
            Ok(0) | Err(Errno::IO) => self.output_open = false,
            Ok(count) => self.print(buffer.get(..count).unwrap_or_default()),
            Err(_) => {}
        }
    }

    fn print(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            match write(self.output, bytes) {
                Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
                Err(Errno::INTR) => {}
                // Whoever shares the caller's terminal may have made it so.
                Err(Errno::AGAIN) => {
                    let room = poll(&mut [PollFd::from_borrowed_fd(self.output, PollFlags::OUT)], None);
                    best_effort(room, "the next attempt tells");
                }
                Err(_) => return,
            }
        }
        if let Some(reader) = &self.host.reader {
            reader.has_got_more();
        }
    }

    /// What the container wrote before it ended.
    fn finish(&mut self) {
        let mut buffer = [0; 16 << 10];
        while let Ok(count @ 1..) = read(self.master, &mut buffer) {
            self.print(buffer.get(..count).unwrap_or_default());
        }
    }
}
