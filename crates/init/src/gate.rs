//! The gate: where a created container waits for `start`.

use brig_handshake::Step;
use brig_handshake::task::Fds;
use brig_sys::signal;
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::{self, Errno};
use rustix::process;

use crate::fault::{At, Outcome};
use crate::fds;
use crate::parent::Parent;

/// SIGHUP, SIGINT, SIGQUIT, SIGTERM (signal(7)).
const ENDING: [i32; 4] = [1, 2, 3, 15];

/// The FIFO, if one was sent. Who will wait there can be stopped there, like a program that runs: arranged now, since no
/// filter need allow it yet.
pub(crate) fn take(fds: &Fds, descriptors: &mut impl Iterator<Item = OwnedFd>) -> Outcome<Option<OwnedFd>> {
    if !fds.gate {
        return Ok(None);
    }
    ENDING.into_iter().try_for_each(signal::let_end).at(Step::Gate)?;
    Ok(descriptors.next())
}

/// Says that only execve is left, no longer dies with the parent, and waits for one byte if there is a gate.
pub(crate) fn wait(gate: Option<&OwnedFd>, preserved: u32, parent: &mut Parent) -> Outcome<()> {
    process::set_parent_process_death_signal(None).at(Step::Gate)?;
    parent.at_gate()?;
    let Some(gate) = gate else { return Ok(()) };
    parent.let_go();
    fds::close_all_but([gate.as_fd(), parent.socket()], preserved).at(Step::Gate)?;
    let mut byte = [0];
    loop {
        match io::read(gate, &mut byte) {
            Ok(1) => return Ok(()),
            Ok(_) | Err(Errno::INTR | Errno::AGAIN) => {}
            Err(errno) => return Err(errno).at(Step::Gate),
        }
    }
}
