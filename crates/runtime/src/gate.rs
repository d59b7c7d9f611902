//! The gate: the FIFO `exec.fifo` in a container's directory, at which `brig-init` waits for `start` to write one byte.
//! Runs in: the parent. The name and the byte are runc's.
//!
//! `brig-init` gets the FIFO open for reading *and* writing, so that it neither blocks in open nor sees an end of file. Whoever
//! takes the FIFO away has opened the gate; and a FIFO that nobody reads any more has been passed.

use std::os::fd::OwnedFd;

use brig_handshake::Step;
use rustix::event::{PollFd, PollFlags};
use rustix::fs::{FileType, FlockOperation, Gid, Mode, OFlags, Uid, fchown, flock, fstat, mknodat};
use rustix::io::{Errno, write};
use rustix::process::{getegid, geteuid};

use crate::error::{Error, Result};
use crate::patience::Patience;
use crate::spawn;
use crate::store::Place;

/// Makes the gate, and opens it for `brig-init`. `uid` and `gid` are those of the container's root on the host.
///
/// # Errors
/// `Os`.
pub fn make(place: &Place, uid: u32, gid: u32) -> Result<OwnedFd> {
    let failed = |call: &'static str| move |errno| place.failed(call, GATE, errno);
    mknodat(place.dir(), GATE, FileType::Fifo, ROOT_READS, 0).map_err(failed("mkfifo"))?;
    let fifo = place.open(GATE, OFlags::RDWR).map_err(failed("open"))?;
    if uid != geteuid().as_raw() || gid != getegid().as_raw() {
        fchown(&fifo, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid))).map_err(failed("chown"))?;
    }
    Ok(fifo)
}

/// What a look at the gate finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// Somebody waits: it is there, and open for reading.
    Waiting,
    /// It is there, and nobody waits: who did is at its end, or a `start` that was killed had let it pass.
    Deserted,
    /// It is not there.
    Gone,
}

/// Looks at the gate.
///
/// # Errors
/// `Os`.
pub fn look(place: &Place) -> Result<Seen> {
    match place.open(GATE, OFlags::WRONLY | OFlags::NONBLOCK) {
        Ok(_) => Ok(Seen::Waiting),
        Err(Errno::NXIO) => Ok(Seen::Deserted),
        Err(Errno::NOENT) => Ok(Seen::Gone),
        Err(errno) => Err(place.failed("open", GATE, errno)),
    }
}

/// Opens the gate, and takes it away. What comes back is for [`await_passed`].
///
/// # Errors
/// `WrongStatus`: `container process is already dead` if nobody waits there, `cannot start an already running container` if
/// it was opened before. `Os`.
pub fn open(place: &Place) -> Result<Opened> {
    let writer = match place.open(GATE, OFlags::WRONLY | OFlags::NONBLOCK) {
        Ok(writer) => writer,
        Err(Errno::NOENT) => return Err(already_running()),
        Err(Errno::NXIO) => return Err(Error::wrong_status("container process is already dead")),
        Err(errno) => return Err(place.failed("open", GATE, errno)),
    };
    // Should brig-init die now, a FIFO without any reader would answer our write with SIGPIPE.
    let _reader = match place.open(GATE, OFlags::RDONLY | OFlags::NONBLOCK) {
        Err(Errno::NOENT) => return Err(already_running()),
        reader => reader.map_err(|errno| place.failed("open", GATE, errno))?,
    };
    // Of two who start it at once the other finds it locked, or gone.
    match flock(&writer, FlockOperation::NonBlockingLockExclusive) {
        Err(Errno::WOULDBLOCK) => return Err(already_running()),
        locked => locked.map_err(|errno| place.failed("lock", GATE, errno))?,
    }
    if fstat(&writer).map_err(|errno| place.failed("stat", GATE, errno))?.st_nlink == 0 {
        return Err(already_running());
    }
    log::debug!("open the gate");
    write(&writer, b"0").map_err(|errno| place.failed("write", GATE, errno))?;
    place.unlink(GATE)?;
    Ok(Opened { writer })
}

/// A gate that has been opened.
#[derive(Debug)]
pub struct Opened {
    writer: OwnedFd,
}

/// Waits until `brig-init` reads the FIFO no longer: it has become the user's program, or is dead. What runs before that
/// program, inside, has its own limits.
///
/// # Errors
/// `Deadline`, `Cancelled`, `Os`.
pub fn await_passed(opened: &Opened, patience: &Patience) -> Result<()> {
    patience
        .or_within(spawn::HANDSHAKE)
        .wait(Step::Exec.name(), vec![PollFd::new(&opened.writer, PollFlags::empty())])?;
    Ok(())
}

fn already_running() -> Error {
    Error::wrong_status("cannot start an already running container")
}

/// Name of the FIFO.
pub(crate) const GATE: &str = "exec.fifo";

/// `prw--w--w-`
const ROOT_READS: Mode = Mode::from_raw_mode(0o622);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{ContainerId, tests::Scratch};

    fn gate(scratch: &Scratch) -> (Place, OwnedFd) {
        let place = scratch.store().reserve(&ContainerId::new("a").unwrap()).unwrap();
        let fifo = make(&place, geteuid().as_raw(), getegid().as_raw()).unwrap();
        (place, fifo)
    }

    #[test]
    fn who_waits_gets_one_byte_and_the_gate_is_gone() {
        let scratch = Scratch::new();
        let (place, fifo) = gate(&scratch);
        assert_eq!(look(&place).unwrap(), Seen::Waiting);
        open(&place).unwrap();
        assert_eq!(look(&place).unwrap(), Seen::Gone);
        let mut byte = [0; 8];
        assert_eq!(rustix::io::read(&fifo, &mut byte), Ok(1));
        assert_eq!(byte[0], b'0');
        assert_eq!(open(&place).unwrap_err().to_string(), "cannot start an already running container");
    }

    #[test]
    fn a_gate_is_passed_when_the_last_reader_is_gone() {
        let scratch = Scratch::new();
        let (place, fifo) = gate(&scratch);
        let opened = open(&place).unwrap();
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| await_passed(&opened, &Patience::ENDLESS));
            assert!(!waits.is_finished());
            drop(fifo);
            waits.join().unwrap().unwrap();
        });
    }

    #[test]
    fn at_a_gate_without_a_reader_the_process_is_dead() {
        let scratch = Scratch::new();
        let (place, fifo) = gate(&scratch);
        drop(fifo);
        assert_eq!(look(&place).unwrap(), Seen::Deserted);
        assert_eq!(open(&place).unwrap_err().to_string(), "container process is already dead");
    }

    #[test]
    fn a_gate_opens_for_one_of_many() {
        let scratch = Scratch::new();
        let (place, _fifo) = gate(&scratch);
        let opened = std::thread::scope(|scope| {
            let starters: Vec<_> = (0..8).map(|_| scope.spawn(|| open(&place).is_ok())).collect();
            starters.into_iter().map(|starter| starter.join().unwrap()).filter(|won| *won).count()
        });
        assert_eq!(opened, 1);
    }
}
