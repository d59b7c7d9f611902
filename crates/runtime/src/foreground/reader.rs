//! Whether what was written to a pseudoterminal has been read at its other end.
//! Runs in: the parent.
//!
//! Who waits for the end of a command and closes the master then reads no more: CRI-O does so when it has made the terminal for
//! `exec`, whether or not its copying has come that far. tcdrain(3) does not wait for a pseudoterminal, and no ioctl(2) counts
//! what is left in it. But whoever reads nearly all that there is wakes those who wait to write (`n_tty_check_unthrottle` in the
//! kernel's `n_tty.c`), and an edge-triggered epoll(7) tells of each time that these are woken.

use std::cell::Cell;
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::{Timespec, epoll};
use rustix::fs::{fstat, major};

use crate::error::best_effort;

/// How long somebody has to read: enough on a busy machine, and not much where nobody reads.
const PATIENCE: Duration = Duration::from_millis(100);
/// How long the next reading has to begin: one takes 4 KiB at most (`N_TTY_BUF_SIZE`), and a part of what was written, perhaps. In
/// this time the reader also hands on what it has read, which for CRI-O is a race of its own.
const PAUSE: Duration = Duration::from_millis(2);
/// More readings than what a pseudoterminal holds takes (12 KiB): others may write to it, too, and that cannot be told from reading.
const READINGS: usize = 8;

/// Who reads what is written to a pseudoterminal.
#[derive(Debug)]
pub(super) struct Reader {
    /// Tells that writers were woken: by a reading, and by the end of each writing.
    wakes: OwnedFd,
    /// Whether there is something to read.
    written: Cell<Written>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    Nothing,
    Something,
}

/// How a wait for the reader ended.
#[derive(Debug, PartialEq, Eq)]
enum Waited {
    /// It has read, or is gone.
    Read,
    /// It has not.
    InVain,
}

impl Reader {
    /// Nobody, where `stream` is no pseudoterminal.
    pub(super) fn of(stream: BorrowedFd<'_>) -> Option<Self> {
        let number = best_effort(fstat(stream), "a stream that is not there has no reader")?.st_rdev;
        if !is_pseudoterminal(major(number)) {
            return None;
        }
        const WHY: &str = "without it nothing is waited for";
        let wakes = best_effort(epoll::create(epoll::CreateFlags::CLOEXEC), WHY)?;
        let flags = epoll::EventFlags::OUT | epoll::EventFlags::ET;
        best_effort(epoll::add(&wakes, stream, epoll::EventData::new_u64(0), flags), WHY)?;
        Some(Self { wakes, written: Cell::new(Written::Nothing) })
    }

    /// To be called after each writing: what comes now is read after it. Who read in the meantime was too fast for us, and is
    /// waited for in vain.
    pub(super) fn has_got_more(&self) {
        self.written.set(Written::Something);
        self.wait_for_one(Duration::ZERO);
    }

    /// Waits until what was written is read, nobody is there who could, or somebody takes too long.
    pub(super) fn wait(&self) {
        self.wait_for(PATIENCE);
    }

    fn wait_for(&self, patience: Duration) -> Waited {
        if self.written.get() == Written::Nothing {
            return Waited::Read;
        }
        let first = self.wait_for_one(patience);
        if first == Waited::Read {
            for _ in 0..READINGS {
                if self.wait_for_one(PAUSE) == Waited::InVain {
                    break;
                }
            }
        }
        first
    }

    fn wait_for_one(&self, patience: Duration) -> Waited {
        let patience = Timespec::try_from(patience).ok();
        let mut woken = [MaybeUninit::uninit()];
        match epoll::wait(&self.wakes, &mut woken, patience.as_ref()) {
            Ok(([_, ..], _)) => Waited::Read,
            Ok(_) | Err(_) => Waited::InVain,
        }
    }
}

/// The devices that a devpts has (`UNIX98_PTY_SLAVE_MAJOR` and the seven after it).
fn is_pseudoterminal(major: u32) -> bool {
    (136..=143).contains(&major)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{PipeWriter, Read as _, Write as _, pipe};
    use std::os::fd::AsFd as _;
    use std::sync::mpsc::channel;
    use std::thread;

    use rustix::fs::{Mode, OFlags};
    use rustix::pty;

    const LONG: Duration = Duration::from_secs(60);
    const SHORT: Duration = Duration::from_millis(1);

    /// Both ends of a pseudoterminal, the one that is written to last.
    fn pair() -> (std::fs::File, std::fs::File) {
        let master = pty::openpt(pty::OpenptFlags::RDWR | pty::OpenptFlags::NOCTTY).unwrap();
        pty::grantpt(&master).unwrap();
        pty::unlockpt(&master).unwrap();
        let name = pty::ptsname(&master, Vec::new()).unwrap();
        let end = rustix::fs::open(&*name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
        (master.into(), end.into())
    }

    fn write(mut end: &std::fs::File, reader: &Reader, bytes: usize) {
        end.write_all(&vec![b'x'; bytes]).unwrap();
        reader.has_got_more();
    }

    #[test]
    fn what_nobody_reads_is_waited_for_in_vain() {
        let (_master, end) = pair();
        let reader = Reader::of(end.as_fd()).unwrap();
        for _ in 0..3 {
            write(&end, &reader, 10);
            assert_eq!(reader.wait_for(SHORT), Waited::InVain);
        }
    }

    #[test]
    fn what_was_read_before_the_wait_is_not_waited_for() {
        let (mut master, end) = pair();
        let reader = Reader::of(end.as_fd()).unwrap();
        for _ in 0..3 {
            write(&end, &reader, 10);
            master.read_exact(&mut [0; 10]).unwrap();
            assert_eq!(reader.wait_for(SHORT), Waited::Read);
        }
    }

    #[test]
    fn a_reader_that_comes_late_is_waited_for() {
        let (mut master, end) = pair();
        let reader = Reader::of(end.as_fd()).unwrap();
        write(&end, &reader, 10);
        let (waits, waiting) = channel();
        let reading = thread::spawn(move || {
            waiting.recv().unwrap();
            master.read_exact(&mut [0; 10]).unwrap();
        });
        assert_eq!(reader.wait_for(SHORT), Waited::InVain);
        waits.send(()).unwrap();
        assert_eq!(reader.wait_for(LONG), Waited::Read);
        reading.join().unwrap();
    }

    #[test]
    fn what_takes_several_readings_is_waited_for_and_that_has_an_end() {
        let (mut master, end) = pair();
        let reader = Reader::of(end.as_fd()).unwrap();
        write(&end, &reader, 6000);
        let reading = thread::spawn(move || master.read_exact(&mut [0; 6000]).unwrap());
        assert_eq!(reader.wait_for(LONG), Waited::Read);
        reading.join().unwrap();
    }

    #[test]
    fn nobody_is_waited_for_where_there_is_nothing_to_read_or_no_reader() {
        let (master, end) = pair();
        let reader = Reader::of(end.as_fd()).unwrap();
        assert_eq!(reader.wait_for(LONG), Waited::Read);
        write(&end, &reader, 10);
        drop(master);
        assert_eq!(reader.wait_for(LONG), Waited::Read);
        let pipe: PipeWriter = pipe().unwrap().1;
        assert!(Reader::of(pipe.as_fd()).is_none());
    }
}
