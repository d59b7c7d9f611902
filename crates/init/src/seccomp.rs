//! The filter.
//! Runs in: init, at the one moment that the plan names.

use alloc::vec::Vec;
use core::cell::Cell;

use brig_handshake::process::{Process, Seccomp, SeccompLoad};
use brig_handshake::{Ask, Step};
use brig_sys::seccomp;
use rustix::fd::AsRawFd;
use rustix::io::Errno;

use crate::fault::{At, Outcome};
use crate::parent::Parent;

/// The filter, complete, and whether it is loaded.
pub(crate) struct Filter<'t>(Option<(&'t Seccomp, Vec<u8>)>, Cell<bool>);

/// Evidence that the filter is in force, if there is one.
pub(crate) struct InForce(());

/// Takes the program, for which the parent has had all the time since the task.
pub(crate) fn take<'t>(process: &'t Process<'_>, parent: &Parent) -> Outcome<Filter<'t>> {
    match (&process.seccomp, parent.take_program()?) {
        (Some(wanted), Some(program)) => Ok(Filter(Some((wanted, program)), Cell::new(false))),
        (Some(_), None) => Err(Errno::PROTO).at(Step::Seccomp),
        (None, _) => Ok(Filter(None, Cell::new(true))),
    }
}

impl Filter<'_> {
    /// Loads the filter if `now` is its moment. A listener is offered to the parent by number: the parent takes it out of this
    /// process, so that the filter need not allow sending it.
    pub(crate) fn load_when(&self, now: SeccompLoad, parent: &Parent) -> Outcome<()> {
        let Some((wanted, program)) = self.0.as_ref().filter(|(wanted, _)| wanted.load == now) else {
            return Ok(());
        };
        parent.enters(Step::Seccomp, 0);
        // Unless it was asked for what a timeline takes.
        if let Some(timeline) = parent.timeline().filter(|_| now != SeccompLoad::OutOfSight) {
            timeline.stop();
        }
        let loaded = seccomp::set_mode_filter(wanted.flags, program).at(Step::Seccomp)?;
        self.1.set(true);
        match loaded {
            Some(listener) => {
                parent.ask(Step::Seccomp, &Ask::TakeListener(listener.as_raw_fd().cast_unsigned()))
            }
            None => Ok(()),
        }
    }

    /// No moment has been missed.
    pub(crate) fn in_force(&self) -> Outcome<InForce> {
        if self.1.get() { Ok(InForce(())) } else { Err(Errno::PROTO).at(Step::Seccomp) }
    }
}
