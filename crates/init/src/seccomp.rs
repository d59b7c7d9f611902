//! The filter.
//! Runs in: init, at the one moment that the plan names.

use brig_handshake::process::{Seccomp, SeccompLoad};
use brig_handshake::{Ask, Step};
use brig_sys::seccomp;
use rustix::fd::AsRawFd;

use crate::fault::{At, Outcome};
use crate::parent::Parent;

/// Loads the filter if `now` is its moment. A listener is offered to the parent by number: the parent takes it out of this
/// process, so that the filter need not allow sending it.
pub(crate) fn load_when(filter: Option<&Seccomp<'_>>, now: SeccompLoad, parent: &Parent) -> Outcome<()> {
    let Some(filter) = filter.filter(|filter| filter.load == now) else { return Ok(()) };
    match seccomp::set_mode_filter(filter.flags, &filter.program).at(Step::Seccomp)? {
        Some(listener) => parent.ask(Step::Seccomp, &Ask::TakeListener(listener.as_raw_fd().cast_unsigned())),
        None => Ok(()),
    }
}
